// RUN: quant-opt %s --convert-scf-to-openmp --lowbit-cpu-guard-parallel | FileCheck %s

// CHECK-LABEL: func @one_task
// CHECK: %[[NEXT:.*]] = arith.addi %{{.*}}, %{{.*}} : index
// CHECK: %[[SEVERAL:.*]] = arith.cmpi slt, %[[NEXT]], %arg0 : index
// CHECK: omp.parallel if(%[[SEVERAL]]) {
// CHECK-NEXT: memref.alloca() : memref<16xf32>
// CHECK-NEXT: omp.wsloop {
// CHECK-NEXT: omp.loop_nest
// CHECK-NOT: memref.alloca_scope
func.func @one_task(%n: index, %b: memref<?xvector<16xf32>>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    %0 = memref.alloca() : memref<16xf32>
    %1 = vector.load %0[%c0] : memref<16xf32>, vector<16xf32>
    memref.store %1, %b[%i] : memref<?xvector<16xf32>>
  }
  return
}
