//===- Distribute.cpp - parallel loops over groups of linalg ops ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Chooses what one parallel task computes. A group is a root and the producers
// that only the group reads. A producer joins when the tile of it that a task
// needs is indexed by every tiled dimension, so that no two tasks compute the
// same element; upstream's tile-and-fuse does the rest.
//
//===----------------------------------------------------------------------===//

#include "LinalgUtils.h"
#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUDISTRIBUTEPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
/// For each tiled dimension of the root, the dimension of an op that runs with
/// it.
using TiledDims = SmallVector<unsigned, 3>;

struct Group {
  linalg::LinalgOp root;
  SmallVector<int64_t> tileSizes;
  llvm::MapVector<Operation *, TiledDims> members;
};
} // namespace

//===----------------------------------------------------------------------===//
// Tile sizes
//===----------------------------------------------------------------------===//

/// Tiles of rows and columns; every other parallel dimension one by one.
static SmallVector<int64_t> chooseContractionTiles(linalg::LinalgOp op,
                                                   int64_t rowTile,
                                                   int64_t columnTile) {
  SmallVector<int64_t> tiles(op.getNumLoops(), 0);
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<AffineExpr> order(result.getResults());
  auto setTile = [&](AffineExpr dim, int64_t tile) {
    unsigned position = cast<AffineDimExpr>(dim).getPosition();
    bool single =
        !ShapedType::isDynamic(extents[position]) && extents[position] <= tile;
    tiles[position] = single ? 0 : tile;
  };
  for (AffineExpr dim : order)
    setTile(dim, 1);
  // The columns are the last dimension of the result; the rows are the longest
  // of the dimensions that the other operand brings.
  setTile(order.back(), columnTile);
  linalg::ContractionDimensions dims = *linalg::inferContractionDims(op);
  unsigned last = cast<AffineDimExpr>(order.back()).getPosition();
  ArrayRef<unsigned> rows = llvm::is_contained(dims.n, last) ? dims.m : dims.n;
  if (!rows.empty())
    setTile(getAffineDimExpr(rows.back(), op.getContext()), rowTile);
  return tiles;
}

/// Whole inner dimensions until a task has `elementTile` elements.
static SmallVector<int64_t> chooseTiles(linalg::LinalgOp op,
                                        int64_t elementTile) {
  SmallVector<int64_t> tiles(op.getNumLoops(), 0);
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  int64_t elements = 1;
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  for (unsigned dim : reductions)
    elements *=
        ShapedType::isDynamic(extents[dim]) ? kAssumedExtent : extents[dim];
  for (AffineExpr expr : llvm::reverse(result.getResults())) {
    // Nothing to do is no reason to divide by it.
    elements = std::max<int64_t>(elements, 1);
    unsigned dim = cast<AffineDimExpr>(expr).getPosition();
    int64_t extent = extents[dim];
    int64_t tile = std::max<int64_t>(
        1, llvm::PowerOf2Ceil(llvm::divideCeil(elementTile, elements)));
    // The last dimension stays whole unless it is all there is: reductions
    // along it are fused into the task.
    bool whole =
        expr == result.getResults().back() && result.getNumResults() > 1;
    if (whole || (!ShapedType::isDynamic(extent) && extent <= tile)) {
      elements *= ShapedType::isDynamic(extent) ? kAssumedExtent : extent;
      continue;
    }
    tiles[dim] = tile;
    elements *= tile;
  }
  return tiles;
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

/// The dimensions of `producer` that run with the root's tiled ones, or nothing
/// where two tiles would share elements of it.
static std::optional<TiledDims> mapTiledDims(const TiledDims &consumerDims,
                                             AffineMap read,
                                             linalg::LinalgOp producer) {
  AffineMap written =
      producer.getMatchingIndexingMap(producer.getDpsInitOperand(0));
  if (!read.isProjectedPermutation() || !written.isProjectedPermutation())
    return std::nullopt;
  TiledDims dims;
  for (unsigned dim : consumerDims) {
    std::optional<unsigned> position =
        read.getResultPosition(getAffineDimExpr(dim, read.getContext()));
    if (!position)
      return std::nullopt;
    dims.push_back(
        cast<AffineDimExpr>(written.getResult(*position)).getPosition());
  }
  return dims;
}

/// Joins `op` to `group` if all its users are members and agree on its tiles.
static void tryJoin(Group &group, linalg::LinalgOp op) {
  if (op->getNumResults() != 1 || !op.hasPureTensorSemantics() ||
      op->getBlock() != group.root->getBlock())
    return;
  std::optional<TiledDims> agreed;
  for (OpOperand &use : op->getUses()) {
    auto member = group.members.find(use.getOwner());
    if (member == group.members.end())
      return;
    auto user = cast<linalg::LinalgOp>(use.getOwner());
    std::optional<TiledDims> dims =
        mapTiledDims(member->second, user.getMatchingIndexingMap(&use), op);
    if (!dims || (agreed && *agreed != *dims))
      return;
    agreed = dims;
  }
  if (agreed)
    group.members.insert({op, *agreed});
}

static Group formGroup(linalg::LinalgOp root, ArrayRef<int64_t> tileSizes) {
  Group group{root, SmallVector<int64_t>(tileSizes), {}};
  TiledDims dims;
  for (auto [dim, tile] : llvm::enumerate(tileSizes))
    if (tile)
      dims.push_back(dim);
  group.members.insert({root, dims});
  // Backwards, so that every user of an op is decided before it.
  for (Operation *op = root->getPrevNode(); op; op = op->getPrevNode())
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      tryJoin(group, linalgOp);
  return group;
}

namespace {
struct CPUDistributePass
    : lowbit::impl::CPUDistributePassBase<CPUDistributePass> {
  using Base::Base;

  void runOnOperation() override {
    duplicateFills();
    SmallVector<linalg::LinalgOp> ops;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (!op->getParentOfType<scf::ForallOp>())
        ops.push_back(op);
    });
    llvm::DenseSet<Operation *> done;
    for (linalg::LinalgOp op : llvm::reverse(ops)) {
      if (done.contains(op))
        continue;
      std::optional<Group> group = chooseGroup(op);
      if (!group)
        continue;
      for (auto &[member, dims] : group->members)
        done.insert(member);
      if (failed(distribute(*group)))
        return signalPassFailure();
    }
    // Producers that a group reads twice were fused twice.
    IRRewriter rewriter(&getContext());
    DominanceInfo dominance;
    eliminateCommonSubExpressions(rewriter, dominance, getOperation());
    duplicateFills();
    getOperation()->walk(reuseOperand);
  }

  /// A fill for every user, so that each group fills its own tiles.
  void duplicateFills() {
    SmallVector<linalg::FillOp> fills;
    getOperation()->walk([&](linalg::FillOp op) { fills.push_back(op); });
    OpBuilder builder(&getContext());
    for (linalg::FillOp fill : fills) {
      bool isFirst = true;
      for (OpOperand &use : llvm::make_early_inc_range(fill->getUses())) {
        if (!std::exchange(isFirst, false)) {
          builder.setInsertionPoint(use.getOwner());
          use.set(builder.clone(*fill)->getResult(0));
        }
      }
    }
  }

  /// An elementwise op inside a task writes over the operand that it reads at
  /// the same place. Bufferization still decides whether that is possible.
  static void reuseOperand(linalg::GenericOp op) {
    if (!op->getParentOfType<scf::ForallOp>() || !isAllParallel(op) ||
        op->getNumResults() != 1 || op.hasIndexSemantics())
      return;
    OpOperand *init = op.getDpsInitOperand(0);
    if (!init->get().getDefiningOp<tensor::EmptyOp>() ||
        op.payloadUsesValueFromOperand(init))
      return;
    for (OpOperand *operand : op.getDpsInputOperands())
      if (operand->get().getType() == init->get().getType() &&
          operand->get().getDefiningOp<linalg::LinalgOp>() &&
          op.getMatchingIndexingMap(operand) == op.getMatchingIndexingMap(init))
        return init->set(operand->get());
  }

  std::optional<Group> chooseGroup(linalg::LinalgOp op) {
    if (op->getNumResults() != 1 || !op.hasPureTensorSemantics() ||
        !op.getMatchingIndexingMap(op.getDpsInitOperand(0))
             .isProjectedPermutation())
      return std::nullopt;
    // The contraction of a group decides the tiles, since it does the work: an
    // elementwise root takes those of the contraction that it finishes.
    Group group = formGroup(op, chooseRootTiles(op));
    int64_t work = 0;
    for (auto &[member, dims] : group.members)
      work += estimateWork(cast<linalg::LinalgOp>(member));
    if (work < minWork ||
        llvm::all_of(group.tileSizes, [](int64_t t) { return t == 0; }))
      return std::nullopt;
    return group;
  }

  SmallVector<int64_t> chooseRootTiles(linalg::LinalgOp op) {
    if (isContraction(op))
      return chooseContractionTiles(op, rowTile, columnTile);
    if (isAllParallel(op))
      for (OpOperand *operand : op.getDpsInputOperands()) {
        auto producer = operand->get().getDefiningOp<linalg::LinalgOp>();
        if (!producer || !isContraction(producer) ||
            !operand->get().hasOneUse())
          continue;
        if (std::optional<SmallVector<int64_t>> tiles =
                inheritTiles(op, *operand, producer))
          return *tiles;
      }
    return chooseTiles(op, elementTile);
  }

  /// The tiles of the contraction, as seen by the op that reads its result.
  std::optional<SmallVector<int64_t>> inheritTiles(linalg::LinalgOp op,
                                                   OpOperand &operand,
                                                   linalg::LinalgOp producer) {
    AffineMap read = op.getMatchingIndexingMap(&operand);
    if (!read.isPermutation())
      return std::nullopt;
    SmallVector<int64_t> source =
        chooseContractionTiles(producer, rowTile, columnTile);
    AffineMap written =
        producer.getMatchingIndexingMap(producer.getDpsInitOperand(0));
    SmallVector<int64_t> tiles(op.getNumLoops(), 0);
    for (auto [readExpr, writtenExpr] :
         llvm::zip_equal(read.getResults(), written.getResults()))
      tiles[cast<AffineDimExpr>(readExpr).getPosition()] =
          source[cast<AffineDimExpr>(writtenExpr).getPosition()];
    return tiles;
  }

  LogicalResult distribute(const Group &group) {
    IRRewriter rewriter(&getContext());
    scf::SCFTilingOptions tiling;
    tiling.setTileSizes(getAsIndexOpFoldResult(&getContext(), group.tileSizes));
    tiling.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
    scf::SCFTileAndFuseOptions options;
    options.setTilingOptions(tiling);
    options.setFusionControlFn(
        [&](tensor::ExtractSliceOp, OpResult producer, bool)
            -> std::optional<scf::SCFTileAndFuseOptions::ControlFnResult> {
          if (!group.members.contains(producer.getOwner()))
            return std::nullopt;
          return scf::SCFTileAndFuseOptions::ControlFnResult{};
        });
    RewritePatternSet cleanup(&getContext());
    tensor::ExtractSliceOp::getCanonicalizationPatterns(cleanup, &getContext());
    tensor::populateFoldTensorEmptyPatterns(cleanup);
    options.cleanupPatterns = FrozenRewritePatternSet(std::move(cleanup));

    linalg::LinalgOp root = group.root;
    rewriter.setInsertionPoint(root);
    FailureOr<scf::SCFTileAndFuseResult> result =
        scf::tileConsumerAndFuseProducersUsingSCF(
            rewriter, cast<TilingInterface>(root.getOperation()), options);
    if (failed(result))
      return root->emitError("cannot be tiled");
    numGroups++;
    numFused += group.members.size() - 1;
    for (OpResult value : root->getResults())
      if (Value replacement = result->replacements.lookup(value))
        rewriter.replaceAllUsesWith(value, replacement);
    SmallVector<Operation *> dead;
    for (auto &[member, dims] : group.members)
      dead.push_back(member);
    for (Operation *op : dead)
      if (op->use_empty())
        rewriter.eraseOp(op);
    return success();
  }
};
} // namespace
