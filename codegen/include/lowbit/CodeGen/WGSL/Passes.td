//===- Passes.td - from GPU kernels to WGSL ----------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything that a shader's text needs decided is decided in the IR: the
// printer only prints. The input is a kernel as every GPU target takes it: a
// gpu.func with flat memrefs of 32-bit words, or of vectors of four, in gpu, scf,
// arith, math, memref and vector.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WGSL_PASSES
#define LOWBIT_CODEGEN_WGSL_PASSES

include "mlir/Pass/PassBase.td"

def WGSLExpandMathPass : Pass<"lowbit-wgsl-expand-math", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Replace what WGSL lacks, or leaves to the adapter";
  let description = [{
    The hyperbolic tangent of large numbers is not a number on some adapters, so
    that its argument is clamped: beyond 10 it is one in f32 anyway. WGSL
    promises sine and cosine for a single period only: the argument is reduced
    in three exact steps. It has no error function: the approximation is Abramowitz
    and Stegun's 7.1.26, whose error is below 2e-7. Powers are made
    of those of the absolute value. Infinite constants, which are errors in
    WGSL, become the largest number of their sign.

    ```mlir
    %y = math.tanh %x : f32
    ```
    becomes
    ```mlir
    %lo = arith.constant -1.000000e+01 : f32
    %hi = arith.constant 1.000000e+01 : f32
    %c = math.clampf %x to [%lo, %hi] : f32
    %y = math.tanh %c : f32
    ```
  }];
  let statistics = [
    Statistic<"numExpanded", "functions", "Functions expanded or guarded">,
    Statistic<"numInfinities", "infinities", "Infinite constants replaced">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::vector::VectorDialect"];
}

def WGSLWorkgroupMemoryPass : Pass<"lowbit-wgsl-workgroup-memory", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Declare workgroup memory with the kernel";
  let description = [{
    WGSL declares memory that a workgroup shares outside of functions. Each
    memref.alloc in the workgroup's address space becomes a workgroup attribution of its
    gpu.func. `memref.dealloc` of it goes away. Which of them grow with the
    workgroup (`lowbit.grows`) the kernel says, if one does.

    ```mlir
    gpu.func @sum(%x: memref<64xf32>) kernel {
      %sums = memref.alloc() : memref<64xf32, #gpu.address_space<workgroup>>
    ```
    becomes
    ```mlir
    gpu.func @sum(%x: memref<64xf32>)
        workgroup(%sums: memref<64xf32, #gpu.address_space<workgroup>>) kernel {
    ```
  }];
  let statistics = [
    Statistic<"numBuffers", "buffers", "Buffers declared">,
    Statistic<"numBytes", "bytes", "Bytes of workgroup memory">];
}

def WGSLAssignNamesPass : Pass<"lowbit-wgsl-assign-names", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Give each value a name in the shader, or print it where it is used";
  let description = [{
    Names come from the IR: the attribute `lowbit.name` of an argument, the name
    in a value's location (of a path such as `/layers.0/Add_1` the last part,
    `add`), the buffer that was read, or what the operation computes; of an
    index, what it is one of (`row_offset`), or the buffer that it is a place in
    (`x_at`). The names in the kernel's own location are those of the nodes it
    was made for, and say nothing of a value. They are made unique, and are no
    word that WGSL reserves. Results are named by `lowbit.names` of their
    operation; a loop's variables follow its results. An operation without that
    attribute is part of the expression that uses it: it is pure, used once, in
    the same block, and the statement stays short.

    ```mlir
    %a = memref.load %x[%i] : memref<64xf32>
    %b = arith.mulf %a, %a : f32
    memref.store %b, %y[%i] : memref<64xf32>
    ```
    becomes
    ```mlir
    %a = memref.load %x[%i] {lowbit.names = ["x_value"]} : memref<64xf32>
    %b = arith.mulf %a, %a : f32
    memref.store %b, %y[%i] : memref<64xf32>
    ```
  }];
  let statistics = [
    Statistic<"numNamed", "named", "Values with a name">,
    Statistic<"numInlined", "inlined", "Values printed where they are used">];
}

def WGSLVerifyPass : Pass<"lowbit-wgsl-verify", "::mlir::gpu::GPUFuncOp"> {
  let summary = "Check that a kernel can be printed as WGSL that every adapter takes";
  let description = [{
    Fails at what is outside of the subset that the printer knows: types that
    aren't 32-bit words or vectors of 2 to 4 of them, buffers that aren't flat, more than
    8 of them, more workgroup memory or invocations than every adapter has,
    constants that WGSL refuses to evaluate, barriers that not all invocations of a workgroup may
    reach (conditions must be uniform: made of constants, workgroup numbers and what is only read from buffers).
    `features` are those of the adapter that the kernel may rely on.

    ```mlir
    gpu.func @kernel(%x: memref<64xf32>) kernel
        attributes {known_block_size = array<i32: 64, 1, 1>} {
      %i = gpu.thread_id x
      %w = arith.constant 0 : i32
      %a = memref.load %x[%i] : memref<64xf32>
      %b = math.exp %a : f32
      memref.store %b, %x[%i] : memref<64xf32>
      gpu.return
    }
    ```
  }];
  let options = [
    ListOption<"features", "features", "std::string",
               "Features of WebGPU to rely on: f16 (shader-f16), subgroups">];
  let statistics = [
    Statistic<"numKernels", "kernels", "Kernels within the subset">];
}

#endif // LOWBIT_CODEGEN_WGSL_PASSES
