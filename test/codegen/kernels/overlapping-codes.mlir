// RUN: quant-opt %s --target=cpu --mcpu=znver5 --emit=asm -o %t.s
// RUN: FileCheck %s --input-file=%t.s
// RUN: %python %S/Inputs/instructions.py 2 < %t.s | FileCheck %s --check-prefix=COUNT

// A trellis of 2 bits and 256 states, one row of activations of 16 bits. For 64
// weights: the bytes of their streams, eight bits for each window, two look-ups
// in 128 numbers, a blend, and two products.
// CHECK: vpermb
// CHECK: vpmultishiftqb
// CHECK: vperm{{[it]}}2b
// CHECK: vpdpbusd

// Less than a quarter of an instruction for each weight.
// COUNT: {{[0-9]+}} instructions, {{[0-9]+}} products, 0.{{[01][0-9]*}} per weight

#trellis = #lowbit.encoding<trellis<state = 8, rate = 2>>
lowbit.global @w : !lowbit.tensor<64x256xf32, #trellis> {codes = dense<0> : tensor<4096xi8>, scale = dense<1.0> : tensor<64x1xf16>}
func.func @main(%x: tensor<1x256xf32>) -> tensor<1x64xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<64x256xf32, #trellis>
  %y = lowbit.linear %x, %w : tensor<1x256xf32>, !lowbit.tensor<64x256xf32, #trellis> -> tensor<1x64xf32>
  return %y : tensor<1x64xf32>
}
