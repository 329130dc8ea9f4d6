//===- AttentionMatch.h - recognise attention -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RAISE_ATTENTIONMATCH_H
#define LOWBIT_RAISE_ATTENTIONMATCH_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace lowbit {

/// A tensor that hides keys of scores.
struct AttentionMask {
  mlir::Value tensor;
  /// Where the tensor has the element of a score: distinct dimensions of the
  /// scores, or 0.
  mlir::AffineMap map;
  /// Numbers are added to the scores; conditions are true where scores count.
  bool isCondition = false;
  /// What is in the place of scores where a condition is false.
  double hidden = 0;
};

/// softmax(scale * Q * transpose(K) + mask) * V as written with contractions.
struct Attention {
  /// The contraction with V, and its operand V.
  mlir::linalg::LinalgOp product;
  mlir::OpOperand *value;
  /// The contraction of Q and K, and these operands.
  mlir::linalg::LinalgOp scores;
  mlir::OpOperand *query, *key;
  double scale = 1;
  llvm::SmallVector<AttentionMask, 1> masks;
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
