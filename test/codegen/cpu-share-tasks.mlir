// RUN: quant-opt %s --convert-scf-to-openmp --lowbit-cpu-guard-parallel --lowbit-cpu-share-tasks --split-input-file | FileCheck %s

// The first ticket of each thread is half of its share of the tasks, the others
// an eighth of the rest; the last dimension is the fastest.

// CHECK: func.func private @__kmpc_bound_num_threads(!llvm.ptr) -> i32
// CHECK-LABEL: func @tasks(
// CHECK-SAME: %[[N:.*]]: index, %[[STEP:.*]]: index, %{{.*}}: memref<?x?xf32>)
// CHECK: %[[COUNTER:.*]] = memref.alloca() {alignment = 64 : i64} : memref<8xi64>
// CHECK: %[[OUTER:.*]] = arith.ceildivui %{{.*}}, %[[STEP]]
// CHECK: %[[INNER:.*]] = arith.ceildivui
// CHECK: %[[PRODUCT:.*]] = arith.muli %{{.*}}, %[[OUTER]]
// CHECK: %[[COUNT:.*]] = arith.muli %[[PRODUCT]], %[[INNER]]
// CHECK: memref.store %c0_i64{{.*}}, %[[COUNTER]]
// CHECK: omp.parallel if(%{{.*}}) {
// CHECK-NOT: omp.wsloop
// CHECK: %[[TEAM:.*]] = func.call @__kmpc_bound_num_threads
// CHECK: %[[THREADS:.*]] = arith.index_castui %[[TEAM]]
// CHECK: %[[TWICE:.*]] = arith.shli %[[THREADS]], %c1
// CHECK: %[[HALF:.*]] = arith.divui %[[COUNT]], %[[TWICE]]
// CHECK: %[[EARLY:.*]] = arith.maxui %[[HALF]], %c1
// CHECK: %[[START:.*]] = arith.muli %[[THREADS]], %[[EARLY]]
// CHECK: arith.subi %[[COUNT]]
// CHECK: arith.muli %[[THREADS]], %c8
// CHECK: %[[LATE:.*]] = arith.maxui
// CHECK: scf.while : () -> (index, index) {
// CHECK:   %[[DRAWN:.*]] = memref.atomic_rmw addi %c1_i64{{.*}}, %[[COUNTER]]
// CHECK:   %[[TICKET:.*]] = arith.index_cast %[[DRAWN]]
// CHECK:   %[[IS_EARLY:.*]] = arith.cmpi ult, %[[TICKET]], %[[THREADS]]
// CHECK:   %[[FIRST:.*]] = arith.select %[[IS_EARLY]]
// CHECK:   %[[SIZE:.*]] = arith.select %[[IS_EARLY]], %[[EARLY]], %[[LATE]]
// CHECK:   %[[LEFT:.*]] = arith.cmpi ult, %[[FIRST]], %[[COUNT]]
// CHECK:   scf.condition(%[[LEFT]]) %[[FIRST]], %[[SIZE]]
// CHECK: ^bb0(%[[FROM:.*]]: index, %[[MANY:.*]]: index):
// CHECK:   %[[TO:.*]] = arith.addi %[[FROM]], %[[MANY]]
// CHECK:   %[[END:.*]] = arith.minui %[[TO]], %[[COUNT]]
// CHECK:   scf.for %[[TASK:.*]] = %[[FROM]] to %[[END]]
// CHECK:     %[[COLUMN:.*]] = arith.remui %[[TASK]], %[[INNER]]
// CHECK:     %[[ROW:.*]] = arith.divui %[[TASK]], %[[INNER]]
// CHECK:     %[[J:.*]] = arith.addi %c3{{.*}}, %{{.*}}
// CHECK:     %[[I:.*]] = arith.addi %c0{{.*}}, %{{.*}}
// CHECK:     memref.store %{{.*}}, %{{.*}}[%[[I]], %[[J]]]
// CHECK: omp.terminator

// One behind the other, they need one counter.
// CHECK: memref.store %c0_i64{{.*}}, %[[COUNTER]]
// CHECK: omp.parallel
// CHECK: memref.atomic_rmw addi %{{.*}}, %[[COUNTER]]
// CHECK-NOT: omp.wsloop
func.func @tasks(%n: index, %step: index, %b: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %zero = arith.constant 0.0 : f32
  scf.parallel (%i, %j) = (%c0, %c3) to (%n, %n) step (%step, %c1) {
    memref.store %zero, %b[%i, %j] : memref<?x?xf32>
  }
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    memref.store %zero, %b[%i, %i] : memref<?x?xf32>
  }
  return
}

// -----

// What is combined at the end stays as it is.

// CHECK-NOT: __kmpc_bound_num_threads
// CHECK-LABEL: func @reduction
// CHECK: omp.wsloop reduction(
// CHECK-NOT: memref.atomic_rmw
func.func @reduction(%n: index, %b: memref<?xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %sum = scf.parallel (%i) = (%c0) to (%n) step (%c1) init (%zero) -> f32 {
    %v = memref.load %b[%i] : memref<?xf32>
    scf.reduce(%v : f32) {
    ^bb0(%left: f32, %right: f32):
      %both = arith.addf %left, %right : f32
      scf.reduce.return %both : f32
    }
  }
  return %sum : f32
}

// -----

// So do bounds that each thread computes, and regions of two loops.

// CHECK-LABEL: func @inside
// CHECK: omp.wsloop
// CHECK: omp.wsloop
// CHECK: omp.wsloop
func.func @inside(%n: index, %b: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    %m = arith.addi %n, %c1 : index
    omp.wsloop {
      omp.loop_nest (%i) : index = (%c0) to (%m) step (%c1) {
        memref.store %zero, %b[%i] : memref<?xf32>
        omp.yield
      }
    }
    omp.terminator
  }
  omp.parallel {
    omp.wsloop {
      omp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) {
        memref.store %zero, %b[%i] : memref<?xf32>
        omp.yield
      }
    }
    omp.wsloop {
      omp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) {
        memref.store %zero, %b[%i] : memref<?xf32>
        omp.yield
      }
    }
    omp.terminator
  }
  return
}
