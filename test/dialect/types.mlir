// RUN: quant-opt %s | quant-opt | FileCheck %s
// RUN: quant-opt --mlir-print-op-generic %s | quant-opt | FileCheck %s

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#a8 = #lowbit.encoding<int<8>, group = 32, scale = f32>
#vnni = #lowbit.planes<rows = 32, padding = 32>

// CHECK-LABEL: func.func private @dense(!lowbit.tensor<3072x768xf32, #int4_g32_f16>)
func.func private @dense(!lowbit.tensor<3072x768xf32, #int4>)

// CHECK-LABEL: func.func private @packed(!lowbit.tensor<64x64xf16, #int4_g32_f16, #planes32>)
func.func private @packed(!lowbit.tensor<64x64xf16, #int4, #vnni>)

// CHECK-LABEL: func.func private @dynamic(!lowbit.tensor<1x?x768xbf16, #int8_g32_f32>)
func.func private @dynamic(!lowbit.tensor<1x?x768xbf16, #a8>)

// CHECK-LABEL: func.func private @vector(!lowbit.tensor<768xf32, #int8_g32_f32>)
func.func private @vector(!lowbit.tensor<768xf32, #a8>)

#mixed = #lowbit.encoding<mixed<2 int<4>, 4 int<2>>, column_scale = <log<width = 5, octave = 8>, tensor, scale = f32>>

// Codes of 2 columns of 3 rows in 4 bits, then of 4 in 2 bits, each part in whole bytes; 5 bits and one bit for each column.
// CHECK-LABEL: lowbit.global @mixed
lowbit.global @mixed : !lowbit.tensor<3x6xf32, #mixed> {
  codes = dense<0> : tensor<6xi8>, scale = dense<1.0> : tensor<3x1xf16>,
  column_scale = dense<0> : tensor<4xi8>, column_scale.scale = dense<1.0> : tensor<1x1xf32>,
  column_part = dense<0x2D> : tensor<1xi8>}
