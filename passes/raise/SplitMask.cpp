//===- SplitMask.cpp - causality out of masks -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A mask of a row for each query that hides what comes behind it says so in
// numbers, which no lowering can skip. Attention that is causal has what is
// left of it: padding, a window, or nothing.
//
//===----------------------------------------------------------------------===//

#include "AttentionMask.h"
#include "MaskRest.h"

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/PatternNames.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace lowbit;

namespace {
/// The mask of an attention and what is known of it.
class MaskedAttention {
public:
  explicit MaskedAttention(AttentionOp op)
      : op(op), rank(op.getType().getRank()), element(trace()),
        sides(places, getExtentOf(rank - 2), getExtentOf(rank - 1)) {}

  bool isCausal() {
    return op.getCausal() || sides.hidesLater(element, kHidden);
  }
  /// Whether the mask adds 0 to all scores that are computed.
  bool isNothing(bool isCausal) {
    return sides.seen.getNumber(element) == 0 &&
           (isCausal || sides.later.getNumber(element) == 0);
  }
  /// What the mask adds where keys are seen; null where that is the mask.
  Value buildRest(OpBuilder &b);

private:
  Element trace();
  AffineExpr getExtentOf(int64_t dimension);

  AttentionOp op;
  int64_t rank;
  Element element;
  Places places;
  MaskSides sides;
};
} // namespace

/// The mask's element for a score.
Element MaskedAttention::trace() {
  RankedTensorType type = op.getMask().getType();
  MLIRContext *context = op.getContext();
  SmallVector<AffineExpr> places;
  for (int64_t i = 0, first = rank - type.getRank(); i < type.getRank(); ++i)
    places.push_back(type.getDimSize(i) == 1
                         ? getAffineConstantExpr(0, context)
                         : getAffineDimExpr(first + i, context));
  return traceElement(op.getMask(), AffineMap::get(rank, 0, places, context));
}

AffineExpr MaskedAttention::getExtentOf(int64_t dimension) {
  RankedTensorType type = op.getMask().getType();
  int64_t place = dimension - rank + type.getRank();
  if (type.getDimSize(place) != 1)
    return places.getExtent(op.getMask(), place);
  return places.getExtent(dimension == rank - 1 ? op.getKey() : op.getQuery(),
                          rank - 2);
}

Value MaskedAttention::buildRest(OpBuilder &b) {
  MaskRest rest(sides.seen);
  if (failed(rest.collect(element)) || !sides.seen.hasDecided() ||
      rest.getDims().none())
    return nullptr;
  Location loc = op.getLoc();
  Value tensor = rest.build(b, loc, element, [&](unsigned dimension) {
    bool isKey = dimension + 1 == rank;
    return tensor::getMixedSize(b, loc, isKey ? op.getKey() : op.getQuery(),
                                isKey ? rank - 2 : dimension);
  });
  SmallVector<AffineExpr> kept;
  for (unsigned dimension : rest.getDims().set_bits())
    kept.push_back(b.getAffineDimExpr(dimension));
  AffineMap map = AffineMap::get(rank, 0, kept, b.getContext());
  return expandMask(b, loc, {tensor, map, 1, std::nullopt});
}

namespace {
struct SplitMask : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getMask())
      return rewriter.notifyMatchFailure(op, "no mask");
    MaskedAttention masked(op);
    bool isCausal = masked.isCausal();
    Value mask;
    if (!masked.isNothing(isCausal)) {
      mask = isCausal ? masked.buildRest(rewriter) : Value();
      if (!mask && isCausal == op.getCausal())
        return rewriter.notifyMatchFailure(op, "nothing follows from places");
      if (!mask)
        mask = op.getMask();
    }
    rewriter.modifyOpInPlace(op, [&] {
      op.setCausal(isCausal);
      op.getMaskMutable().clear();
      if (mask)
        op.getMaskMutable().append(mask);
    });
    return success();
  }
};
} // namespace

void lowbit::populateSplitMaskPatterns(RewritePatternSet &patterns) {
  patterns.addWithLabel<SplitMask>({pattern::kAttention},
                                   patterns.getContext());
}
