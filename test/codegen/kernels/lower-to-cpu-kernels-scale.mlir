// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels | FileCheck %s

// A given scale is an argument of the panel's kernel, which then looks for no
// largest magnitude.

#int8 = #lowbit.encoding<int<8>, scale = f16>
#a8 = #lowbit.encoding<int<8>, group = 32, scale = f32>
#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#planes = #lowbit.planes<rows = 32, padding = 4>

module attributes {lowbit.target = #lowbit.cpu<avx512_vnni>} {
  lowbit.global @q : !lowbit.tensor<32x64xf32, #int4, #planes> {blob = dense<1> : tensor<1152xi8>}

  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<1x?x64xf32>) -> tensor<1x?x32xf32> {
    %q = lowbit.weight @q : !lowbit.tensor<32x64xf32, #int4, #planes>
    // CHECK: %[[SCALE:.*]] = arith.constant 1.250000e-01 : f32
    // CHECK: lowbit.call_kernel @lowbit_panel_a8x32_scaled {{.*}}ins(%{{.*}}, %[[SCALE]], %{{.*}} : tensor<?xf32>, f32, index)
    %0 = lowbit.quantize %x scale 1.250000e-01 : tensor<1x?x64xf32> -> !lowbit.tensor<1x?x64xf32, #a8>
    %1 = lowbit.linear %0, %q : !lowbit.tensor<1x?x64xf32, #a8>, !lowbit.tensor<32x64xf32, #int4, #planes> -> tensor<1x?x32xf32>
    return %1 : tensor<1x?x32xf32>
  }

  // CHECK: func.func private @lowbit_panel_a8x32_scaled(
  // CHECK-NOT: math.absf
  // CHECK: func.func private @lowbit_linear
}
