//===- Windows.h - convolutions as products -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_WINDOWS_H
#define LOWBIT_TRANSFORMS_WINDOWS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"
#include <string>

namespace lowbit {

/// Whether `op` reduces windows of an input: it reads it at sums of loops, as
/// convolutions and poolings do.
bool readsWindows(mlir::linalg::LinalgOp op);

/// Copies the elements of `source` that `read` addresses for each place of a
/// tensor with these extents.
mlir::Value copyElements(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value source, mlir::AffineMap read,
                         llvm::ArrayRef<mlir::OpFoldResult> extents);

/// Where an unfolded input has the loops that `op` sums over.
enum class WindowOrder {
  /// [parallel loops..., loops within the window...]: rows of a matrix.
  Last,
  /// [loops within the window..., parallel loops...]: neighbouring results read
  /// neighbouring elements.
  First,
};

/// Rewrites `op`, which reads windows, to one that reads each element at loops
/// of its own. Windows that lie side by side are a reshape and a transposition
/// of the input; others are copied by a `linalg.generic`, the im2col matrix.
/// Fails where `op` is not on tensors.
mlir::FailureOr<mlir::linalg::GenericOp>
unfoldWindows(mlir::RewriterBase &rewriter, mlir::linalg::LinalgOp op,
              WindowOrder order);

/// Whether `op` is a convolution of floats with a constant weight.
bool isWeightConvolution(mlir::linalg::LinalgOp op);

/// Why `op`, a convolution with a constant weight, can't be a product with it;
/// empty if it can, or if it is no such convolution.
std::string explainConvolution(mlir::linalg::LinalgOp op);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_WINDOWS_H
