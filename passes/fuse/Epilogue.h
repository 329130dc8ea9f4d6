//===- Epilogue.h - what follows a linear layer -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FUSE_EPILOGUE_H
#define LOWBIT_FUSE_EPILOGUE_H

#include "RowReshape.h"

#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"
#include <optional>

namespace lowbit {

/// An addition that is all that is done with a layer's result.
struct AddedTensor {
  mlir::linalg::LinalgOp user;
  /// The scalar sum inside `user`.
  mlir::Value sum;
  /// The other tensor, and how the loops of `user` index it.
  mlir::Value tensor;
  mlir::AffineMap map;
  /// What `user` reads the layer's result through.
  llvm::SmallVector<RowReshape> reshapes;
};

/// The addition that uses the result of `op`, if nothing else uses it.
std::optional<AddedTensor> findAddition(LinearOp op);

/// The same, also behind reshapes that keep rows.
std::optional<AddedTensor> findReshapedAddition(LinearOp op);

/// A tensor whose dimension `dimension` has the numbers of a vector and whose
/// others have extent 1.
struct VectorView {
  mlir::Value tensor;
  int64_t dimension;
};

/// `tensor`, read by `map`, as a vector of `size` numbers along the innermost
/// loop that is broadcast along the others.
std::optional<VectorView> findVector(mlir::Value tensor, mlir::AffineMap map,
                                     int64_t size);

/// The vector as a tensor of rank 1.
mlir::Value materializeVector(mlir::OpBuilder &builder, mlir::Location loc,
                              const VectorView &vector);

struct FoundActivation {
  ActivationAttr activation;
  /// The scalar, inside an elementwise op, that is the activation's value.
  mlir::Value root;
  /// Whether something between the layer and `root` has other uses.
  bool isShared;
};

/// The activation of the result of `op` that is farthest from it, so that a
/// part of one, such as the sigmoid in a silu, doesn't hide it. One that is
/// computed for itself alone comes before shared ones.
std::optional<FoundActivation> findActivation(LinearOp op);

/// Whether the result of `op` is an operand of an addition, among other uses.
bool isAddedAmongOthers(LinearOp op);

/// Replaces `scalar`, inside an elementwise op, by the element of `tensor`, and
/// drops from the op what is then unused. `tensor` stands before the op and has
/// the shape of its results.
void replaceScalar(mlir::RewriterBase &rewriter, mlir::Value scalar,
                   mlir::Value tensor);

} // namespace lowbit

#endif // LOWBIT_FUSE_EPILOGUE_H
