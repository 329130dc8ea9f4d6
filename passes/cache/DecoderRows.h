//===- DecoderRows.h - the rows of a decoder for new tokens -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Builds a function that computes, of what a causal decoder computes for a text
// of `position + new` tokens, the rows of the new ones.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CACHE_DECODERROWS_H
#define LOWBIT_CACHE_DECODERROWS_H

#include "CacheFormat.h"

#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/DenseSet.h"
#include <map>

namespace lowbit {

/// What a dimension of a tensor runs with. A dynamic extent of the decoder is
/// the length of the text; here it is the new tokens, the last of them alone,
/// or all tokens.
enum class RowAxis : uint8_t { Fixed, New, Last, All };
using RowAxes = llvm::SmallVector<RowAxis, 4>;

/// What stands for an input other than tokens when a text is extended.
enum class InputMeaning { Tokens, Ones, Zeros, Positions };

/// The new function and what it works with.
struct DecoderTarget {
  mlir::func::FuncOp function;
  /// Extent of the new tokens: a constant, or dynamic.
  int64_t newTokens = mlir::ShapedType::kDynamic;
  int64_t maxLength = 0;
  /// Whether results have the row of the last token alone.
  bool lastOnly = false;
  const CacheFormat *format = nullptr;
  /// Number of the first state among the function's arguments.
  unsigned firstState = 2;
};

/// Whether an axis runs with some of the text's tokens.
inline bool isPart(RowAxis axis) {
  return axis == RowAxis::New || axis == RowAxis::Last;
}

class DecoderRows {
public:
  DecoderRows(mlir::func::FuncOp source, llvm::ArrayRef<InputMeaning> meanings,
              DecoderTarget &target);

  /// Fills the function's body; the results are those of the decoder, then the
  /// states. Emits an error at what stands in the way.
  llvm::LogicalResult build();

private:
  using Result = llvm::FailureOr<mlir::Value>;

  void findDependents();
  bool dependsOnTokens(mlir::Value value) const {
    return dependents.contains(value);
  }
  void findWhole();
  /// The axis of the rows that are built of a value: all new ones where a
  /// cache needs them.
  RowAxis getRows(mlir::Value value) const {
    return !target.lastOnly || whole.contains(value) ? RowAxis::New
                                                     : RowAxis::Last;
  }
  void buildExtents();
  RowAxes getAxes(mlir::Value value, RowAxis dynamic) const;
  mlir::Type getType(mlir::Value value, llvm::ArrayRef<RowAxis> axes) const;
  mlir::OpFoldResult getExtent(RowAxis axis) const;
  /// The position of an axis' first row, or 0.
  mlir::OpFoldResult getFirst(RowAxis axis) const;
  Result takeLast(mlir::Value value, const RowAxes &axes);
  mlir::InFlightDiagnostic refuse(mlir::Operation *op);

  Result get(mlir::Value value, llvm::ArrayRef<RowAxis> axes);
  Result getAll(mlir::Value value) {
    return get(value, getAxes(value, RowAxis::All));
  }
  Result create(mlir::Value value, const RowAxes &axes);
  Result buildInput(mlir::BlockArgument input, const RowAxes &axes);
  Result buildDim(mlir::tensor::DimOp op);
  Result buildWhole(mlir::OpResult value, const RowAxes &axes);
  llvm::FailureOr<mlir::Value> buildLinalg(mlir::linalg::LinalgOp op,
                                           mlir::OpResult value,
                                           const RowAxes &axes);
  Result buildLayer(mlir::Operation *op, const RowAxes &axes);
  Result buildAttention(AttentionOp op, const RowAxes &axes);
  Result buildEmpty(mlir::tensor::EmptyOp op, const RowAxes &axes);
  Result buildExtract(mlir::tensor::ExtractSliceOp op, const RowAxes &axes);
  Result buildInsert(mlir::tensor::InsertSliceOp op, const RowAxes &axes);
  Result buildReshape(mlir::Operation *op, const RowAxes &axes);
  bool isLength(mlir::OpFoldResult size);
  llvm::FailureOr<mlir::Value> appendRows(mlir::Value rows);
  mlir::Value fill(llvm::ArrayRef<RowAxis> axes, mlir::Value input,
                   int64_t number);

  mlir::func::FuncOp source;
  llvm::ArrayRef<InputMeaning> meanings;
  DecoderTarget &target;
  mlir::OpBuilder b;
  llvm::DenseSet<mlir::Value> dependents;
  /// Values of which caches need the rows of all new tokens.
  llvm::DenseSet<mlir::Value> whole;
  std::map<std::pair<void *, RowAxes>, mlir::Value> built;
  mlir::Value position, length, newTokens, last;
  /// Next state that has no new value yet, and the new values.
  unsigned nextState;
  llvm::SmallVector<mlir::Value> states;
};

} // namespace lowbit

#endif // LOWBIT_CACHE_DECODERROWS_H
