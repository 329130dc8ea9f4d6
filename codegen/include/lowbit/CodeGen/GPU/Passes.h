//===- Passes.h - GPU code generation passes --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declarations, options and registration of the passes in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_GPU_PASSES_H
#define LOWBIT_CODEGEN_GPU_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lowbit {

#define GEN_PASS_DECL
#include "lowbit/CodeGen/GPU/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lowbit/CodeGen/GPU/Passes.h.inc"

} // namespace lowbit

#endif // LOWBIT_CODEGEN_GPU_PASSES_H
