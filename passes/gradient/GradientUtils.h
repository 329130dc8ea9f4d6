//===- GradientUtils.h - tensors of the shape of others ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_GRADIENT_GRADIENTUTILS_H
#define LOWBIT_GRADIENT_GRADIENTUTILS_H

#include "mlir/IR/Builders.h"

namespace lowbit {

/// A tensor of `value`'s shape and element type, without contents.
mlir::Value createEmptyLike(mlir::OpBuilder &builder, mlir::Location loc,
                            mlir::Value value);
/// The same, filled with zeros.
mlir::Value createZerosLike(mlir::OpBuilder &builder, mlir::Location loc,
                            mlir::Value value);
/// The sum of two float tensors of one type.
mlir::Value addTensors(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value a, mlir::Value b);

} // namespace lowbit

#endif // LOWBIT_GRADIENT_GRADIENTUTILS_H
