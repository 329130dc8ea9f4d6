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
