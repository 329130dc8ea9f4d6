//===- Passes.td - GPU code generation ---------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_GPU_PASSES
#define LOWBIT_CODEGEN_GPU_PASSES

include "mlir/Pass/PassBase.td"

def SetGPUTargetPass : Pass<"lowbit-set-gpu-target", "::mlir::ModuleOp"> {
  let summary = "Choose the GPU that packing and lowering work for";
  let description = [{
    Sets the module attribute `lowbit.target` to Vulkan 1.1 with nothing
    optional, unless it is a GPU already.

    ```mlir
    module {}
    ```
    becomes
    ```mlir
    module attributes {lowbit.target = #spirv.target_env<#spirv.vce<v1.3, [Shader],
        [SPV_KHR_storage_buffer_storage_class]>, api=Vulkan, #spirv.resource_limits<>>} {}
    ```
  }];
  let dependentDialects = ["::mlir::spirv::SPIRVDialect"];
  let statistics = [Statistic<"numSet", "set", "Targets set">];
}

def LowerToGPUKernelsPass
    : Pass<"lowbit-lower-to-gpu-kernels", "::mlir::ModuleOp"> {
  let summary = "Replace packed linear layers and attention by dispatches of generated kernels";
  let description = [{
    Each `lowbit.linear` on a weight in the words layout becomes a
    `lowbit.dispatch` of a kernel for its encoding, epilogue and shape, which
    decodes the weight where it multiplies it. Layers that agree in all of these
    share a kernel. Up to four rows of activations take one that goes over the
    weight once; more rows take tiles in workgroup memory. Activations that
    `lowbit.quantize` rounds to int8 are rounded by a kernel, for all layers that
    read them, and multiplied as bytes; where a format has no kernel for that,
    they are decoded. A bias or residual that is a slice at a place that a loop
    counts, as in a step of a recurrent layer, is added by an operation behind the
    layer, which reads it in its place. Each
    `lowbit.attention` becomes a dispatch of a kernel that goes
    over the keys once; keys and values that are the first rows of a cache, of
    f32, f16, int8 with a scale for each row or int4 with a scale and a minimum
    for each half of a row, are read from the cache, and
    their number from a buffer. A mask with a column for each of them is computed
    for all rows of the cache. What has no kernel
    stays as it is, with a remark that says why.

    ```mlir
    %w = lowbit.weight @fc1 : !lowbit.tensor<64x32xf32, #int4, #words>
    %y = lowbit.linear %x, %w activation relu : tensor<1x32xf32>, !lowbit.tensor<64x32xf32, #int4, #words> -> tensor<1x64xf32>
    ```
    becomes
    ```mlir
    %codes = lowbit.weight @fc1.blob : tensor<1024xi8>
    %scale = lowbit.weight @fc1.scale : tensor<64x1xf16>
    %0 = tensor.empty() : tensor<1x64xf32>
    %y = lowbit.dispatch @kernels::@linear_int_4_f16_relu_1x64x32 [1, 1, 1]
        ins(%codes, %scale, %x : tensor<1024xi8>, tensor<64x1xf16>, tensor<1x32xf32>)
        outs(%0 : tensor<1x64xf32>) -> tensor<1x64xf32>
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect",
    "::mlir::vector::VectorDialect"];
  let statistics = [Statistic<"numCalls", "layers", "Layers that became dispatches">,
                    Statistic<"numAttentions", "attentions", "Attentions that became dispatches">,
                    Statistic<"numKernels", "kernels", "Kernels generated">];
}

def GPUSplitWeightsPass : Pass<"lowbit-gpu-split-weights", "::mlir::ModuleOp"> {
  let summary = "Split layers and tables whose weights are larger than what a kernel can bind";
  let description = [{
    A layer whose weight has more bytes than a binding may becomes several on
    some of the rows each, side by side; a result has their columns. An
    embedding becomes several, each of which has the rows of one part, and fills
    in those. What rows share of the weight's parameters stays with each part. A
    weight that both have is split once.

    ```mlir
    %w = lowbit.weight @w : !lowbit.tensor<64x32xf32, #int8, #words>
    %y = lowbit.linear %x, %w : tensor<1x32xf32>, !lowbit.tensor<64x32xf32, #int8, #words> -> tensor<1x64xf32>
    ```
    becomes with `most-bytes=1024`
    ```mlir
    %0 = tensor.empty() : tensor<1x64xf32>
    %w0 = lowbit.weight @w.rows0 : !lowbit.tensor<32x32xf32, #int8, #words>
    %y0 = lowbit.linear %x, %w0 : tensor<1x32xf32>, !lowbit.tensor<32x32xf32, #int8, #words> -> tensor<1x32xf32>
    %1 = tensor.insert_slice %y0 into %0[0, 0] [1, 32] [1, 1] : tensor<1x32xf32> into tensor<1x64xf32>
    %w1 = lowbit.weight @w.rows32 : !lowbit.tensor<32x32xf32, #int8, #words>
    %y1 = lowbit.linear %x, %w1 : tensor<1x32xf32>, !lowbit.tensor<32x32xf32, #int8, #words> -> tensor<1x32xf32>
    %y = tensor.insert_slice %y1 into %1[0, 32] [1, 32] [1, 1] : tensor<1x32xf32> into tensor<1x64xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
  let options = [
    Option<"mostBytes", "most-bytes", "int64_t", "134217728",
           "Bytes that a kernel can bind at once; WebGPU's default">];
  let statistics = [Statistic<"numSplit", "split", "Weights split">,
                    Statistic<"numParts", "parts", "Parts made of them">];
}

def GPURecordSourcesPass : Pass<"lowbit-gpu-record-sources", "::mlir::ModuleOp"> {
  let summary = "Say in the module which floats its weights were rounded from";
  let description = [{
    Where quantized globals have a `lowbit.float_source` (see
    `lowbit-quantize-weights{keep-sources}`), the module attribute
    `lowbit.float_sources` gets an entry for each: its name, type, components
    and source. Lowering leaves no global behind; a buffer's contents are still
    the component that they were, by which their floats are found.

    ```mlir
    lowbit.global @w : !lowbit.tensor<64x128xf32, #int4> {codes = ..., scale = ...} attributes {lowbit.float_source = {...}}
    ```
    gives
    ```mlir
    #w = {components = {codes = ..., scale = ...}, name = "w", source = {...}, type = !lowbit.tensor<64x128xf32, #int4>}
    module attributes {lowbit.float_sources = [#w]}
    ```
  }];
  let statistics = [Statistic<"numRecorded", "recorded", "Weights with a source">];
}

def GPUPickTokensPass : Pass<"lowbit-gpu-pick-tokens", "::mlir::ModuleOp"> {
  let summary = "Let the GPU find the likeliest token, so that no logits need to be read back";
  let description = [{
    A function with states (a decoder with a KV cache) whose first result is the
    logits of one token, f32, gets one more result: the place of the largest of
    them, of equal ones the first. Its kind is `token`. Logits of more than 2048
    words are gone over in parts.

    ```mlir
    func.func @decode(%x: tensor<1x1xi64>, %cache: tensor<4x8xf32> {lowbit.state = 1 : i64})
        -> (tensor<1x1x64xf32>, tensor<4x8xf32>) {
      ...
      return %logits, %next : tensor<1x1x64xf32>, tensor<4x8xf32>
    }
    ```
    becomes
    ```mlir
    func.func @decode(%x: tensor<1x1xi64>, %cache: tensor<4x8xf32> {lowbit.state = 1 : i64})
        -> (tensor<1x1x64xf32>, tensor<4x8xf32>, tensor<1xi32> {lowbit.kind = "token", lowbit.name = "lowbit.token"}) {
      ...
      %0 = tensor.empty() : tensor<1xi32>
      %token = lowbit.dispatch @kernels::@argmax_64 [1, 1, 1]
          ins(%logits : tensor<1x1x64xf32>) outs(%0 : tensor<1xi32>) -> tensor<1xi32>
      return %logits, %next, %token : tensor<1x1x64xf32>, tensor<4x8xf32>, tensor<1xi32>
    }
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numPicked", "picked", "Functions that yield a token">];
}

def GPUUnrollLoopsPass : Pass<"lowbit-gpu-unroll-loops", "::mlir::ModuleOp"> {
  let summary = "Write out the steps of loops with layers";
  let description = [{
    The steps of an LSTM, GRU or RNN have layers, and a schedule has no loops: the
    steps are written out, one behind the other. The number of a step is read
    from a buffer, where it is used, and is no constant, so that all steps have
    the same kernels. Loops that load, compute and store elements stay, for
    `lowbit-gpu-lower-linalg` makes a kernel of each. Bounds must be constants.

    ```mlir
    %h = scf.for %t = %c0 to %c2 step %c1 iter_args(%old = %h0) -> (memref<1x8xf32>) {
      %x = memref.subview %xs[%t, 0] [1, 8] [1, 1] : memref<2x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
      %new = memref.alloc() : memref<1x8xf32>
      linalg.add ins(%old, %x : memref<1x8xf32>, memref<1x8xf32, strided<[8, 1], offset: ?>>) outs(%new : memref<1x8xf32>)
      scf.yield %new : memref<1x8xf32>
    }
    ```
    becomes
    ```mlir
    memref.global "private" constant @lowbit.step.0 : memref<i32> = dense<0>
    memref.global "private" constant @lowbit.step.1 : memref<i32> = dense<1>
    %w0 = memref.get_global @lowbit.step.0 : memref<i32>
    %n0 = memref.load %w0[] : memref<i32>
    %t0 = arith.index_cast %n0 : i32 to index
    %x0 = memref.subview %xs[%t0, 0] [1, 8] [1, 1] : memref<2x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
    %h1 = memref.alloc() : memref<1x8xf32>
    linalg.add ins(%h0, %x0 : memref<1x8xf32>, memref<1x8xf32, strided<[8, 1], offset: ?>>) outs(%h1 : memref<1x8xf32>)
    %w1 = memref.get_global @lowbit.step.1 : memref<i32>
    ...
    linalg.add ins(%h1, %x1 : memref<1x8xf32>, memref<1x8xf32, strided<[8, 1], offset: ?>>) outs(%h : memref<1x8xf32>)
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect"];
  let options = [
    Option<"mostSteps", "most-steps", "int64_t", "4096",
           "Steps that are written out of a loop, in all steps of those around it; more are an error">];
  let statistics = [
    Statistic<"numLoops", "loops", "Loops written out">,
    Statistic<"numSteps", "steps", "Steps that they had">];
}

def GPUFoldDoublesPass
    : Pass<"lowbit-gpu-fold-doubles", "::mlir::func::FuncOp"> {
  let summary = "Compute 64-bit floats that depend on constants alone";
  let description = [{
    Shaders have no 64-bit floats. Elementwise operations on constants and
    indices that make integers, booleans or narrower floats of them become
    constants; operations on them that nothing needs any more are left to the
    canonicalizer. Those that depend on what a model is given stay.

    ```mlir
    %x = arith.constant dense<[0.25, 1.75]> : tensor<2xf64>
    %i = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
        ins(%x : tensor<2xf64>) outs(%e : tensor<2xi64>) {
    ^bb0(%in: f64, %out: i64):
      %0 = math.floor %in : f64
      %1 = arith.fptosi %0 : f64 to i64
      linalg.yield %1 : i64
    } -> tensor<2xi64>
    ```
    becomes
    ```mlir
    %i = arith.constant dense<[0, 1]> : tensor<2xi64>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
  let options = [
    Option<"mostElements", "most-elements", "int64_t", "262144",
           "Elements of a tensor that is computed">];
  let statistics = [
    Statistic<"numFolded", "folded", "Tensors that became constants">];
}

def GPUFusePass : Pass<"lowbit-gpu-fuse", "::mlir::func::FuncOp"> {
  let summary = "Fuse elementwise operations into what reads them, as far as kernels bind buffers";
  let description = [{
    Upstream's `linalg-fuse-elementwise-ops`, but for operations that read more
    tensors than a kernel binds: those stay two. Where all that is read of a
    result are parts, each by one elementwise operation, each part is computed
    there. A result that others read later is stored by the operation that it
    becomes part of, beside that operation's own.

    ```mlir
    %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
        ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %2 = math.exp %in : f32
      linalg.yield %2 : f32
    } -> tensor<4xf32>
    %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
        ins(%0 : tensor<4xf32>) outs(%e : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %2 = arith.negf %in : f32
      linalg.yield %2 : f32
    } -> tensor<4xf32>
    ```
    becomes
    ```mlir
    %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
        ins(%x : tensor<4xf32>) outs(%e : tensor<4xf32>) {
    ^bb0(%in: f32, %out: f32):
      %1 = math.exp %in : f32
      %2 = arith.negf %1 : f32
      linalg.yield %2 : f32
    } -> tensor<4xf32>
    ```
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numFused", "fused", "Operations that became part of others">];
}

def GPUMergeCopiesPass : Pass<"lowbit-gpu-merge-copies", "::mlir::ModuleOp"> {
  let summary = "Write what is copied to both places";
  let description = [{
    Where a buffer is copied that an elementwise operation has written, and
    nothing has touched the copy's place since, the operation writes to both, as
    far as a kernel binds them.

    ```mlir
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
        ins(%x : memref<8xf32>) outs(%row : memref<8xf32, strided<[1], offset: ?>>) {
    ^bb0(%in: f32, %out: f32):
      %0 = math.tanh %in : f32
      linalg.yield %0 : f32
    }
    %state = memref.alloc() : memref<8xf32>
    memref.copy %row, %state : memref<8xf32, strided<[1], offset: ?>> to memref<8xf32>
    ```
    becomes
    ```mlir
    %state = memref.alloc() : memref<8xf32>
    linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]}
        ins(%x : memref<8xf32>) outs(%row, %state : memref<8xf32, strided<[1], offset: ?>>, memref<8xf32>) {
    ^bb0(%in: f32, %out: f32, %copy: f32):
      %0 = math.tanh %in : f32
      linalg.yield %0, %0 : f32, f32
    }
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::memref::MemRefDialect"];
  let statistics = [
    Statistic<"numMerged", "merged", "Copies that are written where they are computed">];
}

def GPUBindWeightsPass : Pass<"lowbit-gpu-bind-weights", "::mlir::ModuleOp"> {
  let summary = "Turn weights into read-only buffers that the host fills";
  let description = [{
    Each plain `lowbit.weight` becomes a read-only `memref.global` without a
    value; its data move to the module attribute `lowbit.weights`. What loads
    the model fills the buffers. Inputs other than states are read-only, too
    (`bufferization.writable`): what would be updated in place is a copy.

    ```mlir
    lowbit.global @b : tensor<4xf32> {data = dense<1.0> : tensor<4xf32>}
    %0 = lowbit.weight @b : tensor<4xf32>
    ```
    becomes
    ```mlir
    module attributes {lowbit.weights = {lowbit.weight.b = dense<1.0> : tensor<4xf32>} } {
      memref.global "private" constant @lowbit.weight.b : memref<4xf32>
      %0 = memref.get_global @lowbit.weight.b : memref<4xf32>
      %1 = bufferization.to_tensor %0 restrict : memref<4xf32> to tensor<4xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect"];
  let statistics = [Statistic<"numBound", "bound", "Weights bound">];
}

def GPULowerLinalgPass : Pass<"lowbit-gpu-lower-linalg", "::mlir::ModuleOp"> {
  let summary = "Replace linalg and loops on buffers by dispatches of generated kernels";
  let description = [{
    Each linalg operation, and each copy, on buffers of static shape becomes a
    kernel in which a thread computes an element of the result (of a sum or a
    maximum over a long row, several threads), in 32-bit words:
    integers of 64 bits become i32, which is the same while numbers fit, booleans
    and narrow integers too; weights of 8 and 16 bits are read as they are
    stored. Views become part of addresses; where the host would compute the
    place of one, threads do. Kernels that do the same are one.
    A nest of loops that load, compute and store becomes a kernel, too: loops
    that write elements of their own in each iteration are threads, others stay
    loops in a thread. A number that the host would store is stored by a thread.
    What words can't say, more than 8 buffers, and dynamic shapes are errors.

    ```mlir
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
        ins(%x : memref<4x8xf32>) outs(%y : memref<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %0 = arith.negf %in : f32
      linalg.yield %0 : f32
    }
    ```
    becomes
    ```mlir
    gpu.func @negf_4x8(%arg0: memref<32xf32>, %arg1: memref<32xf32>) kernel { ... }
    lowbit.dispatch @kernels::@negf_4x8 [1, 1, 1] ins(%x : memref<4x8xf32>) outs(%y : memref<4x8xf32>)
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::lowbit::LowbitDialect"];
  let statistics = [Statistic<"numDispatches", "dispatches", "Operations replaced">,
                    Statistic<"numKernels", "kernels", "Kernels generated">];
}

def GPUUpdateStatesPass : Pass<"lowbit-gpu-update-states", "::mlir::ModuleOp"> {
  let summary = "Check that states are updated in place, and return them no more";
  let description = [{
    An argument with `lowbit.state` is a state, such as a KV cache, whose new
    value is the result of that number. After bufferization both must be one
    buffer, which stays on the GPU from run to run: the result is dropped, and
    `lowbit.kind` says what the argument is. Where elements are narrower than
    words, and whole words are written at a time, they are packed
    (`lowbit.packed`); others have a word each. A state that is copied is an
    error.

    ```mlir
    func.func @decode(%cache: memref<16x8xf32> {lowbit.state = 1 : i64}, ...)
        -> (memref<8xf32>, memref<16x8xf32>) {
      ...
      return %y, %cache : memref<8xf32>, memref<16x8xf32>
    ```
    becomes
    ```mlir
    func.func @decode(%cache: memref<16x8xf32> {lowbit.kind = "state"}, ...) -> memref<8xf32> {
      ...
      return %y : memref<8xf32>
    ```
  }];
  let statistics = [
    Statistic<"numStates", "states", "States updated in place">];
}

def GPUSeparateResultsPass : Pass<"lowbit-gpu-separate-results", "::mlir::ModuleOp"> {
  let summary = "Give each result a buffer of its own";
  let description = [{
    After bufferization two results may be one buffer, or a result may be an
    input, a weight, or a slice whose elements lie apart. Such results are
    copied.

    ```mlir
    func.func @main(%x: memref<4xf32>) -> (memref<4xf32>, memref<4xf32>) {
      ...
      return %y, %y : memref<4xf32>, memref<4xf32>
    ```
    becomes
    ```mlir
    func.func @main(%x: memref<4xf32>) -> (memref<4xf32>, memref<4xf32>) {
      ...
      %0 = memref.alloc() : memref<4xf32>
      memref.copy %y, %0 : memref<4xf32> to memref<4xf32>
      return %y, %0 : memref<4xf32>, memref<4xf32>
    ```
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
  let statistics = [Statistic<"numCopies", "copies", "Results copied">];
}

def GPUMakeSchedulePass : Pass<"lowbit-gpu-make-schedule", "::mlir::ModuleOp"> {
  let summary = "Turn functions of dispatches into a host's schedule";
  let description = [{
    Leaves the form of GPUSchedule.h: buffers of bytes, views, launches. Scratch
    buffers whose lives don't overlap share memory; weights whose elements no
    kernel has (64 bits, booleans) are converted. Anything that the host would
    have to compute is an error, and so is a kernel that takes more or fewer
    bytes than a buffer has: one that reads a cache of packed f16 as words, say.

    ```mlir
    func.func @main(%x: memref<64xf32> {lowbit.name = "x"}, %y: memref<64xf32> {bufferize.result}) {
      lowbit.dispatch @kernels::@negf_64 [1, 1, 1] ins(%x : memref<64xf32>) outs(%y : memref<64xf32>)
      return
    }
    ```
    becomes
    ```mlir
    func.func @main(%x: memref<256xi8> {lowbit.kind = "input", lowbit.name = "x", lowbit.tensor = tensor<64xf32>}, ...) {
      %0 = memref.view %x[%c0][] : memref<256xi8> to memref<64xf32>
      %1 = memref.view %y[%c0][] : memref<256xi8> to memref<64xf32>
      gpu.launch_func @kernels::@negf_64 blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1)
          args(%0 : memref<64xf32>, %1 : memref<64xf32>)
      return
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect"];
  let statistics = [Statistic<"numScratchBytes", "scratch-bytes", "Bytes of scratch buffers">,
                    Statistic<"numPlaces", "places", "Scratch buffers after sharing">];
}

def GPUPrepareKernelsPass : Pass<"lowbit-gpu-prepare-kernels", "::mlir::ModuleOp"> {
  let summary = "Replace functions that GPUs lack, or get wrong";
  let description = [{
    `math.tanh` (NaN for large arguments on some implementations), `math.erf`
    (which there is none of) and their like become polynomials; what doesn't
    change in a loop leaves it.

    ```mlir
    gpu.module @kernels {
      gpu.func @k(%x: memref<64xf32>) kernel {
        ...
        %1 = math.erf %0 : f32
    ```
    becomes multiplications, additions and selects.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
  let statistics = [Statistic<"numKernels", "kernels", "Kernels prepared">];
}

def GPUMakeVariantsPass : Pass<"lowbit-gpu-make-variants", "::mlir::ModuleOp"> {
  let summary = "Make variants of kernels for devices with more features";
  let description = [{
    Each kernel with operations that some devices have an instruction for
    (DeviceFeatureInterface) gets a copy for each set of these features, and
    itself computes the same without. GPUVariants.h has the form; hosts choose.
    A kernel that is a variant already, by how it was written, comes in further
    ones of the same original.
    What devices have several instructions for, such as `lowbit.reduce_lanes`, is
    expanded either way.

    ```mlir
    gpu.func @dot(%x: memref<2xi32>, %y: memref<1xi32>) kernel {
      ...
      %sum = lowbit.dot_bytes %zero, %a, %b : i32
    ```
    becomes a kernel that shifts, multiplies and adds, and
    ```mlir
    gpu.func @dot_packed_dot(%x: memref<2xi32>, %y: memref<1xi32>) kernel
        attributes {lowbit.features = ["packed_dot"], lowbit.variant_of = @dot} {
      ...
      %sum = lowbit.dot_bytes %zero, %a, %b : i32
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
  let statistics = [Statistic<"numVariants", "variants", "Variants made">];
}

def GPUPrintSchedulePass : Pass<"lowbit-gpu-print-schedule", "::mlir::ModuleOp"> {
  let summary = "Print what a host does to run a lowered model, as JSON";
  let description = [{
    For each host function, buffers with their sizes and the dispatches between
    which they are used, and the dispatches in order. A file may be given; the
    module stays as it is. GPUSchedule.h has the form of host functions.

    ```mlir
    func.func @main(%x: memref<256xi8> {lowbit.kind = "input", lowbit.name = "x", lowbit.tensor = tensor<64xf32>}) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      %0 = memref.view %x[%c0][] : memref<256xi8> to memref<64xf32>
      gpu.launch_func @kernels::@negate blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1)
          args(%0 : memref<64xf32>)
      return
    }
    ```
    prints
    ```json
    [{"buffers": [{"bytes": 256, "first": 0, "kind": "input", "last": 0, "name": "x", "shape": [64], "type": "f32"} ],
      "dispatches": [{"bindings": [{"access": "read_write", "buffer": 0, "bytes": 256, "offset": 0} ],
                      "kernel": "negate", "workgroupSize": [64, 1, 1], "workgroups": [1, 1, 1]} ],
      "function": "main"} ]
    ```
  }];
  let options = [
    Option<"output", "output", "std::string", "\"-\"",
           "The file to write; - for standard output">];
  let statistics = [Statistic<"numSchedules", "schedules", "Schedules printed">];
}

#endif // LOWBIT_CODEGEN_GPU_PASSES
