//===- OutputFlags.h - what is read and written -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTOPT_OUTPUTFLAGS_H
#define LOWBIT_TOOLS_QUANTOPT_OUTPUTFLAGS_H

#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Flags.h"

namespace lowbit {

/// What `quant-opt` writes.
enum class EmitKind {
  MLIR,
  Bytecode,
  LLVM,
  Assembly,
  Object,
  Shared,
  Wasm,
  ONNX,
  SPIRV,
  Web
};

/// What is read, which code it becomes, and what is written.
struct OutputFlags {
  llvm::cl::OptionCategory writing{"Compiling a model"};
  llvm::cl::list<std::string> shape{
      "shape", llvm::cl::cat(writing), llvm::cl::value_desc("name=value"),
      llvm::cl::desc("Fix a symbolic dimension of an ONNX model")};
  Flag<EmitKind> emit{
      "emit", llvm::cl::cat(writing), llvm::cl::init(EmitKind::MLIR),
      llvm::cl::desc("What to write (else the extension of -o decides)"),
      llvm::cl::values(
          clEnumValN(EmitKind::MLIR, "mlir",
                     "IR as text, and its sidecar (.mlir)"),
          clEnumValN(EmitKind::Bytecode, "bytecode",
                     "IR as bytecode, and its sidecar (.mlirbc)"),
          clEnumValN(EmitKind::LLVM, "llvm", "LLVM IR (.ll)"),
          clEnumValN(EmitKind::Assembly, "asm", "assembly (.s)"),
          clEnumValN(EmitKind::Object, "object",
                     "object, its C header, and its weights (.o)"),
          clEnumValN(EmitKind::Shared, "shared",
                     "shared library, its C header, and its weights (.so)"),
          clEnumValN(EmitKind::Wasm, "wasm",
                     "module of WebAssembly, a script that loads and runs it, "
                     "and its weights; needs wasm-ld (.wasm)"),
          clEnumValN(EmitKind::ONNX, "onnx",
                     "the ONNX model with its low-bit weights behind "
                     "DequantizeLinear (.onnx)"),
          clEnumValN(EmitKind::SPIRV, "spirv",
                     "a manifest of buffers and dispatches, and SPIR-V with "
                     "the weights beside it; needs --target=spirv (.json)"),
          clEnumValN(EmitKind::Web, "web",
                     "a module for web pages, with its manifest and shards of "
                     "weights; needs --target=webgpu (.js)"))};
  Flag<Phase> phase{
      "phase", llvm::cl::cat(writing), llvm::cl::init(Phase::Lower),
      llvm::cl::desc("Stop after a phase"),
      llvm::cl::values(
          clEnumValN(Phase::Import, "import", "float model as linalg"),
          clEnumValN(Phase::Raise, "raise", "layers on float weights"),
          clEnumValN(Phase::Quantize, "quantize",
                     "weights as codes and scales"),
          clEnumValN(Phase::Fuse, "fuse", "layers with their epilogues"),
          clEnumValN(Phase::Pack, "pack", "weights in the target's layout"),
          clEnumValN(Phase::Lower, "lower",
                     "LLVM dialect (the default goes as "
                     "far as --emit and --target need)"))};
  llvm::cl::opt<std::string> target{
      "target", llvm::cl::cat(writing),
      llvm::cl::value_desc("cpu|spirv|webgpu"),
      llvm::cl::desc(
          "Pack the weights for the kernels of this target: cpu, spirv, GPUs "
          "with Vulkan, or webgpu, browsers. Without a target they stay dense, "
          "the smallest "
          "file")};
  llvm::cl::opt<std::string> mcpu{
      "mcpu", llvm::cl::cat(writing), llvm::cl::init("native"),
      llvm::cl::value_desc("name"),
      llvm::cl::desc(
          "CPU that the code is for: native, portable, or a name that "
          "LLVM knows. A list separated by commas gives code for each; a "
          "program takes the first that its processor can run")};
  llvm::cl::opt<std::string> mtriple{
      "mtriple", llvm::cl::cat(writing), llvm::cl::value_desc("name"),
      llvm::cl::desc("Machine that the code is for, if not this one, such as "
                     "aarch64-linux-gnu; needs --mcpu")};
  llvm::cl::opt<std::string> tuning{
      "tuning", llvm::cl::cat(writing), llvm::cl::value_desc("file"),
      llvm::cl::desc(
          "What --tune has measured: tile sizes and other choices of "
          "code, and times for --objective=latency")};
  Flag<bool> printTargets{
      "print-targets", llvm::cl::cat(writing),
      llvm::cl::desc(
          "Show this machine, or the one that --mcpu and --mtriple name; the "
          "instruction sets with kernels of their own, and methods")};
  llvm::cl::opt<std::string> kvCache{
      "kv-cache", llvm::cl::cat(writing),
      llvm::cl::value_desc("f32|f16|int8|int4"),
      llvm::cl::desc("Make a causal decoder one that extends a text token by "
                     "token: functions @prefill and @decode, with a cache of "
                     "keys and values that stores numbers like this")};
  Flag<int64_t> maxLength{
      "max-length", llvm::cl::cat(writing), llvm::cl::value_desc("n"),
      llvm::cl::init(2048),
      llvm::cl::desc("With --kv-cache: tokens of the longest text (default "
                     "2048)")};
  Flag<int64_t> prefillLength{
      "prefill-length", llvm::cl::cat(writing), llvm::cl::value_desc("n"),
      llvm::cl::init(32),
      llvm::cl::desc("With --kv-cache, for GPUs: tokens of a prompt that are "
                     "computed at once (default 32)")};
  llvm::cl::list<std::string> disablePatterns{
      "disable-patterns", llvm::cl::cat(writing), llvm::cl::CommaSeparated,
      llvm::cl::value_desc("names"),
      llvm::cl::desc("Patterns of raising and fusing to leave out, such as "
                     "attention_pattern or qkv")};
  llvm::cl::opt<std::string> fallback{
      "fallback", llvm::cl::cat(writing), llvm::cl::init("wasm"),
      llvm::cl::value_desc("wasm|none"),
      llvm::cl::desc("What a web module runs on in browsers without a GPU: "
                     "WebAssembly, or nothing")};
  llvm::cl::opt<std::string> graph{
      "graph", llvm::cl::cat(writing), llvm::cl::value_desc("model.onnx"),
      llvm::cl::desc("With --emit=onnx: the model that the weights go back "
                     "into, if it is not the input")};
  llvm::cl::opt<std::string> name{
      "name", llvm::cl::cat(writing), llvm::cl::value_desc("identifier"),
      llvm::cl::desc("How the names in the C header begin (the default is the "
                     "output's name)")};
  Flag<bool> embedWeights{
      "embed-weights", llvm::cl::cat(writing),
      llvm::cl::desc("Put the weights into the object or library, not into a "
                     "file beside it")};
  Flag<bool> serial{
      "serial", llvm::cl::cat(writing),
      llvm::cl::desc("Code that runs on one thread and needs no OpenMP, as "
                     "WebAssembly always does")};
  llvm::cl::opt<std::string> linker{
      "linker", llvm::cl::cat(writing), llvm::cl::value_desc("program"),
      llvm::cl::desc("Compiler driver that links a shared library (the default "
                     "is the first of clang-22, clang, gcc, cc), or linker of "
                     "WebAssembly (wasm-ld-22, wasm-ld)")};
  llvm::cl::opt<std::string> report{
      "report", llvm::cl::cat(writing),
      llvm::cl::value_desc("file.html|json|txt"),
      llvm::cl::desc("Write what quantizing cost and gained: bits, size, error "
                     "and codes of each layer")};
  Flag<bool> timing{
      "timing", llvm::cl::cat(writing),
      llvm::cl::desc("Print time and peak anonymous memory of each phase")};
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTOPT_OUTPUTFLAGS_H
