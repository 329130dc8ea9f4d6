//===- Passes.td - web modules -----------------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WEB_PASSES
#define LOWBIT_CODEGEN_WEB_PASSES

include "mlir/Pass/PassBase.td"

def WriteWebModulePass : Pass<"lowbit-write-web-module", "::mlir::ModuleOp"> {
  let summary = "Write a lowered model as a module that web pages import";
  let description = [{
    Takes host functions and kernels (GPUSchedule.h says of what form), prints
    the kernels as WGSL and writes, for `output=model.webgpu.js`,

    - `model.webgpu.js`, an ES module without dependencies: load, run, generate,
      report; `model.webgpu.d.ts` has its types;
    - `model.webgpu.json`, the manifest: kernels, buffers and dispatches of each
      function, shards with their SHA-256, and where in them each weight lies;
    - `model.webgpu.0.bin` and so on, the packed weights in the order in which
      dispatches read them, cut into shards.

    Shards are a thirty-second of the weights, between 64 KiB and 8 MiB, so that
    a page that quantizes holds little beside what it has made; others hold pieces
    of 256 KiB, whose hashes the manifest has, too (`pieces`). Float weights of the
    size of a shard and more have shards of their own. The manifest is the
    last to appear; each file does as soon as it is made, unless the pass was
    given another place for them (WebFiles.h).

    Given the model as WebAssembly, too (WebFallback.h), the pass writes its code,
    `model.webgpu.CPU.wasm`, what repacking takes as `fallback` in the manifest,
    and shards of what the shaders don't read.

    Weights of which `lowbit.float_sources` knows the floats (see
    `lowbit-gpu-record-sources`) come as floats: their shards have rows of the
    type that the model has them in, and the page rounds and packs them. They are
    a thirty-second of what the weights are in f32, with `precision` of
    `float-bytes`, between 64 KiB and 4 MiB, whatever the number of weights:
    packed ones below 64 KiB stand together, before all others, and the floats are
    cut alike in all precisions. Then there is `model.webgpu.wasm`, the numerics,
    as `quantizer` in the manifest, whose `sources` say of each such weight
    `name`, `type`, `rows`, `columns`, `encoding`, `offset` in the stream, the `unit` of rows that shards
    have multiples of, and its `packings`: for each form in which kernels read it
    a `recipe` (a place in `recipes`, lists of numbers for the numerics), the bits
    of the f32 that all rows have in common as `shared`, and the `buffers` that
    it fills: codes, scales, zero points, minima, outer scales, or null. Weights
    without `offset` are made so. Their floats are rounded here, too: other bytes
    than the packed ones are an error.

    With `precision=int4-g32` these are the manifest and shards of one precision
    of a module, `model.webgpu.int4-g32.json` and so on, without a script
    (`writeWebPrecisions` writes that for all of them). A shard whose bytes one
    of the manifests in `shares` has already is not written again. So that float
    weights, which are often the same in all precisions, are cut alike, their
    shards are a thirty-second of the weight or of `float-bytes`/16 (the model in 2
    bits), whichever is more, between the same bounds; what lies between them
    goes by the size of this precision.

    ```mlir
    module attributes {gpu.container_module, lowbit.weights = {lowbit.weight.w = dense<1.0> : tensor<64xf32>}} {
      gpu.module @kernels { gpu.func @multiply(...) kernel { ... } }
      memref.global "private" constant @lowbit.weight.w : memref<256xi8>
      func.func @main(%x: memref<256xi8> {lowbit.kind = "input", ...}, ...) {
        gpu.launch_func @kernels::@multiply ...
    ```
  }];
  let options = [
    Option<"output", "output", "std::string", "\"\"",
           "Name of the module's file, which ends in .js">,
    Option<"model", "model", "std::string", "\"\"",
           "Name of the model in its report; the file's name without it">,
    Option<"floatBytes", "float-bytes", "uint64_t", "0",
           "Bytes of the model's weights as f32 numbers, for the report">,
    Option<"bitsPerWeight", "bits-per-weight", "double", "0",
           "Bits of a low-bit weight, parameters included, for the report">,
    Option<"precision", "precision", "std::string", "\"\"",
           "Name of this precision of a module that has several">,
    ListOption<"shares", "shares", "std::string",
               "Manifests of precisions whose shards may be used">];
  let statistics = [
    Statistic<"numKernels", "kernels", "Kernels printed">,
    Statistic<"numShards", "shards", "Shards written">,
    Statistic<"numShared", "shared", "Shards that others have written">,
    Statistic<"numBytes", "bytes", "Bytes of weights">];
  let dependentDialects = ["::mlir::gpu::GPUDialect"];
}

#endif // LOWBIT_CODEGEN_WEB_PASSES
