// RUN: quant-opt %s --lowbit-export-quant --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-export-quant --lowbit-import-quant --lowbit-raise --split-input-file | FileCheck %s --check-prefix=BACK

// The example of the pass, and the way back: the same codes and scales.

// CHECK-NOT: lowbit.global
// CHECK-LABEL: func @axis
// CHECK: %[[C:.*]] = arith.constant dense<{{\[\[}}1, -2, 3, -4], [5, -6, 7, -8]]> : tensor<2x4xi4>
// CHECK: %[[Q:.*]] = quant.scast %[[C]] : tensor<2x4xi4> to tensor<2x4x!quant.uniform<i4:f32:0, {5.000000e-01,2.500000e-01}>>
// CHECK: %[[W:.*]] = quant.dcast %[[Q]]
// CHECK: lowbit.linear %{{.*}}, %[[W]] : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>

// BACK: #[[$ENCODING:.*]] = #lowbit.encoding<int<4>, channel, scale = f16>
// BACK: lowbit.global @fc : !lowbit.tensor<2x4xf32, #[[$ENCODING]]>
// BACK-SAME: {codes = dense<[105, 75, 45, 15]> : tensor<4xi8>, scale = dense<{{\[\[}}5.000000e-01], [2.500000e-01]]> : tensor<2x1xf16>}
// BACK-LABEL: func @axis
// BACK: %[[W:.*]] = lowbit.weight @fc
// BACK: lowbit.linear %{{.*}}, %[[W]]

#int4 = #lowbit.encoding<int<4>, scale = f32>
lowbit.global @fc : !lowbit.tensor<2x4xf32, #int4> {codes = dense<[105, 75, 45, 15]> : tensor<4xi8>, scale = dense<[[0.5], [0.25]]> : tensor<2x1xf32>}
func.func @axis(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #int4>
  %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #int4> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// A negative scale: codes and zero point mirrored, -1 - code and -1 - 0. A scale
// of zero: every code is the zero point.

// CHECK-LABEL: func @signs
// CHECK: arith.constant dense<{{\[\[}}-2, 1], [-8, -8]]> : tensor<2x2xi4>
// CHECK: !quant.uniform<i4:f32:0, {5.000000e-01:-1,1.000000e+00:-8}>

// BACK: #[[$ENCODING:.*]] = #lowbit.encoding<uint<4>, zero_point = integer, channel, scale = f16>
// BACK: lowbit.global @fc
// BACK-SAME: {codes = dense<[-106, 0]> : tensor<2xi8>, scale = dense<{{\[\[}}5.000000e-01], [1.000000e+00]]> : tensor<2x1xf16>, zero_point = dense<{{\[\[}}7], [0]]> : tensor<2x1xi8>}

#int4 = #lowbit.encoding<int<4>, scale = f32>
lowbit.global @fc : !lowbit.tensor<2x2xf32, #int4> {codes = dense<[105, 75]> : tensor<2xi8>, scale = dense<[[-0.5], [0.0]]> : tensor<2x1xf32>}
func.func @signs() -> tensor<2x2xf32> {
  %w = lowbit.weight @fc : !lowbit.tensor<2x2xf32, #int4>
  %y = lowbit.dequantize %w : !lowbit.tensor<2x2xf32, #int4> -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----

// Groups are blocks; a fractional zero point that is an integer is one. Storage is
// signed where there are zero points, eight below the codes.

// CHECK-LABEL: func @groups
// CHECK: arith.constant dense<{{\[\[}}-7, -6, -5, -4]]> : tensor<1x4xi4>
// CHECK: !quant.uniform<i4:f16:{0:1, 1:2}, {{\{\{}}5.000000e-01:-5, 2.500000e-01:-8}}>

// BACK: #[[$ENCODING:.*]] = #lowbit.encoding<uint<4>, zero_point = integer, group = 2, scale = f16>
// BACK: lowbit.global @table : !lowbit.tensor<1x4xf16, #[[$ENCODING]]> {codes = dense<[33, 67]> : tensor<2xi8>
// BACK-LABEL: func @groups
// BACK: lowbit.embedding %{{.*}} : tensor<?xi64>, !lowbit.tensor<1x4xf16, #[[$ENCODING]]>

#uint4 = #lowbit.encoding<uint<4>, zero_point = fractional, group = 2>
lowbit.global @table : !lowbit.tensor<1x4xf16, #uint4> {codes = dense<[33, 67]> : tensor<2xi8>, scale = dense<[[0.5, 0.25]]> : tensor<1x2xf16>, zero_point = dense<[[3.0, 0.0]]> : tensor<1x2xf16>}
func.func @groups(%i: tensor<?xi64>) -> tensor<?x4xf16> {
  %w = lowbit.weight @table : !lowbit.tensor<1x4xf16, #uint4>
  %y = lowbit.embedding %i, %w : tensor<?xi64>, !lowbit.tensor<1x4xf16, #uint4> -> tensor<?x4xf16>
  return %y : tensor<?x4xf16>
}

// -----

// Unsigned codes alone stay unsigned.

// CHECK-LABEL: func @unsigned
// CHECK: arith.constant dense<{{\[\[}}-1, 2]]> : tensor<1x2xi4>
// CHECK: !quant.uniform<u4:f32, 5.000000e-01>

// BACK: #[[$ENCODING:.*]] = #lowbit.encoding<uint<4>, tensor, scale = f16>
// BACK: codes = dense<47> : tensor<1xi8>

#uint4 = #lowbit.encoding<uint<4>, tensor>
lowbit.global @fc : !lowbit.tensor<1x2xf32, #uint4> {codes = dense<47> : tensor<1xi8>, scale = dense<0.5> : tensor<1x1xf16>}
func.func @unsigned() -> tensor<1x2xf32> {
  %w = lowbit.weight @fc : !lowbit.tensor<1x2xf32, #uint4>
  %y = lowbit.dequantize %w : !lowbit.tensor<1x2xf32, #uint4> -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

// One scale for the tensor; a packed weight loses its layout.

// CHECK-LABEL: func @tensor
// CHECK: arith.constant dense<{{\[\[}}-1, 2, 3]]> : tensor<1x3xi8>
// CHECK: !quant.uniform<i8:f32, 5.000000e-01>

// BACK: #lowbit.encoding<int<8>, tensor, scale = f16>
// BACK: codes = dense<[127, -126, -125]> : tensor<3xi8>

#int8 = #lowbit.encoding<int<8>, tensor>
#row = #lowbit.tiles<1 by 1, 8, [(b8 : 1)]>
lowbit.global @packed : !lowbit.tensor<1x3xf32, #int8, #row> {blob = dense<[127, -126, -125]> : tensor<3xi8>, scale = dense<0.5> : tensor<1x1xf16>}
func.func @tensor() -> tensor<1x3xf32> {
  %w = lowbit.weight @packed : !lowbit.tensor<1x3xf32, #int8, #row>
  %y = lowbit.dequantize %w : !lowbit.tensor<1x3xf32, #int8, #row> -> tensor<1x3xf32>
  return %y : tensor<1x3xf32>
}
