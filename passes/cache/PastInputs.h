//===- PastInputs.h - a decoder without its past ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CACHE_PASTINPUTS_H
#define LOWBIT_CACHE_PASTINPUTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace lowbit {

/// Whether an argument can be keys or values of earlier tokens: floats of one
/// dynamic extent.
bool isPast(mlir::BlockArgument argument);

/// Turns a decoder that takes keys and values of earlier tokens, and returns
/// them with those of its own appended, into one that starts with no token.
/// Such inputs and results are dropped. Emits an error where an input is used
/// in another way.
llvm::LogicalResult dropPastInputs(mlir::func::FuncOp function);

/// Drops joins with nothing, once sizes are simplified.
void dropEmptyJoins(mlir::func::FuncOp function);

} // namespace lowbit

#endif // LOWBIT_CACHE_PASTINPUTS_H
