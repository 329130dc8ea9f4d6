// RUN: quant-opt %s --lowbit-pack-weights | FileCheck %s

// Each row has a copy of the scale that it shares with others: rows 0 and 1 have
// 1, row 2 has 2, each in front of the group's codes.

// CHECK: lowbit.global @fc : !lowbit.tensor<3x4xf32, #{{.*}}, #planes32> {blob = dense<"0x003C003C00400000

// Codes of 15 bits, a single one of which is a plane of its own: four of them in
// a group fill vectors with 128 rows.

// CHECK: lowbit.global @lattice : !lowbit.tensor<2x32xf32, #{{.*}}, #planes128>

#blocks = #lowbit.encoding<int<4>, block = [2, 4], scale = f16>
#eight = #lowbit.encoding<lattice<8 in 15>, group = 32, scale = f16>
module attributes {lowbit.target = #lowbit.cpu<portable>} {
  lowbit.global @fc : !lowbit.tensor<3x4xf32, #blocks>
    {codes = dense<[0x99, 0x99, 0x88, 0x88, 0x88, 0x88]> : tensor<6xi8>, scale = dense<[[1.0], [2.0]]> : tensor<2x1xf16>}
  lowbit.global @lattice : !lowbit.tensor<2x32xf32, #eight>
    {codes = dense<0> : tensor<15xi8>, scale = dense<1.0> : tensor<2x1xf16>}

  func.func @main(%x: tensor<?x4xf32>, %z: tensor<?x32xf32>) -> (tensor<?x3xf32>, tensor<?x2xf32>) {
    %w = lowbit.weight @fc : !lowbit.tensor<3x4xf32, #blocks>
    %y = lowbit.linear %x, %w : tensor<?x4xf32>, !lowbit.tensor<3x4xf32, #blocks> -> tensor<?x3xf32>
    %v = lowbit.weight @lattice : !lowbit.tensor<2x32xf32, #eight>
    %u = lowbit.linear %z, %v : tensor<?x32xf32>, !lowbit.tensor<2x32xf32, #eight> -> tensor<?x2xf32>
    return %y, %u : tensor<?x3xf32>, tensor<?x2xf32>
  }
}
