// RUN: quant-opt %s --target=cpu --mcpu=znver5 --emit=asm -o %t.s
// RUN: FileCheck %s --input-file=%t.s
// RUN: %python %S/Inputs/instructions.py 2 < %t.s | FileCheck %s --check-prefix=COUNT

// Trellises, one row of activations of 16 bits. For 64 weights of 2 bits with
// windows of a byte: a selection among bits, a multiplication of bits, a look-up
// in 64 numbers, and two products. With windows of 12 bits, two multiplications
// of bits and their sum, and a look-up in 128 numbers. Three bits don't divide a
// byte, and are collected and shifted.
// CHECK-DAG: vpternlog
// CHECK-DAG: vgf2p8affineqb
// CHECK-DAG: vpermb
// CHECK-DAG: vpmultishiftqb
// CHECK-DAG: vperm{{[it]}}2b
// CHECK-DAG: vpdpbusd

// Instructions for each weight: about an eighth, and less than a quarter.
// COUNT: {{[0-9]+}} instructions, {{[0-9]+}} products, 0.1{{[0-4][0-9]}} per weight
// COUNT-COUNT-2: {{[0-9]+}} instructions, {{[0-9]+}} products, 0.{{1[0-9]*|2[0-4][0-9]}} per weight
// COUNT-NOT: instructions

#two = #lowbit.encoding<trellis<state = 8, rate = 2>>
#long = #lowbit.encoding<trellis<state = 12, rate = 2>>
#three = #lowbit.encoding<trellis<state = 8, rate = 3>>
lowbit.global @a : !lowbit.tensor<64x256xf32, #two> {codes = dense<0> : tensor<4096xi8>, scale = dense<1.0> : tensor<64x1xf16>}
lowbit.global @b : !lowbit.tensor<64x256xf32, #three> {codes = dense<0> : tensor<6144xi8>, scale = dense<1.0> : tensor<64x1xf16>}
lowbit.global @c : !lowbit.tensor<64x256xf32, #long> {codes = dense<0> : tensor<4096xi8>, scale = dense<1.0> : tensor<64x1xf16>}
func.func @main(%x: tensor<1x256xf32>) -> (tensor<1x64xf32>, tensor<1x64xf32>, tensor<1x64xf32>) {
  %a = lowbit.weight @a : !lowbit.tensor<64x256xf32, #two>
  %b = lowbit.weight @b : !lowbit.tensor<64x256xf32, #three>
  %y = lowbit.linear %x, %a : tensor<1x256xf32>, !lowbit.tensor<64x256xf32, #two> -> tensor<1x64xf32>
  %z = lowbit.linear %x, %b : tensor<1x256xf32>, !lowbit.tensor<64x256xf32, #three> -> tensor<1x64xf32>
  %c = lowbit.weight @c : !lowbit.tensor<64x256xf32, #long>
  %v = lowbit.linear %x, %c : tensor<1x256xf32>, !lowbit.tensor<64x256xf32, #long> -> tensor<1x64xf32>
  return %y, %z, %v : tensor<1x64xf32>, tensor<1x64xf32>, tensor<1x64xf32>
}
