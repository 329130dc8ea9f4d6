//===- WindowTiler.h - a layer of windows, block by block -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_WINDOWTILER_H
#define LOWBIT_LIB_CODEGEN_CPU_WINDOWTILER_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace lowbit {

/// A layer of the windows that `copy` makes.
struct WindowLayer {
  LinearOp linear;
  /// Between them, or null.
  QuantizeOp quantize;
  mlir::linalg::GenericOp copy;
  /// The only use of the layer's result, or null.
  mlir::linalg::TransposeOp transpose;
  /// Loops of the copy that the layer's rows are; the others are its columns.
  unsigned leading;
};

/// Computes a layer by blocks of its rows.
class WindowTiler {
public:
  WindowTiler(mlir::IRRewriter &rewriter, WindowLayer layer,
              int64_t scratchElements, int64_t minRows)
      : b(rewriter), layer(layer), loc(layer.linear.getLoc()),
        read(layer.copy.getIndexingMapsArray()[0]),
        extents(layer.copy.getStaticLoopRanges()), loops(extents.size()),
        scratchElements(scratchElements), minRows(minRows) {}

  /// Replaces the layer, and the transposition of its result.
  void tile();

private:
  using Sizes = llvm::SmallVector<mlir::OpFoldResult>;

  mlir::OpFoldResult index(int64_t value) { return b.getIndexAttr(value); }
  mlir::OpFoldResult apply(mlir::AffineExpr expression,
                           llvm::ArrayRef<mlir::OpFoldResult> operands) {
    return mlir::affine::makeComposedFoldedAffineApply(b, loc, expression,
                                                       operands);
  }
  bool isFloat() { return !layer.quantize; }
  bool columnsFirst();
  llvm::SmallVector<int64_t> getOrder();
  llvm::SmallVector<int64_t> chooseTiles();
  mlir::scf::ForallOp createTasks(const Sizes &whole,
                                  llvm::ArrayRef<int64_t> order);
  void chooseBlock(mlir::ValueRange ivs);
  mlir::Value readBlock();
  mlir::Value copyBlock(mlir::Value block);
  mlir::Value buildRows(mlir::Value windows);
  mlir::Value multiply(mlir::Value windows);
  mlir::Value addEpilogue(mlir::Value product);
  mlir::Value computeBlock(llvm::ArrayRef<int64_t> order);
  void insertBlock(mlir::scf::ForallOp tasks, mlir::Value block,
                   llvm::ArrayRef<int64_t> order);
  void replaceLayer(mlir::Value result);
  mlir::Value sliceRows(mlir::Value tensor);
  mlir::Value slice(mlir::Value tensor, const Sizes &offsets,
                    const Sizes &sizes);
  mlir::Value transposed(mlir::Value tensor,
                         llvm::ArrayRef<int64_t> permutation);
  mlir::Value collapsed(mlir::Value tensor, llvm::ArrayRef<int64_t> counts);
  mlir::Value expanded(mlir::Value tensor, bool isFirst);

  mlir::IRRewriter &b;
  WindowLayer layer;
  mlir::Location loc;
  mlir::AffineMap read;
  llvm::SmallVector<int64_t> extents;
  unsigned loops;
  int64_t scratchElements, minRows;
  /// Of the layer's rows; whole dimensions have tile 0.
  llvm::SmallVector<int64_t> tiles;
  /// The block of rows that a task computes.
  Sizes offsets, sizes;
  /// [K, N] of a float layer whose windows are rows.
  mlir::Value weight;
};

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_CPU_WINDOWTILER_H
