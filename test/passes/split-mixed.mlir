// RUN: quant-opt %s --lowbit-split-mixed --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-split-mixed --split-input-file --lowbit-lower-to-linalg -o /dev/null

// Columns 1 and 3 have 4 bits, the others 2: the input comes in the order 1, 3,
// 0, 2, 4, 5, each times the column's scale.

// CHECK-DAG: lowbit.global @fc.input_order : tensor<6xi32> {data = dense<[1, 3, 0, 2, 4, 5]> : tensor<6xi32>}
// CHECK-DAG: lowbit.global @fc.input_scale : tensor<6xf32> {data = dense<[1.000000e+00, 1.000000e+00, 5.000000e-01, 1.000000e+00, 1.000000e+00, 1.000000e+00]> : tensor<6xf32>}
// CHECK-DAG: lowbit.global @fc.part0 : !lowbit.tensor<3x2xf32, #int4_f16> {codes = dense<[1, 2, 3]> : tensor<3xi8>, scale = dense<1.000000e+00> : tensor<3x1xf16>}
// CHECK-DAG: lowbit.global @fc.part1 : !lowbit.tensor<3x4xf32, #int2_f16> {codes = dense<[4, 5, 6]> : tensor<3xi8>, scale = dense<1.000000e+00> : tensor<3x1xf16>}
// CHECK-NOT: @fc :
// CHECK-LABEL: func @parts
// CHECK-SAME: %[[X:.*]]: tensor<?x6xf32>, %[[B:.*]]: tensor<3xf32>, %[[R:.*]]: tensor<?x3xf32>
// CHECK: %[[O:.*]] = tensor.extract_slice %{{.*}}[0] [2] [1] : tensor<6xi32>
// CHECK: %[[S:.*]] = tensor.extract_slice %{{.*}}[0] [2] [1] : tensor<6xf32>
// CHECK: %[[A:.*]] = linalg.generic {{.*}} ins(%[[O]], %[[S]] :
// CHECK: tensor.extract %[[X]]
// CHECK: arith.mulf
// CHECK: %[[Y:.*]] = lowbit.linear %[[A]], %{{.*}} bias %[[B]]
// CHECK: tensor.extract_slice %{{.*}}[2] [4] [1] : tensor<6xi32>
// CHECK: %[[A:.*]] = linalg.generic
// CHECK: %[[Z:.*]] = lowbit.linear %[[A]], %{{.*}} residual %[[Y]]
// CHECK: linalg.generic {{.*}} ins(%[[Z]], %[[R]]
// CHECK: arith.maximumf
// CHECK: arith.addf
#mixed = #lowbit.encoding<mixed<2 int<4>, 4 int<2>>, column_scale = <log<width = 5, octave = 8>, tensor, scale = f32>>
lowbit.global @fc : !lowbit.tensor<3x6xf32, #mixed> {
  codes = dense<[1, 2, 3, 4, 5, 6]> : tensor<6xi8>, scale = dense<1.0> : tensor<3x1xf16>,
  column_scale = dense<[8, 0, 0, 0]> : tensor<4xi8>, column_scale.scale = dense<1.0> : tensor<1x1xf32>,
  column_part = dense<0x35> : tensor<1xi8>}
func.func @parts(%x: tensor<?x6xf32>, %b: tensor<3xf32>, %r: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %w = lowbit.weight @fc : !lowbit.tensor<3x6xf32, #mixed>
  %y = lowbit.linear %x, %w bias %b activation relu residual %r : tensor<?x6xf32>, !lowbit.tensor<3x6xf32, #mixed> -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// -----

// Where all columns have one format, the layer keeps its epilogue and the weight its name.

// CHECK-DAG: lowbit.global @fc : !lowbit.tensor<3x6xf32, #int4_f16>
// CHECK-LABEL: func @scales
// CHECK-SAME: %[[X:.*]]: tensor<?x6xf32>
// CHECK: %[[S:.*]] = lowbit.weight @fc.input_scale : tensor<6xf32>
// CHECK: %[[A:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[S]]
// CHECK: lowbit.linear %[[A]], %{{.*}} activation relu
#scaled = #lowbit.encoding<int<4>, column_scale = <log<width = 5, octave = 8>, tensor, scale = f32>>
lowbit.global @fc : !lowbit.tensor<3x6xf32, #scaled> {
  codes = dense<3> : tensor<9xi8>, scale = dense<1.0> : tensor<3x1xf16>,
  column_scale = dense<[8, 0, 0, 0]> : tensor<4xi8>, column_scale.scale = dense<1.0> : tensor<1x1xf32>}
func.func @scales(%x: tensor<?x6xf32>) -> tensor<?x3xf32> {
  %w = lowbit.weight @fc : !lowbit.tensor<3x6xf32, #scaled>
  %y = lowbit.linear %x, %w activation relu : tensor<?x6xf32>, !lowbit.tensor<3x6xf32, #scaled> -> tensor<?x3xf32>
  return %y : tensor<?x3xf32>
}

// -----

// Where something else reads the weight, it stays beside its parts, and its components get names of their own below.

// CHECK-DAG: lowbit.global @fc.input_scale
// CHECK-DAG: lowbit.global @fc.part0
// CHECK-DAG: lowbit.global @fc : {{.*}}column_scale = dense<[8, 0, 0, 0]>
// CHECK-LABEL: func @alsoDecoded
// CHECK: lowbit.linear
// CHECK: lowbit.dequantize
#scaled = #lowbit.encoding<int<4>, column_scale = <log<width = 5, octave = 8>, tensor, scale = f32>>
lowbit.global @fc : !lowbit.tensor<3x6xf32, #scaled> {
  codes = dense<3> : tensor<9xi8>, scale = dense<1.0> : tensor<3x1xf16>,
  column_scale = dense<[8, 0, 0, 0]> : tensor<4xi8>, column_scale.scale = dense<1.0> : tensor<1x1xf32>}
func.func @alsoDecoded(%x: tensor<?x6xf32>) -> (tensor<?x3xf32>, tensor<3x6xf32>) {
  %w = lowbit.weight @fc : !lowbit.tensor<3x6xf32, #scaled>
  %y = lowbit.linear %x, %w : tensor<?x6xf32>, !lowbit.tensor<3x6xf32, #scaled> -> tensor<?x3xf32>
  %d = lowbit.dequantize %w : !lowbit.tensor<3x6xf32, #scaled> -> tensor<3x6xf32>
  return %y, %d : tensor<?x3xf32>, tensor<3x6xf32>
}
