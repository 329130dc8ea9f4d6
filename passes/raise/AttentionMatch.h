//===- AttentionMatch.h - recognise attention -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RAISE_ATTENTIONMATCH_H
#define LOWBIT_RAISE_ATTENTIONMATCH_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <optional>

namespace lowbit {

/// What is added to scores: the elements of `tensor` times `factor`, or, of
/// booleans, 0 where they are true and `hidden` elsewhere, or the other way
/// round if `hidesTrue`.
struct ScoreMask {
  mlir::Value tensor;
  /// From the position of a score to the place in `tensor`: dimensions in
  /// ascending order, and 0 where an extent is 1.
  mlir::AffineMap map;
  double factor = 1;
  std::optional<double> hidden;
  bool hidesTrue = false;
};

/// softmax(scale * Q * transpose(K) + masks) * V as written with contractions.
struct Attention {
  /// The contraction with V, and its operand V.
  mlir::linalg::LinalgOp product;
  mlir::OpOperand *value;
  /// The contraction of Q and K, and these operands.
  mlir::linalg::LinalgOp scores;
  mlir::OpOperand *query, *key;
  double scale = 1;
  llvm::SmallVector<ScoreMask, 2> masks;
  /// Whether a mask hides what comes behind a query; the others may do so, too.
  bool isCausal = false;

  /// Loops of `product` and of `scores`: batch loops in the order of the rows
  /// of scores, a query's, a key's and the one that the operand brings: the
  /// columns of V, the sum over Q and K.
  llvm::SmallVector<unsigned, 4> productBatch, scoresBatch;
  unsigned productQuery, productKey, productColumn;
  unsigned scoresQuery, scoresKey, scoresSum;
};

/// Recognises the attention whose last contraction is `product`. Where it is a
/// contraction with a softmax but no attention, tells `reason` what is missing.
mlir::FailureOr<Attention>
matchAttention(mlir::linalg::LinalgOp product,
               llvm::function_ref<void(const llvm::Twine &)> reason);

} // namespace lowbit

#endif // LOWBIT_RAISE_ATTENTIONMATCH_H
