//===- ScalarCone.h - what is computed from one tensor alone ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Follows a tensor x forward through elementwise linalg ops, however they are
// divided into ops, and gives every scalar that depends on one element of x and
// constants alone as a function of it. Nothing is rewritten for that.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FUSE_SCALARCONE_H
#define LOWBIT_FUSE_SCALARCONE_H

#include "ScalarAlgebra.h"

#include "lowbit/Transforms/Elementwise.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include <optional>

namespace lowbit {

class ScalarCone {
public:
  /// The cone of `x`, within its block and at most 32 ops.
  explicit ScalarCone(mlir::Value x);

  /// Floats computed from x inside elementwise ops, nearest first.
  llvm::ArrayRef<mlir::Value> getScalars() const { return scalars; }

  /// `value`, one of the scalars or a tensor made of them, as a function of x;
  /// unknown for others.
  ScalarFunction getFunction(mlir::Value value) const;

  /// Whether `value` is x or computed from it in the cone.
  bool contains(mlir::Value value) const { return members.contains(value); }

  /// Whether x and all that lies between it and `root` is used for `root`
  /// alone, so that a replacement of `root` makes all of it dead.
  bool isUsedOnlyFor(mlir::Value root) const;

  /// The algebra that the functions belong to.
  ScalarAlgebra &getAlgebra() { return algebra; }

private:
  void enter(mlir::linalg::LinalgOp op);
  void bindInputs(mlir::linalg::LinalgOp op);
  ScalarFunction operand(mlir::Value value);
  ScalarFunction evaluate(mlir::Operation *op);
  ScalarFunction evaluateUnary(mlir::Operation *op);
  ScalarFunction evaluateBinary(mlir::Operation *op);
  ScalarFunction evaluateSelect(mlir::Operation *op);
  llvm::DenseSet<mlir::Value> getSlice(mlir::Value root) const;

  ScalarAlgebra algebra;
  llvm::DenseMap<mlir::Value, ScalarFunction> functions;
  llvm::DenseSet<mlir::Value> members;
  llvm::SmallVector<mlir::Value> scalars;
};

} // namespace lowbit

#endif // LOWBIT_FUSE_SCALARCONE_H
