// RUN: quant-opt %s --lowbit-lower-to-cpu-kernels | FileCheck %s
// RUN: sed s/avx512_vbmi/wasm/ %s | quant-opt --lowbit-lower-to-cpu-kernels | FileCheck %s --check-prefix=WASM

// From 32 rows on, the first four decode codes of several fields, a chunk at a
// time, and keep the bytes for all others. Sums are kept, too: 32 of a row.
// Codes of one field are decoded by every four rows, and so are those of three
// bits that lie in one byte but for two of eight, unless the sums of 16-bit
// activations leave no registers to that. With 8 bits, all of these are
// multiplied where they lie, half of them three bits higher.
//
// Fewer rows decode codes of several fields by eights and fours, and others by
// fours; so do registers of fewer lanes than a block has.

#int3 = #lowbit.encoding<int<3>, group = 32, scale = f16>
#int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
#a8 = #lowbit.encoding<int<8>, group = 32, scale = f32>
#a16 = #lowbit.encoding<int<16>, group = 32, scale = f32>
#packed3 = #lowbit.tiles<32 by 16, 1536, [(k4 : 8, k3 : 512, n16 : 32, n2 : 3, b3 : 1),
  (k4 : 8, n16 : 32, b2 : 1) at (k12) offset 6, (k4 : 8, n16 : 32, b1 : 1) at (k12, b2) offset 518,
  (k4 : 8, n16 : 32, b1 : 1) at (n16, k12) offset 519, (k4 : 8, n16 : 32, b2 : 1) at (n16, k12, b1) offset 1030], inline>
#planes3 = #lowbit.planes<rows = 32, padding = 16>
#planes4 = #lowbit.planes<rows = 32, padding = 4>

// WASM-NOT: memref.alloc(
// WASM: func.func private @lowbit_linear_int_3_group_32
// WASM-NOT: divui %arg2, %c8
// WASM: divui %arg2, %c4
// WASM-NOT: memref.alloc(

module attributes {lowbit.target = #lowbit.cpu<avx512_vbmi>} {
  lowbit.global @three : !lowbit.tensor<32x64xf32, #int3, #planes3> {blob = dense<1> : tensor<896xi8>}
  lowbit.global @four : !lowbit.tensor<32x64xf32, #int4, #planes4> {blob = dense<1> : tensor<1152xi8>}

  lowbit.global @packed : !lowbit.tensor<32x64xf32, #int3, #packed3> {blob = dense<1> : tensor<896xi8>}

  func.func @main(%x: tensor<?x64xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>) {
    %three = lowbit.weight @three : !lowbit.tensor<32x64xf32, #int3, #planes3>
    %four = lowbit.weight @four : !lowbit.tensor<32x64xf32, #int4, #planes4>
    %q = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a8>
    %0 = lowbit.linear %q, %three : !lowbit.tensor<?x64xf32, #a8>, !lowbit.tensor<32x64xf32, #int3, #planes3> -> tensor<?x32xf32>
    %1 = lowbit.linear %q, %four : !lowbit.tensor<?x64xf32, #a8>, !lowbit.tensor<32x64xf32, #int4, #planes4> -> tensor<?x32xf32>
    %packed = lowbit.weight @packed : !lowbit.tensor<32x64xf32, #int3, #packed3>
    %2 = lowbit.linear %q, %packed : !lowbit.tensor<?x64xf32, #a8>, !lowbit.tensor<32x64xf32, #int3, #packed3> -> tensor<?x32xf32>
    %q16 = lowbit.quantize %x : tensor<?x64xf32> -> !lowbit.tensor<?x64xf32, #a16>
    %3 = lowbit.linear %q16, %packed : !lowbit.tensor<?x64xf32, #a16>, !lowbit.tensor<32x64xf32, #int3, #packed3> -> tensor<?x32xf32>
    return %0, %1, %2, %3 : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>
  }
}

// CHECK-LABEL: func.func private @lowbit_linear_int_3_group_32
// CHECK: arith.cmpi uge, %{{.*}}, %c32
// CHECK: scf.if
// CHECK: memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xf32>
// CHECK: %[[BYTES:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xi8>
// CHECK: vector.store %{{.*}}, %[[BYTES]]
// CHECK: vector.load %[[BYTES]]
// CHECK: divui %[[M:arg[0-9]+]], %c8
// CHECK: scf.for {{.*}} step %c8
// CHECK: divui %[[M]], %c4
// CHECK: scf.for {{.*}} step %c4
// CHECK-LABEL: func.func private @lowbit_linear_int_4_group_32
// CHECK-NOT: memref.alloc
// CHECK-NOT: divui %arg2, %c8
// CHECK: divui %arg2, %c4
// CHECK-LABEL: func.func private @lowbit_linear_int_3_group_32_{{.*}}_tiles_{{.*}}_a8x32
// CHECK-NOT: memref.alloc
// CHECK-NOT: divui %arg2, %c8
// CHECK: divui %arg2, %c4
// CHECK: scf.for {{.*}} step %c4
// CHECK-COUNT-4: lowbit.dot4 {{.*}} upto 7 :
// CHECK-COUNT-4: lowbit.dot4 {{.*}} upto 56 :
// CHECK-LABEL: func.func private @lowbit_linear_int_3_group_32_{{.*}}_tiles_{{.*}}_a16x32
// CHECK-NOT: upto 56
// CHECK: memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xi8>
