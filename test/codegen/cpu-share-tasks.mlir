// RUN: quant-opt %s --convert-scf-to-openmp --lowbit-cpu-guard-parallel --lowbit-cpu-share-tasks --split-input-file | FileCheck %s

// The first ticket of each thread is half of its share of the tasks, the others
// an eighth of the rest; the last dimension is the fastest.

// CHECK: func.func private @__kmpc_bound_num_threads(!llvm.ptr) -> i32
// CHECK-LABEL: func @tasks(
// CHECK-SAME: %[[N:.*]]: index, %[[STEP:.*]]: index, %{{.*}}: memref<?x?xf32>)
// CHECK: %[[COUNTER:.*]] = memref.alloca() {alignment = 64 : i64} : memref<8xi64>
// CHECK: %[[DOWN:.*]] = arith.cmpi slt, %[[STEP]], %c0
// CHECK: %[[LOW:.*]] = arith.select %[[DOWN]], %[[N]], %c0
// CHECK: %[[HIGH:.*]] = arith.select %[[DOWN]], %c0{{.*}}, %[[N]]
// CHECK: %[[BACK:.*]] = arith.subi %c0{{.*}}, %[[STEP]]
// CHECK: %[[DISTANCE:.*]] = arith.select %[[DOWN]], %[[BACK]], %[[STEP]]
// CHECK: %[[EXTENT:.*]] = arith.subi %[[HIGH]], %[[LOW]]
// CHECK: %[[OUTER:.*]] = arith.ceildivui %{{.*}}, %[[DISTANCE]]
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

// -----

// Constants, views and slots of a thread may be before the loop, and a loop may
// be without its barrier: that of the region is behind it.

// CHECK-LABEL: func @before(
// CHECK: omp.parallel
// CHECK: %[[SLOT:.*]] = memref.alloca() : memref<f32>
// CHECK-NOT: omp.wsloop
// CHECK: memref.atomic_rmw addi
// CHECK: memref.store %{{.*}}, %[[SLOT]][]
func.func @before(%n: index, %b: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    %slot = memref.alloca() : memref<f32>
    omp.wsloop nowait {
      omp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) {
        memref.store %zero, %slot[] : memref<f32>
        omp.yield
      }
    }
    omp.terminator
  }
  return
}

// -----

// Regions in others have a counter for each thread of those, in its own frame.

// CHECK-LABEL: func @nested(
// CHECK-NOT: memref.alloca
// CHECK: omp.parallel {
// CHECK-NEXT: %[[COUNTER:.*]] = memref.alloca() {alignment = 64 : i64} : memref<8xi64>
// CHECK: omp.wsloop
// CHECK: memref.store %c0_i64{{.*}}, %[[COUNTER]]
// CHECK: omp.parallel
// CHECK: memref.atomic_rmw addi %{{.*}}, %[[COUNTER]]
// CHECK: memref.store %c0_i64{{.*}}, %[[COUNTER]]
// CHECK: omp.parallel
// CHECK: memref.atomic_rmw addi %{{.*}}, %[[COUNTER]]
// CHECK-NOT: memref.alloca
func.func @nested(%n: index, %b: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    omp.wsloop {
      omp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) {
        omp.parallel {
          omp.wsloop {
            omp.loop_nest (%j) : index = (%c0) to (%n) step (%c1) {
              memref.store %zero, %b[%i, %j] : memref<?x?xf32>
              omp.yield
            }
          }
          omp.terminator
        }
        omp.parallel {
          omp.wsloop {
            omp.loop_nest (%j) : index = (%c0) to (%n) step (%c1) {
              memref.store %zero, %b[%j, %i] : memref<?x?xf32>
              omp.yield
            }
          }
          omp.terminator
        }
        omp.yield
      }
    }
    omp.terminator
  }
  return
}

// -----

// In a loop of the caller, the counter is reset for each region.

// CHECK-LABEL: func @repeated(
// CHECK: %[[COUNTER:.*]] = memref.alloca() {alignment = 64 : i64} : memref<8xi64>
// CHECK: scf.for
// CHECK-NOT: memref.alloca
// CHECK: memref.store %c0_i64{{.*}}, %[[COUNTER]]
// CHECK: omp.parallel
// CHECK: memref.atomic_rmw addi %{{.*}}, %[[COUNTER]]
func.func @repeated(%n: index, %b: memref<?x?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %n step %c1 {
    scf.parallel (%j) = (%c0) to (%n) step (%c1) {
      memref.store %zero, %b[%i, %j] : memref<?x?xf32>
    }
  }
  return
}

// -----

// An upper bound that is the last iteration.

// CHECK-NOT: __kmpc_bound_num_threads
// CHECK-LABEL: func @inclusive(
// CHECK: omp.wsloop
// CHECK-NOT: memref.atomic_rmw
func.func @inclusive(%n: index, %b: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    omp.wsloop {
      omp.loop_nest (%i) : index = (%c0) to (%n) inclusive step (%c1) {
        memref.store %zero, %b[%i] : memref<?xf32>
        omp.yield
      }
    }
    omp.terminator
  }
  return
}

// -----

// What is behind the loop finds all of it done.

// CHECK-NOT: __kmpc_bound_num_threads
// CHECK-LABEL: func @behind(
// CHECK: omp.wsloop
// CHECK-NOT: memref.atomic_rmw
func.func private @use(memref<?xf32>)
func.func @behind(%n: index, %b: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    omp.wsloop {
      omp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) {
        memref.store %zero, %b[%i] : memref<?xf32>
        omp.yield
      }
    }
    func.call @use(%b) : (memref<?xf32>) -> ()
    omp.terminator
  }
  return
}

// -----

// So does what needs nothing of it: what is there is for others to move.

// CHECK-NOT: __kmpc_bound_num_threads
// CHECK-LABEL: func @value_behind(
// CHECK: omp.wsloop
// CHECK-NOT: memref.atomic_rmw
func.func @value_behind(%n: index, %b: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    omp.wsloop {
      omp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) {
        memref.store %zero, %b[%i] : memref<?xf32>
        omp.yield
      }
    }
    %m = arith.addi %n, %n : index
    omp.terminator
  }
  return
}

// -----

// Each thread does something else before.

// CHECK-NOT: __kmpc_bound_num_threads
// CHECK-LABEL: func @effect_before(
// CHECK: omp.wsloop
// CHECK-NOT: memref.atomic_rmw
func.func private @use(memref<?xf32>)
func.func @effect_before(%n: index, %b: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    func.call @use(%b) : (memref<?xf32>) -> ()
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

// -----

// A body of several blocks.

// CHECK-NOT: __kmpc_bound_num_threads
// CHECK-LABEL: func @blocks(
// CHECK: omp.wsloop
// CHECK-NOT: memref.atomic_rmw
func.func @blocks(%n: index, %b: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    omp.wsloop {
      omp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) {
        cf.br ^next
      ^next:
        memref.store %zero, %b[%i] : memref<?xf32>
        omp.yield
      }
    }
    omp.terminator
  }
  return
}

// -----

// A region of several blocks, which may run its loop more than once.

// CHECK-NOT: __kmpc_bound_num_threads
// CHECK-LABEL: func @region_blocks(
// CHECK: omp.wsloop
// CHECK-NOT: memref.atomic_rmw
func.func @region_blocks(%n: index, %b: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    cf.br ^next
  ^next:
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

// -----

// Iterations in order.

// CHECK-NOT: __kmpc_bound_num_threads
// CHECK-LABEL: func @ordered(
// CHECK: omp.wsloop
// CHECK-NOT: memref.atomic_rmw
func.func @ordered(%n: index, %b: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    omp.wsloop ordered(0) {
      omp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) {
        memref.store %zero, %b[%i] : memref<?xf32>
        omp.yield
      }
    }
    omp.terminator
  }
  return
}

// -----

// A schedule that was asked for.

// CHECK-NOT: __kmpc_bound_num_threads
// CHECK-LABEL: func @schedule(
// CHECK: omp.wsloop
// CHECK-NOT: memref.atomic_rmw
func.func @schedule(%n: index, %b: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    omp.wsloop schedule(static) {
      omp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) {
        memref.store %zero, %b[%i] : memref<?xf32>
        omp.yield
      }
    }
    omp.terminator
  }
  return
}

// -----

// A loop that may be left.

// CHECK-NOT: __kmpc_bound_num_threads
// CHECK-LABEL: func @cancel(
// CHECK: omp.wsloop
// CHECK-NOT: memref.atomic_rmw
func.func @cancel(%n: index, %b: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    omp.wsloop {
      omp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) {
        omp.cancel cancellation_construct_type(loop)
        memref.store %zero, %b[%i] : memref<?xf32>
        omp.yield
      }
    }
    omp.terminator
  }
  return
}

// -----

// Vectors of iterations.

// CHECK-NOT: __kmpc_bound_num_threads
// CHECK-LABEL: func @simd(
// CHECK: omp.wsloop
// CHECK-NOT: memref.atomic_rmw
func.func @simd(%n: index, %b: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    omp.wsloop {
      omp.simd {
        omp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) {
          memref.store %zero, %b[%i] : memref<?xf32>
          omp.yield
        }
      } {omp.composite}
    } {omp.composite}
    omp.terminator
  }
  return
}

// -----

// Counters of other types.

// CHECK-NOT: __kmpc_bound_num_threads
// CHECK-LABEL: func @integers(
// CHECK: omp.wsloop
// CHECK-NOT: memref.atomic_rmw
func.func @integers(%n: i32, %b: memref<f32>) {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    omp.wsloop {
      omp.loop_nest (%i) : i32 = (%c0) to (%n) step (%c1) {
        memref.store %zero, %b[] : memref<f32>
        omp.yield
      }
    }
    omp.terminator
  }
  return
}

// -----

// Tasks of one thread may fork at the same time.

// CHECK-NOT: __kmpc_bound_num_threads
// CHECK-LABEL: func @task(
// CHECK: omp.wsloop
// CHECK-NOT: memref.atomic_rmw
func.func @task(%n: index, %b: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    omp.task {
      omp.parallel {
        omp.wsloop {
          omp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) {
            memref.store %zero, %b[%i] : memref<?xf32>
            omp.yield
          }
        }
        omp.terminator
      }
      omp.terminator
    }
    omp.terminator
  }
  return
}

// -----

// Functions that are lowered already.

// CHECK-NOT: __kmpc_bound_num_threads
// CHECK-LABEL: llvm.func @lowered(
// CHECK: omp.wsloop
// CHECK-NOT: memref.atomic_rmw
llvm.func @lowered(%n: i64, %p: !llvm.ptr) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %end = arith.index_cast %n : i64 to index
  %zero = arith.constant 0.0 : f32
  omp.parallel {
    omp.wsloop {
      omp.loop_nest (%i) : index = (%c0) to (%end) step (%c1) {
        llvm.store %zero, %p : f32, !llvm.ptr
        omp.yield
      }
    }
    omp.terminator
  }
  llvm.return
}
