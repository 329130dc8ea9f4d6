// RUN: quant-opt %s --lowbit-quantize-weights=method=int4-g4-dq --lowbit-expand-weights | FileCheck %s
// RUN: quant-opt %s --lowbit-quantize-weights=method=kmeans7 --lowbit-expand-weights | FileCheck %s --check-prefix=TABLE
// RUN: quant-opt %s --lowbit-quantize-weights=method=kmeans2 --lowbit-expand-weights | FileCheck %s --check-prefix=KEPT
// RUN: quant-opt %s --lowbit-quantize-weights=method=kmeans2 --lowbit-pack | FileCheck %s --check-prefix=PACK
// RUN: quant-opt %s --lowbit-quantize-weights=method=q4_k --lowbit-pack-weights 2>&1 | FileCheck %s --check-prefix=DENSE
// RUN: quant-opt %s --lowbit-quantize-weights='method="#lowbit.encoding<int<4>, group = 4, scale = f16 as <int<5>, group = 2, scale = f16>>"' --lowbit-pack-weights 2>&1 | FileCheck %s --check-prefix=ODD
// RUN: quant-opt %s --lowbit-quantize-weights=method=kmeans7 --lowbit-pack-weights 2>&1 | FileCheck %s --check-prefix=LONG

// A row has two scales. With the f32 that they share they take more than two
// plain ones, which they become: 4 / 8 in f16, of both rows.

// CHECK: #[[PLAIN:.*]] = #lowbit.encoding<int<4>, group = 4, scale = f16>
// CHECK: lowbit.global @fc : !lowbit.tensor<2x8xf32, #[[PLAIN]]>
// CHECK-SAME: codes = dense<{{.*}}> : tensor<8xi8>
// CHECK-SAME: scale = dense<{{.*}}> : tensor<2x2xf16>
// CHECK-NOT: scale_scale

// The codes of a long learned table become the integers that it has.

// TABLE: #[[PLAIN:.*]] = #lowbit.encoding<int<8>, channel, scale = f16>
// TABLE: lowbit.global @fc : !lowbit.tensor<2x8xf32, #[[PLAIN]]>
// TABLE-NOT: table =
// TABLE: lowbit.linear %{{.*}}, %{{.*}} : tensor<?x8xf32>, !lowbit.tensor<2x8xf32, #[[PLAIN]]> -> tensor<?x2xf32>

// A short one stays, and is packed beside the codes.

// KEPT: lowbit.global @fc : !lowbit.tensor<2x8xf32, #[[LEARNED:.*]]> {{{.*}}table = dense
// PACK: lowbit.global @fc : !lowbit.tensor<2x8xf32, #{{.*}}, #planes32> {blob = {{.*}}, table = {{.*}} : tensor<2x4xi8>

// DENSE: remark: stays dense: its scales and theirs take as much memory as plain ones; run lowbit-expand-weights first
// ODD: remark: stays dense: CPU kernels read scales that are integers of 4, 6 or 8 bits, in groups under an f16 or f32; run lowbit-expand-weights first
// LONG: remark: stays dense: CPU kernels look up learned tables of at most 64 numbers; run lowbit-expand-weights first

module attributes {lowbit.target = #lowbit.cpu<portable>} {
lowbit.global @fc : tensor<2x8xf32> {data = dense<[[-4.0, 0.0, 2.0, 4.0, 4.0, 2.0, 2.0, -4.0], [4.0, 2.0, 0.0, -4.0, -4.0, -4.0, 2.0, 4.0]]> : tensor<2x8xf32>}

func.func @linear(%x: tensor<?x8xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @fc : tensor<2x8xf32>
  %y = lowbit.linear %x, %w : tensor<?x8xf32>, tensor<2x8xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
}
