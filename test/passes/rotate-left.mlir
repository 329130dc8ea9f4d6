// RUN: quant-opt %s --lowbit-rotate --split-input-file --verify-diagnostics
// RUN: not quant-opt %s --lowbit-rotate=online=fc --split-input-file 2>&1 | FileCheck %s

// CHECK: error: rotation: no layer matches 'fc'; the nearest are

// A mean that is taken over the columns would be another one.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%ids: tensor<8xi64>, %init: tensor<8xf32>) -> tensor<8xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: its columns are added up, as the mean of a norm is}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  %sum = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%r : tensor<8x4xf32>) outs(%init : tensor<8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %s = arith.addf %a, %out : f32
    linalg.yield %s : f32
  } -> tensor<8xf32>
  return %sum : tensor<8xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%ids: tensor<8xi64>) -> tensor<8x4xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: 'math.tanh' is not linear in its columns}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %s = math.tanh %a : f32
    linalg.yield %s : f32
  } -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// expected-remark @+1 {{nothing is rotated: no embedding begins a residual stream}}
module {
}

// -----

// Nothing is known of what is returned.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%ids: tensor<8xi64>) -> tensor<8x4xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: 'func.return' reads it}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// -----

// An extent that is not known.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%ids: tensor<8xi64>) -> tensor<?x?xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: a value of other columns is added to it}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  %y = tensor.cast %r : tensor<8x4xf32> to tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}

// -----

// One number per row.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%ids: tensor<8xi64>, %s: tensor<8xf32>) -> tensor<8x4xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: one number is added to all of its columns}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%r, %s : tensor<8x4xf32>, tensor<8xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %q = arith.addf %a, %b : f32
    linalg.yield %q : f32
  } -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// A quotient of two tensors.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%ids: tensor<8xi64>, %s: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: columns are divided by numbers of their own}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%r, %s : tensor<8x4xf32>, tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %q = arith.divf %a, %b : f32
    linalg.yield %q : f32
  } -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// A transposition.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%ids: tensor<8xi64>) -> tensor<4x8xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: a value of other columns is added to it}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  %f = tensor.empty() : tensor<4x8xf32>
  %y = linalg.transpose ins(%r : tensor<8x4xf32>) outs(%f : tensor<4x8xf32>) permutation = [1, 0]
  return %y : tensor<4x8xf32>
}

// -----

// A result that is written in another order.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%ids: tensor<8xi64>) -> tensor<4x8xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: a value of other columns is added to it}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  %f = tensor.empty() : tensor<4x8xf32>
  %y = linalg.generic {indexing_maps = [#id, affine_map<(d0, d1) -> (d1, d0)>], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<8x4xf32>) outs(%f : tensor<4x8xf32>) {
  ^bb0(%a: f32, %out: f32):
    %q = arith.negf %a : f32
    linalg.yield %q : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// An argument.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%ids: tensor<8xi64>, %s: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: an argument is added to it}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%r, %s : tensor<8x4xf32>, tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %q = arith.addf %a, %b : f32
    linalg.yield %q : f32
  } -> tensor<8x4xf32>
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %z = lowbit.linear %y, %w : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  return %z : tensor<8x4xf32>
}

// -----

// What is put together of others.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%ids: tensor<8xi64>, %s: tensor<4x4xf32>) -> tensor<8x4xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: 'tensor.concat' writes it}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  %c = tensor.concat dim(0) %s, %s : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<8x4xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%r, %c : tensor<8x4xf32>, tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %q = arith.addf %a, %b : f32
    linalg.yield %q : f32
  } -> tensor<8x4xf32>
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %z = lowbit.linear %y, %w : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  return %z : tensor<8x4xf32>
}

// -----

// A table that is computed.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @main(%ids: tensor<8xi64>, %t: tensor<2x4xf32>) -> tensor<8x4xf32> {
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: an embedding that is no constant float matrix writes it}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// -----

// A bias that is computed.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%ids: tensor<8xi64>, %b: tensor<4xf32>) -> tensor<8x4xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: a layer whose bias is computed writes it}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %o = lowbit.linear %r, %w bias %b : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%r, %o : tensor<8x4xf32>, tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %b0: f32, %out: f32):
    %q = arith.addf %a, %b0 : f32
    linalg.yield %q : f32
  } -> tensor<8x4xf32>
  %z = lowbit.linear %y, %w : tensor<8x4xf32>, tensor<4x4xf32> -> tensor<8x4xf32>
  return %z : tensor<8x4xf32>
}

// -----

// A layer whose weight it is.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%ids: tensor<8xi64>, %x: tensor<8x4xf32>) -> tensor<8x8xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: a layer reads it as other than its input}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  %y = lowbit.linear %x, %r : tensor<8x4xf32>, tensor<8x4xf32> -> tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}

// -----

// A norm whose result is used elsewhere.

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%ids: tensor<8xi64>) -> tensor<8x4xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: a norm's result is read by other than layers}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  %n = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#id, affine_map<(d0, d1) -> (d1)>, #id], iterator_types = ["parallel", "parallel"]} ins(%r, %n : tensor<8x4xf32>, tensor<4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %q = arith.mulf %a, %b : f32
    linalg.yield %q : f32
  } -> tensor<8x4xf32>
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %q = arith.negf %a : f32
    linalg.yield %q : f32
  } -> tensor<8x4xf32>
  return %z : tensor<8x4xf32>
}

// -----

// A transposition of a square.

lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%ids: tensor<4xi64>) -> tensor<4x4xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %e = tensor.empty() : tensor<4x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: its columns are permuted}}
  %r = lowbit.embedding %ids, %t : tensor<4xi64>, tensor<2x4xf32> -> tensor<4x4xf32>
  %y = linalg.transpose ins(%r : tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) permutation = [1, 0]
  return %y : tensor<4x4xf32>
}

// -----

// An operation that looks at indices.

#id = affine_map<(d0, d1) -> (d0, d1)>
lowbit.global @table : tensor<2x4xf32> {data = dense<1.0> : tensor<2x4xf32>}
func.func @main(%ids: tensor<8xi64>) -> tensor<8x4xf32> {
  %t = lowbit.weight @table : tensor<2x4xf32>
  %e = tensor.empty() : tensor<8x4xf32>
  // expected-remark @+1 {{what it begins is not rotated: 'linalg.generic' mixes its columns}}
  %r = lowbit.embedding %ids, %t : tensor<8xi64>, tensor<2x4xf32> -> tensor<8x4xf32>
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<8x4xf32>) outs(%e : tensor<8x4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %i = linalg.index 1 : index
    %n = arith.index_cast %i : index to i32
    %f = arith.sitofp %n : i32 to f32
    %q = arith.mulf %a, %f : f32
    linalg.yield %q : f32
  } -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}
