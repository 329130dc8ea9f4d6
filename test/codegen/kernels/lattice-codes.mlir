// RUN: quant-opt %s --target=cpu --mcpu=znver5 --emit=asm -o %t.s
// RUN: FileCheck %s --input-file=%t.s
// RUN: %python %S/Inputs/instructions.py 2 < %t.s | FileCheck %s --check-prefix=COUNT

// Codes of 15 bits for eight weights, one row of activations of 16 bits. Four
// magnitudes are a word of a table; signs invert bits of the bytes that the
// comparison of a bit selects.
// CHECK-DAG: vpgatherdd
// CHECK-DAG: vptestmb
// CHECK-DAG: vpdpbusd

// COUNT: {{[0-9]+}} instructions, {{[0-9]+}} products, 0.{{[0-2][0-9]*}} per weight

#lattice = #lowbit.encoding<lattice<8 in 15>, group = 32>
lowbit.global @a : !lowbit.tensor<128x256xf32, #lattice> {codes = dense<0> : tensor<7680xi8>, scale = dense<1.0> : tensor<128x8xf16>}
func.func @main(%x: tensor<1x256xf32>) -> tensor<1x128xf32> {
  %a = lowbit.weight @a : !lowbit.tensor<128x256xf32, #lattice>
  %y = lowbit.linear %x, %a : tensor<1x256xf32>, !lowbit.tensor<128x256xf32, #lattice> -> tensor<1x128xf32>
  return %y : tensor<1x128xf32>
}
