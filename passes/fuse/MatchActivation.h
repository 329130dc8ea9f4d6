//===- MatchActivation.h - recognise activation functions -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compares a scalar function with the activations that `lowbit.linear` knows.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FUSE_MATCHACTIVATION_H
#define LOWBIT_FUSE_MATCHACTIVATION_H

#include "ScalarCone.h"

#include "lowbit/IR/Lowbit.h"
#include <optional>

namespace lowbit {

/// The activation that `function`, made by `algebra`, is of its x; constants
/// may be off by `kCoefficientTolerance`. Slopes and offsets that are numbers
/// of f32 come out as the shortest decimal that rounds to them.
std::optional<ActivationAttr> matchActivation(mlir::MLIRContext *context,
                                              ScalarAlgebra &algebra,
                                              const ScalarFunction &function);

/// The activation of the elements of tensor `x` that `root` is: the result of
/// an elementwise op, or a scalar inside one. Any number of ops may lie between
/// them.
std::optional<ActivationAttr> matchActivation(mlir::Value root, mlir::Value x);

} // namespace lowbit

#endif // LOWBIT_FUSE_MATCHACTIVATION_H
