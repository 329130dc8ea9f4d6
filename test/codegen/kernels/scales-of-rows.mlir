// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels --split-input-file | FileCheck %s

// Where a row of activations has one scale, its sums are multiplied by that
// once, behind the groups: four rows by two registers of weights, then each row
// alone. Otherwise the sums of each group are, before the group's own scale.

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#token = #lowbit.encoding<int<8>, scale = f32>
#planes4 = #lowbit.planes<rows = 32, padding = 4>

module attributes {lowbit.target = #lowbit.cpu<avx512_vbmi>} {
  lowbit.global @w : !lowbit.tensor<32x64xf32, #int4, #planes4> {blob = dense<1> : tensor<1152xi8>}

  func.func @token(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
    %w = lowbit.weight @w : !lowbit.tensor<32x64xf32, #int4, #planes4>
    %q = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #token>
    %y = lowbit.linear %q, %w : !lowbit.tensor<?x64xf32, #token>, !lowbit.tensor<32x64xf32, #int4, #planes4> -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}

// CHECK-LABEL: func.func private @lowbit_linear_int_4_group_32
// CHECK: scf.for {{.*}} step %c4
// CHECK-NOT: arith.mulf
// CHECK: %[[ONE:.*]] = arith.minsi %{{.*}}, %c1{{.*}} : index
// CHECK: scf.for %{{.*}} to %[[ONE]]
// CHECK-COUNT-8: arith.mulf
// CHECK-NOT: arith.mulf
// CHECK: %[[ONE:.*]] = arith.minsi %{{.*}}, %c1{{.*}} : index
// CHECK: scf.for %{{.*}} to %[[ONE]]
// CHECK-COUNT-2: arith.mulf
// CHECK-NOT: arith.mulf
// CHECK: return

// -----

#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#group = #lowbit.encoding<int<8>, group = 32, scale = f32>
#planes4 = #lowbit.planes<rows = 32, padding = 4>

module attributes {lowbit.target = #lowbit.cpu<avx512_vbmi>} {
  lowbit.global @w : !lowbit.tensor<32x64xf32, #int4, #planes4> {blob = dense<1> : tensor<1152xi8>}

  func.func @group(%x: tensor<?x64xf32>) -> tensor<?x32xf32> {
    %w = lowbit.weight @w : !lowbit.tensor<32x64xf32, #int4, #planes4>
    %q = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #group>
    %y = lowbit.linear %q, %w : !lowbit.tensor<?x64xf32, #group>, !lowbit.tensor<32x64xf32, #int4, #planes4> -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}

// CHECK-LABEL: func.func private @lowbit_linear_int_4_group_32
// CHECK: scf.for {{.*}} step %c4
// CHECK: %[[SUM:.*]] = arith.mulf
// CHECK: vector.fma %{{.*}}, %[[SUM]], %{{.*}}
// CHECK: scf.yield
// CHECK-NOT: arith.minsi
// CHECK: return
