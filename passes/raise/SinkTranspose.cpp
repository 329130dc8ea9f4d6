//===- SinkTranspose.cpp - elementwise ops before a transposition ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The layer of a convolution has its channels last, and a transposition puts
// them where the model has them. Bias, activation and residual follow that; to
// be absorbed by the layer they must come before it.
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Elementwise.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

/// Whether one op uses `value`; questions for its extents don't count.
static bool isUsedOnce(Value value) {
  return llvm::count_if(value.getUsers(), [](Operation *user) {
           return !isa<tensor::DimOp>(user);
         }) == 1;
}

/// Whether `value` is a layer's result, or computed from one elementwise, by
/// ops that nothing else uses.
static bool isOfLayer(Value value) {
  // As many ops as an activation may be written in.
  for (int count = 0; count < 16; ++count) {
    if (value.getDefiningOp<LinearOp>())
      return true;
    auto op = value.getDefiningOp<linalg::LinalgOp>();
    if (!op || op->getNumResults() != 1 || !isElementwiseOnTensors(op))
      return false;
    Value next;
    for (OpOperand *input : op.getDpsInputOperands())
      if (input->get().getType() == value.getType() &&
          isUsedOnce(input->get()) && getElement(*input))
        next = input->get();
    if (!next)
      return false;
    value = next;
  }
  return false;
}

namespace {
struct SinkTranspose : OpRewritePattern<linalg::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::TransposeOp op,
                                PatternRewriter &rewriter) const override {
    if (!op->hasOneUse() || !isOfLayer(op.getInput()))
      return rewriter.notifyMatchFailure(op, "not of a layer, or used twice");
    OpOperand &use = *op->getUses().begin();
    auto user = dyn_cast<linalg::LinalgOp>(use.getOwner());
    if (!user || isa<linalg::TransposeOp>(use.getOwner()) ||
        user->getNumResults() != 1 || !getElement(use) ||
        user->getResult(0).getType() != op->getResult(0).getType())
      return rewriter.notifyMatchFailure(op, "not used elementwise");
    rewriter.setInsertionPoint(user);
    Value before = buildBefore(rewriter, user, op);
    Value init = user.getDpsInits()[0];
    rewriter.replaceOpWithNewOp<linalg::TransposeOp>(user, before, init,
                                                     op.getPermutation());
    return success();
  }

private:
  /// `user` with its loops in the order of the dimensions before `transpose`.
  static Value buildBefore(PatternRewriter &b, linalg::LinalgOp user,
                           linalg::TransposeOp transpose) {
    SmallVector<AffineExpr> loops;
    for (int64_t dimension : transpose.getPermutation())
      loops.push_back(b.getAffineDimExpr(dimension));
    unsigned count = loops.size();
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    for (OpOperand *input : user.getDpsInputOperands()) {
      AffineMap map = user.getMatchingIndexingMap(input).replaceDimsAndSymbols(
          loops, {}, count, 0);
      inputs.push_back(readThrough(input->get(), map));
      maps.push_back(map);
    }
    auto type = cast<RankedTensorType>(transpose.getInput().getType());
    auto element = getElementTypeOrSelf(user->getResult(0).getType());
    Value init = tensor::EmptyOp::create(
        b, user.getLoc(),
        tensor::getMixedSizes(b, user.getLoc(), transpose.getInput()), element);
    maps.push_back(b.getMultiDimIdentityMap(count));
    auto generic =
        linalg::GenericOp::create(b, user.getLoc(), type.clone(element), inputs,
                                  init, maps, user.getIteratorTypesArray());
    b.cloneRegionBefore(user->getRegion(0), generic.getRegion(),
                        generic.getRegion().begin());
    return generic.getResult(0);
  }

  /// The source of a transposition that undoes `map`, which becomes the
  /// identity; otherwise `value`.
  static Value readThrough(Value value, AffineMap &map) {
    auto transpose = value.getDefiningOp<linalg::TransposeOp>();
    if (!transpose)
      return value;
    SmallVector<AffineExpr> results(map.getNumResults());
    for (auto [i, dimension] : llvm::enumerate(transpose.getPermutation()))
      results[dimension] = map.getResult(i);
    AffineMap source =
        AffineMap::get(map.getNumDims(), 0, results, map.getContext());
    if (!source.isIdentity())
      return value;
    map = source;
    return transpose.getInput();
  }
};
} // namespace

void lowbit::populateSinkTransposePatterns(RewritePatternSet &patterns) {
  patterns.add<SinkTranspose>(patterns.getContext());
}
