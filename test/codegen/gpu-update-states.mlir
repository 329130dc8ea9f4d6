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
