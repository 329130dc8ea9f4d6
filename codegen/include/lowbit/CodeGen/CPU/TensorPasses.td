//===- TensorPasses.td - operations on tensors -------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is done while values are tensors: layers, windows and gathers get forms that
// can be tiled, and producers join their consumers.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_TENSORPASSES
#define LOWBIT_CODEGEN_CPU_TENSORPASSES

include "mlir/Pass/PassBase.td"

def CPULowerAttentionPass
    : Pass<"lowbit-cpu-lower-attention", "::mlir::func::FuncOp"> {
  let summary = "Lower attention to tiles of queries and keys";
  let description = [{
    Each `lowbit.attention` becomes a parallel loop over heads and blocks of
    `query-tile` queries, in which a loop over blocks of `key-tile` keys carries
    the largest score, the sum of exponentials and the weighted sum of values of
    each row: the scores of a whole row never exist. With `causal` the loop ends
    at the last key that the block sees, and blocks that all of its queries see
    are not masked. Keys are transposed first, so that vectors of scores run along
    them; transpositions of the other operands and of the result are not made but
    read and written through. A known number of keys, up to four times
    `key-tile`, is one block if there is no causal mask, with as many queries less
    in a task: nothing is scaled again, and no short block is left.

    With one query (a text's next token) a task has all heads that share keys, and
    keys and values are read in place, once: scores are dot products along the
    rows of keys. Where the number of queries is dynamic, there are both forms.

    Sizes come from shapes alone, so results don't depend on threads. A row that
    sees no key is NaN. Attention to one key, where that is static, or of one query
    without heads is left to `lowbit-lower-to-linalg`: its scores are few.

    ```mlir
    %y = lowbit.attention %q, %k, %v scale 1.250000e-01 causal
        : tensor<4x?x64xf32>, tensor<4x?x64xf32>, tensor<4x?x64xf32> -> tensor<4x?x64xf32>
    ```
    becomes
    ```mlir
    %kt = linalg.transpose ins(%k : tensor<4x?x64xf32>) ... permutation = [0, 2, 1]
    %y = scf.forall (%h, %i) in (4, %blocks) shared_outs(%out = %e) -> (tensor<4x?x64xf32>) {
      %r:3 = scf.for %j = %c0 to %end step %c64 iter_args(%sum, %largest, %total) ... {
        %s = linalg.matmul ins(%q_tile, %kt_tile : ...)
        ...
        %next = linalg.matmul ins(%p, %v_tile : ...) outs(%corrected : tensor<?x64xf32>)
        scf.yield %next, %m, %t
      }
      ...
    ```
  }];
  let options = [
    Option<"queryTile", "query-tile", "int64_t", "CPUTuning().queryTile", "Queries of a task">,
    Option<"keyTile", "key-tile", "int64_t", "CPUTuning().keyTile",
           "Keys whose scores exist at a time">];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numLowered", "lowered", "Attention operations lowered">];
}

def CPUTileWindowsPass : Pass<"lowbit-cpu-tile-windows", "::mlir::func::FuncOp"> {
  let summary = "Compute layers of overlapping windows block by block";
  let description = [{
    A `lowbit.linear` whose input is the copy of overlapping windows that
    `lowbit-raise-conv` makes becomes a parallel loop over blocks of its rows: a
    task copies the windows of its block, quantizes them and multiplies, so that
    the whole copy never exists. A transposition of the result is written through.
    Blocks have about `scratch-elements` elements and at least `min-rows` rows,
    whole inner dimensions if they fit; of floats whose vectors run along rows, a
    multiple of 32. They depend on shapes alone.

    Where memory runs along the layer's rows (channels first), a window's elements
    are the rows of the copy, so that it consists of long runs; layers with codes
    transpose it in registers, float ones multiply it as it is.

    Needs: layers before they become kernel calls. Guarantees: layers of windows
    that are shared with another layer, or whose extents are dynamic, stay.

    ```mlir
    %0 = linalg.generic {indexing_maps = [(n, o, c, k) -> (n, c, o + k), ...]}
        ins(%x : tensor<1x80x3002xf32>) outs(%e : tensor<1x3000x80x3xf32>) { linalg.yield %in : f32 }
    %1 = tensor.collapse_shape %0 [[0], [1], [2, 3]] : tensor<1x3000x80x3xf32> into tensor<1x3000x240xf32>
    %y = lowbit.linear %1, %w : tensor<1x3000x240xf32>, tensor<384x240xf32> -> tensor<1x3000x384xf32>
    ```
    becomes
    ```mlir
    %y = scf.forall (%i) in (14) shared_outs(%out = %e) -> (tensor<1x3000x384xf32>) {
      %part = tensor.extract_slice %x[0, 0, %first] [1, 80, %rows_and_2] [1, 1, 1]
      %columns = linalg.generic {indexing_maps = [(c, k, n, o) -> (n, c, o + k), ...]} ins(%part : ...) ...
      %block = linalg.matmul ins(%w, %matrix : tensor<384x240xf32>, tensor<240x?xf32>) ...
      ...
    ```
  }];
  let options = [
    Option<"scratchElements", "scratch-elements", "int64_t", "CPUTuning().windowElements",
           "Elements of windows that a task copies at a time">,
    Option<"minRows", "min-rows", "int64_t", "CPUTuning().windowRows",
           "Least number of rows of a block, so that the weight is read seldom">];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numTiled", "tiled", "Layers of windows tiled">];
}

def CPUExpandWindowsPass : Pass<"lowbit-cpu-expand-windows", "::mlir::func::FuncOp"> {
  let summary = "Turn reductions of windows into copies and plain reductions";
  let description = [{
    A convolution or pooling, which reads an input at sums of loops, is unfolded:
    windows that lie side by side are a reshape and a transposition, others are
    copied to a tensor that has the loops within a window as dimensions. Such
    copies, also those that other passes made, become loops over runs along the
    last dimension, of any step; outside of tasks, in parallel tasks of at least
    8192 elements.

    ```mlir
    %0 = linalg.generic {indexing_maps = [affine_map<(i, c, k) -> (c, i + k)>, ...]}
        ins(%x : tensor<64x100xf32>) outs(%e : tensor<98x64x3xf32>) { linalg.yield %in : f32 }
    ```
    becomes
    ```mlir
    %0 = scf.forall (%i) in (98) shared_outs(%o = %e) {
      %part = tensor.extract_slice %o[%i, 0, 0] [1, 64, 3] [1, 1, 1]
      %copied = scf.for %c = %c0 to %c64 step %c1 iter_args(%p = %part) {
        %run = tensor.extract_slice %x[%c, %i] [1, 3] [1, 1]
        %next = tensor.insert_slice %run into %p[%c, 0] [1, 3] [1, 1]
        ...
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numUnfolded", "unfolded", "Reductions of windows unfolded">,
    Statistic<"numCopies", "copies", "Copies of windows turned into loops">];
}

def CPUFusePass : Pass<"lowbit-cpu-fuse", "::mlir::func::FuncOp"> {
  let summary = "Fuse elementwise linalg ops and fold transposes into contractions";
  let description = [{
    Needs `linalg` on tensors; guarantees that only `linalg.generic` and
    `linalg.fill` are left.

    * Named ops become `linalg.generic`, `linalg.softmax` its four steps.
    * A producer is fused into its consumer when that repeats no costly scalar
      op (division, square root, exponential...): it has one consumer of the
      same iteration space, or is free of costly ops and reads no full tensor
      (a causal mask made from indices, a broadcast).
    * A transposition next to a contraction becomes part of its indexing map
      where the last dimension stays the last. A right-hand side whose
      reduction dimension is the last one is transposed explicitly, since the
      register tile loads whole vectors along the result's last dimension.

    ```mlir
    %t = linalg.transpose ins(%k : tensor<?x4x64xf32>) outs(%e : tensor<4x?x64xf32>)
        permutation = [1, 0, 2]
    %s = linalg.batch_matmul ins(%p, %t : ...) outs(%init : ...)
    ```
    becomes
    ```mlir
    %s = linalg.generic {indexing_maps = [..., affine_map<(b, m, n, k) -> (k, b, n)>, ...]}
        ins(%p, %k : ...) outs(%init : ...)
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::affine::AffineDialect"];
  let statistics = [
    Statistic<"numTransposesFolded", "transposes-folded",
              "Transpositions folded into a contraction's result map">,
    Statistic<"numOperandsTransposed", "operands-transposed",
              "Right-hand sides transposed so that vectors run along the result">];
}

def CPUExpandConvolutionsPass : Pass<"lowbit-cpu-expand-convolutions", "::mlir::func::FuncOp"> {
  let summary = "Turn convolutions into copies of windows and matrix products";
  let description = [{
    A convolution, named or generic, is the product of the filters with a matrix
    whose columns are windows of the input. A parallel loop over blocks of positions
    and groups copies the columns of its block (im2col), about `scratch-elements`
    elements, and multiplies them; the product is vectorized like any other. Groups are batches of the product. `tensor.pad`
    becomes a filled tensor that the source is inserted into.

    ```mlir
    %0 = linalg.conv_1d_ncw_fcw {dilations = dense<1> : vector<1xi64>, strides = dense<2> : vector<1xi64>}
        ins(%x, %w : tensor<1x3x9xf32>, tensor<4x3x3xf32>) outs(%init : tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
    ```
    becomes
    ```mlir
    %columns = linalg.generic {indexing_maps = [(n, c, k, o) -> (n, c, o * 2 + k), (n, c, k, o) -> (n, c, k, o)], ...}
        ins(%x : tensor<1x3x9xf32>) outs(%empty : tensor<1x3x3x4xf32>)
    %matrix = tensor.collapse_shape %columns [[0], [1, 2], [3]] : tensor<1x3x3x4xf32> into tensor<1x9x4xf32>
    %0 = linalg.generic {indexing_maps = [(n, f, o, k) -> (f, k), (n, f, o, k) -> (n, k, o), (n, f, o, k) -> (n, f, o)], ...}
        ins(%filters, %matrix : tensor<4x9xf32>, tensor<1x9x4xf32>) outs(%init : tensor<1x4x4xf32>)
    ```
  }];
  let options = [
    Option<"scratchElements", "scratch-elements", "int64_t", "CPUTuning().convolutionElements",
           "Elements of columns that a task copies at a time">];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect", "::mlir::affine::AffineDialect",
                           "::mlir::scf::SCFDialect"];
  let statistics = [Statistic<"numConvolutions", "convolutions", "Convolutions turned into products">];
}

def CPUExpandGathersPass : Pass<"lowbit-cpu-expand-gathers", "::mlir::func::FuncOp"> {
  let summary = "Turn gathers of whole rows into loops that copy rows";
  let description = [{
    A `linalg.generic` whose body only extracts `%table[%i, ..., %j]`, where the
    last indices are the loop's own (`linalg.index`) and the others depend on
    inputs, copies a row for every combination of the outer loops. The row copy
    is vectorized like any other copy.

    ```mlir
    %0 = linalg.generic ins(%ids : tensor<?xi64>) outs(%e : tensor<?x256xf32>) {
    ^bb0(%id: i64, %out: f32):
      %i = arith.index_cast %id : i64 to index
      %j = linalg.index 1 : index
      %v = tensor.extract %table[%i, %j] : tensor<1024x256xf32>
      linalg.yield %v : f32
    }
    ```
    becomes
    ```mlir
    %0 = scf.forall (%r) in (%n) shared_outs(%o = %e) {
      %id = tensor.extract %ids[%r] : tensor<?xi64>
      %i = arith.index_cast %id : i64 to index
      %row = tensor.extract_slice %table[%i, 0] [1, 256] [1, 1]
      scf.forall.in_parallel { tensor.parallel_insert_slice %row into %o[%r, 0] [1, 256] [1, 1] }
    }
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect"];
  let statistics = [Statistic<"numGathers", "gathers", "Gathers turned into row copies">];
}

def CPUExpandReshapesPass : Pass<"lowbit-cpu-expand-reshapes", "::mlir::func::FuncOp"> {
  let summary = "Turn expansions with several dynamic extents into strided views";
  let description = [{
    `memref.expand_shape` whose groups have more than one dynamic extent becomes
    a view with the extents that the op names. The other ones are left to
    upstream's `expand-strided-metadata`.

    ```mlir
    %0 = memref.expand_shape %x [[0, 1], [2]] output_shape [%b, %n, 8] : memref<?x8xf32> into memref<?x?x8xf32>
    ```
    becomes
    ```mlir
    %base, %offset, %sizes:2, %strides:2 = memref.extract_strided_metadata %x
    %rows = affine.apply affine_map<()[s0] -> (s0 * 8)>()[%n]
    %0 = memref.reinterpret_cast %base to offset: [0], sizes: [%b, %n, 8], strides: [%rows, 8, 1]
    ```
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect", "::mlir::affine::AffineDialect"];
  let statistics = [Statistic<"numReshapes", "reshapes", "Expansions turned into views">];
}

def CPUSeparateResultsPass : Pass<"lowbit-cpu-separate-results", "::mlir::func::FuncOp"> {
  let summary = "Copy results that aren't buffers of their own";
  let description = [{
    Whoever calls a function frees each of its results, so no two may be views of
    one buffer, and reads it in row-major order, so none may be a view whose rows
    are apart, which bufferization casts to a type that says otherwise. Runs after bufferization and before deallocation, which takes care
    of results that are arguments.

    ```mlir
    return %a, %a : memref<4xf32>, memref<4xf32>
    ```
    becomes
    ```mlir
    %alloc = memref.alloc() : memref<4xf32>
    memref.copy %a, %alloc : memref<4xf32> to memref<4xf32>
    return %a, %alloc : memref<4xf32>, memref<4xf32>
    ```
  }];
  let statistics = [
    Statistic<"numCopies", "copies", "Results copied">];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def CPUWidenBooleansPass : Pass<"lowbit-cpu-widen-booleans", "::mlir::ModuleOp"> {
  let summary = "Keep booleans in memory as bytes";
  let description = [{
    Buffers of `i1` become buffers of `i8` that hold 0 or 1; values in registers
    stay `i1`. Vectors of `i1` in memory would be bits, which scalar code, vectors
    of other widths and the caller of the program don't agree with.

    ```mlir
    linalg.generic ins(%x : memref<?xf32>) outs(%y : memref<?xi1>) {
    ^bb0(%in: f32, %out: i1):
      %0 = arith.cmpf ogt, %in, %zero : f32
      linalg.yield %0 : i1
    }
    ```
    becomes
    ```mlir
    linalg.generic ins(%x : memref<?xf32>) outs(%y : memref<?xi8>) {
    ^bb0(%in: f32, %out: i8):
      %0 = arith.cmpf ogt, %in, %zero : f32
      %1 = arith.extui %0 : i1 to i8
      linalg.yield %1 : i8
    }
    ```
  }];
  let statistics = [
    Statistic<"numBuffers", "buffers", "Buffers and views of booleans widened">];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

#endif // LOWBIT_CODEGEN_CPU_TENSORPASSES
