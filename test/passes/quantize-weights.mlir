// RUN: quant-opt %s --split-input-file --lowbit-quantize-weights=method=int4-g4 | FileCheck %s
// RUN: quant-opt %s --split-input-file --lowbit-quantize-weights="method=uint2 scale-search=absmax" \
// RUN:   | FileCheck %s --check-prefix=ASYMMETRIC
// RUN: quant-opt %s --split-input-file --lowbit-quantize-weights=method=int8-a8 | FileCheck %s --check-prefix=A8
// RUN: quant-opt %s --split-input-file --lowbit-quantize-weights=method=none | FileCheck %s --check-prefix=NONE

// A weight becomes codes, packed densely, and one scale for each group. Here the
// codes are exact: with a scale of 1, -8 .. 7 are the codes 0 .. 15.

// CHECK: #[[INT4:.*]] = #lowbit.encoding<int<4>, group = 4, scale = f16>
// CHECK: lowbit.global @fc : !lowbit.tensor<2x4xf32, #[[INT4]]>
// CHECK-SAME: codes = dense<[9, -5, 33, 105]> : tensor<4xi8>
// CHECK-SAME: scale = dense<{{\[}}[1.000000e+00], [2.000000e+00]]> : tensor<2x1xf16>
// CHECK: %[[W:.*]] = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #[[INT4]]>
// CHECK: lowbit.linear %{{.*}}, %[[W]] : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #[[INT4]]> -> tensor<?x2xf32>

// Asymmetric codes keep a minimum beside the scale.
// ASYMMETRIC: #[[UINT2:.*]] = #lowbit.encoding<uint<2>, minimum, channel, scale = f16>
// ASYMMETRIC: lowbit.global @fc : !lowbit.tensor<2x4xf32, #[[UINT2]]>
// ASYMMETRIC-SAME: minimum = dense<{{\[}}[-8.000000e+00], [-1.400000e+01]]> : tensor<2x1xf16>

// With -a8, layers quantize their input when they run; layers that share an
// input share its quantization.
// A8: #[[A8:.*]] = #lowbit.encoding<int<8>, group = 128, scale = f32>
// A8: %[[X:.*]] = lowbit.quantize %{{.*}} : tensor<?x4xf32> -> !lowbit.tensor<?x4xf32, #[[A8]]>
// A8-NOT: lowbit.quantize
// A8: lowbit.linear %[[X]],
// A8: lowbit.linear %[[X]],

// NONE: lowbit.global @fc : tensor<2x4xf32>

lowbit.global @fc : tensor<2x4xf32> {data = dense<[[1.0, -8.0, 3.0, 7.0], [-14.0, -12.0, 2.0, -4.0]]> : tensor<2x4xf32>}

func.func @linear(%x: tensor<?x4xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  %y = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  %z = lowbit.linear %x, %w activation relu : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %y, %z : tensor<?x2xf32>, tensor<?x2xf32>
}

// -----

// A matrix stored as [K, N] is read through its transposition; the float data
// leave the module.

// CHECK-LABEL: lowbit.global @weight : !lowbit.tensor<2x3xf32
// CHECK-SAME: codes = dense<{{.*}}> : tensor<3xi8>
// CHECK-NOT: arith.constant dense
// CHECK: func.func @transposed

func.func @transposed(%x: tensor<?x3xf32>) -> tensor<?x2xf32> {
  %c = arith.constant dense<[[-4.0, -6.0], [-2.0, -2.0], [-2.0, -2.0]]> : tensor<3x2xf32>
  %e = tensor.empty() : tensor<2x3xf32>
  %w = linalg.transpose ins(%c : tensor<3x2xf32>) outs(%e : tensor<2x3xf32>) permutation = [1, 0]
  %y = lowbit.linear %x, %w : tensor<?x3xf32>, tensor<2x3xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// One constant, read in two shapes, is two matrices.

// CHECK-DAG: lowbit.global @{{.*}} : !lowbit.tensor<4x6xf32
// CHECK-DAG: lowbit.global @{{.*}} : !lowbit.tensor<8x3xf32
// CHECK: func.func @reshaped

func.func @reshaped(%x: tensor<?x6xf32>, %z: tensor<?x3xf32>) -> (tensor<?x4xf32>, tensor<?x8xf32>) {
  %w = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0, 5.0, 7.0],
                             [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 2.0, 3.0, 4.0, 5.0, 7.0]]> : tensor<4x6xf32>
  %flat = tensor.collapse_shape %w [[0, 1]] : tensor<4x6xf32> into tensor<24xf32>
  %v = tensor.expand_shape %flat [[0, 1]] output_shape [8, 3] : tensor<24xf32> into tensor<8x3xf32>
  %0 = lowbit.linear %x, %w : tensor<?x6xf32>, tensor<4x6xf32> -> tensor<?x4xf32>
  %1 = lowbit.linear %z, %v : tensor<?x3xf32>, tensor<8x3xf32> -> tensor<?x8xf32>
  return %0, %1 : tensor<?x4xf32>, tensor<?x8xf32>
}

// -----

// Globals of equal data become one; what nothing read before stays.

// CHECK-NOT: @second
// CHECK: lowbit.global @unused : tensor<2x2xf32>
// CHECK-NEXT: lowbit.global @first : !lowbit.tensor<2x2xf32
// CHECK-NOT: @second
// CHECK: func.func @equal

lowbit.global @unused : tensor<2x2xf32> {data = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>}
lowbit.global @first : tensor<2x2xf32> {data = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>}
lowbit.global @second : tensor<2x2xf32> {data = dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>}

func.func @equal(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %v = lowbit.weight @first : tensor<2x2xf32>
  %w = lowbit.weight @second : tensor<2x2xf32>
  %y = lowbit.linear %x, %v : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  %z = lowbit.linear %y, %w : tensor<?x2xf32>, tensor<2x2xf32> -> tensor<?x2xf32>
  return %z : tensor<?x2xf32>
}
