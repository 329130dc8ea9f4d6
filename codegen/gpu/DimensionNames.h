//===- DimensionNames.h - what kernels and loops are called -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_DIMENSIONNAMES_H
#define LOWBIT_LIB_CODEGEN_GPU_DIMENSIONNAMES_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace lowbit {

/// Names of the coordinates of an element, from the last of them on: `column`,
/// `row` and so on; empty for dimensions of a single element.
llvm::SmallVector<llvm::StringRef>
nameCoordinates(llvm::ArrayRef<int64_t> extents);

/// Names of the loops of an operation whose results have their elements'
/// coordinates in this order. Where windows slide over an input, that is an
/// image, and loops are called by what they are in it: `channel`,
/// `window_column`.
llvm::SmallVector<llvm::StringRef> nameLoops(mlir::linalg::LinalgOp op,
                                             llvm::ArrayRef<unsigned> parallel);

/// A word for what an operation does: `add` for a sum of two inputs,
/// `reduce_add` for one along a dimension, and so on.
std::string describe(mlir::linalg::LinalgOp op);

/// `name`, and the extents of the loops.
std::string withShape(std::string name, llvm::ArrayRef<int64_t> extents);

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_DIMENSIONNAMES_H
