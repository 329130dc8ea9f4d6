//===- ElementKernel.h - a thread for each element of a result --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_ELEMENTKERNEL_H
#define LOWBIT_LIB_CODEGEN_GPU_ELEMENTKERNEL_H

#include "Fills.h"
#include "KernelModule.h"

namespace lowbit {

/// Replaces an operation on buffers by a dispatch.
llvm::LogicalResult lowerElements(KernelModule &kernels,
                                  mlir::linalg::LinalgOp op,
                                  const BufferFills &fills);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_ELEMENTKERNEL_H
