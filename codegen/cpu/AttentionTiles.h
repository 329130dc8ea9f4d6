//===- AttentionTiles.h - what tiles of attention are made of ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Steps of attention for the rows of a task: a block of queries of one head, or
// one query of the heads that share its keys.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_ATTENTIONTILES_H
#define LOWBIT_CODEGEN_CPU_ATTENTIONTILES_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/PatternMatch.h"

namespace lowbit {

/// A tensor whose dimension order[i] is the i-th of the attention's.
struct AttentionView {
  mlir::Value tensor;
  llvm::SmallVector<int64_t> order;
  /// Its elements are decoded from others; tiles are decoded one by one.
  bool isDecoded = false;
};

/// Running results of a block of rows: sums of values [rows, E], largest scores
/// [rows], sums of exponentials [rows].
struct RunningRows {
  mlir::Value values, largest, total;
};

class AttentionTiles {
protected:
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;
  using OpFoldResult = mlir::OpFoldResult;
  using Sizes = llvm::SmallVector<OpFoldResult>;
  using Body = llvm::function_ref<Value(mlir::OpBuilder &, ValueRange)>;

  AttentionTiles(mlir::IRRewriter &rewriter, AttentionOp op, int64_t keyTile);

  OpFoldResult index(int64_t value) { return b.getIndexAttr(value); }
  Value asValue(OpFoldResult size);
  OpFoldResult apply(mlir::AffineExpr expression,
                     llvm::ArrayRef<OpFoldResult> operands);
  OpFoldResult minimum(llvm::ArrayRef<mlir::AffineExpr> expressions,
                       llvm::ArrayRef<OpFoldResult> operands);

  /// Reads through a transposition that keeps the last dimension.
  AttentionView viewOperand(Value tensor);
  /// A matrix of f32 out of a view: `rows` from `row` on along dimension
  /// `rowDim` of the attention, and columns; elsewhere at `batch`.
  Value readTile(const AttentionView &view, llvm::ArrayRef<OpFoldResult> batch,
                 int64_t rowDim, OpFoldResult row, OpFoldResult rows,
                 OpFoldResult column, OpFoldResult columns);
  Value filled(const Sizes &sizes, float number);
  Value elementwise(ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> maps,
                    const Sizes &sizes, mlir::Type element, Body body);
  /// `body` of each element of a matrix and its row's number.
  Value rowwise(Value matrix, Value rows, Body body);
  /// `target`, whose rows run with `rows`, as `body` of its elements and those;
  /// in place, since a loop carries it.
  Value update(Value target, Value rows, Body body);
  Value reduceRows(Value matrix, Value init, Body body);
  Value multiply(Value lhs, Value rhs, Value init);

  /// Of each row: the largest number, `least` at least, and a sum onto `init`.
  Value largestOfRows(Value scores, float least);
  Value sumRows(Value matrix, Value init);

  /// Rows of queries times the scale.
  Value scaled(Value rows);
  /// Before any key, and after all of them.
  RunningRows start(OpFoldResult rows);
  Value finish(const RunningRows &running, OpFoldResult rows);
  /// A loop over the keys up to `end`; `score` gives the scores of a block.
  RunningRows
  loopOverKeys(OpFoldResult begin, OpFoldResult end, RunningRows running,
               llvm::ArrayRef<OpFoldResult> group,
               llvm::function_ref<Value(OpFoldResult, OpFoldResult)> score);

  mlir::IRRewriter &b;
  AttentionOp op;
  mlir::Location loc;
  int64_t keyTile, rank;
  AttentionView query, value;
  OpFoldResult queries, keys, depth, width;

private:
  RunningRows addKeys(Value scores, Value values, RunningRows running);
};

/// Computes `op`, which has one query, with all heads of a group in a task:
/// keys and values are read where they lie, once. Needs a dimension of heads.
mlir::Value lowerOneQuery(mlir::IRRewriter &rewriter, AttentionOp op,
                          int64_t keyTile, mlir::Value result,
                          llvm::ArrayRef<int64_t> resultOrder);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_CPU_ATTENTIONTILES_H
