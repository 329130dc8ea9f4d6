//===- ModuleFiles.h - the files of a web module ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WEB_MODULEFILES_H
#define LOWBIT_CODEGEN_WEB_MODULEFILES_H

#include "lowbit/CodeGen/Web/WebFiles.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <string>

namespace lowbit {

/// The module's name with another extension: model.webgpu.json.
std::string getModuleFile(llvm::StringRef output, const llvm::Twine &extension);

/// The numerics as a module of WebAssembly; empty in builds without.
llvm::StringRef getWebQuantizer();

/// Writes the run time, whose manifest has the name of the module, and its
/// types.
llvm::Error writeRuntimeFiles(llvm::StringRef output, WebFiles &files);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WEB_MODULEFILES_H
