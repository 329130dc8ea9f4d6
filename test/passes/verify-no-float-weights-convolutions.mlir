// RUN: quant-opt %s --lowbit-verify-no-float-weights --verify-diagnostics
// RUN: not quant-opt %s --quantize=int8 --strict -o %t.mlir 2>&1 | FileCheck %s
// RUN: not ls %t.mlir

// The weight of a depthwise convolution is a weight, however small it is: a
// strict compilation says why it stayed float, and fails.

// CHECK: remark: {{.*}}convolution with @w is left: its groups have 1 filters, fewer than 8
// CHECK: error: {{.*}}requires a quantized weight, found @w of type 'tensor<16x3xf32>'
// expected-note @below {{the weight is here}}
lowbit.global @w : tensor<16x3xf32> {data = dense<0.5> : tensor<16x3xf32>}
func.func @main(%x: tensor<1x16x10xf32>, %y: tensor<1x16x8xf32>) -> tensor<1x16x8xf32> {
  %w = lowbit.weight @w : tensor<16x3xf32>
  // expected-error @below {{requires a quantized weight, found @w of type 'tensor<16x3xf32>'; quantize it, or allow it with 'lowbit-verify-no-float-weights=allow=w'}}
  %0 = linalg.depthwise_conv_1d_ncw_cw ins(%x, %w : tensor<1x16x10xf32>, tensor<16x3xf32>)
      outs(%y : tensor<1x16x8xf32>) -> tensor<1x16x8xf32>
  return %0 : tensor<1x16x8xf32>
}
