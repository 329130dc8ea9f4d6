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
