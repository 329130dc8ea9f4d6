//===- DimensionNames.h - what loops are called in shaders ------*- C++ -*-===//
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

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_DIMENSIONNAMES_H
