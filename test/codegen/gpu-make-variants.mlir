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
