//===- Float8.h - rounding to floats of 8 bits ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_REFERENCE_FLOAT8_H
#define LOWBIT_REFERENCE_FLOAT8_H

#include "mlir/IR/Builders.h"

namespace lowbit {

/// The largest finite number of `type`.
double getLargestNumber(mlir::FloatType type);

/// `number`, an f32 or a vector of them, rounded to the nearest number of
/// `type`, half to even, as f32: beyond the range its end, NaN for NaN.
/// Ordinary arithmetic, exact on every target.
mlir::Value buildRoundToFloat8(mlir::OpBuilder &builder, mlir::Location loc,
                               mlir::Value number, mlir::FloatType type);

} // namespace lowbit

#endif // LOWBIT_REFERENCE_FLOAT8_H
