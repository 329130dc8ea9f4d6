// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels | FileCheck %s

// Layers that share an encoding and an epilogue share a kernel, whatever their
// shapes; layers that share an input share its panel.

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#a16 = #lowbit.encoding<int<16>, group = 32, scale = f32>
#planes = #lowbit.planes<rows = 32, padding = 4>

module attributes {lowbit.target = #lowbit.cpu<avx512_vnni>} {
  lowbit.global @q : !lowbit.tensor<32x64xf32, #int4, #planes> {blob = dense<1> : tensor<1152xi8>}
  lowbit.global @k : !lowbit.tensor<16x64xf32, #int4, #planes> {blob = dense<2> : tensor<1152xi8>}

  // Weights become plain bytes.
  // CHECK: lowbit.global @q.blob : tensor<1152xi8> {data = dense<1> : tensor<1152xi8>}
  // CHECK: lowbit.global @k.blob : tensor<1152xi8> {data = dense<2> : tensor<1152xi8>}

  // CHECK-LABEL: func.func @main
  // CHECK-SAME: (%[[X:.*]]: tensor<1x?x64xf32>)
  func.func @main(%x: tensor<1x?x64xf32>) -> (tensor<1x?x32xf32>, tensor<1x?x16xf32>) {
    %q = lowbit.weight @q : !lowbit.tensor<32x64xf32, #int4, #planes>
    %k = lowbit.weight @k : !lowbit.tensor<16x64xf32, #int4, #planes>
    // CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1, 2]] : tensor<1x?x64xf32> into tensor<?xf32>
    // CHECK: %[[PANEL:.*]] = lowbit.call_kernel @lowbit_panel_a16x32 {{.*}}ins(%[[FLAT]],
    %0 = lowbit.quantize %x : tensor<1x?x64xf32> -> !lowbit.tensor<1x?x64xf32, #a16>
    // CHECK: lowbit.call_kernel @[[KERNEL:lowbit_linear_int_4_group_32_scale_f16_planes_rows_32_padding_4_a16x32]] {{.*}}, %[[PANEL]],
    // CHECK: tensor.expand_shape {{.*}} : tensor<?xf32> into tensor<1x?x32xf32>
    %1 = lowbit.linear %0, %q : !lowbit.tensor<1x?x64xf32, #a16>, !lowbit.tensor<32x64xf32, #int4, #planes> -> tensor<1x?x32xf32>
    // CHECK: lowbit.call_kernel @[[KERNEL]] {{.*}}, %[[PANEL]],
    %2 = lowbit.linear %0, %k : !lowbit.tensor<1x?x64xf32, #a16>, !lowbit.tensor<16x64xf32, #int4, #planes> -> tensor<1x?x16xf32>
    return %1, %2 : tensor<1x?x32xf32>, tensor<1x?x16xf32>
  }

  // Kernels are functions over buffers; codes meet activations in a byte dot
  // product.
  // CHECK: func.func private @lowbit_panel_a16x32(
  // CHECK: func.func private @[[KERNEL]](
  // CHECK: lowbit.dot4
  // CHECK-NOT: func.func
}
