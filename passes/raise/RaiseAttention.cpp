//===- RaiseAttention.cpp - attention becomes one op ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The operands are brought to [batch..., rows, columns] by transpositions, most
// of which cancel those that the exporter made.
//
//===----------------------------------------------------------------------===//

#include "AttentionMatch.h"
#include "WeightView.h"

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
// Attention
//===----------------------------------------------------------------------===//

/// The operand of `op` with its dimensions in the order of `loops`.
static Value orderedOperand(OpBuilder &b, linalg::LinalgOp op,
                            OpOperand *operand, ArrayRef<unsigned> loops) {
  AffineMap map = op.getMatchingIndexingMap(operand);
  SmallVector<int64_t> permutation;
  for (unsigned loop : loops)
    permutation.push_back(
        *map.getResultPosition(getAffineDimExpr(loop, map.getContext())));
  return transposed(b, op.getLoc(), operand->get(), permutation);
}

static SmallVector<unsigned> withMatrix(ArrayRef<unsigned> batch, unsigned row,
                                        unsigned column) {
  SmallVector<unsigned> loops(batch);
  loops.append({row, column});
  return loops;
}

/// Whether the mask is what attention takes: numbers whose dimensions are the
/// last ones of the scores.
static bool isAligned(const AttentionMask &mask) {
  int64_t rank = mask.map.getNumDims(), own = mask.map.getNumResults();
  for (auto [i, expression] : llvm::enumerate(mask.map.getResults())) {
    auto dimension = dyn_cast<AffineDimExpr>(expression);
    if (dimension && static_cast<int64_t>(dimension.getPosition()) !=
                         rank - own + static_cast<int64_t>(i))
      return false;
  }
  return !mask.isCondition && own >= 2;
}

/// What one mask adds to a score.
static Value addedBy(OpBuilder &b, Location loc, const AttentionMask &mask,
                     Value element) {
  if (mask.isCondition) {
    Value seen = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
    Value never =
        arith::ConstantOp::create(b, loc, b.getF32FloatAttr(mask.hidden));
    return arith::SelectOp::create(b, loc, element, seen, never);
  }
  if (element.getType().isF32())
    return element;
  return arith::ExtFOp::create(b, loc, b.getF32Type(), element);
}

/// The sum of what masks add to the scores, whose dimensions are those of the
/// scores that some mask runs along, and 1.
static Value buildMask(OpBuilder &b, Location loc,
                       ArrayRef<AttentionMask> masks) {
  unsigned rank = masks.front().map.getNumDims();
  SmallVector<OpFoldResult> sizes(rank, b.getIndexAttr(1));
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  unsigned first = rank - 2;
  for (const AttentionMask &mask : masks) {
    inputs.push_back(mask.tensor);
    maps.push_back(mask.map);
    first = std::min(first, rank - mask.map.getNumResults());
    for (auto [i, expression] : llvm::enumerate(mask.map.getResults()))
      if (auto dimension = dyn_cast<AffineDimExpr>(expression)) {
        sizes[dimension.getPosition()] =
            tensor::getMixedSize(b, loc, mask.tensor, i);
        first = std::min(first, dimension.getPosition());
      }
  }
  // Leading dimensions that no mask has are left out.
  SmallVector<AffineExpr> loops(rank, b.getAffineConstantExpr(0));
  for (unsigned i = first; i < rank; ++i)
    loops[i] = b.getAffineDimExpr(i - first);
  for (AffineMap &map : maps)
    map = map.replaceDimsAndSymbols(loops, {}, rank - first, 0);
  sizes.erase(sizes.begin(), sizes.begin() + first);
  maps.push_back(b.getMultiDimIdentityMap(sizes.size()));
  Value init = tensor::EmptyOp::create(b, loc, sizes, b.getF32Type());
  SmallVector<utils::IteratorType> iterators(sizes.size(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, init.getType(), inputs, init, maps, iterators,
             [&](OpBuilder &b, Location loc, ValueRange values) {
               Value sum;
               for (auto [mask, value] : llvm::zip(masks, values)) {
                 Value added = addedBy(b, loc, mask, value);
                 sum = sum ? Value(arith::AddFOp::create(b, loc, sum, added))
                           : added;
               }
               linalg::YieldOp::create(b, loc, sum);
             })
      .getResult(0);
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
    if (found->masks.size() == 1 && isAligned(found->masks.front()))
      mask = found->masks.front().tensor;
    else if (!found->masks.empty())
      mask = buildMask(rewriter, loc, found->masks);
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
    Value result = AttentionOp::create(
        rewriter, loc, type.clone(shape), query, key, value, mask,
        rewriter.getF32FloatAttr(found->scale),
        found->isCausal ? rewriter.getUnitAttr() : UnitAttr());
    rewriter.replaceOp(op, transposed(rewriter, loc, result, permutation));
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
/// collapsed.
static std::optional<Repeated> matchRepeatedHeads(Value tensor) {
  auto collapse = tensor.getDefiningOp<tensor::CollapseShapeOp>();
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

/// The source without its dimension of extent 1, if it has one.
static Value dropUnit(OpBuilder &b, Location loc, Value source, int64_t rank) {
  SmallVector<int64_t> sizes(rank, 1);
  if (cast<RankedTensorType>(source.getType()).getRank() > rank)
    sizes[rank - 3] = 2;
  return collapsed(b, loc, source, sizes);
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
    int64_t rank = op.getType().getRank();
    Value newKey = dropUnit(rewriter, op.getLoc(), key->source, rank);
    Value newValue = dropUnit(rewriter, op.getLoc(), value->source, rank);
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
