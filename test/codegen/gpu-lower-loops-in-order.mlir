// Loops whose turns read what other turns write stay loops, of one thread.

// RUN: quant-opt %s -lowbit-gpu-lower-linalg -canonicalize -cse | FileCheck %s

// y[i] is made of y[i + 1].
// CHECK:      gpu.func @loop_4(
// CHECK-SAME: lowbit.invocations = 1 :
// CHECK:        scf.for
// CHECK:          memref.store

// Each element is written from its mirror image.
// CHECK:      gpu.func @loop_4x4(
// CHECK-SAME: lowbit.invocations = 1 :
// CHECK:        scf.for
// CHECK:          scf.for
// CHECK:            memref.store

// Two views of one buffer, one number apart.
// CHECK:      gpu.func @loop_4_1(
// CHECK-SAME: lowbit.invocations = 1 :
// CHECK:        scf.for
// CHECK:          memref.store

func.func @in_place(%x: memref<5xf32>, %y: memref<5xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %j = arith.addi %i, %c1 : index
    %0 = memref.load %y[%j] : memref<5xf32>
    %1 = memref.load %x[%i] : memref<5xf32>
    %2 = arith.addf %0, %1 : f32
    memref.store %2, %y[%i] : memref<5xf32>
  }
  return
}

func.func @transposed(%y: memref<4x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    scf.for %j = %c0 to %c4 step %c1 {
      %0 = memref.load %y[%j, %i] : memref<4x4xf32>
      memref.store %0, %y[%i, %j] : memref<4x4xf32>
    }
  }
  return
}

func.func @views(%x: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %a = memref.subview %x[0] [7] [1] : memref<8xf32> to memref<7xf32, strided<[1]>>
  %b = memref.subview %x[1] [7] [1] : memref<8xf32> to memref<7xf32, strided<[1], offset: 1>>
  scf.for %i = %c0 to %c4 step %c1 {
    %0 = memref.load %a[%i] : memref<7xf32, strided<[1]>>
    memref.store %0, %b[%i] : memref<7xf32, strided<[1], offset: 1>>
  }
  return
}
