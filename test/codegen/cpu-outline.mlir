// RUN: quant-opt %s --lowbit-cpu-outline | FileCheck %s

// Two layers, one function.

// CHECK-LABEL: func @main
// CHECK: call @[[LOOP:.*]](%arg0, %arg1)
// CHECK: call @[[LOOP]](%arg1, %arg2)
// CHECK-NOT: linalg
// CHECK: return
// CHECK: func private @[[LOOP]](%arg0: memref<?xf32>, %arg1: memref<?xf32>)
// CHECK: arith.constant 2.0
// CHECK: linalg.generic
func.func @main(%a: memref<?xf32>, %b: memref<?xf32>, %c: memref<?xf32>) {
  %two = arith.constant 2.0 : f32
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%a : memref<?xf32>) outs(%b : memref<?xf32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = arith.mulf %x, %two : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%b : memref<?xf32>) outs(%c : memref<?xf32>) {
  ^bb0(%x: f32, %y: f32):
    %0 = arith.mulf %x, %two : f32
    linalg.yield %0 : f32
  }
  return
}

// Kernels are called by one function, whichever layer and branch it is in.

// CHECK-LABEL: func @branches
// CHECK: scf.if
// CHECK: call @[[TASKS:.*]](%arg1, %arg2)
// CHECK: else
// CHECK: call @[[TASKS]](%arg1, %arg3)
// CHECK: func private @[[TASKS]](%arg0: index, %arg1: memref<?xf32>)
// CHECK: scf.parallel
// CHECK: call @kernel
// CHECK-NOT: scf.parallel
func.func private @kernel(memref<?xf32>, index)
func.func @branches(%first: i1, %n: index, %a: memref<?xf32>, %b: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.if %first {
    scf.parallel (%i) = (%c0) to (%n) step (%c1) {
      func.call @kernel(%a, %i) : (memref<?xf32>, index) -> ()
    }
  } else {
    scf.parallel (%i) = (%c0) to (%n) step (%c1) {
      func.call @kernel(%b, %i) : (memref<?xf32>, index) -> ()
    }
  }
  return
}

// So are loops over tasks of linalg ops; an op that is not in a loop stays in
// its branch.

// CHECK-LABEL: func @attention
// CHECK: scf.if
// CHECK: linalg.fill
// CHECK-NEXT: call @[[HEADS:.*]](%arg1, %arg2)
// CHECK: scf.if
// CHECK: call @[[HEADS]](%arg1, %arg3)
// CHECK-NOT: scf.forall
// CHECK: func private @[[HEADS]](%arg0: index, %arg1: memref<?x64xf32>)
// CHECK: scf.forall
// CHECK: linalg.fill
// CHECK-NOT: scf.forall
func.func @attention(%many: i1, %n: index, %a: memref<?x64xf32>, %b: memref<?x64xf32>, %s: memref<f32>) {
  %zero = arith.constant 0.0 : f32
  scf.if %many {
    linalg.fill ins(%zero : f32) outs(%s : memref<f32>)
    scf.forall (%i) in (%n) {
      %row = memref.subview %a[%i, 0] [1, 64] [1, 1] : memref<?x64xf32> to memref<1x64xf32, strided<[64, 1], offset: ?>>
      linalg.fill ins(%zero : f32) outs(%row : memref<1x64xf32, strided<[64, 1], offset: ?>>)
    }
  }
  scf.if %many {
    scf.forall (%i) in (%n) {
      %row = memref.subview %b[%i, 0] [1, 64] [1, 1] : memref<?x64xf32> to memref<1x64xf32, strided<[64, 1], offset: ?>>
      linalg.fill ins(%zero : f32) outs(%row : memref<1x64xf32, strided<[64, 1], offset: ?>>)
    }
  }
  return
}
