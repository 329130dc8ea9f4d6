//===- FunctionPasses.h - passes on functions as a whole --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Declarations, options and registration of the passes in FunctionPasses.td.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_FUNCTIONPASSES_H
#define LOWBIT_CODEGEN_CPU_FUNCTIONPASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/Pass.h"

namespace lowbit {

#define GEN_PASS_DECL
#include "lowbit/CodeGen/CPU/FunctionPasses.h.inc"

#define GEN_PASS_REGISTRATION
#include "lowbit/CodeGen/CPU/FunctionPasses.h.inc"

} // namespace lowbit

#endif // LOWBIT_CODEGEN_CPU_FUNCTIONPASSES_H
