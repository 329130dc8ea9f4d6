//===- VectorPasses.td - tasks, loops and vectors ----------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How work is cut into tasks, and these into register tiles.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_VECTORPASSES
#define LOWBIT_CODEGEN_CPU_VECTORPASSES

include "mlir/Pass/PassBase.td"

def CPUDistributePass : Pass<"lowbit-cpu-distribute", "::mlir::func::FuncOp"> {
  let summary = "Tile groups of linalg ops into parallel loops";
  let description = [{
    Every linalg op that no group has taken yet becomes the root of a group,
    last op first. Its parallel dimensions are tiled by `scf.forall`, and
    producers used by the group alone are fused into the tile, as long as two
    tiles never compute the same element twice. So the scores, the softmax and
    the weighted sum of an attention head share one loop over blocks of rows,
    and a matrix product is finished by its bias, activation and residual while
    the tile is in cache.

    Tile sizes come from shapes alone, never from the number of threads, so that
    results don't depend on it. Ops with less than `min-work` scalar operations
    (a dynamic dimension counts as 256) stay serial.

    ```mlir
    %0 = linalg.matmul ins(%a, %b : tensor<?x256xf32>, tensor<256x768xf32>) ...
    %1 = linalg.generic ins(%0, %r : ...) { arith.addf }
    ```
    becomes
    ```mlir
    %1 = scf.forall (%i, %j) = (0, 0) to (%m, 768) step (64, 128) shared_outs(...) {
      %p = linalg.matmul ins(%a_slice, %b_slice : tensor<?x256xf32>, tensor<256x128xf32>) ...
      %s = linalg.generic ins(%p, %r_slice : ...) { arith.addf }
      ...
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::scf::SCFDialect", "::mlir::affine::AffineDialect"];
  let options = [
    Option<"rowTile", "row-tile", "int64_t", "CPUTuning().rowTile",
           "Rows of a contraction in a task">,
    Option<"columnTile", "column-tile", "int64_t", "CPUTuning().columnTile",
           "Columns of a contraction in a task">,
    Option<"elementTile", "element-tile", "int64_t", "CPUTuning().elementTile",
           "Elements of the result of any other group in a task">,
    Option<"minWork", "min-work", "int64_t", "CPUTuning().minWork",
           "Scalar operations below which an op stays serial">];
  let statistics = [
    Statistic<"numGroups", "groups", "Parallel loops made">,
    Statistic<"numFused", "fused", "Producers fused into them">];
}

def CPUCopyToLinalgPass : Pass<"lowbit-cpu-copy-to-linalg", "::mlir::func::FuncOp"> {
  let summary = "Turn buffer copies into linalg, temporaries into stack slots";
  let description = [{
    `memref.copy` of strided buffers would call a run-time function that copies
    element by element; as `linalg.generic` it is vectorized like everything
    else. A copy of a buffer onto itself disappears.

    A buffer allocated inside a parallel loop whose size has a constant bound of
    at most `max-stack-bytes` lives on the stack of the task.

    ```mlir
    memref.copy %a, %b : memref<?x64xf32, strided<[256, 1]>> to memref<?x64xf32>
    ```
    becomes
    ```mlir
    linalg.generic ins(%a : ...) outs(%b : ...) { linalg.yield %in : f32 }
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect"];
  let options = [
    Option<"maxStackBytes", "max-stack-bytes", "int64_t", "65536",
           "Largest temporary of a task that lives on its stack">];
  let statistics = [Statistic<"numStack", "stack", "Temporaries moved to the stack">];
}

def CPUTileAndVectorizePass
    : Pass<"lowbit-cpu-tile-and-vectorize", "::mlir::func::FuncOp"> {
  let summary = "Tile linalg ops on buffers to registers and vectorize them";
  let description = [{
    Each linalg op on buffers becomes loops around one vectorized tile.

    * Elementwise: one row of `vector-bits` along the result's last dimension;
      a square tile with an in-register transposition where an input is
      transposed.
    * Contraction: a register tile of `rows` x two vectors, a loop over the
      reduction with the accumulators in registers, one row of four vectors for
      what is left of the rows.
    * Reduction of the last dimension: partial results in four vectors, one
      horizontal reduction per row.

    An op whose body reads memory at computed addresses, the decoding of packed
    bits in the reference form of a layer without a kernel, becomes scalar loops
    marked `lowbit.scalar_loop`, and a remark. So are marked loops that were there
    before and hold no linalg op; others get `lowbit.program_loop`.

    A dimension that the tile doesn't divide gets a main loop on full tiles, and
    one masked tile (the last dimension) or a loop over single rows (others).
    The order in which numbers are added depends on the shape alone.

    ```mlir
    linalg.generic ins(%a : memref<?xf32>) outs(%b : memref<?xf32>) { math.exp }
    ```
    becomes
    ```mlir
    scf.for %i = %c0 to %main step %c16 {
      %v = vector.transfer_read %a[%i], %pad {in_bounds = [true]} : memref<?xf32>, vector<16xf32>
      %e = math.exp %v : vector<16xf32>
      vector.transfer_write %e, %b[%i] {in_bounds = [true]} : vector<16xf32>, memref<?xf32>
    }
    scf.if %hasTail { ... vector.mask ... }
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
                           "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect"];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", "0",
           "Bits of a vector register; 0 asks the module's lowbit.target">,
    Option<"rows", "rows", "int64_t", "CPUTuning().registerRows",
           "Rows of the register tile of a contraction; 0 takes as many as the "
           "target's registers hold">];
  let statistics = [
    Statistic<"numVectorized", "vectorized", "Linalg ops vectorized">];
}

def CPULowerVectorsPass : Pass<"lowbit-cpu-lower-vectors", "::mlir::func::FuncOp"> {
  let summary = "Lower vectors to one dimension and math to polynomials";
  let description = [{
    Contractions become outer products and then fused multiply-adds, masks go
    into the transfers, transpositions become shuffles, and transfers are
    unrolled to one dimension. `math.exp`, `math.tanh`, `math.erf`, `math.log`
    and others use upstream's polynomials; `math.sin` and `math.cos` a reduction
    of the argument in three parts that is accurate to 1e-6 up to 2^16.

    ```mlir
    %0 = vector.contract {...} %a, %b, %c : vector<8x1xf32>, vector<1x32xf32> into vector<8x32xf32>
    ```
    becomes
    ```mlir
    %1 = vector.broadcast %a0 : f32 to vector<32xf32>
    %2 = vector.fma %1, %b0, %c0 : vector<32xf32>
    ...
    ```
  }];
  let dependentDialects = ["::mlir::vector::VectorDialect", "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::affine::AffineDialect"];
  let statistics = [
    Statistic<"numContractions", "contractions", "Contractions lowered to outer products">];
}

def CPUVerifyVectorizedPass
    : Pass<"lowbit-cpu-verify-vectorized", "::mlir::func::FuncOp"> {
  let summary = "Report loops that compute floating-point numbers one by one";
  let description = [{
    A loop that holds a scalar floating-point operation, or that copies scalar
    numbers from buffer to buffer, or a linalg op that was not vectorized, is an
    error: `scalar floating-point work in a loop: 'arith.addf'`. Kernels, functions
    with `lowbit.kernel`, are left out, and so are single numbers in the body of a
    loop that the program itself has, `lowbit.program_loop`. Changes nothing.

    ```mlir
    %sum = scf.for %i = %c0 to %n step %c1 iter_args(%s = %zero) -> f32 {
      %x = memref.load %a[%i] : memref<?xf32>
      %next = arith.addf %s, %x : f32   // the error is here
      scf.yield %next : f32
    }
    ```
  }];
  let options = [
    Option<"warnOnly", "warn-only", "bool", "false",
           "Emit remarks instead of errors">];
  let statistics = [
    Statistic<"numScalarLoops", "scalar-loops", "Marked scalar loops let through">];
}

def CPUGuardParallelPass
    : Pass<"lowbit-cpu-guard-parallel", "::mlir::func::FuncOp"> {
  let summary = "Give threads stack slots of their own, and run a single task without a fork";
  let description = [{
    Stack slots of constant size move from the task to the start of the parallel
    region (or of the function), so that the stack doesn't grow with the number
    of tasks. Then adds `if` with the condition that the loop has more than one iteration, so
    that decoding one token pays no fork for loops over rows.

    ```mlir
    omp.parallel { omp.wsloop { omp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) ...
    ```
    becomes
    ```mlir
    %several = arith.cmpi sgt, %trips, %c1 : index
    omp.parallel if(%several) { omp.wsloop { ...
    ```
  }];
  let dependentDialects = ["::mlir::omp::OpenMPDialect", "::mlir::arith::ArithDialect"];
  let statistics = [
    Statistic<"numGuarded", "guarded", "Parallel regions given a condition">];
}

def CPUShareTasksPass : Pass<"lowbit-cpu-share-tasks", "::mlir::ModuleOp"> {
  let summary = "Let threads draw the tasks of a loop from a counter";
  let description = [{
    Replaces the loop of a parallel region, which OpenMP would divide beforehand
    and end with a barrier of its own, by one in which each thread draws tickets
    until none is left. The first tickets, one for each thread, are half of its
    share; the others are an eighth of the other half. Threads that start late,
    or are slower, draw fewer. What a task computes doesn't depend on who draws
    it.

    Stays what could be seen to differ: regions in which something with an effect
    is beside the loop (which is behind it may rely on its barrier) or whose
    bounds are computed; loops with reductions, private values, a schedule or an
    order of their own, inclusive bounds, counters that aren't `index`, several
    blocks or other OpenMP constructs in their body; and what is in OpenMP's
    tasks, or in functions that aren't `func.func`. Loops may run up or down.

    ```mlir
    omp.parallel { omp.wsloop { omp.loop_nest (%i) : index = (%c0) to (%n) step (%c1) ...
    ```
    becomes
    ```mlir
    memref.store %zero, %counter[%c0] : memref<8xi64>
    omp.parallel {
      %threads = func.call @__kmpc_bound_num_threads(%null) : (!llvm.ptr) -> i32
      scf.while : () -> (index, index) {
        %ticket = memref.atomic_rmw addi %one, %counter[%c0] : (i64, memref<8xi64>) -> i64
        ...
        scf.condition(%left) %first, %size : index, index
      } do {
      ^bb0(%first: index, %size: index):
        scf.for %i = %first to %end step %c1 { ... }
        scf.yield
      }
      omp.terminator
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::memref::MemRefDialect", "::mlir::omp::OpenMPDialect", "::mlir::scf::SCFDialect"];
  let statistics = [
    Statistic<"numShared", "shared", "Loops whose tasks are drawn">];
}

def CPUExpandFloatsPass : Pass<"lowbit-cpu-expand-floats", "::mlir::ModuleOp"> {
  let summary = "Replace float operations that the module's target doesn't have";
  let description = [{
    Left alone, they would become calls of a C library, one for each lane.

    A target without a fused multiply-add gets a multiplication and an addition
    for `vector.fma` and `math.fma`. An op of f32 that counts on being rounded
    once (attribute `lowbit.rounds_once`, which sine and cosine set where they
    reduce their argument) is computed in f64, where its product is exact.
    `arith.maxnumf` and `minnumf`, which pass a NaN by, become comparisons there.
    Conversions between f16 and f32 become integer arithmetic on targets that
    have none: widening is exact, narrowing to nearest even. Those to bf16 are
    upstream's. Arithmetic on f16 and bf16 is done in f32 there, and each result
    rounded, which gives the same numbers.

    ```mlir
    %0 = vector.fma %a, %b, %c : vector<4xf32>
    ```
    becomes
    ```mlir
    %1 = arith.mulf %a, %b : vector<4xf32>
    %0 = arith.addf %1, %c : vector<4xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::vector::VectorDialect"];
  let statistics = [
    Statistic<"numProducts", "products", "Multiply-adds expanded">,
    Statistic<"numConversions", "conversions", "Conversions of f16 expanded">];
}

#endif // LOWBIT_CODEGEN_CPU_VECTORPASSES
