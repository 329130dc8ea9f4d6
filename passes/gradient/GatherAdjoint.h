//===- GatherAdjoint.h - gradients through gathers --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_GRADIENT_GATHERADJOINT_H
#define LOWBIT_GRADIENT_GATHERADJOINT_H

#include "lowbit/Transforms/Adjoints.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace lowbit {

/// Why gradients can't be scattered to the active tensors that the body of `op`
/// reads by `tensor.extract`; empty if they can.
std::string checkGathers(mlir::linalg::LinalgOp op, const Activity &activity);

/// Adds to the gradients of those tensors: loops, one element after another,
/// since several may come from one place.
void differentiateGathers(mlir::linalg::LinalgOp op, Gradients &gradients);

} // namespace lowbit

#endif // LOWBIT_GRADIENT_GATHERADJOINT_H
