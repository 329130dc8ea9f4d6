//===- LowerAttention.h - attention becomes dispatches ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_LOWERATTENTION_H
#define LOWBIT_LIB_CODEGEN_GPU_LOWERATTENTION_H

#include "AttentionKernel.h"
#include "lowbit/IR/Lowbit.h"
#include <optional>

namespace lowbit {

/// Replaces attention on tensors by dispatches. Keys and values may be the
/// first rows of caches, as many as the host computes: kernels read the caches,
/// and that number from a buffer.
class AttentionLowering {
public:
  explicit AttentionLowering(KernelModule &kernels) : kernels(kernels) {}

  /// Replaces `op`, or returns why there is no kernel.
  std::optional<std::string> lower(AttentionOp op);

private:
  mlir::Value getLength(mlir::Value count);

  KernelModule &kernels;
  /// Tensors with a number of keys.
  llvm::DenseMap<mlir::Value, mlir::Value> lengths;
};

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_LOWERATTENTION_H
