//===- Product.h - contractions with a constant matrix ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RAISE_PRODUCT_H
#define LOWBIT_RAISE_PRODUCT_H

#include "WeightView.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace lowbit {

/// A contraction y = x * transpose(W), whatever order its dimensions have.
struct Product {
  mlir::OpOperand *input;
  WeightView weight;
  /// Loops of the result that the weight doesn't have, as the result has them.
  llvm::SmallVector<int64_t, 4> leading;
  /// Loops that are rows of W, as the result has them.
  llvm::SmallVector<int64_t, 4> rows;
  /// Loops that are summed over, as the weight has them.
  llvm::SmallVector<int64_t, 4> columns;
};

using ReasonFn = llvm::function_ref<void(const llvm::Twine &)>;

/// Recognises `op` as a product with a constant. Tells `reason` what is missing
/// if it isn't one.
mlir::FailureOr<Product> analyzeProduct(mlir::linalg::LinalgOp op,
                                        ReasonFn reason);

/// The constant that `op`, a contraction of floats, multiplies by; null where
/// both or none of its operands are constant.
mlir::OpOperand *findWeightOperand(mlir::linalg::LinalgOp op);

/// The weight of the one operand of `op` that is a matrix computed from
/// constants; null where both or none are.
mlir::Operation *findComputedFactor(mlir::linalg::LinalgOp op);

/// Whether `op` multiplies floats and adds up the products, whatever the places
/// it reads them from.
bool multipliesFloats(mlir::linalg::LinalgOp op);

/// The same with each operand read at loops of its own: no convolution.
bool isFloatContraction(mlir::linalg::LinalgOp op);

} // namespace lowbit

#endif // LOWBIT_RAISE_PRODUCT_H
