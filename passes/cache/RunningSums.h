//===- RunningSums.h - sums up to each position -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CACHE_RUNNINGSUMS_H
#define LOWBIT_CACHE_RUNNINGSUMS_H

#include "DecoderRows.h"

namespace lowbit {

/// Puts numbers in place of single elements that are read of inputs which are
/// all ones or zeros, and a function of the position in place of a loop that
/// adds up a number: exporters count positions by adding up the mask.
void countPositions(mlir::func::FuncOp function,
                    llvm::ArrayRef<InputMeaning> meanings);

} // namespace lowbit

#endif // LOWBIT_CACHE_RUNNINGSUMS_H
