//===- TileLoops.h - loops around one tile of a linalg op -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loop nest that register tiling needs: full tiles of constant size in the
// main loops, and what is left over either as one masked tile or as single
// rows. Every tile is upstream's tiled implementation of the op, vectorized by
// upstream's vectorizer.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_TILELOOPS_H
#define LOWBIT_CODEGEN_CPU_TILELOOPS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace lowbit {

/// One loop of a nest over the dimensions of a linalg op.
struct TileLoop {
  unsigned dim;
  /// Extent of the tile.
  int64_t size;
  /// The part of the dimension that is covered; null for all of it.
  mlir::OpFoldResult begin = {}, end = {};
  /// What is left over is one tile with a mask, else single steps.
  bool masked = true;
  /// Partial results may stay in registers from one iteration to the next.
  bool accumulates = false;
};

/// A part of the iteration space: per dimension its place, its extent, and the
/// extent of the vectors that cover it.
struct Tile {
  llvm::SmallVector<mlir::OpFoldResult> offsets, sizes;
  llvm::SmallVector<int64_t> vectorSizes;
};

/// Emits `loops`, outermost first, and in the innermost one what `body` makes
/// of the tile. Dimensions without a loop keep what `tile` says.
void emitTileLoops(mlir::RewriterBase &rewriter, mlir::Location loc,
                   llvm::ArrayRef<mlir::Range> ranges,
                   llvm::ArrayRef<TileLoop> loops, Tile tile,
                   llvm::function_ref<void(const Tile &)> body);

/// The whole iteration space of `op` as one tile.
Tile getWholeTile(mlir::RewriterBase &rewriter, mlir::linalg::LinalgOp op,
                  llvm::SmallVectorImpl<mlir::Range> &ranges);

/// Vectorizes one tile of `op`, which works on buffers.
mlir::LogicalResult vectorizeTile(mlir::RewriterBase &rewriter,
                                  mlir::linalg::LinalgOp op, const Tile &tile);

/// Takes contractions out of their masks. What the masked lanes then add is
/// never stored, since the write of the result is masked as well; with a mask
/// on the sum every multiply-add would need a select.
void dropContractionMasks(mlir::RewriterBase &rewriter, mlir::Operation *root);

/// Keeps the vector that every iteration reads and writes at one place of a
/// buffer in a loop-carried register.
void hoistAccumulator(mlir::RewriterBase &rewriter, mlir::scf::ForOp loop);

/// Whether some operand is read along a sum of loops, as in a convolution.
bool hasWindows(mlir::linalg::LinalgOp op);

/// As `vectorizeTile`, for an op that has windows. In each operand's dimension
/// at most one loop of the tile may be longer than 1.
mlir::LogicalResult vectorizeWindowTile(mlir::RewriterBase &rewriter,
                                        mlir::linalg::LinalgOp op,
                                        const Tile &tile);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_CPU_TILELOOPS_H
