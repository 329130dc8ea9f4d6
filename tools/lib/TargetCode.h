//===- TargetCode.h - LLVM IR for one processor -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_TARGETCODE_H
#define LOWBIT_TOOLS_LIB_TARGETCODE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/IR/Module.h"

namespace lowbit {

/// Position-independent code in the small model, with full optimization, for a
/// CPU by LLVM's name, `native` or `portable`, of the machine `triple` (empty:
/// this one). An unknown CPU or triple is an error.
llvm::Expected<llvm::orc::JITTargetMachineBuilder>
getTargetBuilder(llvm::StringRef cpu, unsigned optLevel,
                 llvm::StringRef triple = "");

/// The machine that a builder describes, also where it can't run code at once.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createMachine(const llvm::orc::JITTargetMachineBuilder &builder);

/// Adds `void name(void **arguments, const void *const *weights)`, which
/// unpacks pointers for the C interface of `@main`: `arguments` holds
/// `numArguments` of them, and `weights` is passed on if `@main` takes one
/// pointer more.
llvm::Expected<llvm::Function *> addEntry(llvm::Module &module,
                                          llvm::StringRef name,
                                          unsigned numArguments,
                                          llvm::StringRef function = "main");

/// Translates a module in the LLVM dialect and optimizes it for the machine of
/// `builder`, in parts (CodeParts.h) on the threads of the module's context.
llvm::Expected<std::unique_ptr<llvm::Module>>
translateAndOptimize(mlir::ModuleOp module, llvm::LLVMContext &context,
                     const llvm::orc::JITTargetMachineBuilder &builder,
                     unsigned optLevel,
                     llvm::function_ref<llvm::Error(llvm::Module &)> prepare);

/// The same, each part made an object at once.
llvm::Expected<std::vector<std::unique_ptr<llvm::MemoryBuffer>>>
translateToObjects(mlir::ModuleOp module,
                   const llvm::orc::JITTargetMachineBuilder &builder,
                   unsigned optLevel,
                   llvm::function_ref<llvm::Error(llvm::Module &)> prepare);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_TARGETCODE_H
