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
#include "llvm/ADT/SmallBitVector.h"

namespace lowbit {
#define GEN_PASS_DEF_RAISEATTENTIONPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

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

/// The operand of `op` with its dimensions in the order of `loops`: batches,
/// rows and columns. Of batches it may lack some of extent 1, and the heads.
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
  return llvm::is_contained(units, place) && heads != 1
             ? repeatHead(b, op.getLoc(), ordered, heads)
             : ordered;
}

static SmallVector<unsigned> withMatrix(ArrayRef<unsigned> batch, unsigned row,
                                        unsigned column) {
  SmallVector<unsigned> loops(batch);
  loops.append({row, column});
  return loops;
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// Dimensions of the scores that one of `masks` has.
static llvm::SmallBitVector getMaskedDims(ArrayRef<ScoreMask> masks,
                                          unsigned rank) {
  llvm::SmallBitVector dims(rank);
  for (const ScoreMask &mask : masks)
    for (unsigned i = 0; i < rank; ++i)
      if (mask.map.isFunctionOfDim(i))
        dims.set(i);
  return dims;
}

/// `mask` as an operand of attention: what comes before its first dimension is
/// left out, others that it does not have are 1.
static Value expandMask(OpBuilder &b, Location loc, const ScoreMask &mask) {
  auto type = cast<RankedTensorType>(mask.tensor.getType());
  int64_t rank = mask.map.getNumDims(), dims = type.getRank();
  auto isPlace = [&](int64_t i) {
    AffineExpr expression = mask.map.getResult(i);
    return isa<AffineConstantExpr>(expression) ||
           expression == b.getAffineDimExpr(rank - dims + i);
  };
  if (dims >= 2 && llvm::all_of(llvm::seq<int64_t>(0, dims), isPlace))
    return mask.tensor;
  // Units that stand elsewhere join a neighbour; then units are put between.
  SmallVector<int64_t> sizes, places;
  for (AffineExpr expression : mask.map.getResults()) {
    auto dimension = dyn_cast<AffineDimExpr>(expression);
    if (!dimension || (places.empty() && !sizes.empty()))
      sizes.empty() ? sizes.push_back(1) : void(++sizes.back());
    else
      sizes.push_back(1);
    if (dimension)
      places.push_back(dimension.getPosition());
  }
  Value dense = collapsed(b, loc, mask.tensor, sizes);
  int64_t first = std::min(places.front(), rank - 2);
  SmallVector<OpFoldResult> shape(rank - first, b.getIndexAttr(1));
  SmallVector<ReassociationIndices> groups(places.size());
  for (auto [i, place] : llvm::enumerate(places)) {
    shape[place - first] = tensor::getMixedSize(b, loc, dense, i);
    int64_t begin = i == 0 ? first : place;
    int64_t end = i + 1 == places.size() ? rank : places[i + 1];
    for (int64_t dimension = begin; dimension < end; ++dimension)
      groups[i].push_back(dimension - first);
  }
  auto expandedType = RankedTensorType::get(decomposeMixedValues(shape).first,
                                            type.getElementType());
  return tensor::ExpandShapeOp::create(b, loc, expandedType, dense, groups,
                                       shape);
}

/// What `mask` adds to a score, `element` being the one of its tensor.
static Value buildAddend(OpBuilder &b, Location loc, const ScoreMask &mask,
                         Value element) {
  auto number = [&](double value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  };
  if (mask.hidden) {
    Value seen = number(0), hidden = number(*mask.hidden);
    if (mask.hidesTrue)
      std::swap(seen, hidden);
    return arith::SelectOp::create(b, loc, element, seen, hidden);
  }
  if (element.getType().getIntOrFloatBitWidth() < 32)
    element = arith::ExtFOp::create(b, loc, b.getF32Type(), element);
  if (mask.factor == 1)
    return element;
  return arith::MulFOp::create(b, loc, element, number(mask.factor));
}

/// The sum of `masks`, of all dimensions of the scores that one of them has.
static Value buildMask(OpBuilder &b, Location loc, ArrayRef<ScoreMask> masks) {
  const ScoreMask &only = masks.front();
  if (masks.size() == 1 && !only.hidden && only.factor == 1)
    return expandMask(b, loc, only);
  unsigned scoresRank = only.map.getNumDims();
  llvm::SmallBitVector dims = getMaskedDims(masks, scoresRank);
  SmallVector<AffineExpr> loops(scoresRank, b.getAffineConstantExpr(0));
  SmallVector<OpFoldResult> shape;
  SmallVector<AffineExpr> kept;
  for (unsigned dimension : dims.set_bits()) {
    loops[dimension] = b.getAffineDimExpr(shape.size());
    kept.push_back(b.getAffineDimExpr(dimension));
    for (const ScoreMask &mask : masks)
      if (auto at = mask.map.getResultPosition(kept.back())) {
        shape.push_back(tensor::getMixedSize(b, loc, mask.tensor, *at));
        break;
      }
  }
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (const ScoreMask &mask : masks) {
    inputs.push_back(mask.tensor);
    maps.push_back(mask.map.replaceDimsAndSymbols(loops, {}, shape.size(), 0));
  }
  maps.push_back(b.getMultiDimIdentityMap(shape.size()));
  Value init = tensor::EmptyOp::create(b, loc, shape, b.getF32Type());
  SmallVector<utils::IteratorType> iterators(shape.size(),
                                             utils::IteratorType::parallel);
  auto sum = linalg::GenericOp::create(
      b, loc, init.getType(), inputs, init, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange values) {
        Value sum = buildAddend(b, loc, only, values[0]);
        for (auto [mask, value] :
             llvm::zip(masks.drop_front(), values.drop_front()))
          sum = arith::AddFOp::create(b, loc, sum,
                                      buildAddend(b, loc, mask, value));
        linalg::YieldOp::create(b, loc, sum);
      });
  AffineMap map = AffineMap::get(scoresRank, 0, kept, b.getContext());
  return expandMask(b, loc, {sum.getResult(0), map, 1, std::nullopt});
}

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
    Value result = buildAttention(rewriter, loc, type.clone(shape), query, key,
                                  value, mask, found->scale, found->isCausal);
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
