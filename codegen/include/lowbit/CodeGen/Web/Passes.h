//===- Passes.h - web modules -----------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WEB_PASSES_H
#define LOWBIT_CODEGEN_WEB_PASSES_H

#include "lowbit/CodeGen/Web/WebFiles.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lowbit {

#define GEN_PASS_DECL
#include "lowbit/CodeGen/Web/Passes.h.inc"

struct WebFallback;

/// The pass whose files go to `files`, with the model as WebAssembly, if there
/// is one. Both must outlive the pass.
std::unique_ptr<mlir::Pass>
createWriteWebModulePass(const WriteWebModulePassOptions &options,
                         WebFiles &files,
                         const WebFallback *fallback = nullptr);

#define GEN_PASS_REGISTRATION
#include "lowbit/CodeGen/Web/Passes.h.inc"

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WEB_PASSES_H
