//===- Verify.h - kernels that can be printed as WGSL -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WGSL_VERIFY_H
#define LOWBIT_CODEGEN_WGSL_VERIFY_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace lowbit {

/// Fails with an error at the first thing in `kernel` that the printer doesn't
/// know, or that an adapter with `features` alone needn't accept.
llvm::LogicalResult verifyWGSLSubset(mlir::gpu::GPUFuncOp kernel,
                                     llvm::ArrayRef<llvm::StringRef> features);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WGSL_VERIFY_H
