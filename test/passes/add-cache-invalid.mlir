// RUN: quant-opt %s --lowbit-add-cache=max-length=16 --split-input-file --verify-diagnostics
// RUN: not quant-opt %s --lowbit-add-cache=format=int4 --split-input-file 2>&1 | FileCheck %s --check-prefix=WIDTH
// RUN: not quant-opt %s --lowbit-add-cache=format=int3 --split-input-file 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not quant-opt %s --lowbit-add-cache=max-length=0 --split-input-file 2>&1 | FileCheck %s --check-prefix=LENGTH

// RUN: not quant-opt %s --lowbit-add-cache="max-length=16 prefill-length=17" --split-input-file 2>&1 | FileCheck %s --check-prefix=PIECE

// PIECE: 'lowbit-add-cache' requires 'prefill-length' from 0 to 'max-length', found 17
// FORMAT: 'lowbit-add-cache' requires 'format' to be one of f32, f16, int8, int4, found 'int3'
// LENGTH: 'lowbit-add-cache' requires 'max-length' from 1 to 2^31, found 0

// WIDTH: 'lowbit.attention' op a KV cache of int4 requires rows of an even number of numbers, found 3

// expected-error @+1 {{a KV cache requires a function '@main' of one block, found none}}
module {
}

// -----

// expected-error @+1 {{a KV cache requires inputs of one text, integers [1, ?], found input 0 'ids' of type 'tensor<?x?xi64>'; fix the batch (such as --shape batch=1) and leave the length dynamic}}
func.func @main(%ids: tensor<?x?xi64> {lowbit.name = "ids"}) -> tensor<?x?xi64> {
  return %ids : tensor<?x?xi64>
}

// -----

// The batch is named before what is required of it.
#same = affine_set<(d0, d1) : (d0 - d1 == 0)>
module attributes {lowbit.requires = [{dims = array<i64: 1, 0, 0, 0>, holds = #same, text = "dimension 0 of input 'past' == batch"}]} {
  // expected-error @+1 {{a KV cache requires inputs of one text, integers [1, ?], found input 1 'past' of type 'tensor<?x1x?x8xf32>'; fix the batch (such as --shape batch=1) and leave the length dynamic}}
  func.func @main(%ids: tensor<1x?xi64> {lowbit.name = "ids"}, %past: tensor<?x1x?x8xf32> {lowbit.name = "past"}) -> tensor<1x?xi64> {
    return %ids : tensor<1x?xi64>
  }
}

// -----

// expected-error @+1 {{a KV cache requires one input of tokens besides attention_mask, position_ids and token_type_ids, found another, input 1 'other'}}
func.func @main(%ids: tensor<1x?xi64> {lowbit.name = "ids"}, %other: tensor<1x?xi64> {lowbit.name = "other"}) -> tensor<1x?xi64> {
  return %ids : tensor<1x?xi64>
}

// -----

// expected-error @+1 {{a KV cache requires an input of tokens}}
func.func @main(%ids: tensor<1x?xi64> {lowbit.name = "position_ids"}) -> tensor<1x?xi64> {
  return %ids : tensor<1x?xi64>
}

// -----

// expected-error @+1 {{a KV cache requires lowbit.attention, found none; lowbit-raise-attention{report} says what was not recognised}}
func.func @main(%ids: tensor<1x?xi64>) -> tensor<1x?xi64> {
  return %ids : tensor<1x?xi64>
}

// -----

#set = affine_set<(d0) : (8 - d0 >= 0)>
module attributes {lowbit.requires = [{dims = array<i64: 0, 1>, holds = #set, text = "8 >= seq"}]} {
  // expected-error @+1 {{a KV cache for 16 tokens: the model requires 8 >= seq, which a text of 16 tokens doesn't satisfy; choose another max-length}}
  func.func @main(%ids: tensor<1x?xi64>) -> tensor<1x?xi64> {
    return %ids : tensor<1x?xi64>
  }
}

// -----

func.func @main(%ids: tensor<1x?xi64>, %past: tensor<1x1x?x8xf32>) -> tensor<1x1x?x8xf32> {
  // expected-error @+1 {{'func.return' op stands in the way of a KV cache: a past, input number 1, requires to be joined to the keys or values of new tokens}}
  return %past : tensor<1x1x?x8xf32>
}

// -----

lowbit.global @words : tensor<32x8xf32> {data = dense<0.5> : tensor<32x8xf32>}
func.func @main(%ids: tensor<1x?xi64>) -> tensor<1x1x?x8xf32> {
  %c1 = arith.constant 1 : index
  %seq = tensor.dim %ids, %c1 : tensor<1x?xi64>
  %words = lowbit.weight @words : tensor<32x8xf32>
  %x = lowbit.embedding %ids, %words : tensor<1x?xi64>, tensor<32x8xf32> -> tensor<1x?x8xf32>
  %q = tensor.expand_shape %x [[0], [1, 2], [3]] output_shape [1, 1, %seq, 8] : tensor<1x?x8xf32> into tensor<1x1x?x8xf32>
  // expected-error @+1 {{'lowbit.attention' op stands in the way of a KV cache: requires causal attention, or a mask with a row for each query; here every token sees those after it}}
  %y = lowbit.attention %q, %q, %q scale 1.0 : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x?x8xf32>
  return %y : tensor<1x1x?x8xf32>
}

// -----

// Attention that was not recognised is a table of scores.

#scores = affine_map<(i, j, d) -> (i, j)>
#left = affine_map<(i, j, d) -> (0, i, d)>
#right = affine_map<(i, j, d) -> (0, j, d)>
lowbit.global @words : tensor<32x8xf32> {data = dense<0.5> : tensor<32x8xf32>}
func.func @main(%ids: tensor<1x?xi64>) -> (tensor<1x1x?x8xf32>, tensor<?x?xf32>) {
  %c1 = arith.constant 1 : index
  %seq = tensor.dim %ids, %c1 : tensor<1x?xi64>
  %words = lowbit.weight @words : tensor<32x8xf32>
  %x = lowbit.embedding %ids, %words : tensor<1x?xi64>, tensor<32x8xf32> -> tensor<1x?x8xf32>
  %q = tensor.expand_shape %x [[0], [1, 2], [3]] output_shape [1, 1, %seq, 8] : tensor<1x?x8xf32> into tensor<1x1x?x8xf32>
  %y = lowbit.attention %q, %q, %q scale 1.0 causal : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x?x8xf32>
  %e = tensor.empty(%seq, %seq) : tensor<?x?xf32>
  // expected-error @+1 {{'linalg.generic' op stands in the way of a KV cache: requires results with one row for each token, found 'tensor<?x?xf32>'; only lowbit.attention may combine tokens}}
  %s = linalg.generic {indexing_maps = [#left, #right, #scores], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %x : tensor<1x?x8xf32>, tensor<1x?x8xf32>) outs(%e : tensor<?x?xf32>) {
    ^bb0(%a: f32, %b: f32, %out: f32):
      %0 = arith.mulf %a, %b : f32
      linalg.yield %0 : f32
  } -> tensor<?x?xf32>
  return %y, %s : tensor<1x1x?x8xf32>, tensor<?x?xf32>
}

// -----

// Running sums along tokens need all of them.

#in = affine_map<(i, d, k) -> (0, k, d)>
#out = affine_map<(i, d, k) -> (i, d)>
lowbit.global @words : tensor<32x8xf32> {data = dense<0.5> : tensor<32x8xf32>}
func.func @main(%ids: tensor<1x?xi64>) -> (tensor<1x1x?x8xf32>, tensor<?x8xf32>) {
  %c1 = arith.constant 1 : index
  %seq = tensor.dim %ids, %c1 : tensor<1x?xi64>
  %words = lowbit.weight @words : tensor<32x8xf32>
  %x = lowbit.embedding %ids, %words : tensor<1x?xi64>, tensor<32x8xf32> -> tensor<1x?x8xf32>
  %q = tensor.expand_shape %x [[0], [1, 2], [3]] output_shape [1, 1, %seq, 8] : tensor<1x?x8xf32> into tensor<1x1x?x8xf32>
  %y = lowbit.attention %q, %q, %q scale 1.0 causal : tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32> -> tensor<1x1x?x8xf32>
  %e = tensor.empty(%seq) : tensor<?x8xf32>
  // expected-error @+1 {{'linalg.generic' op stands in the way of a KV cache: it is not known to compute the numbers of each token from that token's alone}}
  %s = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<1x?x8xf32>) outs(%e : tensor<?x8xf32>) {
    ^bb0(%a: f32, %sum: f32):
      %0 = arith.addf %a, %sum : f32
      linalg.yield %0 : f32
  } -> tensor<?x8xf32>
  return %y, %s : tensor<1x1x?x8xf32>, tensor<?x8xf32>
}

// -----

// Keys of which more is dynamic than the number of rows; and rows of odd width.

func.func @main(%ids: tensor<1x?xi64>) -> tensor<1x?x?x3xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %seq = tensor.dim %ids, %c1 : tensor<1x?xi64>
  %q = tensor.empty(%seq, %seq) : tensor<?x1x?x3xf32>
  %k = tensor.empty(%seq, %seq) : tensor<?x1x?x3xf32>
  // expected-error @+1 {{'lowbit.attention' op a KV cache requires keys and values of which the number of rows alone is dynamic, found 'tensor<?x1x?x3xf32>'}}
  %y = lowbit.attention %q, %k, %k scale 1.0 causal : tensor<?x1x?x3xf32>, tensor<?x1x?x3xf32>, tensor<?x1x?x3xf32> -> tensor<?x1x?x3xf32>
  %e = tensor.empty(%seq, %seq) : tensor<1x?x?x3xf32>
  %t = linalg.transpose ins(%y : tensor<?x1x?x3xf32>) outs(%e : tensor<1x?x?x3xf32>) permutation = [1, 0, 2, 3]
  return %t : tensor<1x?x?x3xf32>
}
