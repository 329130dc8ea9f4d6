// RUN: quant-opt %s --lowbit-pack-weights | FileCheck %s
// RUN: quant-opt %s --lowbit-pack-weights --lowbit-lower-to-cpu-kernels | FileCheck %s --check-prefix=BLOB

// A weight that happens to have the name of a packed one or of a blob is
// another weight. The embedding keeps @w as it is, so that its packed form needs
// a name of its own.

// CHECK: lowbit.global @w.packed.0 : !lowbit.tensor<2x4xf32, {{.*}}{blob =
// CHECK: lowbit.global @w.packed : tensor<4xf32>
// CHECK: %[[W:.*]] = lowbit.weight @w.packed.0
// CHECK: lowbit.linear %{{.*}}, %[[W]]

// BLOB: lowbit.global @w.packed.0.blob.0 : tensor<128xi8>
// BLOB: lowbit.global @w.packed.0.blob : tensor<4xf32>
// BLOB: lowbit.weight @w.packed.0.blob.0 : tensor<128xi8>

#int4 = #lowbit.encoding<int<4>, group = 4, scale = f16>
module attributes {lowbit.target = #lowbit.cpu<portable>} {
  lowbit.global @w : !lowbit.tensor<2x4xf32, #int4>
    {codes = dense<[0x99, 0x99, 0x88, 0x88]> : tensor<4xi8>, scale = dense<[[1.0], [2.0]]> : tensor<2x1xf16>}
  lowbit.global @w.packed : tensor<4xf32> {data = dense<1.0> : tensor<4xf32>}
  lowbit.global @w.packed.0.blob : tensor<4xf32> {data = dense<2.0> : tensor<4xf32>}

  func.func @main(%x: tensor<?x4xf32>, %ids: tensor<?xi64>) -> (tensor<?x2xf32>, tensor<?x4xf32>, tensor<4xf32>, tensor<4xf32>) {
    %w = lowbit.weight @w : !lowbit.tensor<2x4xf32, #int4>
    %p = lowbit.weight @w.packed : tensor<4xf32>
    %b = lowbit.weight @w.packed.0.blob : tensor<4xf32>
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #int4> -> tensor<?x2xf32>
    %e = lowbit.embedding %ids, %w : tensor<?xi64>, !lowbit.tensor<2x4xf32, #int4> -> tensor<?x4xf32>
    return %y, %e, %p, %b : tensor<?x2xf32>, tensor<?x4xf32>, tensor<4xf32>, tensor<4xf32>
  }
}
