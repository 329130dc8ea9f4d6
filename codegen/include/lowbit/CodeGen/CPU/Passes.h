//===- Passes.h - CPU code generation passes --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declarations, options and registration of the passes in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_PASSES_H
#define LOWBIT_CODEGEN_CPU_PASSES_H

#include "lowbit/CodeGen/CPU/CPUTuning.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace lowbit {

/// Attribute of a loop that computes numbers one by one because its layer has
/// no kernel: the reference form.
inline constexpr llvm::StringLiteral kScalarLoopAttrName = "lowbit.scalar_loop";

#define GEN_PASS_DECL
#include "lowbit/CodeGen/CPU/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lowbit/CodeGen/CPU/Passes.h.inc"

} // namespace lowbit

#endif // LOWBIT_CODEGEN_CPU_PASSES_H
