//===- SoftmaxMatch.h - recognise a softmax ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RAISE_SOFTMAXMATCH_H
#define LOWBIT_RAISE_SOFTMAXMATCH_H

#include "mlir/IR/Value.h"

namespace lowbit {

/// The tensor whose softmax over the last dimension `weights` is, written as
/// one op or as its steps, each of which may be rounded to 16 bits; or null.
mlir::Value matchSoftmax(mlir::Value weights);

} // namespace lowbit

#endif // LOWBIT_RAISE_SOFTMAXMATCH_H
