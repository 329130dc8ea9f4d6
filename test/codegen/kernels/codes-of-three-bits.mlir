// RUN: quant-opt %s --lowbit-set-cpu-target=cpu=znver4 --lowbit-pack-weights | FileCheck %s --check-prefix=LAYOUT
// RUN: quant-opt %s "--lowbit-set-cpu-target=triple=wasm32 cpu=simd128" --lowbit-pack-weights | FileCheck %s --check-prefix=PLANES
// RUN: quant-opt %s --target=cpu --mcpu=znver5 --emit=asm -o %t.s
// RUN: FileCheck %s --input-file=%t.s --check-prefix=JOINED
// RUN: %python %S/Inputs/instructions.py 2 < %t.s | FileCheck %s
// RUN: quant-opt %s --target=cpu --mcpu=cascadelake --emit=asm -o %t.old.s
// RUN: %python %S/Inputs/instructions.py 2 < %t.old.s | FileCheck %s --check-prefix=APART

// Three bytes hold eight codes of three bits: six in place, of rows j and
// 16 + j, and two in the bits above these, which are put together where the
// others lie. One row of activations of 16 bits meets 32 x 32 codes in groups
// of 32: with two products for 64 codes that makes 32. Of either code in two
// parts, one is moved by a shift and the other by a product of bits. Where
// there is no such instruction, each part is multiplied: 40.
// LAYOUT: #[[THREE:.*]] = #lowbit.tiles<32 by 16, 1536,
// LAYOUT-SAME: (k4 : 8, k3 : 512, n16 : 32, n2 : 3, b3 : 1)
// LAYOUT-SAME: inline>
// LAYOUT: lowbit.global @w : !lowbit.tensor<64x256xf32, #{{.*}}, #[[THREE]]>
// JOINED: {{^}}lowbit_linear_int_3_group_32{{.*}}:
// JOINED-COUNT-4: vgf2p8affineqb
// JOINED-NOT: vgf2p8affineqb
// JOINED: retq
// CHECK: {{[0-9]+}} instructions, 32 products
// APART: {{[0-9]+}} instructions, 40 products

// Pages repack the weights of shaders for WebAssembly, by rows and columns, and
// bits of codes in these places are no sums of such.
// PLANES: #[[THREE:.*]] = #lowbit.planes<
// PLANES: lowbit.global @w : !lowbit.tensor<64x256xf32, #{{.*}}, #[[THREE]]>

#three = #lowbit.encoding<int<3>, group = 32, scale = f16>
lowbit.global @w : !lowbit.tensor<64x256xf32, #three> {codes = dense<0> : tensor<6144xi8>, scale = dense<1.0> : tensor<64x8xf16>}
func.func @main(%x: tensor<1x256xf32>) -> tensor<1x64xf32> {
  %w = lowbit.weight @w : !lowbit.tensor<64x256xf32, #three>
  %y = lowbit.linear %x, %w : tensor<1x256xf32>, !lowbit.tensor<64x256xf32, #three> -> tensor<1x64xf32>
  return %y : tensor<1x64xf32>
}
