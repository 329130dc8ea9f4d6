//===- AttentionKernel.h - attention on a GPU -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_ATTENTIONKERNEL_H
#define LOWBIT_LIB_CODEGEN_GPU_ATTENTIONKERNEL_H

#include "KernelModule.h"
#include "RowReader.h"

namespace lowbit {

/// softmax(scale * Q * transpose(K)) * V for each of `heads`: Q is
/// [heads, queries, width], K [groups, rows, width], V [groups, rows,
/// valueWidth]. Head h reads group h / (heads / groups).
struct GPUAttentionSpec {
  int64_t heads, groups, queries, rows, width, valueWidth;
  float scale = 1;
  /// Query i sees key j only where j <= i + keys - queries.
  bool causal = false;
  /// How keys and values are stored.
  GPURowFormat format = GPURowFormat::F32;
  /// The number of keys is read when the kernel runs: those after it are
  /// hidden. It is at least that of queries. Otherwise all rows are keys.
  bool hasLength = false;
  /// What is added to scores: a tensor of this shape, each extent 1 or that of
  /// [batch..., heads, queries, rows]; empty where there is none. Sums under
  /// -1e30 count as that, so that a query all of whose keys are hidden by large
  /// numbers gets their mean, as from a softmax of sums.
  llvm::SmallVector<int64_t> mask;
  /// The extents of which `heads` is the product, where there is a mask.
  llvm::SmallVector<int64_t> batch;

  /// In how many parts keys are taken, each by workgroups of their own. More
  /// than one where there are few queries and many rows: the result is then
  /// what `getGPUAttentionJoinKernel` takes.
  int64_t getParts() const;
  /// Heads of a group that a workgroup has a query of: keys and values that it
  /// reads serve all of them.
  int64_t getHeldHeads() const;
  /// Queries of each of them that it has.
  int64_t getHeldRows() const;
  /// Workgroups for a part of the keys: those of heads, and of queries.
  std::array<int64_t, 2> getWorkgroups() const;
  /// Numbers that are read and written at once.
  int64_t getStep() const;
  /// Elements of the result, of `getStep` numbers each: for each part and row
  /// of queries the sums of weighted values, the largest score, and the sum of
  /// weights; or, without parts, the values alone.
  int64_t getResultSteps() const;

  std::string name() const;
};

/// Why there is no such kernel; empty if there is.
std::string explainNoGPUKernel(const GPUAttentionSpec &spec);

/// Emits (or finds) the kernel that makes one result of those of the parts:
/// (parts, y: f32).
GPUKernel getGPUAttentionJoinKernel(KernelModule &kernels,
                                    const GPUAttentionSpec &spec,
                                    mlir::MLIRContext *context);

/// Emits (or finds) the kernel (Q, K[, scales], V[, scales][, mask][, number of
/// keys: an i32], y: f32).
GPUKernel getGPUAttentionKernel(KernelModule &kernels,
                                const GPUAttentionSpec &spec,
                                mlir::MLIRContext *context);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_ATTENTIONKERNEL_H
