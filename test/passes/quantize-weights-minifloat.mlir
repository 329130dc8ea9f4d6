// RUN: quant-opt %s --lowbit-quantize-weights='method="#lowbit.encoding<#lowbit.minifloat<e2m2>, group = 4>"' | FileCheck %s
// RUN: quant-opt %s --quantize='#lowbit.encoding<#lowbit.minifloat<e2m2>, group = 4>' --target=cpu --emit=asm --mcpu=znver5 -o %t.s
// RUN: FileCheck %s --check-prefix=CODE < %t.s

// Floats of 5 bits that no type has: a quarter to 7, with a sign.

// CHECK: #[[E2M2:.*]] = #lowbit.encoding<#lowbit.minifloat<e2m2>, group = 4, scale = f16>
// CHECK: lowbit.global @fc : !lowbit.tensor<2x4xf32, #[[E2M2]]>
// CHECK-SAME: scale = dense<1.000000e+00> : tensor<2x1xf16>

// They are multiples of a quarter up to 28, so one table of bytes is all that
// the CPU needs for them.
// CODE: vpermb
// CODE: vpdpbusd

lowbit.global @fc : tensor<2x4xf32> {data = dense<[[-7.0, 0.0, 3.5, 0.25], [6.0, 2.5, -1.25, 7.0]]> : tensor<2x4xf32>}

func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x4xf32>
  %y = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
