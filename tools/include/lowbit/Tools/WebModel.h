//===- WebModel.h - a model as a web module ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_WEBMODEL_H
#define LOWBIT_TOOLS_WEBMODEL_H

#include "lowbit/CodeGen/Web/WebFiles.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/Compiler.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace lowbit {

/// The manifest of the web module `model.webgpu.js`: `model.webgpu.json`.
std::string getWebManifestPath(llvm::StringRef module);

/// Its types: `model.webgpu.d.ts`.
std::string getWebTypesPath(llvm::StringRef module);

/// The files of a web module, which take their places together. Discarded
/// unless `commit` succeeds.
class WebOutput : public WebFiles {
public:
  llvm::Error write(llvm::StringRef path, llvm::StringRef bytes) override;
  std::string find(llvm::StringRef path) const override;
  /// What is replaced goes with it.
  void retire(llvm::StringRef) override {}
  /// All, or none: see `AtomicOutput::commitAll`. The last one that was written
  /// is the module's manifest. `companion`, if there is one, is committed with
  /// them.
  llvm::Error commit(AtomicOutput *companion = nullptr);

private:
  std::vector<AtomicOutput> files;
};

/// How a web module is written.
struct WebModelOptions {
  /// The name of one precision of a module that has several, which may share
  /// shards with those whose manifests are `shares`; empty for one of its own.
  std::string precision;
  std::vector<std::string> shares;
  /// Whether the module has the model as WebAssembly, too, for browsers that
  /// offer no GPU.
  bool fallback = true;
};

/// An error where this installation can't link WebAssembly, which a module with
/// a fallback holds: to be found before the work, not after.
llvm::Error checkWebFallback();

/// Lowers a packed module for WebGPU and writes the files that
/// `lowbit-write-web-module` names to `files`. `output` ends in `.js`.
llvm::Error writeWebModel(mlir::ModuleOp packed, llvm::StringRef output,
                          const CompileOptions &options, WebFiles &files,
                          const WebModelOptions &web = {});

} // namespace lowbit

#endif // LOWBIT_TOOLS_WEBMODEL_H
