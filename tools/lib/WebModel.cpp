//===- WebModel.cpp - a model as a web module -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/WebModel.h"
#include "IndexedTables.h"
#include "Linker.h"
#include "WebFallback.h"
#include "WidenBoundary.h"
#include "lowbit/CodeGen/Web/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Signature.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/Path.h"

using namespace lowbit;

static std::string replaceExtension(llvm::StringRef module,
                                    llvm::StringRef extension) {
  llvm::SmallString<128> path(module);
  llvm::sys::path::replace_extension(path, extension);
  return path.str().str();
}

std::string lowbit::getWebManifestPath(llvm::StringRef module) {
  return replaceExtension(module, ".json");
}

std::string lowbit::getWebTypesPath(llvm::StringRef module) {
  return replaceExtension(module, ".d.ts");
}

/// Bytes of all weights as f32 numbers, whatever they are stored as.
static uint64_t countFloatBytes(mlir::ModuleOp module) {
  uint64_t bytes = 0;
  module.walk([&](GlobalOp global) {
    if (auto type = llvm::dyn_cast<mlir::ShapedType>(global.getType()))
      bytes += 4 * type.getNumElements();
  });
  return bytes;
}

llvm::Error WebOutput::write(llvm::StringRef path, llvm::StringRef bytes) {
  auto file = AtomicOutput::create(path);
  if (!file)
    return file.takeError();
  file->os() << bytes;
  if (llvm::Error error = file->finish())
    return error;
  files.push_back(std::move(*file));
  return llvm::Error::success();
}

std::string WebOutput::find(llvm::StringRef path) const {
  for (const AtomicOutput &file : files)
    if (file.getPath() == path)
      return file.getTemporaryPath().str();
  return path.str();
}

llvm::Error WebOutput::commit(AtomicOutput *companion) {
  llvm::SmallVector<AtomicOutput *> all = {companion};
  for (AtomicOutput &file : files)
    all.push_back(&file);
  return AtomicOutput::commitAll(all);
}

/// What stands in the way of the WebAssembly, and what to do without.
static llvm::Error explainFallback(llvm::Error error) {
  return makeError(
      "for browsers without a GPU: " + llvm::toString(std::move(error)) +
      "; --fallback=none leaves that out");
}

llvm::Error lowbit::checkWebFallback() {
  llvm::Expected<std::string> linker = findWasmLinker("");
  if (!linker)
    return explainFallback(linker.takeError());
  llvm::Expected<std::string> runtime = findWasmRuntime("");
  if (!runtime)
    return explainFallback(runtime.takeError());
  return llvm::Error::success();
}

llvm::Error lowbit::writeWebModel(mlir::ModuleOp packed, llvm::StringRef output,
                                  const CompileOptions &options,
                                  WebFiles &files, const WebModelOptions &web) {
  WriteWebModulePassOptions write;
  write.output = output.str();
  write.precision = web.precision;
  llvm::append_range(write.shares, web.shares);
  write.bitsPerWeight = getWeightSize(packed).getBitsPerWeight();
  write.floatBytes = countFloatBytes(packed);
  std::optional<WebFallback> fallback;
  if (web.fallback) {
    auto compiled = FallbackCompiler(output, options).compile(packed);
    if (!compiled)
      return explainFallback(compiled.takeError());
    fallback = std::move(*compiled);
  }
  widenBoundary(packed);
  IndexedTables tables(packed);
  if (llvm::Error error =
          compileModule(packed, Phase::Lower, options, Phase::Lower))
    return error;
  tables.note(packed);
  DiagnosticText errors(*packed.getContext());
  mlir::PassManager manager(packed.getContext());
  manager.addPass(
      createWriteWebModulePass(write, files, fallback ? &*fallback : nullptr));
  if (failed(manager.run(packed)))
    return errors.takeError("the model has no form as a web module");
  return llvm::Error::success();
}
