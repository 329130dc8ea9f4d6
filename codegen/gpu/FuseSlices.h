//===- FuseSlices.h - parts of elementwise results --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_FUSESLICES_H
#define LOWBIT_LIB_CODEGEN_GPU_FUSESLICES_H

#include "mlir/IR/PatternMatch.h"

namespace lowbit {

/// Adds a pattern that computes an elementwise result by parts, where all that
/// is read of it are parts, each by one elementwise operation.
void populateGPUFuseSlicesPatterns(mlir::RewritePatternSet &patterns);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_FUSESLICES_H
