//===- RaisePatterns.h - parts of the raising pass --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RAISE_RAISEPATTERNS_H
#define LOWBIT_RAISE_RAISEPATTERNS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"

namespace lowbit {

/// Gathers of rows of a weight become `lowbit.embedding`.
void populateRaiseEmbeddingPatterns(mlir::RewritePatternSet &patterns);

/// Layers whose weight is dequantized read the quantized weight.
void populateLinearDequantizePatterns(mlir::RewritePatternSet &patterns);

/// Layers whose weight is some rows of a dequantized one read a weight of those
/// rows. Fails, with a diagnostic, where a weight's data are absent.
mlir::LogicalResult takeRowsOfCodes(mlir::ModuleOp module);

} // namespace lowbit

#endif // LOWBIT_RAISE_RAISEPATTERNS_H
