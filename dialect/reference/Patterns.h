//===- Patterns.h - the parts of the lowering to linalg ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_REFERENCE_PATTERNS_H
#define LOWBIT_REFERENCE_PATTERNS_H

#include "lowbit/Reference/LowerToLinalg.h"

namespace lowbit {

/// Globals and weights.
void populateWeightPatterns(const mlir::TypeConverter &converter,
                            mlir::RewritePatternSet &patterns);
/// Linear and embedding.
void populateContractionPatterns(const mlir::TypeConverter &converter,
                                 mlir::RewritePatternSet &patterns);
/// Attention.
void populateAttentionPatterns(const mlir::TypeConverter &converter,
                               mlir::RewritePatternSet &patterns);
/// Quantize.
void populateQuantizePatterns(const mlir::TypeConverter &converter,
                              mlir::RewritePatternSet &patterns);

} // namespace lowbit

#endif // LOWBIT_REFERENCE_PATTERNS_H
