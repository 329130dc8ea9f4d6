// RUN: quant-opt %s --lowbit-pack-weights | FileCheck %s
// RUN: quant-opt %s --lowbit-pack-weights --lowbit-pack-weights | FileCheck %s

// The CPU wants blocks of 32 rows, 16 scales after another in front of each
// group's codes, and nibbles of rows n and n + 16 in one byte. Row 0 is all 1 s
// (code 9), the other rows 0 (code 8) or padding (0).

// CHECK-DAG: #[[A16:.*]] = #lowbit.encoding<int<16>, group = 4, scale = f32>
// CHECK-DAG: #[[INT4:.*]] = #lowbit.encoding<int<4>, group = 4, scale = f16>
// CHECK-DAG: #[[PLANES:.*]] = #lowbit.planes<rows = 32, padding = 4>
// CHECK: lowbit.global @fc : !lowbit.tensor<2x4xf32, #[[INT4]], #[[PLANES]]>
// CHECK-SAME: {blob = dense<"0x003C00400000
// CHECK-SAME: 09090909080808080000
// CHECK: %[[W:.*]] = lowbit.weight @fc
// CHECK: %[[Q:.*]] = lowbit.quantize %{{.*}} : tensor<?x4xf32> -> !lowbit.tensor<?x4xf32, #[[A16]]>
// CHECK: lowbit.linear %[[Q]], %[[W]]

module attributes {lowbit.target = #lowbit.cpu<portable>} {
  lowbit.global @fc : !lowbit.tensor<2x4xf32, #lowbit.encoding<int<4>, group = 4, scale = f16>>
    {codes = dense<[0x99, 0x99, 0x88, 0x88]> : tensor<4xi8>, scale = dense<[[1.0], [2.0]]> : tensor<2x1xf16>}

  func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
    %w = lowbit.weight @fc : !lowbit.tensor<2x4xf32, #lowbit.encoding<int<4>, group = 4, scale = f16>>
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<2x4xf32, #lowbit.encoding<int<4>, group = 4, scale = f16>> -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}
