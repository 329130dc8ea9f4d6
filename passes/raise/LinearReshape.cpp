//===- LinearReshape.cpp - linear layers on values of any rank ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Importers that know matrix products of rank 2 alone collapse leading
// dimensions before and expand them after, or let their elementwise neighbours
// have loops of extent 1 that the product lacks. A layer takes any leading
// dimensions, so it takes its neighbours', and both reshapes go.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

namespace {
struct DropLinearReshapes : OpRewritePattern<tensor::ExpandShapeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::ExpandShapeOp expand,
                                PatternRewriter &rewriter) const override {
    auto linear = expand.getSrc().getDefiningOp<LinearOp>();
    if (!linear)
      return rewriter.notifyMatchFailure(expand, "not of a linear layer");
    if (!linear->hasOneUse())
      return rewriter.notifyMatchFailure(expand, "the layer has other uses");
    auto collapse = linear.getInput().getDefiningOp<tensor::CollapseShapeOp>();
    if (!collapse)
      return rewriter.notifyMatchFailure(expand, "the input isn't collapsed");
    if (!areInverse(collapse, expand))
      return rewriter.notifyMatchFailure(
          expand, "leading dimensions are not expanded as they were collapsed");
    Value residual;
    if (linear.getResidual()) {
      residual = tensor::ExpandShapeOp::create(
          rewriter, linear.getLoc(), expand.getResultType(),
          linear.getResidual(), expand.getReassociationIndices(),
          expand.getMixedOutputShape());
    }
    // The layer keeps its own name, not that of what reshaped it.
    auto whole = LinearOp::create(
        rewriter, linear.getLoc(), expand.getResultType(),
        getInput(rewriter, collapse), linear.getWeight(), linear.getBias(),
        residual, linear.getActivationAttr(), linear.getGatedAttr());
    rewriter.replaceOp(expand, whole);
    return success();
  }

private:
  /// Whether the leading dimensions of both are grouped alike, with extents
  /// that must then be equal: at most one of a group is dynamic.
  static bool areInverse(tensor::CollapseShapeOp collapse,
                         tensor::ExpandShapeOp expand) {
    auto before = collapse.getReassociationIndices();
    auto after = expand.getReassociationIndices();
    if (before.size() != after.size() || after.back().size() != 1)
      return false;
    ArrayRef<int64_t> from = collapse.getSrcType().getShape();
    ArrayRef<int64_t> to = expand.getResultType().getShape();
    for (size_t i = 0; i + 1 < before.size(); ++i) {
      if (before[i] != after[i])
        return false;
      auto extents = from.slice(before[i].front(), before[i].size());
      if (extents != to.slice(before[i].front(), before[i].size()) ||
          (before[i].size() > 1 &&
           llvm::count_if(extents, ShapedType::isDynamic) > 1))
        return false;
    }
    return true;
  }

  /// The input with nothing but its last group collapsed.
  static Value getInput(PatternRewriter &rewriter,
                        tensor::CollapseShapeOp collapse) {
    ReassociationIndices last = collapse.getReassociationIndices().back();
    if (last.size() == 1)
      return collapse.getSrc();
    SmallVector<ReassociationIndices> groups;
    for (int64_t i = 0; i < last.front(); ++i)
      groups.push_back({i});
    groups.push_back(last);
    return tensor::CollapseShapeOp::create(rewriter, collapse.getLoc(),
                                           collapse.getSrc(), groups);
  }
};

/// A layer whose users all read it in loop nests with more loops of extent 1.
struct AdoptUnitLoops : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LinearOp op,
                                PatternRewriter &rewriter) const override {
    if (op->use_empty() || !isa<RankedTensorType>(op.getInput().getType()))
      return rewriter.notifyMatchFailure(op, "no uses, or a quantized input");
    std::optional<Loops> common;
    for (OpOperand &use : op->getUses()) {
      std::optional<Loops> loops = getLoops(use);
      if (!loops || (common && *loops != *common))
        return rewriter.notifyMatchFailure(
            op, "a user has no more loops, or others than another user");
      common = loops;
    }
    Value input = expanded(rewriter, op, op.getInput(), *common);
    Value residual = op.getResidual();
    if (residual)
      residual = expanded(rewriter, op, residual, *common);
    auto type = expandedType(cast<RankedTensorType>(op.getType()), *common);
    auto wide = LinearOp::create(rewriter, op.getLoc(), type, input,
                                 op.getWeight(), op.getBias(), residual,
                                 op.getActivationAttr(), op.getGatedAttr());
    for (OpOperand &use : llvm::make_early_inc_range(op->getUses()))
      readWhole(rewriter, use, wide);
    rewriter.eraseOp(op);
    return success();
  }

private:
  struct Loops {
    SmallVector<int64_t> extents;
    /// Loops of each dimension of the layer's result: its own last, those of
    /// extent 1 before.
    SmallVector<ReassociationIndices> groups;

    bool operator!=(const Loops &other) const {
      return extents != other.extents || groups != other.groups;
    }
  };

  /// The loops of an elementwise user, if some of extent 1 have no dimension
  /// and the innermost has one.
  static std::optional<Loops> getLoops(OpOperand &use) {
    auto user = dyn_cast<linalg::GenericOp>(use.getOwner());
    if (!user || !user.isDpsInput(&use) || !user.isAllParallelLoops() ||
        !user.hasPureTensorSemantics())
      return std::nullopt;
    Loops loops{user.getStaticLoopRanges(), {}};
    AffineMap map = user.getMatchingIndexingMap(&use);
    if (map.getNumResults() >= map.getNumDims() || map.getNumResults() == 0)
      return std::nullopt;
    int64_t next = 0;
    for (AffineExpr expression : map.getResults()) {
      auto dimension = dyn_cast<AffineDimExpr>(expression);
      if (!dimension || dimension.getPosition() < next)
        return std::nullopt;
      ReassociationIndices group;
      for (int64_t loop : llvm::seq<int64_t>(next, dimension.getPosition()))
        if (loops.extents[loop] != 1)
          return std::nullopt;
      for (; next <= dimension.getPosition(); ++next)
        group.push_back(next);
      loops.groups.push_back(group);
    }
    if (next != map.getNumDims())
      return std::nullopt;
    // The innermost group must leave K and N alone.
    ReassociationIndices &last = loops.groups.back();
    if (last.size() == 1)
      return loops;
    if (loops.groups.size() == 1)
      return std::nullopt;
    loops.groups[loops.groups.size() - 2].append(last.begin(), last.end() - 1);
    last = {last.back()};
    return loops;
  }

  /// The dimension of a group that isn't there only for its extent of 1; the
  /// first where all are.
  static int64_t findKept(const Loops &loops, ArrayRef<int64_t> group) {
    auto kept = llvm::find_if(
        group, [&](int64_t loop) { return loops.extents[loop] != 1; });
    return kept == group.end() ? group.front() : *kept;
  }

  static RankedTensorType expandedType(RankedTensorType type,
                                       const Loops &loops) {
    SmallVector<int64_t> shape(loops.extents.size(), 1);
    for (auto [dimension, group] : llvm::enumerate(loops.groups))
      shape[findKept(loops, group)] = type.getDimSize(dimension);
    return RankedTensorType::get(shape, type.getElementType());
  }

  /// `value` with the loops of extent 1 as dimensions.
  static Value expanded(PatternRewriter &rewriter, LinearOp op, Value value,
                        const Loops &loops) {
    auto type = cast<RankedTensorType>(value.getType());
    auto given = tensor::getMixedSizes(rewriter, op.getLoc(), value);
    SmallVector<OpFoldResult> sizes(loops.extents.size(),
                                    rewriter.getIndexAttr(1));
    for (auto [dimension, group] : llvm::enumerate(loops.groups))
      sizes[findKept(loops, group)] = given[dimension];
    return tensor::ExpandShapeOp::create(rewriter, op.getLoc(),
                                         expandedType(type, loops), value,
                                         loops.groups, sizes);
  }

  static void readWhole(PatternRewriter &rewriter, OpOperand &use, Value wide) {
    auto user = cast<linalg::GenericOp>(use.getOwner());
    SmallVector<AffineMap> maps = user.getIndexingMapsArray();
    maps[use.getOperandNumber()] =
        rewriter.getMultiDimIdentityMap(user.getNumLoops());
    rewriter.modifyOpInPlace(user, [&] {
      use.set(wide);
      user.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
    });
  }
};
} // namespace

void lowbit::populateLinearReshapePatterns(RewritePatternSet &patterns) {
  patterns.add<DropLinearReshapes, AdoptUnitLoops>(patterns.getContext());
}
