//===- LinalgUtils.h - questions about linalg ops ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What fusion, distribution and tiling ask about a linalg op.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_LINALGUTILS_H
#define LOWBIT_CODEGEN_CPU_LINALGUTILS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace lowbit {

/// Extent that a dynamic dimension is assumed to have where a choice needs one.
inline constexpr int64_t kAssumedExtent = 256;

/// Whether one evaluation of the body costs much more than a load: divisions
/// and everything of the math dialect but fused multiply-add and sign changes.
bool hasCostlyBody(mlir::linalg::LinalgOp op);

/// Whether the op multiplies and adds along a reduction with a matrix on both
/// sides, or with one of them whose columns memory runs along: its register
/// tile is an outer product.
bool isContraction(mlir::linalg::LinalgOp op);

/// Whether all loops are parallel.
bool isAllParallel(mlir::linalg::LinalgOp op);

/// Whether the op has one input and yields it unchanged: a copy, a
/// transposition, a broadcast.
bool isDataMovement(mlir::linalg::LinalgOp op);

/// Tiles of loops that make blocks of about `count` iterations: whole inner
/// loops (tile 0) as far as there is room, a part of one, one step of the
/// others.
llvm::SmallVector<int64_t> chooseBlockTiles(llvm::ArrayRef<int64_t> extents,
                                            int64_t count);

/// Scalar operations of the whole op, with `kAssumedExtent` for dynamic loops.
int64_t estimateWork(mlir::linalg::LinalgOp op);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_CPU_LINALGUTILS_H
