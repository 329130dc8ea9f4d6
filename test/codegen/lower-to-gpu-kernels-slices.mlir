// A bias or residual at a place that a loop counts is added behind the layer, by an
// operation that reads it there; what follows it in the layer comes with it. A slice
// at a constant place, and a gated layer's, are bound as they are.

// RUN: quant-opt %s -lowbit-lower-to-gpu-kernels -canonicalize -cse | FileCheck %s

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#words = #lowbit.tiles<1 by 32, 128, [(k4 : 8, k2 : 4, k4 : 32, b4 : 1)], pad_row_end>

lowbit.global @w : !lowbit.tensor<4x64xf32, #int4, #words>
  {blob = dense<17> : tensor<128xi8>, scale = dense<1.0> : tensor<4x2xf16>}

// One row: its bias is a row of what is added.
// CHECK-LABEL: func.func @row
// CHECK-SAME:    %[[X:.*]]: tensor<1x64xf32>, %[[ADDED:.*]]: tensor<9x4xf32>, %[[T:.*]]: index
// CHECK:         %[[ROW:.*]] = tensor.extract_slice %[[ADDED]][%[[T]], 0] [1, 4] [1, 1]
// CHECK:         %[[Z:.*]] = lowbit.dispatch @kernels::@linear_int_4_group_32_scale_f16_1x4x64 {{.*}} ins({{.*}}, %[[X]] :
// CHECK:         linalg.generic
// CHECK-SAME:      ins(%[[Z]], %[[ROW]] : tensor<1x4xf32>, tensor<1x4xf32>)
// CHECK:           arith.addf
// CHECK:           math.tanh
func.func @row(%x: tensor<1x64xf32>, %added: tensor<9x4xf32>, %t: index) -> tensor<1x4xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  %row = tensor.extract_slice %added[%t, 0] [1, 4] [1, 1] : tensor<9x4xf32> to tensor<1x4xf32>
  %bias = tensor.collapse_shape %row [[0, 1]] : tensor<1x4xf32> into tensor<4xf32>
  %y = lowbit.linear %x, %w bias %bias activation tanh : tensor<1x64xf32>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// CHECK-LABEL: func.func @residual
// CHECK-SAME:    %{{.*}}: tensor<3x64xf32>, %[[B:.*]]: tensor<4xf32>, %[[ADDED:.*]]: tensor<9x3x4xf32>, %[[T:.*]]: index
// CHECK:         %[[ROWS:.*]] = tensor.extract_slice %[[ADDED]][%[[T]], 0, 0]
// CHECK:         %[[Z:.*]] = lowbit.dispatch @kernels::@linear_int_4_group_32_scale_f16_3x4x64
// CHECK:         linalg.generic
// CHECK-SAME:      ins(%[[Z]], %[[B]], %[[ROWS]] : tensor<3x4xf32>, tensor<4xf32>, tensor<3x4xf32>)
// CHECK:         ^bb0(%[[A:.*]]: f32, %[[C:.*]]: f32, %[[D:.*]]: f32, %{{.*}}: f32):
// CHECK:           %[[SUM:.*]] = arith.addf %[[A]], %[[C]]
// CHECK:           %[[RELU:.*]] = arith.maximumf %[[SUM]]
// CHECK:           arith.addf %[[RELU]], %[[D]]
func.func @residual(%x: tensor<3x64xf32>, %bias: tensor<4xf32>, %added: tensor<9x3x4xf32>, %t: index) -> tensor<3x4xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  %rows = tensor.extract_slice %added[%t, 0, 0] [1, 3, 4] [1, 1, 1] : tensor<9x3x4xf32> to tensor<3x4xf32>
  %y = lowbit.linear %x, %w bias %bias activation relu residual %rows
      : tensor<3x64xf32>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// CHECK-LABEL: func.func @constant_place
// CHECK:         lowbit.dispatch @kernels::@linear_int_4_group_32_scale_f16_bias_3x4x64
// CHECK-NOT:     linalg.generic
func.func @constant_place(%x: tensor<3x64xf32>, %biases: tensor<128xf32>) -> tensor<3x4xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  %bias = tensor.extract_slice %biases[64] [4] [1] : tensor<128xf32> to tensor<4xf32>
  %y = lowbit.linear %x, %w bias %bias : tensor<3x64xf32>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// CHECK-LABEL: func.func @gated
// CHECK:         lowbit.dispatch @kernels::@linear_int_4_group_32_scale_f16_bias_silu_gated
// CHECK-NOT:     linalg.generic
func.func @gated(%x: tensor<3x64xf32>, %biases: tensor<9x4xf32>, %t: index) -> tensor<3x2xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<4x64xf32, #int4, #words>
  %bias = tensor.extract_slice %biases[%t, 0] [1, 4] [1, 1] : tensor<9x4xf32> to tensor<4xf32>
  %y = lowbit.linear %x, %w bias %bias activation silu gated
      : tensor<3x64xf32>, !lowbit.tensor<4x64xf32, #int4, #words> -> tensor<3x2xf32>, bias tensor<4xf32>
  return %y : tensor<3x2xf32>
}
