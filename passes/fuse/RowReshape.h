//===- RowReshape.h - reshapes between a layer and its users ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FUSE_ROWRESHAPE_H
#define LOWBIT_FUSE_ROWRESHAPE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <optional>

namespace lowbit {

/// A reshape that keeps the innermost dimension, so that rows are counted
/// otherwise and stay as they are.
class RowReshape {
public:
  /// What `op` does, if it is such a reshape and can be undone.
  static std::optional<RowReshape> get(mlir::Operation *op);

  /// What is done by `use`, an input of an elementwise op that has loops of
  /// extent 1 which the tensor lacks, if the op reads it whole.
  static std::optional<RowReshape> ofUnitLoops(mlir::OpOperand &use);

  /// The type of the result.
  mlir::RankedTensorType getType() const { return to; }

  /// `value`, of the type of the source, reshaped. `like` has the extents of
  /// the result.
  mlir::Value apply(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::Value value, mlir::Value like) const;

  /// `value`, of the type of the result, in the shape of the source.
  mlir::Value undo(mlir::OpBuilder &builder, mlir::Location loc,
                   mlir::Value value) const;

private:
  using Groups = llvm::SmallVector<mlir::ReassociationIndices>;

  RowReshape(mlir::RankedTensorType from, mlir::RankedTensorType to,
             Groups groups)
      : from(from), to(to), groups(std::move(groups)) {}

  bool isExpanding() const { return to.getRank() > from.getRank(); }

  mlir::RankedTensorType from, to;
  Groups groups;
};

} // namespace lowbit

#endif // LOWBIT_FUSE_ROWRESHAPE_H
