//===- HostCPU.h - what a CPU's name stands for -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_HOSTCPU_H
#define LOWBIT_CODEGEN_CPU_HOSTCPU_H

#include "lowbit/IR/Lowbit.h"
#include "llvm/Support/Error.h"

namespace lowbit {

/// The kernel table for the x86-64 CPU called `cpu` as LLVM knows it
/// (`znver5`, `sapphirerapids`, ...); `native` asks this machine, `portable`
/// wants no instruction beyond the baseline. An unknown name is an error.
llvm::Expected<CPUTargetAttr> getCPUTarget(mlir::MLIRContext *context,
                                           llvm::StringRef cpu);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_CPU_HOSTCPU_H
