//===- WordKernel.h - packed elements, written by words ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_WORDKERNEL_H
#define LOWBIT_LIB_CODEGEN_GPU_WORDKERNEL_H

#include "LinalgKernel.h"

namespace lowbit {

/// Finishes a kernel with a thread for each word of packed elements of
/// `output`, which `compute` gives.
llvm::LogicalResult writeWords(
    LinalgKernel &kernel, llvm::StringRef name, mlir::Value output,
    llvm::function_ref<llvm::FailureOr<mlir::Value>(llvm::ArrayRef<Index> at)>
        compute);

/// The same of the elements that `op` computes.
llvm::LogicalResult writeWords(mlir::linalg::LinalgOp op, LinalgKernel &kernel);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_WORDKERNEL_H
