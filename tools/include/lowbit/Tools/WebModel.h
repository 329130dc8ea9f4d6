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
  /// is the module's manifest.
  llvm::Error commit();

private:
  std::vector<AtomicOutput> files;
};

/// Lowers a packed module for WebGPU and writes the files that
/// `lowbit-write-web-module` names to `files`. `output` ends in `.js`. With a
/// name for `precision`, they are those of one precision of a module, which may
/// share shards with those whose manifests are `shares`.
llvm::Error writeWebModel(mlir::ModuleOp packed, llvm::StringRef output,
                          const CompileOptions &options, WebFiles &files,
                          llvm::StringRef precision = "",
                          llvm::ArrayRef<std::string> shares = {});

} // namespace lowbit

#endif // LOWBIT_TOOLS_WEBMODEL_H
