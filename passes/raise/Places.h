//===- Places.h - integers that follow from a position ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RAISE_PLACES_H
#define LOWBIT_RAISE_PLACES_H

#include "ElementTrace.h"

#include "mlir/Interfaces/ValueBoundsOpInterface.h"

namespace lowbit {

/// Integers as affine functions of the position (dimensions) and of numbers
/// that aren't known when compiling, such as extents (symbols).
class Places {
public:
  /// The function that `element` is; null where it is no such function.
  mlir::AffineExpr get(const Element &element);
  /// The same of a number that is computed outside of elementwise ops.
  mlir::AffineExpr get(mlir::OpFoldResult number);
  /// An extent of `tensor`.
  mlir::AffineExpr getExtent(mlir::Value tensor, int64_t dimension);

  /// Whether `lhs` is at most `rhs` whatever the unknown numbers are, as far as
  /// that can be shown. Neither depends on the position.
  bool isAtMost(mlir::AffineExpr lhs, mlir::AffineExpr rhs) const;

  unsigned getNumSymbols() const { return variables.size(); }

private:
  using Variable = mlir::ValueBoundsConstraintSet::Variable;

  /// The functions, by at most `steps` steps: sums of sums can be as many as
  /// an exponential of their number.
  mlir::AffineExpr find(const Element &element, unsigned &steps);
  mlir::AffineExpr find(mlir::OpFoldResult number, unsigned &steps);
  /// The symbol of a number, or of an extent of a tensor.
  mlir::AffineExpr getSymbol(mlir::Value value,
                             std::optional<int64_t> dimension);

  llvm::SmallVector<std::pair<mlir::Value, std::optional<int64_t>>> numbers;
  llvm::SmallVector<Variable> variables;
};

} // namespace lowbit

#endif // LOWBIT_RAISE_PLACES_H
