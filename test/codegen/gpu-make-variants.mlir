// A kernel with an operation that some devices have an instruction for comes in
// two forms: itself, which every device runs, and a copy that says what it
// relies on.

// RUN: quant-opt %s -lowbit-gpu-make-variants -canonicalize -cse | FileCheck %s
// RUN: quant-opt %s -lowbit-gpu-make-variants | lowbit-translate --lowbit-to-wgsl | FileCheck %s --check-prefix=WGSL

gpu.module @kernels {
  // CHECK-LABEL: gpu.func @dot(
  // CHECK-NOT:     lowbit.
  // CHECK:         %[[UPPER:.*]] = arith.shli %{{.*}}, %{{.*}} : vector<4xi32>
  // CHECK:         arith.shrsi %[[UPPER]], %{{.*}} : vector<4xi32>
  // CHECK:         arith.muli %{{.*}} : vector<4xi32>
  // CHECK-COUNT-4: arith.addi
  // CHECK:         arith.uitofp %{{.*}} : vector<4xi32> to vector<4xf32>

  // CHECK-LABEL: gpu.func @dot_packed_dot(
  // CHECK-SAME:    lowbit.features = ["packed_dot"], lowbit.variant_of = @dot
  // CHECK:         lowbit.dot_bytes
  // CHECK:         lowbit.unpack_bytes

  // WGSL-LABEL: //===== dot
  // WGSL-NOT:     4x
  // WGSL-LABEL: //===== dot_packed_dot
  // WGSL:         dot4I8Packed(
  // WGSL:         unpack4xU8(
  gpu.func @dot(%x: memref<2xi32>, %y: memref<2xi32>, %z: memref<1xvector<4xf32>>) kernel attributes {known_block_size = array<i32: 1, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %a = memref.load %x[%c0] : memref<2xi32>
    %b = memref.load %x[%c1] : memref<2xi32>
    %dot = lowbit.dot_bytes %a, %a, %b : i32
    memref.store %dot, %y[%c0] : memref<2xi32>
    %bytes = lowbit.unpack_bytes %b : vector<4xf32>
    memref.store %bytes, %z[%c0] : memref<1xvector<4xf32>>
    gpu.return
  }

  // Numbers of invocations are added up in two steps in workgroup memory, with a
  // barrier after each; and by the invocations of a subgroup, whose number and
  // place are theirs to say, for each group that they belong to.
  // CHECK-LABEL: gpu.func @lanes(
  // CHECK-NOT:     subgroup
  // CHECK:         memref.store
  // CHECK:         gpu.barrier
  // CHECK:         scf.if
  // CHECK-COUNT-8: memref.load
  // CHECK:         gpu.barrier
  // CHECK-COUNT-4: memref.load
  // CHECK-NOT:     gpu.barrier

  // CHECK-LABEL: gpu.func @lanes_subgroups(
  // CHECK-SAME:    lowbit.features = ["subgroups"], lowbit.variant_of = @lanes
  // CHECK:         memref.store
  // CHECK:         gpu.barrier
  // CHECK:         %[[ACTIVE:.*]] = gpu.subgroup_reduce add %{{.*}} : (i32) -> i32
  // CHECK:         lowbit.subgroup_rank : i32
  // CHECK:         gpu.subgroup_reduce minui
  // CHECK:         gpu.subgroup_reduce maxui
  // CHECK:         scf.for
  // CHECK:           scf.for
  // CHECK:             memref.load
  // CHECK:           gpu.subgroup_reduce add %{{.*}} : (f32) -> f32
  // CHECK-NOT:     gpu.barrier

  // WGSL-LABEL: //===== lanes
  // WGSL-NOT:     enable
  // WGSL-LABEL: //===== lanes_subgroups
  // WGSL:         enable subgroups;
  // WGSL-NEXT:    diagnostic(off, subgroup_uniformity);
  // WGSL:         subgroupExclusiveAdd(1u)
  // WGSL:         subgroupMin(
  gpu.func @lanes(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %i = gpu.thread_id x
    %a = memref.load %x[%i] : memref<64xf32>
    %sum = lowbit.reduce_lanes %a of 32 : f32
    memref.store %sum, %x[%i] : memref<64xf32>
    gpu.return
  }

  // A few lanes are no work for a subgroup. In a loop, the next round waits until
  // all have read what is in workgroup memory.
  // CHECK-LABEL: gpu.func @few_lanes(
  // CHECK:         scf.for
  // CHECK:           gpu.barrier
  // CHECK-COUNT-8:   memref.load
  // CHECK:           gpu.barrier
  // CHECK:           scf.yield
  gpu.func @few_lanes(%x: memref<64xf32>) kernel attributes {known_block_size = array<i32: 64, 1, 1>} {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %i = gpu.thread_id x
    %a = memref.load %x[%i] : memref<64xf32>
    %last = scf.for %r = %c0 to %c4 step %c1 iter_args(%b = %a) -> f32 {
      %most = lowbit.reduce_lanes max %b of 8 : f32
      scf.yield %most : f32
    }
    memref.store %last, %x[%i] : memref<64xf32>
    gpu.return
  }

  // A kernel that is a variant already comes in further ones of the same kernel.
  // CHECK-LABEL: gpu.func @dot_software(
  // CHECK-SAME:    lowbit.features = ["software"], lowbit.variant_of = @dot}
  // CHECK-NOT:     lowbit.dot_bytes
  // CHECK-LABEL: gpu.func @dot_software_packed_dot(
  // CHECK-SAME:    lowbit.features = ["packed_dot", "software"], lowbit.variant_of = @dot}
  // CHECK:         lowbit.dot_bytes
  gpu.func @dot_software(%x: memref<2xi32>, %y: memref<2xi32>, %z: memref<1xvector<4xf32>>) kernel attributes {known_block_size = array<i32: 1, 1, 1>, lowbit.features = ["software"], lowbit.variant_of = @dot} {
    %c0 = arith.constant 0 : index
    %a = memref.load %x[%c0] : memref<2xi32>
    %dot = lowbit.dot_bytes %a, %a, %a : i32
    memref.store %dot, %y[%c0] : memref<2xi32>
    gpu.return
  }

  // What every device has stays one kernel.
  // CHECK-LABEL: gpu.func @plain(
  // CHECK-NOT:   gpu.func
  gpu.func @plain(%x: memref<1xi32>) kernel attributes {known_block_size = array<i32: 1, 1, 1>} {
    %c0 = arith.constant 0 : index
    %a = memref.load %x[%c0] : memref<1xi32>
    %b = arith.addi %a, %a : i32
    memref.store %b, %x[%c0] : memref<1xi32>
    gpu.return
  }
}
