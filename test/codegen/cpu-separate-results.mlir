// RUN: quant-opt %s --lowbit-cpu-separate-results | FileCheck %s

// The same buffer, and a view of it.
// CHECK-LABEL: func @shared
// CHECK: %[[Y:.*]] = memref.alloc({{.*}}) : memref<?x6xf32>
// CHECK: %[[VIEW:.*]] = memref.expand_shape
// CHECK: %[[SECOND:.*]] = memref.alloc({{.*}}) : memref<?x6xf32>
// CHECK: memref.copy %[[Y]], %[[SECOND]]
// CHECK: %[[THIRD:.*]] = memref.alloc({{.*}}) : memref<?x2x3xf32>
// CHECK: memref.copy %[[VIEW]], %[[THIRD]]
// CHECK: return %[[Y]], %[[SECOND]], %[[THIRD]]
func.func @shared(%n: index) -> (memref<?x6xf32>, memref<?x6xf32>, memref<?x2x3xf32>) {
  %y = memref.alloc(%n) : memref<?x6xf32>
  %view = memref.expand_shape %y [[0], [1, 2]] output_shape [%n, 2, 3] : memref<?x6xf32> into memref<?x2x3xf32>
  return %y, %y, %view : memref<?x6xf32>, memref<?x6xf32>, memref<?x2x3xf32>
}

// What has a buffer of its own stays.
// CHECK-LABEL: func @apart
// CHECK-NOT: memref.copy
func.func @apart() -> (memref<6xf32>, memref<6xf32>, index) {
  %zero = arith.constant 0 : index
  %y = memref.alloc() : memref<6xf32>
  %z = memref.alloc() : memref<6xf32>
  return %y, %z, %zero : memref<6xf32>, memref<6xf32>, index
}

// A slice of rows: bufferization casts it as if they were next to each other.
// CHECK-LABEL: func @slice
// CHECK: %[[SLICE:.*]] = memref.subview
// CHECK: %[[COPY:.*]] = memref.alloc({{.*}}) : memref<?x3xf32>
// CHECK: memref.copy %[[SLICE]], %[[COPY]]
// CHECK: return %[[COPY]]
func.func @slice(%n: index, %m: index) -> memref<?x3xf32> {
  %y = memref.alloc(%n, %m) : memref<?x?xf32>
  %slice = memref.subview %y[0, 0] [%n, 3] [1, 1] : memref<?x?xf32> to memref<?x3xf32, strided<[?, 1]>>
  %cast = memref.cast %slice : memref<?x3xf32, strided<[?, 1]>> to memref<?x3xf32>
  return %cast : memref<?x3xf32>
}
