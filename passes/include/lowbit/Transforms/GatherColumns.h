//===- GatherColumns.h - columns of a tensor in another order ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_GATHERCOLUMNS_H
#define LOWBIT_TRANSFORMS_GATHERCOLUMNS_H

#include "mlir/IR/Builders.h"

namespace lowbit {

/// result[..., s] = x[..., columns[s]], where `columns` is a vector of i32 of
/// known length.
mlir::Value gatherColumns(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Value x, mlir::Value columns);

/// x[..., column] in the body of a linalg op, whose outermost loops are those
/// of `x` but for the last; `column` is an integer.
mlir::Value readColumn(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x,
                       mlir::Value column, bool isUnsigned);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_GATHERCOLUMNS_H
