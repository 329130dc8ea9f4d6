//===- WebModel.h - a model as a web module ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_WEBMODEL_H
#define LOWBIT_TOOLS_WEBMODEL_H

#include "lowbit/Tools/Compiler.h"
#include "llvm/Support/Error.h"

namespace lowbit {

/// The manifest of the web module `model.webgpu.js`: `model.webgpu.json`.
std::string getWebManifestPath(llvm::StringRef module);

/// Lowers a packed module for WebGPU and writes the files that
/// `lowbit-write-web-module` names. `output` ends in `.js`. With a name for
/// `precision`, they are those of one precision of a module, which may share
/// shards with those whose manifests are `shares`.
llvm::Error writeWebModel(mlir::ModuleOp packed, llvm::StringRef output,
                          const CompileOptions &options,
                          llvm::StringRef precision = "",
                          llvm::ArrayRef<std::string> shares = {});

} // namespace lowbit

#endif // LOWBIT_TOOLS_WEBMODEL_H
