// RUN: quant-opt %s --lowbit-pack-weights | FileCheck %s --check-prefix=KEEP
// RUN: quant-opt %s --lowbit-pack-weights=repack | FileCheck %s
// RUN: quant-opt %s --lowbit-pack-weights=repack --lowbit-pack-weights=repack | FileCheck %s

// A weight that is packed for another target stays so, unless it is asked to
// move on: then it has the bytes of pack-weights.mlir, in which it was dense.

// KEEP: lowbit.global @fc : !lowbit.tensor<2x4xf32, #{{.*}}, #tiles>
// KEEP-SAME: {blob = dense<[9, 9, 9, 9, 0
// KEEP-SAME: scale = 

// CHECK-DAG: #[[INT4:.*]] = #lowbit.encoding<int<4>, group = 4, scale = f16>
// CHECK-DAG: #[[PLANES:.*]] = #lowbit.planes<rows = 32, padding = 4>
// CHECK: lowbit.global @fc : !lowbit.tensor<2x4xf32, #[[INT4]], #[[PLANES]]>
// CHECK-SAME: {blob = dense<"0x003C00400000
// CHECK-SAME: 09090909080808080000
// CHECK: %[[W:.*]] = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #[[INT4]], #[[PLANES]]>
// CHECK: %[[Q:.*]] = lowbit.quantize
// CHECK: lowbit.linear %[[Q]], %[[W]]

#int4 = #lowbit.encoding<int<4>, group = 4, scale = f16>
#words = #lowbit.tiles<1 by 32, 128, [(k4 : 8, k2 : 4, k4 : 32, b4 : 1)], pad_row_end>
module attributes {lowbit.target = #lowbit.cpu<portable>} {
  lowbit.global @fc : !lowbit.tensor<2x4xf32, #int4, #words>
    {blob = dense<[9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]> : tensor<32xi8>,
     scale = dense<[[1.0], [2.0]]> : tensor<2x1xf16>}

  func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #int4, #words>
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #int4, #words> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}
