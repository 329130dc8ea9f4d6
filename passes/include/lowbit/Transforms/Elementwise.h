//===- Elementwise.h - elementwise ops --------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_ELEMENTWISE_H
#define LOWBIT_TRANSFORMS_ELEMENTWISE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <optional>

namespace lowbit {

/// Whether `op` computes each element of its results from the elements of its
/// inputs: on tensors, parallel loops only, identity maps for results, no use
/// of the results' old contents, no `linalg.index`.
bool isElementwiseOnTensors(mlir::linalg::LinalgOp op);

/// The block argument that stands for the element of `use` at the place that is
/// computed; null unless the user is elementwise and reads the tensor so.
mlir::BlockArgument getElement(mlir::OpOperand &use);

/// The float that all elements of `value` are, seen through fills, reshapes,
/// broadcasts and globals of one element; or nothing.
std::optional<double> getUniformValue(mlir::Value value);

/// `tensor` in the float type `element`, by an elementwise op.
mlir::Value convertFloats(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Value tensor, mlir::Type element);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_ELEMENTWISE_H
