//===- Activation.h - activation functions in IR ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_REFERENCE_ACTIVATION_H
#define LOWBIT_REFERENCE_ACTIVATION_H

#include "lowbit/IR/Lowbit.h"

namespace lowbit {

/// Builds `activation` of `value`, an f32 or a vector of them, in arith and
/// math. No intermediate overflows into a NaN for finite values.
mlir::Value buildActivation(mlir::OpBuilder &builder, mlir::Location loc,
                            ActivationAttr activation, mlir::Value value);

} // namespace lowbit

#endif // LOWBIT_REFERENCE_ACTIVATION_H
