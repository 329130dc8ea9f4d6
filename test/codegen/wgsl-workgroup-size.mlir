// A kernel that leaves the size of its workgroups to the host has it as an override,
// and so has workgroup memory that grows with it. In SPIR-V it is the size that the
// kernel was made for.

// RUN: quant-opt %s -lowbit-gpu-make-variants | lowbit-translate --lowbit-to-wgsl | FileCheck %s

// CHECK-LABEL: //===== sum
// CHECK:       override workgroup_size_x: u32 = 64u;
// CHECK-DAG:   var<workgroup> {{.*}}: array<f32, 2u * workgroup_size_x>;
// CHECK-DAG:   var<workgroup> {{.*}}: array<f32, 1u * workgroup_size_x / 4u>;
// CHECK:       @compute @workgroup_size(workgroup_size_x, 1, 1)
// CHECK:       workgroup_id.x * workgroup_size_x
// CHECK:       workgroupBarrier();
// CHECK:       if (local_id.x < workgroup_size_x / 8u * 2u) {

// CHECK-LABEL: //===== fixed
// CHECK-NOT:   override
// CHECK:       array<f32, 64>
// CHECK:       @compute @workgroup_size(64, 1, 1)
gpu.module @kernels {
  gpu.func @sum(%x: memref<128xf32>, %y: memref<128xf32>) kernel
      attributes {known_block_size = array<i32: 64, 1, 1>, lowbit.invocations = 128 : i64} {
    %block = gpu.block_id x
    %size = gpu.block_dim x
    %thread = gpu.thread_id x
    %first = arith.muli %block, %size : index
    %i = arith.addi %first, %thread : index
    %a = memref.load %x[%i] : memref<128xf32>
    %0, %1 = lowbit.reduce_lanes %a, %a of 64 : f32, f32
    %2 = arith.addf %0, %1 : f32
    memref.store %2, %y[%i] : memref<128xf32>
    gpu.return
  }
  gpu.func @fixed(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %i = gpu.thread_id x
    %a = memref.load %x[%i] : memref<64xf32>
    %0 = lowbit.reduce_lanes max %a of 64 : f32
    memref.store %0, %x[%i] : memref<64xf32>
    gpu.return
  }
}
