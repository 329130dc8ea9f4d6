// RUN: quant-opt %s --lowbit-gpu-separate-results | FileCheck %s

// The same buffer, and a view of it.
// CHECK-LABEL: func.func @shared
// CHECK:         %[[Y:.*]] = memref.alloc() : memref<4x6xf32>
// CHECK:         %[[VIEW:.*]] = memref.expand_shape
// CHECK:         %[[SECOND:.*]] = memref.alloc() : memref<4x6xf32>
// CHECK:         memref.copy %[[Y]], %[[SECOND]]
// CHECK:         %[[THIRD:.*]] = memref.alloc() : memref<4x2x3xf32>
// CHECK:         memref.copy %[[VIEW]], %[[THIRD]]
// CHECK:         return %[[Y]], %[[SECOND]], %[[THIRD]]
func.func @shared() -> (memref<4x6xf32>, memref<4x6xf32>, memref<4x2x3xf32>) {
  %y = memref.alloc() : memref<4x6xf32>
  %view = memref.expand_shape %y [[0], [1, 2]] output_shape [4, 2, 3] : memref<4x6xf32> into memref<4x2x3xf32>
  return %y, %y, %view : memref<4x6xf32>, memref<4x6xf32>, memref<4x2x3xf32>
}

// What has a buffer of its own stays; an input and a weight have none.
// CHECK-LABEL: func.func @apart
// CHECK-SAME:    (%[[X:.*]]: memref<6xf32>)
// CHECK:         %[[Y:.*]] = memref.alloc() : memref<6xf32>
// CHECK:         %[[W:.*]] = memref.get_global
// CHECK-NEXT:    %[[FIRST:.*]] = memref.alloc() : memref<6xf32>
// CHECK-NEXT:    memref.copy %[[X]], %[[FIRST]]
// CHECK-NEXT:    %[[SECOND:.*]] = memref.alloc() : memref<6xf32>
// CHECK-NEXT:    memref.copy %[[W]], %[[SECOND]]
// CHECK-NEXT:    return %[[Y]], %[[FIRST]], %[[SECOND]]
memref.global "private" constant @w : memref<6xf32>
func.func @apart(%x: memref<6xf32>) -> (memref<6xf32>, memref<6xf32>, memref<6xf32>) {
  %y = memref.alloc() : memref<6xf32>
  %w = memref.get_global @w : memref<6xf32>
  return %y, %x, %w : memref<6xf32>, memref<6xf32>, memref<6xf32>
}

// A slice of rows: bufferization casts it as if it began with the buffer.
// CHECK-LABEL: func.func @slice
// CHECK:         %[[SLICE:.*]] = memref.subview
// CHECK:         %[[COPY:.*]] = memref.alloc() : memref<4x6xf32>
// CHECK:         memref.copy %[[SLICE]], %[[COPY]]
// CHECK:         return %[[COPY]]
func.func @slice(%first: index) -> memref<4x6xf32> {
  %y = memref.alloc() : memref<8x6xf32>
  %slice = memref.subview %y[%first, 0] [4, 6] [1, 1] : memref<8x6xf32> to memref<4x6xf32, strided<[6, 1], offset: ?>>
  %cast = memref.cast %slice : memref<4x6xf32, strided<[6, 1], offset: ?>> to memref<4x6xf32>
  return %cast : memref<4x6xf32>
}
