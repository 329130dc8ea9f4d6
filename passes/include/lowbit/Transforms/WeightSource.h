//===- WeightSource.h - the constant behind a value -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Between a weight and the layer that uses it stand ops that only rearrange or
// widen it. These functions look through them.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_WEIGHTSOURCE_H
#define LOWBIT_TRANSFORMS_WEIGHTSOURCE_H

#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"
#include <string>

namespace lowbit {

/// The `lowbit.weight` or `arith.constant` whose numbers `value` holds, seen
/// through transposes, reshapes, broadcasts, elementwise widening and
/// conversions of encoding or layout; null where there is none.
mlir::Operation *getWeightSource(mlir::Value value);

/// The weight, or constant matrix, that `value` is computed from with nothing
/// but constants beside it: a sum of two, say. Null where there is none, and
/// where `value` depends on an argument or on memory.
mlir::Operation *findComputedWeight(mlir::Value value);

/// Lets `operand` read `value`, and erases what its former value came from as
/// far as nothing else reads it.
void replaceSource(mlir::OpOperand &operand, mlir::Value value);

/// What a person knows a weight source by: `@` and the name of its global, or
/// the name in its location, or "a constant".
std::string getWeightName(mlir::Operation *source);

/// Whether `op` yields its one tensor input, widened at most: a copy, a
/// broadcast, a transposition, an extension of floats.
bool isRearrangement(mlir::Operation *op);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_WEIGHTSOURCE_H
