//===- ExpandConvolutions.cpp - convolutions as matrix products -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The product has one row per filter and one column per position. Its columns
// are long and contiguous whatever the kernel, the stride and the dilation, so
// one way of tiling products serves all convolutions. A task copies the columns
// of a block of positions; all columns never exist at once.
//
//===----------------------------------------------------------------------===//

#include "LinalgUtils.h"
#include "lowbit/CodeGen/CPU/Passes.h"

#include "lowbit/Transforms/Windows.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUEXPANDCONVOLUTIONSPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;

//===----------------------------------------------------------------------===//
// Recognition
//===----------------------------------------------------------------------===//

/// Whether the body multiplies both inputs and adds the product: pooling has
/// the same loops.
static bool isProductSum(linalg::LinalgOp op) {
  auto yield = cast<linalg::YieldOp>(op.getBlock()->getTerminator());
  Operation *sum = yield.getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AddIOp>(sum))
    return false;
  return llvm::any_of(sum->getOperands(), [](Value value) {
    return isa_and_nonnull<arith::MulFOp, arith::MulIOp>(value.getDefiningOp());
  });
}

static std::optional<linalg::ConvolutionDimensions>
matchConvolution(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      !op.hasPureTensorSemantics() || op.hasIndexSemantics() ||
      op->getNumRegions() != 1 || !isProductSum(op))
    return std::nullopt;
  FailureOr<linalg::ConvolutionDimensions> dims =
      linalg::inferConvolutionDims(op);
  // A product without a window is none of ours.
  if (failed(dims) || dims->filterLoop.empty() || dims->outputImage.empty())
    return std::nullopt;
  return *dims;
}

//===----------------------------------------------------------------------===//
// Expansion
//===----------------------------------------------------------------------===//

namespace {
using Loops = SmallVector<unsigned>;

/// One convolution on its way to a product over the loops
/// (batch..., group..., filter, position, inner).
class Expansion {
public:
  Expansion(RewriterBase &rewriter, linalg::LinalgOp op,
            const linalg::ConvolutionDimensions &dims)
      : rewriter(rewriter), op(op), loc(op.getLoc()) {
    batch.assign(dims.batch);
    groups.assign(dims.depth);
    filters.assign(dims.outputChannel);
    positions.assign(dims.outputImage);
    inner.assign(dims.inputChannel);
    llvm::append_range(inner, dims.filterLoop);
    maps = op.getIndexingMapsArray();
    rewriter.setInsertionPoint(op);
    for (Range range : op.createLoopRanges(rewriter, loc))
      extents.push_back(range.size);
    orderLike(maps[2], batch);
    orderLike(maps[2], groups);
    orderLike(maps[2], filters);
    orderLike(maps[2], positions);
    // The filter's own order spares it a transposition.
    orderLike(maps[1], inner);
  }

  void run() {
    Value columns =
        collapse(copyWindows(), {batch, groups}, {inner, positions});
    Value matrix = collapse(permuted(op.getDpsInputs()[1], maps[1],
                                     concat({groups, filters, inner})),
                            {groups}, {filters, inner});
    Loops resultOrder = concat({batch, groups, filters, positions});
    Value init = permuted(op.getDpsInits()[0], maps[2], resultOrder);
    Value product = multiply(
        matrix, columns, collapse(init, {batch, groups}, {filters, positions}));
    Value expanded = expand(product, init.getType(), resultOrder);
    rewriter.replaceOp(op, unpermuted(expanded, resultOrder));
  }

private:
  static Loops concat(ArrayRef<Loops> parts) {
    Loops all;
    for (const Loops &part : parts)
      llvm::append_range(all, part);
    return all;
  }

  /// Sorts loops by where a map has them.
  static void orderLike(AffineMap map, Loops &loops) {
    llvm::stable_sort(loops, [&](unsigned a, unsigned b) {
      auto place = [&](unsigned dim) {
        return map.getResultPosition(getAffineDimExpr(dim, map.getContext()))
            .value_or(0);
      };
      return place(a) < place(b);
    });
  }

  /// Copies the windows of the input to [batch..., groups..., inner...,
  /// positions...].
  Value copyWindows() {
    Loops order = concat({batch, groups, inner, positions});
    Value input = op.getDpsInputs()[0];
    AffineMap read = renumbered(maps[0], order);
    SmallVector<OpFoldResult> sizes;
    for (unsigned loop : order)
      sizes.push_back(extents[loop]);
    return lowbit::copyElements(rewriter, loc, input, read, sizes);
  }

  /// `map` over the loops in `order`, which are all that it uses.
  AffineMap renumbered(AffineMap map, ArrayRef<unsigned> order) {
    MLIRContext *context = rewriter.getContext();
    SmallVector<AffineExpr> dims(map.getNumDims(),
                                 getAffineConstantExpr(0, context));
    for (auto [position, loop] : llvm::enumerate(order))
      dims[loop] = getAffineDimExpr(position, context);
    return map.replaceDimsAndSymbols(dims, {}, order.size(), 0);
  }

  /// `tensor`, whose dimensions `map` names, with those of the loops in
  /// `order`.
  Value permuted(Value tensor, AffineMap map, ArrayRef<unsigned> order) {
    AffineMap read = renumbered(map, order);
    if (read.isIdentity())
      return tensor;
    SmallVector<OpFoldResult> sizes;
    for (unsigned loop : order)
      sizes.push_back(extents[loop]);
    return lowbit::copyElements(rewriter, loc, tensor, read, sizes);
  }

  /// Back from `order` to the order of the op's result.
  Value unpermuted(Value tensor, ArrayRef<unsigned> order) {
    AffineMap map = renumbered(maps[2], order);
    if (map.isIdentity())
      return tensor;
    SmallVector<OpFoldResult> sizes;
    for (AffineExpr expr : maps[2].getResults())
      sizes.push_back(extents[cast<AffineDimExpr>(expr).getPosition()]);
    return lowbit::copyElements(rewriter, loc, tensor, inversePermutation(map),
                                sizes);
  }

  /// One dimension for each loop of `apart`, one for each entry of `together`.
  Value collapse(Value tensor, ArrayRef<Loops> apart,
                 ArrayRef<Loops> together) {
    SmallVector<ReassociationIndices> groupsOfDims =
        reassociate(apart, together);
    if (int64_t(groupsOfDims.size()) ==
        cast<RankedTensorType>(tensor.getType()).getRank())
      return tensor;
    return tensor::CollapseShapeOp::create(rewriter, loc, tensor, groupsOfDims);
  }

  static SmallVector<ReassociationIndices>
  reassociate(ArrayRef<Loops> apart, ArrayRef<Loops> together) {
    SmallVector<ReassociationIndices> result;
    int64_t next = 0;
    for (const Loops &loops : apart)
      for (size_t i = 0; i < loops.size(); ++i)
        result.push_back({next++});
    for (const Loops &loops : together) {
      if (loops.empty())
        continue;
      result.emplace_back();
      for (size_t i = 0; i < loops.size(); ++i)
        result.back().push_back(next++);
    }
    return result;
  }

  Value expand(Value product, Type type, ArrayRef<unsigned> order) {
    if (product.getType() == type)
      return product;
    SmallVector<OpFoldResult> sizes;
    for (unsigned loop : order)
      sizes.push_back(extents[loop]);
    return tensor::ExpandShapeOp::create(
        rewriter, loc, type, product,
        reassociate({batch, groups}, {filters, positions}), sizes);
  }

  Value multiply(Value matrix, Value columns, Value init) {
    MLIRContext *context = rewriter.getContext();
    unsigned b = batch.size(), g = groups.size(), next = b + g;
    SmallVector<AffineExpr> left, right, result;
    auto dim = [&](unsigned i) { return getAffineDimExpr(i, context); };
    for (unsigned i = 0; i < b + g; ++i) {
      right.push_back(dim(i));
      result.push_back(dim(i));
      if (i >= b)
        left.push_back(dim(i));
    }
    SmallVector<utils::IteratorType> iterators(next,
                                               utils::IteratorType::parallel);
    if (!filters.empty()) {
      left.push_back(dim(next));
      result.push_back(dim(next++));
      iterators.push_back(utils::IteratorType::parallel);
    }
    result.push_back(dim(next));
    AffineExpr position = dim(next++), k = dim(next++);
    iterators.push_back(utils::IteratorType::parallel);
    iterators.push_back(utils::IteratorType::reduction);
    left.push_back(k);
    right.append({k, position});
    AffineMap productMaps[] = {AffineMap::get(next, 0, left, context),
                               AffineMap::get(next, 0, right, context),
                               AffineMap::get(next, 0, result, context)};
    // The body's first argument is an element of the input.
    auto product = linalg::GenericOp::create(
        rewriter, loc, init.getType(), ValueRange{columns, matrix},
        ValueRange{init},
        ArrayRef<AffineMap>{productMaps[1], productMaps[0], productMaps[2]},
        iterators);
    rewriter.cloneRegionBefore(op->getRegion(0), product.getRegion(),
                               product.getRegion().end());
    return product.getResult(0);
  }

  RewriterBase &rewriter;
  linalg::LinalgOp op;
  Location loc;
  Loops batch, groups, filters, positions, inner;
  SmallVector<AffineMap> maps;
  SmallVector<OpFoldResult> extents;
};

/// A parallel loop around `op`, whose columns then are few: `elements` of them.
/// Returns the op in the loop, or `op` where all are so few.
FailureOr<linalg::LinalgOp> tile(IRRewriter &rewriter, linalg::LinalgOp op,
                                 const linalg::ConvolutionDimensions &dims,
                                 int64_t elements) {
  SmallVector<int64_t> extents = op.getStaticLoopRanges(), blocked;
  SmallVector<unsigned> loops(dims.batch.begin(), dims.batch.end());
  llvm::append_range(loops, dims.depth);
  llvm::append_range(loops, dims.outputImage);
  for (unsigned loop : loops)
    blocked.push_back(extents[loop]);
  for (unsigned loop :
       llvm::concat<const unsigned>(dims.inputChannel, dims.filterLoop))
    if (!ShapedType::isDynamic(extents[loop]))
      elements /= std::max<int64_t>(extents[loop], 1);
  SmallVector<int64_t> tiles(op.getNumLoops(), 0);
  for (auto [loop, size] : llvm::zip(
           loops,
           lowbit::chooseBlockTiles(blocked, std::max<int64_t>(elements, 1))))
    tiles[loop] = size;
  if (llvm::all_of(tiles, [](int64_t size) { return size == 0; }))
    return op;
  scf::SCFTilingOptions options;
  options.setTileSizes(getAsIndexOpFoldResult(op.getContext(), tiles));
  options.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
  rewriter.setInsertionPoint(op);
  FailureOr<scf::SCFTilingResult> result = scf::tileUsingSCF(
      rewriter, cast<TilingInterface>(op.getOperation()), options);
  if (failed(result))
    return op->emitError("cannot be tiled");
  rewriter.replaceOp(op, result->replacements);
  return cast<linalg::LinalgOp>(result->tiledOps.front());
}

struct CPUExpandConvolutionsPass
    : lowbit::impl::CPUExpandConvolutionsPassBase<CPUExpandConvolutionsPass> {
  using Base::Base;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::LinalgOp> ops;
    getOperation()->walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops)
      if (auto dims = matchConvolution(op)) {
        FailureOr<linalg::LinalgOp> block =
            tile(rewriter, op, *dims, scratchElements);
        if (failed(block))
          return signalPassFailure();
        Expansion(rewriter, *block, *dims).run();
        ++numConvolutions;
      }
    RewritePatternSet patterns(&getContext());
    linalg::populateDecomposePadPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
