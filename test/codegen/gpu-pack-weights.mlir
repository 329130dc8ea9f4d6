// For a GPU, weights are packed in words: byte c of a word has fields of
// column c of each step of four columns, and parameters have buffers of their own.

// RUN: quant-opt %s -lowbit-set-gpu-target -lowbit-pack-weights | FileCheck %s

#int3 = #lowbit.encoding<uint<3>, minimum, group = 16, scale = f16>

// A plane of two bits and one of one bit. Codes 0, 1, ... 7, 0, 1, ... in each
// row.
// CHECK:      #[[WORDS:.*]] = #lowbit.tiles<1 by 32, 96, [(k4 : 8, k4 : 2, k2 : 32, b2 : 1), (k4 : 8, k8 : 1, b1 : 1) at (n0, k0, b2) offset 64], pad_row_end>
// CHECK:      lowbit.global @w : !lowbit.tensor<1x32xf32, #{{.*}}, #[[WORDS]]>
// CHECK-SAME:   blob = dense<[0, 85, -86, -1, 0, 85, -86, -1, -86, -86, -86, -86]> : tensor<12xi8>
// CHECK-SAME:   scale = dense<1.000000e+00> : tensor<1x2xf16>
lowbit.global @w : !lowbit.tensor<1x32xf32, #int3> {
  codes = dense<[0x88, 0xC6, 0xFA, 0x88, 0xC6, 0xFA, 0x88, 0xC6, 0xFA, 0x88, 0xC6, 0xFA]> : tensor<12xi8>,
  scale = dense<1.0> : tensor<1x2xf16>, minimum = dense<0.0> : tensor<1x2xf16>}
func.func @main(%x: tensor<1x32xf32>) -> tensor<1x1xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<1x32xf32, #int3>
  %y = lowbit.linear %x, %w : tensor<1x32xf32>, !lowbit.tensor<1x32xf32, #int3> -> tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}
