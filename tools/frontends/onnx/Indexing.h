//===- Indexing.h - positions that are computed -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_INDEXING_H
#define LOWBIT_FRONTENDS_ONNX_INDEXING_H

#include "Importer.h"

namespace lowbit::frontend {

/// Indices are int32 or int64; anything else is an error.
llvm::Error requireIndices(Importer &im, const Node &node,
                           const Value &indices);

/// Along all axes but `axis`, elements keep their places: `positions` must be
/// no larger than `data` there. Along `axis` there must be something to find.
llvm::Error requireInside(Importer &im, const Node &node, const Value &data,
                          const Value &positions, int64_t axis);

/// index + extent if negative, then clamped to [0, extent - 1], so that no
/// index leads outside of the data.
mlir::Value safeIndex(mlir::OpBuilder &b, mlir::Location loc, mlir::Value index,
                      mlir::Value extent);

using Locate = llvm::function_ref<llvm::SmallVector<mlir::Value>(
    mlir::OpBuilder &, mlir::Location, llvm::ArrayRef<mlir::Value> index)>;

/// A tensor of `dims` whose element at an index is that of `data` at the
/// position that `locate` computes.
Value readAt(Importer &im, const Value &data, llvm::ArrayRef<Expr> dims,
             Locate locate);

/// Positions start, start - step, ... of `x` along `axis`; `size` of them, all
/// inside of `x`.
Value readBackwards(Importer &im, const Value &x, int64_t axis,
                    const Expr &start, const Expr &size, int64_t step);

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_INDEXING_H
