// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels | FileCheck %s

// Activations in FP8: the panel holds the numbers that the codes stand for, in
// f32, so that one linear kernel serves all formats and scales. A token's scale
// is found before its segments.

#a8 = #lowbit.encoding<float<f8E4M3FN>, group = 32, scale = f32>
#token = #lowbit.encoding<float<f8E5M2>, channel, scale = f32>
#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#planes = #lowbit.planes<rows = 32, padding = 4>

module attributes {lowbit.target = #lowbit.cpu<avx512_vnni>} {
  lowbit.global @q : !lowbit.tensor<32x64xf32, #int4, #planes> {blob = dense<1> : tensor<1152xi8>}

  // CHECK-LABEL: func.func @main
  func.func @main(%x: tensor<?x64xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
    %q = lowbit.weight @q : !lowbit.tensor<32x64xf32, #int4, #planes>
    // CHECK: lowbit.call_kernel @lowbit_panel_f32x32_f8E4M3FN
    // CHECK: lowbit.call_kernel @lowbit_panel_f32x32_f8E5M2_token
    // CHECK: lowbit.call_kernel @lowbit_panel_f32x32_f8E4M3FN_scaled
    // CHECK: lowbit.call_kernel @[[LINEAR:lowbit_linear_[a-z0-9_]*_f32x32]]
    // CHECK: lowbit.call_kernel @[[LINEAR]]
    // CHECK: lowbit.call_kernel @[[LINEAR]]
    %0 = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a8>
    %1 = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #token>
    %2 = lowbit.quantize %x scale 0.5 : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a8>
    %y0 = lowbit.linear %0, %q : !lowbit.tensor<?x64xf32, #a8>, !lowbit.tensor<32x64xf32, #int4, #planes> -> tensor<?x32xf32>
    %y1 = lowbit.linear %1, %q : !lowbit.tensor<?x64xf32, #token>, !lowbit.tensor<32x64xf32, #int4, #planes> -> tensor<?x32xf32>
    %y2 = lowbit.linear %2, %q : !lowbit.tensor<?x64xf32, #a8>, !lowbit.tensor<32x64xf32, #int4, #planes> -> tensor<?x32xf32>
    return %y0, %y1, %y2 : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  }
}
