//===- FallbackSignature.h - the functions that a page calls ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_WEB_FALLBACKSIGNATURE_H
#define LOWBIT_LIB_CODEGEN_WEB_FALLBACKSIGNATURE_H

#include "lowbit/CodeGen/GPU/GPUSchedule.h"
#include "lowbit/CodeGen/Web/WebFallback.h"
#include "mlir/IR/BuiltinOps.h"

namespace lowbit {

/// Emits an error for `module` unless the functions of `fallback` take and give
/// what those of `schedules` do, type by type.
mlir::LogicalResult
checkFallbackSignature(mlir::ModuleOp module,
                       llvm::ArrayRef<GPUSchedule> schedules,
                       const WebFallback &fallback);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_WEB_FALLBACKSIGNATURE_H
