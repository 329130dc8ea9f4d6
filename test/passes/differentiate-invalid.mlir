// RUN: quant-opt %s --split-input-file --lowbit-differentiate --verify-diagnostics
// RUN: not quant-opt %s --split-input-file --lowbit-differentiate=result=z 2>&1 | FileCheck %s --check-prefix=RESULT
// RUN: not quant-opt %s --split-input-file '--lowbit-differentiate=result=1 layers=fd' 2>&1 | FileCheck %s --check-prefix=LAYERS
// RUN: not quant-opt %s --split-input-file --lowbit-differentiate=function=f 2>&1 | FileCheck %s --check-prefix=FUNCTION

// RESULT: error: gradients: requires a result 'z' of floats, found 'a', '1'
// LAYERS: error: gradients: no layer matches 'fd'; the nearest are 'fc'
// FUNCTION: error: gradients: requires a function @f of one block, found none

lowbit.global @fc : tensor<4x8xf32> {data = dense<1.0> : tensor<4x8xf32>}

// expected-error@+1 {{gradients: requires the name of a result where several are floats, found 'a', '1'}}
func.func @main(%x: tensor<2x8xf32>) -> (tensor<2x4xf32> {lowbit.name = "a"}, tensor<2x8xf32>, tensor<i1>) {
  %w = lowbit.weight @fc : tensor<4x8xf32>
  %0 = lowbit.linear %x, %w : tensor<2x8xf32>, tensor<4x8xf32> -> tensor<2x4xf32>
  %b = arith.constant dense<true> : tensor<i1>
  return %0, %x, %b : tensor<2x4xf32>, tensor<2x8xf32>, tensor<i1>
}

// -----

// All operations that gradients can't pass are in one error.

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

lowbit.global @fc : tensor<4x8xf32> {data = dense<1.0> : tensor<4x8xf32>}
func.func @main(%x: tensor<2x8xf32>) -> tensor<2xf32> {
  %w = lowbit.weight @fc : tensor<4x8xf32>
  %0 = lowbit.linear %x, %w : tensor<2x8xf32>, tensor<4x8xf32> -> tensor<2x4xf32>
  %e = tensor.empty() : tensor<2x4xf32>
  // expected-error@+1 {{gradients require operations with adjoints, found 3 without: 'linalg.generic' ('math.cbrt' in its body: it has no adjoint); 'linalg.softmax' (it has no adjoint); 'linalg.generic' (it reduces by something else than a sum, a maximum or a minimum)}}
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %2 = math.cbrt %in : f32
    linalg.yield %2 : f32
  } -> tensor<2x4xf32>
  // expected-note@+1 {{'linalg.softmax' is here}}
  %s = linalg.softmax dimension(1) ins(%1 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
  %one = arith.constant dense<1.0> : tensor<2xf32>
  // expected-note@+1 {{'linalg.generic' is here}}
  %3 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%s : tensor<2x4xf32>) outs(%one : tensor<2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %p = arith.mulf %in, %out : f32
    linalg.yield %p : f32
  } -> tensor<2xf32>
  return %3 : tensor<2xf32>
}

// -----

lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
lowbit.global @fused : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %0 = lowbit.linear %x, %w : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %v = lowbit.weight @fused : tensor<4x4xf32>
  // expected-error@+1 {{found 1 without: 'lowbit.linear' (its activation is part of it; differentiate before lowbit-fuse)}}
  %1 = lowbit.linear %0, %v activation relu : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// -----

lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<2x4xf32>, %w2: !lowbit.tensor<4x4xf32, #lowbit.encoding<int<4>>>) -> tensor<2x4xf32> {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %0 = lowbit.linear %x, %w : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  // expected-error@+1 {{found 1 without: 'lowbit.linear' (it is quantized; gradients are those of the float model)}}
  %1 = lowbit.linear %0, %w2 : tensor<2x4xf32>, !lowbit.tensor<4x4xf32, #lowbit.encoding<int<4>>> -> tensor<2x4xf32>
  return %1 : tensor<2x4xf32>
}

// -----

// A layer that the result does not depend on has no gradient.

lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
lowbit.global @unused : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xi1>) {
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %0 = lowbit.linear %x, %w : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %v = lowbit.weight @unused : tensor<4x4xf32>
  // expected-remark@+1 {{layer 'unused' has no gradient: the result does not depend on it}}
  %1 = lowbit.linear %x, %v : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %2 = arith.cmpf ogt, %1, %0 : tensor<2x4xf32>
  return %0, %2 : tensor<2x4xf32>, tensor<2x4xi1>
}

// -----

// What a body reads from its surroundings is gathered, by one operation.

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<2x4xf32>) -> tensor<2xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0.0> : tensor<2xf32>
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %0 = lowbit.linear %x, %w : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %s = tensor.extract %0[%c0, %c0] : tensor<2x4xf32>
  %e = tensor.empty() : tensor<2x4xf32>
  // expected-error@+1 {{found 2 without: 'linalg.generic' (its body reads what depends on a layer); 'linalg.generic' (it gathers what depends on a layer, and does not run over all elements of its result in parallel)}}
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %2 = arith.mulf %in, %s : f32
    linalg.yield %2 : f32
  } -> tensor<2x4xf32>
  // expected-note@+1 {{'linalg.generic' is here}}
  %3 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<2x4xf32>) outs(%zero : tensor<2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %i = linalg.index 0 : index
    %a = tensor.extract %1[%i, %c0] : tensor<2x4xf32>
    %p = arith.mulf %in, %a : f32
    %sum = arith.addf %out, %p : f32
    linalg.yield %sum : f32
  } -> tensor<2xf32>
  return %3 : tensor<2xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#first = affine_map<(i, j) -> (0, j)>
#row = affine_map<(i, j) -> (i)>

lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
lowbit.global @other : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<2x4xf32>) -> tensor<2xf32> {
  %c0 = arith.constant 0 : index
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %0 = lowbit.linear %x, %w : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %s = tensor.extract %0[%c0, %c0] : tensor<2x4xf32>
  %e = tensor.empty() : tensor<4xf32>
  // expected-error@+1 {{found 4 without: 'linalg.fill' (it has one for tensors alone, and a scalar depends on a layer); 'lowbit.linear' (its weight or bias depends on another layer); 'linalg.generic' (it reads one place of a dimension of many); 'linalg.generic' (its reduction begins with what depends on a layer)}}
  %filled = linalg.fill ins(%s : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %v = lowbit.weight @other : tensor<4x4xf32>
  // expected-note@+1 {{'lowbit.linear' is here}}
  %1 = lowbit.linear %x, %v bias %filled : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %e2 = tensor.empty() : tensor<2x4xf32>
  // expected-note@+1 {{'linalg.generic' is here}}
  %2 = linalg.generic {indexing_maps = [#first, #id], iterator_types = ["parallel", "parallel"]}
      ins(%1 : tensor<2x4xf32>) outs(%e2 : tensor<2x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<2x4xf32>
  %start = tensor.extract_slice %0[0, 0] [2, 1] [1, 1] : tensor<2x4xf32> to tensor<2xf32>
  // expected-note@+1 {{'linalg.generic' is here}}
  %3 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%2 : tensor<2x4xf32>) outs(%start : tensor<2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %largest = arith.maximumf %in, %out : f32
    linalg.yield %largest : f32
  } -> tensor<2xf32>
  return %3 : tensor<2xf32>
}

// -----

lowbit.global @fc : tensor<4x4xf32> {data = dense<1.0> : tensor<4x4xf32>}
func.func @main(%x: tensor<2x4xf32>) -> tensor<2x6xf32> {
  %c0 = arith.constant 0 : index
  %w = lowbit.weight @fc : tensor<4x4xf32>
  %0 = lowbit.linear %x, %w : tensor<2x4xf32>, tensor<4x4xf32> -> tensor<2x4xf32>
  %s = tensor.extract %0[%c0, %c0] : tensor<2x4xf32>
  // expected-error@+1 {{found 1 without: 'tensor.pad' (what it pads with depends on a layer)}}
  %1 = tensor.pad %0 low[0, 1] high[0, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %s : f32
  } : tensor<2x4xf32> to tensor<2x6xf32>
  return %1 : tensor<2x6xf32>
}
