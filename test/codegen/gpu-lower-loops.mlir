// Loops on buffers become kernels: what writes elements of its own is a thread.

// RUN: quant-opt %s -lowbit-gpu-lower-linalg -canonicalize -cse | FileCheck %s

// A sum along the second of three dimensions: a thread for each row of it, which
// carries the sum.
// CHECK:      gpu.func @loop_3x7x5(%[[X:[a-z0-9]+]]: memref<105xf32> {{[^%]*}}, %[[Y:[a-z0-9]+]]: memref<105xf32> {{[^%]*}}) kernel
// CHECK-SAME: lowbit.invocations = 21
// CHECK:        scf.if
// CHECK-NOT:      scf.for
// CHECK:          scf.for %[[I:.*]] = %c0 to %c5 step %c1 iter_args(%[[SUM:.*]] = %{{.*}}) -> (f32)
// CHECK:            %[[NUMBER:.*]] = memref.load %[[X]]
// CHECK:            %[[NEXT:.*]] = arith.addf %[[SUM]], %[[NUMBER]]
// CHECK:            memref.store %[[NEXT]], %[[Y]]
// CHECK:            scf.yield %[[NEXT]]
// CHECK-NOT:      scf.for

// Rows at computed places: a thread for each column, which takes the updates in
// their order. Integers of 64 bits are words.
// CHECK:      gpu.func @loop_6x7(%[[W:[a-z0-9]+]]: memref<6xi32> {{[^%]*}}, %[[U:[a-z0-9]+]]: memref<42xf32> {{[^%]*}}, %[[Y:[a-z0-9]+]]: memref<35xf32> {{[^%]*}}) kernel
// CHECK-SAME: lowbit.invocations = 7
// CHECK:          scf.for %{{.*}} = %c0 to %c6 step %c1
// CHECK:            memref.load %[[W]]
// CHECK:            memref.load %[[U]]
// CHECK:            memref.load %[[Y]]
// CHECK:            arith.addf
// CHECK:            memref.store %{{.*}}, %[[Y]]

// Where every dimension is computed, one thread does all.
// CHECK:      gpu.func @loop_6(
// CHECK-SAME: lowbit.invocations = 1
// CHECK:          scf.for
// CHECK:            %[[TEST:.*]] = arith.cmpf
// CHECK:            scf.if %[[TEST]]
// CHECK:              memref.store

// An inner loop that has as many steps as a buffer says.
// CHECK:      gpu.func @loop_4(%[[N:[a-z0-9]+]]: memref<1xi32> {{[^%]*}}, %{{.*}}: memref<4xf32> {{[^%]*}}) kernel
// CHECK-SAME: lowbit.invocations = 4
// CHECK:          %[[WORD:.*]] = memref.load %[[N]]
// CHECK:          %[[COUNT:.*]] = arith.index_cast %[[WORD]]
// CHECK:          scf.for %{{.*}} = %c0 to %[[COUNT]]

// A number that the host would compute.
// CHECK:      gpu.func @store(%[[X:[a-z0-9]+]]: memref<1xf32> {{[^%]*}}, %[[Y:[a-z0-9]+]]: memref<2xf32> {{[^%]*}}) kernel
// CHECK-SAME: lowbit.invocations = 1
// CHECK:          %[[NUMBER:.*]] = memref.load %[[X]]
// CHECK:          %[[ROOT:.*]] = math.sqrt %[[NUMBER]]
// CHECK:          memref.store %[[ROOT]], %[[Y]][%c1]

// Rows that are copied to a place which is computed for each text: threads are those
// of a text and a column, and each takes the rows in their order.
// CHECK:      gpu.func @loop_2x3x8(%[[N:[a-z0-9]+]]: memref<2xi32> {{[^%]*}}, %[[X:[a-z0-9]+]]: memref<48xf32> {{[^%]*}}, %[[Y:[a-z0-9]+]]: memref<160xf32> {{[^%]*}}) kernel
// CHECK-SAME: lowbit.invocations = 16
// CHECK:          %[[WORD:.*]] = memref.load %[[N]]
// CHECK:          %[[PLACE:.*]] = arith.index_cast %[[WORD]]
// CHECK:          scf.for %[[I:.*]] = %c0 to %c3 step %c1
// CHECK:            arith.addi %[[PLACE]], %[[I]]
// CHECK:            %[[NUMBER:.*]] = memref.load %[[X]]
// CHECK:            memref.store %[[NUMBER]], %[[Y]]

// CHECK-LABEL: func.func @sums
// CHECK:         lowbit.dispatch @kernels::@loop_3x7x5 [1, 1, 1] ins(%{{.*}} : memref<3x5x7xf32>) outs(%{{.*}} : memref<3x5x7xf32>)
func.func @sums(%x: memref<3x5x7xf32>, %y: memref<3x5x7xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c5 = arith.constant 5 : index
  %c7 = arith.constant 7 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c3 step %c1 {
    scf.for %j = %c0 to %c7 step %c1 {
      %all = scf.for %k = %c0 to %c5 step %c1 iter_args(%sum = %zero) -> (f32) {
        %0 = memref.load %x[%i, %k, %j] : memref<3x5x7xf32>
        %1 = arith.addf %sum, %0 : f32
        memref.store %1, %y[%i, %k, %j] : memref<3x5x7xf32>
        scf.yield %1 : f32
      }
    }
  }
  return
}

// CHECK-LABEL: func.func @rows
func.func @rows(%where: memref<6xi64>, %updates: memref<6x7xf32>, %y: memref<5x7xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c6 = arith.constant 6 : index
  %c7 = arith.constant 7 : index
  scf.for %i = %c0 to %c6 step %c1 {
    scf.for %j = %c0 to %c7 step %c1 {
      %0 = memref.load %where[%i] : memref<6xi64>
      %1 = arith.index_cast %0 : i64 to index
      %2 = memref.load %updates[%i, %j] : memref<6x7xf32>
      %3 = memref.load %y[%1, %j] : memref<5x7xf32>
      %4 = arith.addf %3, %2 : f32
      memref.store %4, %y[%1, %j] : memref<5x7xf32>
    }
  }
  return
}

// CHECK-LABEL: func.func @points
func.func @points(%where: memref<6xi64>, %updates: memref<6xf32>, %y: memref<5xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c6 = arith.constant 6 : index
  scf.for %i = %c0 to %c6 step %c1 {
    %0 = memref.load %where[%i] : memref<6xi64>
    %1 = arith.index_cast %0 : i64 to index
    %2 = memref.load %updates[%i] : memref<6xf32>
    %3 = memref.load %y[%1] : memref<5xf32>
    %4 = arith.cmpf ogt, %2, %3 : f32
    scf.if %4 {
      memref.store %2, %y[%1] : memref<5xf32>
    }
  }
  return
}

// CHECK-LABEL: func.func @counted
func.func @counted(%count: memref<i64>, %y: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %0 = memref.load %count[] : memref<i64>
  %n = arith.index_cast %0 : i64 to index
  scf.for %i = %c0 to %c4 step %c1 {
    %all = scf.for %k = %c0 to %n step %c1 iter_args(%sum = %zero) -> (f32) {
      %1 = arith.addf %sum, %one : f32
      scf.yield %1 : f32
    }
    memref.store %all, %y[%i] : memref<4xf32>
  }
  return
}

// What is done no time is nothing.
// CHECK-LABEL: func.func @never
// CHECK-NOT:     lowbit.dispatch
// CHECK:         return
func.func @never(%y: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c0 step %c1 {
    memref.store %zero, %y[%i] : memref<4xf32>
  }
  return
}

// CHECK-LABEL: func.func @number
// CHECK:         lowbit.dispatch @kernels::@store [1, 1, 1]
func.func @number(%x: memref<f32>, %y: memref<2xf32>) {
  %c1 = arith.constant 1 : index
  %0 = memref.load %x[] : memref<f32>
  %1 = math.sqrt %0 : f32
  memref.store %1, %y[%c1] : memref<2xf32>
  return
}

// CHECK-LABEL: func.func @copies
// CHECK:         lowbit.dispatch @kernels::@loop_2x3x8
func.func @copies(%where: memref<2xi64>, %x: memref<2x3x8xf32>, %y: memref<2x10x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  scf.for %i = %c0 to %c2 step %c1 {
    %from = memref.subview %x[%i, 0, 0] [1, 3, 8] [1, 1, 1] : memref<2x3x8xf32> to memref<3x8xf32, strided<[8, 1], offset: ?>>
    %word = memref.load %where[%i] : memref<2xi64>
    %row = arith.index_cast %word : i64 to index
    %text = memref.subview %y[%i, 0, 0] [1, 10, 8] [1, 1, 1] : memref<2x10x8xf32> to memref<10x8xf32, strided<[8, 1], offset: ?>>
    %to = memref.subview %text[%row, 0] [3, 8] [1, 1] : memref<10x8xf32, strided<[8, 1], offset: ?>> to memref<3x8xf32, strided<[8, 1], offset: ?>>
    memref.copy %from, %to : memref<3x8xf32, strided<[8, 1], offset: ?>> to memref<3x8xf32, strided<[8, 1], offset: ?>>
  }
  return
}
