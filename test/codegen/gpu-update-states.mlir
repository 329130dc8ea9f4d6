// RUN: quant-opt %s --lowbit-gpu-update-states | FileCheck %s

// The result that is the state itself is dropped; the argument says what it is.

// CHECK-LABEL: func.func @decode
// CHECK-SAME:    (%[[CACHE:[a-z0-9]+]]: memref<16x8xf32> {lowbit.kind = "state"}, %[[P:[a-z0-9]+]]: index) -> memref<8xf32>
// CHECK:         memref.copy %{{.*}}, %{{.*}}
// CHECK:         return %{{[a-z0-9_]+}} : memref<8xf32>
func.func @decode(%cache: memref<16x8xf32> {lowbit.state = 1 : i64}, %p: index) -> (memref<8xf32>, memref<16x8xf32>) {
  %new = memref.alloc() : memref<8xf32>
  %row = memref.subview %cache[%p, 0] [1, 8] [1, 1] : memref<16x8xf32> to memref<8xf32, strided<[1], offset: ?>>
  memref.copy %new, %row : memref<8xf32> to memref<8xf32, strided<[1], offset: ?>>
  %same = memref.cast %cache : memref<16x8xf32> to memref<16x8xf32>
  return %new, %same : memref<8xf32>, memref<16x8xf32>
}

// Codes are written by whole rows, which are words; scales one by one.

// CHECK-LABEL: func.func @bytes
// CHECK-SAME:    memref<4x16x8xi8> {lowbit.kind = "state", lowbit.packed}
// CHECK-SAME:    memref<4x16xf16> {lowbit.kind = "state"}
func.func @bytes(%codes: memref<4x16x8xi8> {lowbit.state = 0 : i64}, %scales: memref<4x16xf16> {lowbit.state = 1 : i64},
                 %c: memref<4x1x8xi8>, %s: memref<4x1xf16>, %p: index) -> (memref<4x16x8xi8>, memref<4x16xf16>) {
  %0 = memref.subview %codes[0, %p, 0] [4, 1, 8] [1, 1, 1] : memref<4x16x8xi8> to memref<4x1x8xi8, strided<[128, 8, 1], offset: ?>>
  memref.copy %c, %0 : memref<4x1x8xi8> to memref<4x1x8xi8, strided<[128, 8, 1], offset: ?>>
  %1 = memref.subview %scales[0, %p] [4, 1] [1, 1] : memref<4x16xf16> to memref<4x1xf16, strided<[16, 1], offset: ?>>
  memref.copy %s, %1 : memref<4x1xf16> to memref<4x1xf16, strided<[16, 1], offset: ?>>
  return %codes, %scales : memref<4x16x8xi8>, memref<4x16xf16>
}

// Parameters of halves of a row are written by twos, which are words; by ones they
// are not.

// CHECK-LABEL: func.func @words
// CHECK-SAME:    memref<16x4xf16> {lowbit.kind = "state", lowbit.packed}
func.func @words(%state: memref<16x4xf16> {lowbit.state = 0 : i64}, %x: memref<1x2xf16>, %p: index) -> memref<16x4xf16> {
  %0 = memref.subview %state[%p, 2] [1, 2] [1, 1] : memref<16x4xf16> to memref<1x2xf16, strided<[4, 1], offset: ?>>
  memref.copy %x, %0 : memref<1x2xf16> to memref<1x2xf16, strided<[4, 1], offset: ?>>
  return %state : memref<16x4xf16>
}

// CHECK-LABEL: func.func @halves
// CHECK-SAME:    memref<16x4xf16> {lowbit.kind = "state"}
func.func @halves(%state: memref<16x4xf16> {lowbit.state = 0 : i64}, %x: memref<1x2xf16>, %p: index) -> memref<16x4xf16> {
  %0 = memref.subview %state[%p, 1] [1, 2] [1, 1] : memref<16x4xf16> to memref<1x2xf16, strided<[4, 1], offset: ?>>
  memref.copy %x, %0 : memref<1x2xf16> to memref<1x2xf16, strided<[4, 1], offset: ?>>
  return %state : memref<16x4xf16>
}
