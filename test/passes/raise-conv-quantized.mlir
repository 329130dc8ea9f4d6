// RUN: quant-opt %s --lowbit-import --lowbit-raise | FileCheck %s

// A convolution whose weight has upstream's quantized type, with a scale per
// filter, is a layer of its codes: as rows where filters come first, ...

// CHECK-LABEL: func.func @filters_first
// CHECK:         %[[W:.*]] = lowbit.weight @{{.*}} : !lowbit.tensor<8x18xf32, #[[INT8:.*]]>
// CHECK-NOT:     lowbit.dequantize
// CHECK:         lowbit.linear %{{.*}}, %[[W]] : tensor<1x6x6x18xf32>, !lowbit.tensor<8x18xf32, #[[INT8]]> -> tensor<1x6x6x8xf32>
!first = !quant.uniform<i8:f32:0, {0.5, 0.25, 0.5, 0.25, 0.5, 0.25, 0.5, 0.25}>
func.func @filters_first(%x: tensor<1x2x8x8xf32>, %y: tensor<1x8x6x6xf32>) -> tensor<1x8x6x6xf32> {
  %zero = arith.constant 0.0 : f32
  %codes = arith.constant dense<3> : tensor<8x2x3x3xi8>
  %q = quant.scast %codes : tensor<8x2x3x3xi8> to tensor<8x2x3x3x!first>
  %w = quant.dcast %q : tensor<8x2x3x3x!first> to tensor<8x2x3x3xf32>
  %z = linalg.fill ins(%zero : f32) outs(%y : tensor<1x8x6x6xf32>) -> tensor<1x8x6x6xf32>
  %0 = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<1x2x8x8xf32>, tensor<8x2x3x3xf32>) outs(%z : tensor<1x8x6x6xf32>) -> tensor<1x8x6x6xf32>
  return %0 : tensor<1x8x6x6xf32>
}

// ... and where they come last.

// CHECK-LABEL: func.func @filters_last
// CHECK:         %[[W:.*]] = lowbit.weight @{{.*}} : !lowbit.tensor<8x18xf32, #[[INT8]]>
// CHECK-NOT:     lowbit.dequantize
// CHECK:         lowbit.linear %{{.*}}, %[[W]] : tensor<1x6x6x18xf32>, !lowbit.tensor<8x18xf32, #[[INT8]]> -> tensor<1x6x6x8xf32>
!last = !quant.uniform<i8:f32:3, {0.5, 0.25, 0.5, 0.25, 0.5, 0.25, 0.5, 0.25}>
func.func @filters_last(%x: tensor<1x8x8x2xf32>, %y: tensor<1x6x6x8xf32>) -> tensor<1x6x6x8xf32> {
  %zero = arith.constant 0.0 : f32
  %codes = arith.constant dense<3> : tensor<3x3x2x8xi8>
  %q = quant.scast %codes : tensor<3x3x2x8xi8> to tensor<3x3x2x8x!last>
  %w = quant.dcast %q : tensor<3x3x2x8x!last> to tensor<3x3x2x8xf32>
  %z = linalg.fill ins(%zero : f32) outs(%y : tensor<1x6x6x8xf32>) -> tensor<1x6x6x8xf32>
  %0 = linalg.conv_2d_nhwc_hwcf ins(%x, %w : tensor<1x8x8x2xf32>, tensor<3x3x2x8xf32>) outs(%z : tensor<1x6x6x8xf32>) -> tensor<1x6x6x8xf32>
  return %0 : tensor<1x6x6x8xf32>
}

// Groups are layers of rows of the codes.

// CHECK-LABEL: func.func @groups
// CHECK:         %[[W0:.*]] = lowbit.weight @[[NAME:.*]].rows0 : !lowbit.tensor<8x18xf32, #[[INT8]]>
// CHECK:         lowbit.linear %{{.*}}, %[[W0]] : tensor<1x6x6x18xf32>, !lowbit.tensor<8x18xf32, #[[INT8]]> -> tensor<1x6x6x8xf32>
// CHECK:         %[[W8:.*]] = lowbit.weight @[[NAME]].rows8 : !lowbit.tensor<8x18xf32, #[[INT8]]>
// CHECK:         lowbit.linear %{{.*}}, %[[W8]] : tensor<1x6x6x18xf32>, !lowbit.tensor<8x18xf32, #[[INT8]]> -> tensor<1x6x6x8xf32>
// CHECK-NOT:     lowbit.dequantize
!groups = !quant.uniform<i8:f32:0, {0.5, 0.25, 0.5, 0.25, 0.5, 0.25, 0.5, 0.25, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0}>
func.func @groups(%x: tensor<1x4x8x8xf32>, %y: tensor<1x2x8x6x6xf32>) -> tensor<1x2x8x6x6xf32> {
  %zero = arith.constant 0.0 : f32
  %codes = arith.constant dense<3> : tensor<16x2x3x3xi8>
  %q = quant.scast %codes : tensor<16x2x3x3xi8> to tensor<16x2x3x3x!groups>
  %w = quant.dcast %q : tensor<16x2x3x3x!groups> to tensor<16x2x3x3xf32>
  %xg = tensor.expand_shape %x [[0], [1, 2], [3], [4]] output_shape [1, 2, 2, 8, 8] : tensor<1x4x8x8xf32> into tensor<1x2x2x8x8xf32>
  %wg = tensor.expand_shape %w [[0, 1], [2], [3], [4]] output_shape [2, 8, 2, 3, 3] : tensor<16x2x3x3xf32> into tensor<2x8x2x3x3xf32>
  %z = linalg.fill ins(%zero : f32) outs(%y : tensor<1x2x8x6x6xf32>) -> tensor<1x2x8x6x6xf32>
  %0 = linalg.conv_2d_ngchw_gfchw ins(%xg, %wg : tensor<1x2x2x8x8xf32>, tensor<2x8x2x3x3xf32>) outs(%z : tensor<1x2x8x6x6xf32>) -> tensor<1x2x8x6x6xf32>
  return %0 : tensor<1x2x8x6x6xf32>
}
