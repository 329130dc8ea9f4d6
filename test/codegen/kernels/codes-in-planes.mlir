// RUN: quant-opt %s --target=cpu --mcpu=znver5 --emit=asm -o %t.s
// RUN: FileCheck %s --input-file=%t.s --check-prefix=JOINED
// RUN: %python %S/Inputs/instructions.py 2 < %t.s | FileCheck %s
// RUN: quant-opt %s --target=cpu --mcpu=cascadelake --emit=asm -o %t.old.s
// RUN: %python %S/Inputs/instructions.py 2 < %t.old.s | FileCheck %s --check-prefix=APART

// Five bits are planes of four and of one, in two vectors. One row of
// activations of 16 bits meets 32 x 32 codes in groups of 32: with two products
// for 64 codes that makes 32, where one instruction moves the fifth bit next to
// the four; else 64.
// JOINED-DAG: vgf2p8affineqb
// JOINED-DAG: vpternlog
// JOINED-DAG: vpdpbusd
// CHECK: {{[0-9]+}} instructions, 32 products
// APART: {{[0-9]+}} instructions, 64 products

#five = #lowbit.encoding<int<5>, group = 32, scale = f16>
lowbit.global @w : !lowbit.tensor<64x256xf32, #five> {codes = dense<0> : tensor<10240xi8>, scale = dense<1.0> : tensor<64x8xf16>}
func.func @main(%x: tensor<1x256xf32>) -> tensor<1x64xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<64x256xf32, #five>
  %y = lowbit.linear %x, %w : tensor<1x256xf32>, !lowbit.tensor<64x256xf32, #five> -> tensor<1x64xf32>
  return %y : tensor<1x64xf32>
}
