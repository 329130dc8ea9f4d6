//===- MathApproximation.h - math functions on vectors ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_MATHAPPROXIMATION_H
#define LOWBIT_CODEGEN_CPU_MATHAPPROXIMATION_H

#include "mlir/IR/PatternMatch.h"

namespace lowbit {

/// Attribute of `math.fma` ops that count on a product being exact. Others may
/// be rounded twice.
inline constexpr llvm::StringLiteral kRoundsOnceAttrName = "lowbit.rounds_once";

/// Polynomials for the functions of the math dialect. Upstream's, except for
/// sine and cosine, whose argument upstream reduces with a single constant:
/// that is wrong by 1e-5 for an argument of 256, as rotary embeddings have; and
/// for the error function, of which upstream picks each coefficient by the
/// argument.
void populateMathApproximationPatterns(mlir::RewritePatternSet &patterns);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_CPU_MATHAPPROXIMATION_H
