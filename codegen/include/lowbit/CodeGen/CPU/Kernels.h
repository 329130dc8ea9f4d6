//===- Kernels.h - low-bit CPU kernels --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_KERNELS_H
#define LOWBIT_CODEGEN_CPU_KERNELS_H

#include "lowbit/CodeGen/CPU/CPUTuning.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace lowbit {

#define GEN_PASS_DECL
#include "lowbit/CodeGen/CPU/KernelPasses.h.inc"

#define GEN_PASS_REGISTRATION
#include "lowbit/CodeGen/CPU/KernelPasses.h.inc"

struct CPUDescription;

/// Replaces `lowbit.dot4` in registers of `target` by what it offers.
void populateLowerDot4Patterns(mlir::RewritePatternSet &patterns,
                               const CPUDescription &target);

/// Replaces `lowbit.lut` in registers of `target` by what it offers.
void populateLowerLutPatterns(mlir::RewritePatternSet &patterns,
                              const CPUDescription &target);

namespace cpu {

/// Attribute of functions that are kernels: vector code already.
inline constexpr llvm::StringLiteral kKernelAttrName = "lowbit.kernel";

/// Attaches the CPU's answers to `#lowbit.cpu`.
void registerTargetModels(mlir::DialectRegistry &registry);

/// Lets one-shot bufferization handle `lowbit.call_kernel`.
void registerBufferizationModels(mlir::DialectRegistry &registry);

} // namespace cpu
} // namespace lowbit

#endif // LOWBIT_CODEGEN_CPU_KERNELS_H
