// Loops with layers are written out. Steps read their number, so that their kernels
// are the same.

// RUN: quant-opt %s -lowbit-gpu-unroll-loops -split-input-file | FileCheck %s
// RUN: quant-opt %s -lowbit-gpu-unroll-loops=most-steps=4 -split-input-file | FileCheck %s

// CHECK-DAG:   memref.global "private" constant @lowbit.step.0 : memref<i32> = dense<0>
// CHECK-DAG:   memref.global "private" constant @lowbit.step.1 : memref<i32> = dense<1>
// CHECK-DAG:   memref.global "private" constant @lowbit.step.2 : memref<i32> = dense<2>
// CHECK-LABEL: func.func @layer
// CHECK-SAME:      (%[[XS:.*]]: memref<3x8xf32>, %[[H0:.*]]: memref<1x8xf32>, %[[YS:.*]]: memref<3x8xf32>)
// CHECK-NOT:     scf.for
// CHECK:         %[[W0:.*]] = memref.get_global @lowbit.step.0 : memref<i32>
// CHECK:         %[[N0:.*]] = memref.load %[[W0]][]
// CHECK:         %[[T0:.*]] = arith.index_cast %[[N0]] : i32 to index
// CHECK:         %[[X0:.*]] = memref.subview %[[XS]][%[[T0]], 0]
// CHECK:         %[[H1:.*]] = memref.alloc
// CHECK:         linalg.add ins(%[[H0]], %[[X0]] : {{.*}}) outs(%[[H1]]
// CHECK:         %[[Y0:.*]] = memref.subview %[[YS]][%[[T0]], 0]
// CHECK:         memref.copy %[[H1]], %[[Y0]]
// CHECK:         memref.get_global @lowbit.step.1
// CHECK:         %[[H2:.*]] = memref.alloc
// CHECK:         linalg.add ins(%[[H1]], %{{.*}} outs(%[[H2]]
// CHECK:         memref.get_global @lowbit.step.2
// CHECK:         %[[H3:.*]] = memref.alloc
// CHECK:         linalg.add ins(%[[H2]], %{{.*}} outs(%[[H3]]
// CHECK:         return %[[H3]]
func.func @layer(%xs: memref<3x8xf32>, %h0: memref<1x8xf32>, %ys: memref<3x8xf32>) -> memref<1x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %last = scf.for %t = %c0 to %c3 step %c1 iter_args(%h = %h0) -> (memref<1x8xf32>) {
    %x = memref.subview %xs[%t, 0] [1, 8] [1, 1] : memref<3x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
    %new = memref.alloc() : memref<1x8xf32>
    linalg.add ins(%h, %x : memref<1x8xf32>, memref<1x8xf32, strided<[8, 1], offset: ?>>) outs(%new : memref<1x8xf32>)
    %y = memref.subview %ys[%t, 0] [1, 8] [1, 1] : memref<3x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
    memref.copy %new, %y : memref<1x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
    scf.yield %new : memref<1x8xf32>
  }
  return %last : memref<1x8xf32>
}

// -----

// Of loops in each other the inner one is written out first. A number that isn't
// asked for has no buffer, and a name that is taken isn't taken twice.
// CHECK-NOT:   @lowbit.step.{{[013]}}
// CHECK-DAG:   memref.global "private" constant @lowbit.step.2.0 : memref<i32> = dense<2>
// CHECK-DAG:   memref.global "private" constant @lowbit.step.4 : memref<i32> = dense<4>
// CHECK-NOT:   @lowbit.step.{{[013]}}
// CHECK-LABEL: func.func @nested
// CHECK:         memref.get_global @lowbit.step.2.0
// CHECK:         linalg.exp
// CHECK:         memref.get_global @lowbit.step.4
// CHECK:         linalg.exp
// CHECK:         memref.get_global @lowbit.step.2.0
// CHECK:         linalg.exp
// CHECK:         memref.get_global @lowbit.step.4
// CHECK:         linalg.exp
// CHECK-NOT:     linalg.exp
// CHECK:         return
memref.global "private" constant @lowbit.step.2 : memref<1xf32> = dense<1.0>
func.func @nested(%x: memref<6x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c6 = arith.constant 6 : index
  scf.for %i = %c0 to %c2 step %c1 {
    scf.for %t = %c2 to %c6 step %c2 {
      %row = memref.subview %x[%t, 0] [1, 8] [1, 1] : memref<6x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
      linalg.exp ins(%row : memref<1x8xf32, strided<[8, 1], offset: ?>>) outs(%row : memref<1x8xf32, strided<[8, 1], offset: ?>>)
    }
  }
  return
}

// -----

// Loops over elements are kernels, however many steps they have. Of no steps at all
// stays what was there.
// CHECK-NOT:   memref.global
// CHECK-LABEL: func.func @elements
// CHECK-SAME:      (%{{.*}}: memref<5000xf32>, %[[H:.*]]: memref<8xf32>)
// CHECK:         scf.for
// CHECK:           memref.load
// CHECK:           memref.store
// CHECK-NOT:     scf.for
// CHECK:         return %[[H]]
func.func @elements(%x: memref<5000xf32>, %h: memref<8xf32>) -> memref<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5000 = arith.constant 5000 : index
  %zero = arith.constant 0.0 : f32
  %sum = scf.for %i = %c0 to %c5000 step %c1 iter_args(%old = %zero) -> (f32) {
    %0 = memref.load %x[%i] : memref<5000xf32>
    %1 = arith.addf %old, %0 : f32
    memref.store %1, %x[%i] : memref<5000xf32>
    scf.yield %1 : f32
  }
  %none = scf.for %i = %c0 to %c0 step %c1 iter_args(%a = %h) -> (memref<8xf32>) {
    %new = memref.alloc() : memref<8xf32>
    linalg.exp ins(%a : memref<8xf32>) outs(%new : memref<8xf32>)
    scf.yield %new : memref<8xf32>
  }
  return %none : memref<8xf32>
}

// -----

// So are copies of rows, of which a kernel makes loops; of every other element it
// doesn't.
// CHECK-LABEL: func.func @rows
// CHECK:         scf.for
// CHECK:           memref.copy
// CHECK:         }
// CHECK-NOT:     scf.for
// CHECK:         memref.get_global @lowbit.step.0
// CHECK:         memref.copy
// CHECK:         memref.get_global @lowbit.step.1
// CHECK:         memref.copy
func.func @rows(%x: memref<2x8xf32>, %y: memref<2x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  scf.for %i = %c0 to %c2 step %c1 {
    %from = memref.subview %x[%i, 0] [1, 8] [1, 1] : memref<2x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
    %to = memref.subview %y[%i, 0] [1, 8] [1, 1] : memref<2x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
    memref.copy %from, %to : memref<1x8xf32, strided<[8, 1], offset: ?>> to memref<1x8xf32, strided<[8, 1], offset: ?>>
  }
  scf.for %i = %c0 to %c2 step %c1 {
    %from = memref.subview %x[%i, 0] [1, 4] [1, 2] : memref<2x8xf32> to memref<1x4xf32, strided<[8, 2], offset: ?>>
    %to = memref.subview %y[%i, 0] [1, 4] [1, 1] : memref<2x8xf32> to memref<1x4xf32, strided<[8, 1], offset: ?>>
    memref.copy %from, %to : memref<1x4xf32, strided<[8, 2], offset: ?>> to memref<1x4xf32, strided<[8, 1], offset: ?>>
  }
  return
}
