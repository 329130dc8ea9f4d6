// An editor opens this file, is told what is wrong in its second part, and asks
// what stands in line 14 (from 0), in its first.
// RUN: %python %S/session.py quant-lsp-server %s 14 10 | FileCheck %s

// CHECK: 22:7: 'lowbit.linear' op requires an input whose last dimension is K = 4 (M2), found 'tensor<8x5xf32>'
// CHECK: "lowbit.weight"
// CHECK: !lowbit.tensor<2x4xf32

#int4 = #lowbit.encoding<int<4>, group = 4, scale = f16>
lowbit.global @fc : !lowbit.tensor<2x4xf32, #int4> {
    codes = dense<[-71, -3, -54, 14]> : tensor<4xi8>,
    scale = dense<1.0> : tensor<2x1xf16>}

func.func @main(%x: tensor<8x4xf32>) -> tensor<8x2xf32> {
  %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #int4>
  %y = lowbit.linear %x, %w : tensor<8x4xf32>, !lowbit.tensor<2x4xf32, #int4> -> tensor<8x2xf32>
  return %y : tensor<8x2xf32>
}

// -----

func.func @main(%x: tensor<8x5xf32>, %w: tensor<2x4xf32>) -> tensor<8x2xf32> {
  %y = lowbit.linear %x, %w : tensor<8x5xf32>, tensor<2x4xf32> -> tensor<8x2xf32>
  return %y : tensor<8x2xf32>
}
