// RUN: quant-opt %s --lowbit-cpu-copy-to-linalg | FileCheck %s

// CHECK-LABEL: func @copy
// CHECK-NOT: memref.copy
// CHECK: linalg.generic {{.*}} ins(%arg0 : memref<?x64xf32, strided<[256, 1]>>) outs(%arg1 : memref<?x64xf32>)
func.func @copy(%a: memref<?x64xf32, strided<[256, 1]>>, %b: memref<?x64xf32>) {
  memref.copy %a, %b : memref<?x64xf32, strided<[256, 1]>> to memref<?x64xf32>
  return
}

// CHECK-LABEL: func @copy_onto_itself
// CHECK-NEXT: return
func.func @copy_onto_itself(%a: memref<?xf32>) {
  memref.copy %a, %a : memref<?xf32> to memref<?xf32>
  return
}

// At most 32 x 64 floats: on the stack of the task. Without a bound: not.

// CHECK-LABEL: func @temporaries
// CHECK: scf.forall
// CHECK: %[[S:.*]] = memref.alloca() {alignment = 64 : i64} : memref<32x64xf32>
// CHECK: memref.reinterpret_cast %[[S]] to offset: [0], sizes: [%{{.*}}, 64], strides: [64, 1]
// CHECK: memref.alloc(%arg0) : memref<?xf32>
// CHECK-COUNT-1: memref.dealloc
// CHECK-NOT: memref.dealloc
func.func @temporaries(%n: index, %zero: f32) {
  scf.forall (%i) = (0) to (%n) step (32) {
    %rows = affine.min affine_map<(d0)[s0] -> (-d0 + s0, 32)>(%i)[%n]
    %0 = memref.alloc(%rows) : memref<?x64xf32>
    linalg.fill ins(%zero : f32) outs(%0 : memref<?x64xf32>)
    memref.dealloc %0 : memref<?x64xf32>
    %1 = memref.alloc(%n) : memref<?xf32>
    linalg.fill ins(%zero : f32) outs(%1 : memref<?xf32>)
    memref.dealloc %1 : memref<?xf32>
  }
  return
}
