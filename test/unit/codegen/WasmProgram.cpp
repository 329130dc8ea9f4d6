//===- WasmProgram.cpp - a compiled module as WebAssembly -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WasmProgram.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Program.h"
#include "tools/lib/Linker.h"
#include "llvm/Support/Program.h"

using namespace lowbit;
using namespace lowbit::test;

static constexpr const char kNode[] = "node";
/// Engines before this was a standard have it behind a flag, which later ones
/// don't know; node 20's compiler of code that runs for the first time gets its
/// products wrong.
static constexpr llvm::StringLiteral kFlags[] = {
    "--experimental-wasm-relaxed-simd", "--no-liftoff"};

/// Ends well where the engine takes a module with a function of one such
/// instruction.
static constexpr const char kProbe[] = R"js(
const zero = [0x41, 0, 0xfd, 0x0f];
const code = {
  "simd128": zero,
  "relaxed-simd": [...zero, ...zero, ...zero, 0xfd, 0x93, 2],
}[process.argv[1]];
process.exit(WebAssembly.validate(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0,
  10, code.length + 4, 1, code.length + 2, 0, ...code, 0x0b])) ? 0 : 1);
)js";

static constexpr const char kMain[] = R"js(
import { readFileSync, writeFileSync } from "node:fs";
import { load } from "./model.wasm.js";

const [folder] = process.argv.slice(2);
const bytes = readFileSync(`${folder}/in`);
let at = 0;
const word = () => Number(bytes.readBigInt64LE((at += 8) - 8));
const model = await load();
const inputs = {};
const count = word();
for (let i = 0; i < count; ++i) {
  const shape = Array.from({ length: word() }, word);
  const size = 4 * shape.reduce((a, b) => a * b, 1);
  const data = new Float32Array(bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + size));
  at += size;
  inputs[model.inputs[i].name] = { data, shape };
}
const outputs = await model.run(inputs);
// Nothing is left of a run: another one needs no more memory.
const before = model.memory;
await model.run(inputs);
if (model.memory !== before)
  throw new Error(`memory grew from ${before} to ${model.memory} bytes`);
writeFileSync(`${folder}/out`, Buffer.concat(model.outputs.flatMap(({ name }) => {
  const result = outputs[name];
  return [Buffer.from(BigInt64Array.from(result.shape, BigInt).buffer),
    Buffer.from(result.buffer, result.byteOffset, result.byteLength)];
})));
)js";

/// Whether node ends well with these arguments.
static bool runsNode(llvm::ArrayRef<llvm::StringRef> arguments) {
  llvm::ErrorOr<std::string> node = llvm::sys::findProgramByName(kNode);
  if (!node)
    return false;
  llvm::SmallVector<llvm::StringRef> all{*node};
  llvm::append_range(all, arguments);
  return llvm::sys::ExecuteAndWait(
             *node, all, std::nullopt,
             {llvm::StringRef(), llvm::StringRef(), llvm::StringRef()}) == 0;
}

/// What node is told first.
static llvm::SmallVector<llvm::StringRef> getFlags() {
  static const bool knowsFlags = runsNode({kFlags[0], kFlags[1], "-e", "0"});
  if (knowsFlags)
    return {kFlags[0], kFlags[1]};
  return {};
}

std::string WasmProgram::findMissing(llvm::StringRef cpu) {
  if (llvm::Error error = findWasmLinker("").takeError()) {
    llvm::consumeError(std::move(error));
    return "wasm-ld";
  }
  if (!llvm::sys::findProgramByName(kNode))
    return kNode;
  llvm::SmallVector<llvm::StringRef> arguments = getFlags();
  arguments.append({"-e", kProbe, cpu});
  return runsNode(arguments) ? ""
                             : ("an engine with " + cpu + " in node").str();
}

llvm::Expected<std::unique_ptr<WasmProgram>>
WasmProgram::create(mlir::ModuleOp module, const CompileOptions &options,
                    llvm::ArrayRef<int64_t> resultRanks) {
  std::unique_ptr<WasmProgram> program(new WasmProgram(resultRanks));
  if (llvm::Error error = program->createFolder())
    return std::move(error);
  if (llvm::Error error = program->writeFile("main.mjs", kMain))
    return std::move(error);
  // Without it, node takes the script for one of another kind.
  if (llvm::Error error =
          program->writeFile("package.json", "{\"type\": \"module\"}"))
    return std::move(error);
  ProgramOptions form;
  form.form = ProgramForm::WebAssembly;
  form.cpus = {options.cpu};
  form.runtime = LOWBIT_WASM_RUNTIME;
  llvm::Expected<ProgramFiles> files =
      writeProgram(module, program->path("model.wasm"), form, options);
  if (!files)
    return files.takeError();
  return std::move(program);
}

llvm::Error WasmProgram::start() {
  std::vector<std::string> arguments;
  for (llvm::StringRef flag : getFlags())
    arguments.push_back(flag.str());
  arguments.insert(arguments.end(), {path("main.mjs"), path(".")});
  return execute(kNode, arguments);
}
