//===- ResidualStream.h - what layers add to --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_RESIDUALSTREAM_H
#define LOWBIT_TRANSFORMS_RESIDUALSTREAM_H

#include "lowbit/IR/Lowbit.h"

namespace lowbit {

/// The tensor that the result of `layer`, and nothing else of it, is added to
/// number by number, before or after a bias, seen through reshapes; null if
/// there is none. In raised form, where layers have no epilogue yet. Its
/// numbers in memory are rows as the layer yields them.
mlir::Value findResidual(LinearOp layer);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_RESIDUALSTREAM_H
