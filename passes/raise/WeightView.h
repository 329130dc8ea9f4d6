//===- WeightView.h - a weight as an operand of a contraction ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Transposes, broadcasts, unit dimensions and widening casts between a weight
// and a contraction are absorbed by saying which loop of the contraction each
// dimension of the *stored* weight runs with.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RAISE_WEIGHTVIEW_H
#define LOWBIT_RAISE_WEIGHTVIEW_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"
#include <optional>

namespace lowbit {

/// A dimension of extent 1 that no loop runs with.
inline constexpr int64_t kNoLoop = -1;

struct WeightView {
  /// A constant tensor, as close to the stored data as the view can be taken.
  mlir::Value root;
  /// The loop that each dimension of `root` runs with, or kNoLoop.
  llvm::SmallVector<int64_t, 4> loops;

  /// Extent of the dimension that runs with `loop`; 0 where there is none.
  int64_t getExtent(int64_t loop) const;
};

/// Views `operand`, indexed by `map`, as a constant of static shape; nothing if
/// it isn't one.
std::optional<WeightView> viewWeight(mlir::Value operand, mlir::AffineMap map);

/// The viewed weight as a matrix whose rows run with `rowLoops` and columns
/// with `columnLoops`, by a transpose and reshapes where the stored order
/// differs.
mlir::Value materializeMatrix(mlir::OpBuilder &builder, mlir::Location loc,
                              const WeightView &view,
                              llvm::ArrayRef<int64_t> rowLoops,
                              llvm::ArrayRef<int64_t> columnLoops);

/// `value` with its dimensions in another order: dimension i of the result is
/// dimension `permutation[i]`. Returns `value` for the identity.
mlir::Value transposed(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value value, llvm::ArrayRef<int64_t> permutation);

/// `value` with runs of dimensions merged, `sizes[i]` of them to dimension i of
/// the result. Returns `value` where all runs have length one.
mlir::Value collapsed(mlir::OpBuilder &builder, mlir::Location loc,
                      mlir::Value value, llvm::ArrayRef<int64_t> sizes);

} // namespace lowbit

#endif // LOWBIT_RAISE_WEIGHTVIEW_H
