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
/// `lowbit-write-web-module` names. `output` ends in `.js`.
llvm::Error writeWebModel(mlir::ModuleOp packed, llvm::StringRef output,
                          const CompileOptions &options);

} // namespace lowbit

#endif // LOWBIT_TOOLS_WEBMODEL_H
