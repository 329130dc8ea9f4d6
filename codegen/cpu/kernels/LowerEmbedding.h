//===- LowerEmbedding.h - embeddings become kernel calls --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_LOWEREMBEDDING_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_LOWEREMBEDDING_H

#include "KernelCalls.h"

namespace lowbit::cpu {

/// Replaces `op` by a kernel call, or returns why there is no kernel.
std::optional<std::string> lowerEmbedding(KernelCalls &calls, EmbeddingOp op);

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_LOWEREMBEDDING_H
