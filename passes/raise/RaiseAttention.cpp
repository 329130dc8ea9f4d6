//===- RaiseAttention.cpp - attention becomes one op ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The operands are brought to [batch..., rows, columns] by transpositions, most
// of which cancel those that the exporter made. Numbers of 16 bits are widened
// before and rounded after, so that attention is in f32 for whatever comes
// next: a cache of any format, a kernel of any target.
//
//===----------------------------------------------------------------------===//

#include "AttentionMask.h"
#include "AttentionMatch.h"
#include "WeightView.h"

#include "lowbit/Transforms/Elementwise.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/PatternNames.h"
#include "lowbit/Transforms/WeightSource.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lowbit {
#define GEN_PASS_DEF_RAISEATTENTIONPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// What `value` is widened from as a whole, or itself.
static Value skipWidening(Value value) {
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInputs() != 1 || !isElementwiseOnTensors(op) ||
      !op.getIndexingMapsArray()[0].isIdentity())
    return value;
  auto widens = op.getBody()
                    ->getTerminator()
                    ->getOperand(0)
                    .getDefiningOp<arith::ExtFOp>();
  return widens && widens.getIn() == op.getBody()->getArgument(0)
             ? op.getInputs()[0]
             : value;
}

/// `value` with dimensions of extent 1 at `places` of the result, not the last.
static Value insertUnits(OpBuilder &b, Location loc, Value value,
                         ArrayRef<int64_t> places) {
  if (places.empty())
    return value;
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<OpFoldResult> old = tensor::getMixedSizes(b, loc, value), sizes;
  SmallVector<ReassociationIndices> groups(type.getRank());
  for (int64_t i = 0, next = 0, rank = type.getRank() + places.size(); i < rank;
       ++i) {
    bool isUnit = llvm::is_contained(places, i);
    // Units before the first dimension join it, others the one before them.
    groups[isUnit ? std::max<int64_t>(next - 1, 0) : next].push_back(i);
    sizes.push_back(isUnit ? OpFoldResult(b.getIndexAttr(1)) : old[next]);
    next += !isUnit;
  }
  auto expanded = type.clone(decomposeMixedValues(sizes).first);
  return tensor::ExpandShapeOp::create(b, loc, expanded, value, groups, sizes);
}

/// [..., 1, J, D] as [..., heads, J, D], in the form that is taken off again
/// where keys and values have it.
static Value repeatHead(OpBuilder &b, Location loc, Value value,
                        int64_t heads) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t rank = type.getRank(), place = rank - 2;
  SmallVector<OpFoldResult> shape = tensor::getMixedSizes(b, loc, value);
  shape.insert(shape.begin() + place, b.getIndexAttr(heads));
  Value init = tensor::EmptyOp::create(b, loc, shape, type.getElementType());
  auto repeated = linalg::BroadcastOp::create(b, loc, value, init, place);
  SmallVector<int64_t> sizes(rank, 1);
  sizes[rank - 3] = 2;
  return collapsed(b, loc, repeated->getResult(0), sizes);
}

/// The operand of `op` in f32 with its dimensions in the order of `loops`:
/// batches, rows and columns. Of batches it may lack some of extent 1, and the
/// heads.
static Value orderedOperand(OpBuilder &b, linalg::LinalgOp op,
                            OpOperand *operand, ArrayRef<unsigned> loops) {
  AffineMap map = op.getMatchingIndexingMap(operand);
  SmallVector<int64_t> permutation, units;
  for (auto [i, loop] : llvm::enumerate(loops))
    if (auto at =
            map.getResultPosition(getAffineDimExpr(loop, map.getContext())))
      permutation.push_back(*at);
    else
      units.push_back(i);
  Value ordered = insertUnits(
      b, op.getLoc(), transposed(b, op.getLoc(), operand->get(), permutation),
      units);
  int64_t place = loops.size() - 3;
  int64_t heads = op.getStaticLoopRanges()[loops[place]];
  if (llvm::is_contained(units, place) && heads != 1)
    ordered = repeatHead(b, op.getLoc(), ordered, heads);
  return convertFloats(b, op.getLoc(), ordered, b.getF32Type());
}

static SmallVector<unsigned> withMatrix(ArrayRef<unsigned> batch, unsigned row,
                                        unsigned column) {
  SmallVector<unsigned> loops(batch);
  loops.append({row, column});
  return loops;
}

//===----------------------------------------------------------------------===//
// Attention by matrices
//===----------------------------------------------------------------------===//

/// Attention whose batches and heads are one dynamic dimension: each batch has
/// one head.
static Value buildAttention(OpBuilder &b, Location loc, RankedTensorType type,
                            Value query, Value key, Value value, Value mask,
                            double scale, bool isCausal) {
  int64_t rank = type.getRank();
  bool isMerged = type.isDynamicDim(rank - 3);
  if (isMerged) {
    for (Value *operand : {&query, &key, &value})
      *operand = insertUnits(b, loc, *operand, rank - 2);
    if (mask)
      if (int64_t dims = cast<RankedTensorType>(mask.getType()).getRank();
          dims > 2)
        mask = insertUnits(b, loc, mask, dims - 2);
    SmallVector<int64_t> shape(type.getShape());
    shape.insert(shape.begin() + rank - 2, 1);
    type = type.clone(shape);
  }
  Value result = AttentionOp::create(b, loc, type, query, key, value, mask,
                                     b.getF32FloatAttr(scale),
                                     isCausal ? b.getUnitAttr() : UnitAttr());
  if (!isMerged)
    return result;
  SmallVector<int64_t> sizes(rank, 1);
  sizes[rank - 3] = 2;
  return collapsed(b, loc, result, sizes);
}

namespace {
struct RaiseProductOfSoftmax : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    auto found = matchAttention(op, [&](const Twine &text) {
      (void)rewriter.notifyMatchFailure(
          op, [&](Diagnostic &diagnostic) { diagnostic << text; });
    });
    if (failed(found))
      return rewriter.notifyMatchFailure(op, "no attention");
    Location loc = op.getLoc();
    Value query = orderedOperand(
        rewriter, found->scores, found->query,
        withMatrix(found->scoresBatch, found->scoresQuery, found->scoresSum));
    Value key = orderedOperand(
        rewriter, found->scores, found->key,
        withMatrix(found->scoresBatch, found->scoresKey, found->scoresSum));
    Value value =
        orderedOperand(rewriter, op, found->value,
                       withMatrix(found->productBatch, found->productKey,
                                  found->productColumn));
    Value mask;
    if (!found->masks.empty())
      mask = buildAttentionMask(rewriter, loc, found->masks);
    // Dimensions of the product's result, in the order of attention's.
    SmallVector<unsigned> order = withMatrix(
        found->productBatch, found->productQuery, found->productColumn);
    AffineMap written = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    SmallVector<int64_t> permutation;
    for (AffineExpr expression : written.getResults())
      permutation.push_back(
          llvm::find(order, cast<AffineDimExpr>(expression).getPosition()) -
          order.begin());
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    SmallVector<int64_t> shape =
        applyPermutation(type.getShape(), invertPermutationVector(permutation));
    Value result = buildAttention(
        rewriter, loc, RankedTensorType::get(shape, rewriter.getF32Type()),
        query, key, value, mask, found->scale, found->isCausal);
    rewriter.replaceOp(
        op, convertFloats(rewriter, loc,
                          transposed(rewriter, loc, result, permutation),
                          type.getElementType()));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Grouped heads
//===----------------------------------------------------------------------===//

/// What `tensor` [..., H, J, D] repeats along heads, each `times` in a row.
struct Repeated {
  Value source;
  int64_t times;
};
} // namespace

/// [..., G, 1, J, D], or without the 1, broadcast to [..., G, r, J, D] and
/// collapsed; then perhaps widened.
static std::optional<Repeated> matchRepeatedHeads(Value tensor) {
  auto collapse = skipWidening(tensor).getDefiningOp<tensor::CollapseShapeOp>();
  if (!collapse)
    return std::nullopt;
  int64_t rank = collapse.getResultType().getRank(), heads = rank - 3;
  for (auto [i, group] : llvm::enumerate(collapse.getReassociationIndices()))
    if (group.size() != (static_cast<int64_t>(i) == heads ? 2 : 1))
      return std::nullopt;
  auto broadcast = collapse.getSrc().getDefiningOp<linalg::LinalgOp>();
  if (!broadcast || !isRearrangement(broadcast))
    return std::nullopt;
  OpOperand *input = broadcast.getDpsInputOperand(0);
  AffineMap read = broadcast.getMatchingIndexingMap(input);
  if (!broadcast.getMatchingIndexingMap(broadcast.getDpsInitOperand(0))
           .isIdentity())
    return std::nullopt;
  // Every loop but that of the repetition is a dimension of the source.
  unsigned loop = 0;
  bool hasUnit = false;
  for (AffineExpr expression : read.getResults()) {
    if (static_cast<int64_t>(loop) == heads + 1)
      ++loop;
    if (isa<AffineConstantExpr>(expression)) {
      if (hasUnit || static_cast<int64_t>(loop) != heads + 2)
        return std::nullopt;
      hasUnit = true;
      continue;
    }
    if (expression != getAffineDimExpr(loop, read.getContext()))
      return std::nullopt;
    ++loop;
  }
  if (static_cast<int64_t>(loop) != rank + 1)
    return std::nullopt;
  int64_t times = collapse.getSrcType().getDimSize(heads + 1);
  if (ShapedType::isDynamic(times))
    return std::nullopt;
  return Repeated{input->get(), times};
}

/// The source in element type `type`, without its dimension of extent 1, if it
/// has one.
static Value buildSource(OpBuilder &b, Location loc, Value source, int64_t rank,
                         Type type) {
  SmallVector<int64_t> sizes(rank, 1);
  if (cast<RankedTensorType>(source.getType()).getRank() > rank)
    sizes[rank - 3] = 2;
  return convertFloats(b, loc, collapsed(b, loc, source, sizes), type);
}

namespace {
struct GroupHeads : OpRewritePattern<AttentionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionOp op,
                                PatternRewriter &rewriter) const override {
    auto key = matchRepeatedHeads(op.getKey());
    auto value = matchRepeatedHeads(op.getValue());
    if (!key || !value || key->times != value->times)
      return rewriter.notifyMatchFailure(op, "heads are not repeated alike");
    auto build = [&](Value repeated, Value source) {
      return buildSource(rewriter, op.getLoc(), source, op.getType().getRank(),
                         getElementTypeOrSelf(repeated));
    };
    Value newKey = build(op.getKey(), key->source);
    Value newValue = build(op.getValue(), value->source);
    rewriter.modifyOpInPlace(op, [&] {
      op.getKeyMutable().assign(newKey);
      op.getValueMutable().assign(newValue);
    });
    return success();
  }
};
} // namespace

void lowbit::populateRaiseAttentionPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns.addWithLabel<RaiseProductOfSoftmax, GroupHeads>(
      {pattern::kAttention}, context);
  populateSplitMaskPatterns(patterns);
  linalg::TransposeOp::getCanonicalizationPatterns(patterns, context);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct RaiseAttentionPass
    : lowbit::impl::RaiseAttentionPassBase<RaiseAttentionPass> {
  using RaiseAttentionPassBase::RaiseAttentionPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    return freezeRaisePatterns(context, getArgument(), disabledPatterns,
                               populateRaiseAttentionPatterns, patterns);
  }

  void runOnOperation() override {
    unsigned before = count();
    if (failed(applyPatternsGreedily(getOperation(), patterns)))
      return signalPassFailure();
    numAttentions += count() - before;
    getOperation()->walk([&](linalg::LinalgOp op) {
      (void)matchAttention(op, [&](const Twine &text) {
        ++numLeft;
        if (report)
          op.emitRemark() << "attention is left: " << text;
      });
    });
  }

  unsigned count() {
    unsigned count = 0;
    getOperation()->walk([&](AttentionOp) { ++count; });
    return count;
  }

  FrozenRewritePatternSet patterns;
};
} // namespace
