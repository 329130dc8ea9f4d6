//===- TileLoops.cpp - loops around one tile of a linalg op ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileLoops.h"

#include "LinalgUtils.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

using namespace mlir;
using namespace lowbit;

Tile lowbit::getWholeTile(RewriterBase &rewriter, linalg::LinalgOp op,
                          SmallVectorImpl<Range> &ranges) {
  ranges =
      cast<TilingInterface>(op.getOperation()).getIterationDomain(rewriter);
  Tile tile;
  for (auto [range, extent] :
       llvm::zip_equal(ranges, op.getStaticLoopRanges())) {
    if (!ShapedType::isDynamic(extent))
      range.size = rewriter.getIndexAttr(extent);
    tile.offsets.push_back(rewriter.getIndexAttr(0));
    tile.sizes.push_back(range.size);
    tile.vectorSizes.push_back(extent);
  }
  return tile;
}

LogicalResult lowbit::vectorizeTile(RewriterBase &rewriter, linalg::LinalgOp op,
                                    const Tile &tile) {
  if (hasWindows(op))
    return vectorizeWindowTile(rewriter, op, tile);
  FailureOr<TilingResult> tiled =
      cast<TilingInterface>(op.getOperation())
          .getTiledImplementation(rewriter, tile.offsets, tile.sizes);
  assert(succeeded(tiled) && "every linalg op can be tiled in all its loops");
  auto inner = cast<linalg::LinalgOp>(tiled->tiledOps.front());
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(inner);
  SmallVector<int64_t> vectorSizes;
  if (inner.hasDynamicShape())
    vectorSizes = tile.vectorSizes;
  if (failed(linalg::vectorize(rewriter, inner, vectorSizes,
                               SmallVector<bool>(vectorSizes.size()),
                               /*vectorizeNDExtract=*/false,
                               /*flatten1DDepthwiseConv=*/false,
                               /*assumeDynamicDimsMatchVecSizes=*/false,
                               /*createNamedContraction=*/isContraction(op))))
    return op->emitError("requires a body of operations on vectors, found one "
                         "that cannot be vectorized");
  rewriter.eraseOp(inner);
  return success();
}

void lowbit::dropContractionMasks(RewriterBase &rewriter, Operation *root) {
  SmallVector<vector::ContractionOp> products;
  root->walk([&](vector::ContractionOp op) {
    if (isa<vector::MaskOp>(op->getParentOp()))
      products.push_back(op);
  });
  for (vector::ContractionOp product : products) {
    auto mask = cast<vector::MaskOp>(product->getParentOp());
    rewriter.moveOpBefore(product, mask);
    rewriter.replaceOp(mask, product.getResult());
  }
}

/// Whether two index lists are equal, by value where they are constant.
static bool areSameIndices(ValueRange a, ValueRange b) {
  return llvm::equal(
      a, b, [](Value x, Value y) { return isEqualConstantIntOrValue(x, y); });
}

namespace {
/// Emits the nest from one loop inwards.
class NestEmitter {
public:
  NestEmitter(RewriterBase &rewriter, Location loc, ArrayRef<Range> ranges,
              llvm::function_ref<void(const Tile &)> body)
      : rewriter(rewriter), loc(loc), ranges(ranges), body(body) {}

  void emit(ArrayRef<TileLoop> loops, const Tile &tile) {
    if (loops.empty())
      return body(tile);
    const TileLoop &loop = loops.front();
    OpFoldResult begin = loop.begin ? loop.begin : rewriter.getIndexAttr(0);
    OpFoldResult end = loop.end ? loop.end : ranges[loop.dim].size;
    std::optional<int64_t> constantBegin = getConstantIntValue(begin);
    std::optional<int64_t> constantEnd = getConstantIntValue(end);
    if (constantBegin && constantEnd && *constantEnd <= *constantBegin)
      return;
    if (constantBegin && constantEnd &&
        *constantEnd - *constantBegin <= loop.size)
      return emitAt(loops, tile, begin,
                    rewriter.getIndexAttr(*constantEnd - *constantBegin),
                    *constantEnd - *constantBegin);
    OpFoldResult middle = fullTilesEnd(begin, end, loop.size);
    emitFor(loops, tile, begin, middle, loop.size);
    if (loop.size == 1 || middle == end)
      return;
    if (!loop.masked)
      return emitFor(loops, tile, middle, end, 1);
    emitTail(loops, tile, middle, end);
  }

private:
  /// The end of the last full tile.
  OpFoldResult fullTilesEnd(OpFoldResult begin, OpFoldResult end,
                            int64_t size) {
    AffineExpr s0, s1;
    bindSymbols(rewriter.getContext(), s0, s1);
    return affine::makeComposedFoldedAffineApply(
        rewriter, loc, s0 + (s1 - s0).floorDiv(size) * size, {begin, end});
  }

  void emitAt(ArrayRef<TileLoop> loops, const Tile &outer, OpFoldResult offset,
              OpFoldResult size, int64_t vectorSize) {
    Tile tile = outer;
    unsigned dim = loops.front().dim;
    tile.offsets[dim] = offset;
    tile.sizes[dim] = size;
    tile.vectorSizes[dim] = vectorSize;
    emit(loops.drop_front(), tile);
  }

  void emitFor(ArrayRef<TileLoop> loops, const Tile &tile, OpFoldResult begin,
               OpFoldResult end, int64_t step) {
    if (begin == end)
      return;
    auto toValue = [&](OpFoldResult value) {
      return getValueOrCreateConstantIndexOp(rewriter, loc, value);
    };
    auto loop =
        scf::ForOp::create(rewriter, loc, toValue(begin), toValue(end),
                           arith::ConstantIndexOp::create(rewriter, loc, step));
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(loop.getBody());
    emitAt(loops, tile, loop.getInductionVar(), rewriter.getIndexAttr(step),
           step);
    if (loops.front().accumulates)
      hoistAccumulator(rewriter, loop);
  }

  void emitTail(ArrayRef<TileLoop> loops, const Tile &tile, OpFoldResult begin,
                OpFoldResult end) {
    AffineExpr s0, s1;
    bindSymbols(rewriter.getContext(), s0, s1);
    OpFoldResult rest = affine::makeComposedFoldedAffineApply(
        rewriter, loc, s1 - s0, {begin, end});
    if (std::optional<int64_t> constant = getConstantIntValue(rest)) {
      if (*constant > 0)
        emitAt(loops, tile, begin, rest, *constant);
      return;
    }
    Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0);
    Value isLeft = arith::CmpIOp::create(
        rewriter, loc, arith::CmpIPredicate::sgt, cast<Value>(rest), zero);
    auto branch = scf::IfOp::create(rewriter, loc, isLeft,
                                    /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(branch.thenBlock());
    emitAt(loops, tile, begin, rest, loops.front().size);
  }

  RewriterBase &rewriter;
  Location loc;
  ArrayRef<Range> ranges;
  llvm::function_ref<void(const Tile &)> body;
};
} // namespace

void lowbit::emitTileLoops(RewriterBase &rewriter, Location loc,
                           ArrayRef<Range> ranges, ArrayRef<TileLoop> loops,
                           Tile tile,
                           llvm::function_ref<void(const Tile &)> body) {
  NestEmitter(rewriter, loc, ranges, body).emit(loops, tile);
}

/// The op to move with a transfer: the mask around it, if there is one.
static Operation *getMaskedRoot(Operation *op) {
  Operation *parent = op->getParentOp();
  return isa<vector::MaskOp>(parent) ? parent : op;
}

void lowbit::hoistAccumulator(RewriterBase &rewriter, scf::ForOp loop) {
  moveLoopInvariantCode(loop);
  vector::TransferWriteOp write;
  loop.getBody()->walk([&](vector::TransferWriteOp op) { write = op; });
  if (!write)
    return;
  vector::TransferReadOp read;
  loop.getBody()->walk([&](vector::TransferReadOp op) {
    if (op.getBase() == write.getBase() &&
        areSameIndices(op.getIndices(), write.getIndices()) &&
        op.getVectorType() == write.getVectorType() &&
        op.getPermutationMap() == write.getPermutationMap())
      read = op;
  });
  if (!read)
    return;
  Operation *readRoot = getMaskedRoot(read);
  Operation *writeRoot = getMaskedRoot(write);
  auto isOutside = [&](Value value) {
    return loop.isDefinedOutsideOfLoop(value);
  };
  if (!isOutside(write.getBase()) ||
      !llvm::all_of(write.getIndices(), isOutside) ||
      !llvm::all_of(readRoot->getOperands(), isOutside))
    return;
  if (readRoot != read.getOperation() && !isOutside(read.getPadding()))
    return;

  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.moveOpBefore(readRoot, loop);
  Value written = write.getVector();
  FailureOr<LoopLikeOpInterface> replaced = loop.replaceWithAdditionalYields(
      rewriter, readRoot->getResults(), /*replaceInitOperandUsesInLoop=*/true,
      [&](OpBuilder &, Location, ArrayRef<BlockArgument>) {
        return SmallVector<Value>{written};
      });
  if (failed(replaced))
    return;
  auto carried = cast<scf::ForOp>(replaced->getOperation());
  rewriter.moveOpAfter(writeRoot, carried);
  rewriter.modifyOpInPlace(write, [&] {
    write.getValueToStoreMutable().assign(carried.getResult(0));
  });
}
