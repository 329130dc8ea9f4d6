// RUN: quant-opt %s --lowbit-fuse-epilogue="patterns=linear_bias report" --verify-diagnostics | FileCheck %s
// RUN: not quant-opt %s --lowbit-fuse-epilogue="patterns=linear_bias,linear_softmax" 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: error: 'lowbit-fuse-epilogue' knows the patterns linear_bias, linear_activation, linear_residual, gated_linear, qkv, found 'linear_softmax'

#id = affine_map<(i, j) -> (i, j)>
#last = affine_map<(i, j) -> (j)>
lowbit.global @fc : tensor<8x4xf32> {data = dense<0.5> : tensor<8x4xf32>}

// Patterns are enabled by name; what the others would have done is reported.

// CHECK-LABEL: func @bias_alone
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<?x4xf32>, %[[B:[a-z0-9]+]]: tensor<8xf32>
func.func @bias_alone(%x: tensor<?x4xf32>, %b: tensor<8xf32>, %e: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[Y:.*]] = lowbit.linear %[[X]], %{{.*}} bias %[[B]] :
  // CHECK: linalg.tanh ins(%[[Y]]
  %w = lowbit.weight @fc : tensor<8x4xf32>
  // expected-remark @below {{tanh after the layer of @fc is left: its pattern isn't enabled}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #last, #id], iterator_types = ["parallel", "parallel"]}
      ins(%0, %b : tensor<?x8xf32>, tensor<8xf32>) outs(%e : tensor<?x8xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %sum = arith.addf %in, %bias : f32
    linalg.yield %sum : f32
  } -> tensor<?x8xf32>
  %2 = linalg.tanh ins(%1 : tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

// CHECK-LABEL: func @shared
func.func @shared(%x: tensor<?x4xf32>, %r: tensor<?x8xf32>, %e: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %w = lowbit.weight @fc : tensor<8x4xf32>
  // expected-remark @below {{addition after the layer of @fc is left: what it is computed from has other uses}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = linalg.add ins(%0, %r : tensor<?x8xf32>, tensor<?x8xf32>) outs(%e : tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// CHECK-LABEL: func @reshaped
func.func @reshaped(%x: tensor<?x4xf32>, %r: tensor<2x?x8xf32>, %row: tensor<1x1x8xf32>, %n: index, %e: tensor<2x?x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x?x8xf32>) {
  %w = lowbit.weight @fc : tensor<8x4xf32>
  // expected-remark @below {{addition after the layer of @fc is left: its pattern isn't enabled}}
  %0 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %1 = tensor.expand_shape %0 [[0, 1], [2]] output_shape [2, %n, 8] : tensor<?x8xf32> into tensor<2x?x8xf32>
  %2 = linalg.add ins(%1, %r : tensor<2x?x8xf32>, tensor<2x?x8xf32>) outs(%e : tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
  // What no pattern takes is not reported.
  %3 = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<8x4xf32> -> tensor<?x8xf32>
  %4 = tensor.expand_shape %3 [[0, 1], [2]] output_shape [2, %n, 8] : tensor<?x8xf32> into tensor<2x?x8xf32>
  %5 = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (0, 0, c)>, affine_map<(a, b, c) -> (a, b, c)>],
                       iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%4, %row : tensor<2x?x8xf32>, tensor<1x1x8xf32>) outs(%e : tensor<2x?x8xf32>) {
  ^bb0(%in: f32, %a: f32, %out: f32):
    %sum = arith.addf %in, %a : f32
    linalg.yield %sum : f32
  } -> tensor<2x?x8xf32>
  return %2, %5 : tensor<2x?x8xf32>, tensor<2x?x8xf32>
}
