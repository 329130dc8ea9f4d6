//===- LowerAttention.h - attention becomes dispatches ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_LOWERATTENTION_H
#define LOWBIT_LIB_CODEGEN_GPU_LOWERATTENTION_H

#include "AttentionKernel.h"
#include "WholeRows.h"
#include "lowbit/IR/Lowbit.h"
#include <optional>

namespace lowbit {

/// Replaces attention on tensors by dispatches. Keys and values may be the
/// first rows of caches, as many as the host computes: kernels read the caches,
/// and that number from a buffer. Masks are computed for all rows of them.
class AttentionLowering {
public:
  explicit AttentionLowering(KernelModule &kernels) : kernels(kernels) {}

  /// Replaces `op`, or returns why there is no kernel.
  std::optional<std::string> lower(AttentionOp op);

private:
  mlir::Value getLength(mlir::Value count);
  mlir::Value getMask(mlir::Value mask, mlir::Value count, int64_t rows,
                      std::string &reason);
  mlir::Value dispatch(AttentionOp op, const GPUAttentionSpec &spec,
                       mlir::ValueRange inputs);

  KernelModule &kernels;
  /// Tensors with a number of keys.
  llvm::DenseMap<mlir::Value, mlir::Value> lengths;
  /// What masks are made of, by the number of keys and the rows of a cache.
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, std::unique_ptr<WholeRows>>
      wholes;
};

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_LOWERATTENTION_H
