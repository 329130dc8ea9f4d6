//===- WindowTiles.cpp - tiles of ops that slide windows ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream vectorizes operands that are read along loops, not along sums of
// loops such as 2 * column + tap. Inside of a tile that has a single tap, the
// sum is a position and a step: a strided view, along one loop.
//
//===----------------------------------------------------------------------===//

#include "TileLoops.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace lowbit;

bool lowbit::hasWindows(linalg::LinalgOp op) {
  return llvm::any_of(op.getIndexingMapsArray(), [](AffineMap map) {
    return llvm::any_of(map.getResults(), [](AffineExpr expr) {
      return !isa<AffineDimExpr, AffineConstantExpr>(expr);
    });
  });
}

namespace {
/// Builds the op that computes one tile, over the loops that are longer than 1.
class WindowTile {
public:
  WindowTile(RewriterBase &rewriter, linalg::LinalgOp op, const Tile &tile)
      : rewriter(rewriter), op(op), loc(op->getLoc()), tile(tile),
        context(op->getContext()) {
    for (auto [dim, size] : llvm::enumerate(tile.sizes)) {
      loops.push_back(std::nullopt);
      if (isConstantIntValue(size, 1))
        continue;
      loops.back() = vectorSizes.size();
      vectorSizes.push_back(tile.vectorSizes[dim]);
      iterators.push_back(op.getIteratorTypesArray()[dim]);
    }
  }

  FailureOr<linalg::GenericOp> build() {
    SmallVector<Value> operands;
    SmallVector<AffineMap> maps;
    for (OpOperand &operand : op->getOpOperands()) {
      FailureOr<std::pair<Value, AffineMap>> view =
          makeView(operand.get(), op.getMatchingIndexingMap(&operand));
      if (failed(view))
        return failure();
      operands.push_back(view->first);
      maps.push_back(view->second);
    }
    size_t inputs = op.getNumDpsInputs();
    auto inner = linalg::GenericOp::create(
        rewriter, loc, TypeRange{}, ArrayRef(operands).take_front(inputs),
        ArrayRef(operands).drop_front(inputs), maps, iterators);
    rewriter.cloneRegionBefore(op->getRegion(0), inner.getRegion(),
                               inner.getRegion().end());
    renumberIndices(inner);
    return inner;
  }

  ArrayRef<int64_t> getVectorSizes() const { return vectorSizes; }

private:
  /// The part of an operand that the tile touches, without the dimensions along
  /// which it is a single position, and how the tile's loops run along it.
  FailureOr<std::pair<Value, AffineMap>> makeView(Value operand,
                                                  AffineMap map) {
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (!type)
      return std::make_pair(operand,
                            AffineMap::get(vectorSizes.size(), 0, {}, context));
    SmallVector<OpFoldResult> offsets, sizes, strides;
    SmallVector<AffineExpr> results;
    SmallVector<int64_t> shape;
    for (AffineExpr expr : map.getResults()) {
      std::optional<std::pair<unsigned, int64_t>> run = getRun(expr);
      if (!run)
        return rewriter.notifyMatchFailure(op, "a tile has several taps");
      auto [dim, step] = *run;
      offsets.push_back(affine::makeComposedFoldedAffineApply(
          rewriter, loc, expr, tile.offsets));
      bool moves = step != 0;
      sizes.push_back(moves ? tile.sizes[dim] : rewriter.getIndexAttr(1));
      strides.push_back(rewriter.getIndexAttr(moves ? step : 1));
      if (!moves)
        continue;
      results.push_back(getAffineDimExpr(*loops[dim], context));
      std::optional<int64_t> extent = getConstantIntValue(sizes.back());
      shape.push_back(extent.value_or(ShapedType::kDynamic));
    }
    auto viewType = memref::SubViewOp::inferRankReducedResultType(
        shape, type, offsets, sizes, strides);
    Value view =
        memref::SubViewOp::create(rewriter, loc, cast<MemRefType>(viewType),
                                  operand, offsets, sizes, strides);
    return std::make_pair(
        view, AffineMap::get(vectorSizes.size(), 0, results, context));
  }

  /// The only loop longer than 1 in `expr` and the step it makes; a step of 0
  /// if there is none.
  std::optional<std::pair<unsigned, int64_t>> getRun(AffineExpr expr) {
    std::pair<unsigned, int64_t> run{0, 0};
    for (unsigned dim = 0; dim < loops.size(); ++dim) {
      if (!loops[dim] || !expr.isFunctionOfDim(dim))
        continue;
      // The difference that one step of the loop makes.
      SmallVector<AffineExpr> zeros(loops.size(),
                                    getAffineConstantExpr(0, context));
      SmallVector<AffineExpr> ones = zeros;
      ones[dim] = getAffineConstantExpr(1, context);
      auto step = dyn_cast<AffineConstantExpr>(expr.replaceDims(ones) -
                                               expr.replaceDims(zeros));
      if (run.second != 0 || !step || step.getValue() < 1)
        return std::nullopt;
      run = {dim, step.getValue()};
    }
    return run;
  }

  /// linalg.index counts the loops that are left, from the tile's offset.
  void renumberIndices(linalg::GenericOp inner) {
    SmallVector<linalg::IndexOp> indices(
        inner.getBody()->getOps<linalg::IndexOp>());
    for (linalg::IndexOp index : indices) {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPoint(index);
      uint64_t dim = index.getDim();
      Value offset =
          getValueOrCreateConstantIndexOp(rewriter, loc, tile.offsets[dim]);
      if (loops[dim])
        offset = arith::AddIOp::create(
            rewriter, loc, offset,
            linalg::IndexOp::create(rewriter, loc, *loops[dim]));
      rewriter.replaceOp(index, offset);
    }
  }

  RewriterBase &rewriter;
  linalg::LinalgOp op;
  Location loc;
  const Tile &tile;
  MLIRContext *context;
  /// For each loop of the op, its number among those that are left.
  SmallVector<std::optional<unsigned>> loops;
  SmallVector<int64_t> vectorSizes;
  SmallVector<utils::IteratorType> iterators;
};
} // namespace

LogicalResult lowbit::vectorizeWindowTile(RewriterBase &rewriter,
                                          linalg::LinalgOp op,
                                          const Tile &tile) {
  WindowTile builder(rewriter, op, tile);
  FailureOr<linalg::GenericOp> inner = builder.build();
  if (failed(inner))
    return op->emitError("windows cannot be tiled");
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(*inner);
  SmallVector<int64_t> vectorSizes;
  if (cast<linalg::LinalgOp>(inner->getOperation()).hasDynamicShape())
    vectorSizes.assign(builder.getVectorSizes().begin(),
                       builder.getVectorSizes().end());
  if (failed(linalg::vectorize(rewriter, *inner, vectorSizes,
                               SmallVector<bool>(vectorSizes.size()))))
    return op->emitError("windows cannot be vectorized");
  rewriter.eraseOp(*inner);
  return success();
}
