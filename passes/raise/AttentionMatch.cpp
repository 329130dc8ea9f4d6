//===- AttentionMatch.cpp - recognise attention ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Backwards from the product with V: a softmax; additions and factors; the
// product of Q and K. Scalars are traced, so it doesn't matter how elementwise
// ops are divided or fused. Where a model rounds them to 16 bits between its
// operators, attention doesn't.
//
//===----------------------------------------------------------------------===//

#include "AttentionMatch.h"
#include "CausalMask.h"
#include "ElementTrace.h"
#include "Product.h"
#include "SoftmaxMatch.h"

#include "lowbit/Transforms/WeightSource.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

namespace {
/// Takes additions and factors off the scores.
class ScoresMatcher {
public:
  ScoresMatcher(Attention &attention, Value scores, ReasonFn reason)
      : attention(attention), scores(scores),
        rank(cast<RankedTensorType>(scores.getType()).getRank()),
        sides(places, places.getExtent(scores, rank - 2),
              places.getExtent(scores, rank - 1)),
        reason(reason) {}

  /// The tensor that is left, with the map that reads it, or a failure.
  FailureOr<Element> match();

private:
  LogicalResult fails(const Twine &text) {
    reason(text);
    return failure();
  }
  FailureOr<Element> matchStep(const Element &element);
  FailureOr<Element> matchFactor(const Element &element);
  FailureOr<Element> matchSelect(const Element &element);
  FailureOr<Element> matchLeast(const Element &element);
  LogicalResult addMask(const Element &traced, const Element &near);

  Attention &attention;
  Value scores;
  int64_t rank;
  Places places;
  MaskSides sides;
  ReasonFn reason;
};
} // namespace

/// Whether `near` is an element of a tensor that broadcasts to the scores.
static bool isMask(const Element &near) {
  auto type = dyn_cast<RankedTensorType>(near.value.getType());
  if (near.scope || !type)
    return false;
  int64_t next = 0;
  for (auto [i, expression] : llvm::enumerate(near.map.getResults())) {
    auto dimension = dyn_cast<AffineDimExpr>(expression);
    if (!dimension && type.getDimSize(i) != 1)
      return false;
    if (dimension && dimension.getPosition() < next)
      return false;
    if (dimension)
      next = dimension.getPosition() + 1;
  }
  return next > 0;
}

LogicalResult ScoresMatcher::addMask(const Element &traced,
                                     const Element &near) {
  // What was found behind the sum multiplies the mask, too.
  bool isCausal = attention.scale > 0 &&
                  sides.hidesLater(traced, kHidden / attention.scale);
  attention.isCausal |= isCausal;
  if (isCausal && sides.seen.getNumber(traced) == 0)
    return success();
  if (!isMask(near))
    return fails("what is added to the scores is not one tensor of their "
                 "dimensions");
  attention.masks.push_back(
      {near.value, near.map, attention.scale, std::nullopt});
  return success();
}

FailureOr<Element> ScoresMatcher::matchFactor(const Element &element) {
  bool isQuotient = isa<arith::DivFOp>(element.getOp());
  for (unsigned i : {1, 0}) {
    std::optional<double> factor = getConstantNumber(element.getOperand(i));
    if (!factor || (isQuotient && i == 0))
      continue;
    attention.scale *= isQuotient ? 1 / *factor : *factor;
    return element.getOperand(1 - i);
  }
  return fails("the scores are multiplied by something else than a constant");
}

/// where(seen, score, hidden), or where(hides, hidden, score).
FailureOr<Element> ScoresMatcher::matchSelect(const Element &element) {
  for (bool hidesTrue : {false, true}) {
    std::optional<double> hidden =
        getConstantNumber(element.getOperand(hidesTrue ? 1 : 2));
    if (!hidden || !(*hidden * attention.scale <= kHidden))
      continue;
    Element condition = element.getOperand(0);
    bool isCausal = sides.hidesLater(condition, hidesTrue);
    attention.isCausal |= isCausal;
    bool isAll = isCausal && sides.seen.getNumber(condition) == !hidesTrue;
    Element near = element.getNearOperand(0);
    if (!isAll && !isMask(near))
      return fails("what hides scores is not one tensor of their dimensions");
    if (!isAll)
      attention.masks.push_back(
          {near.value, near.map, 1, *hidden * attention.scale, hidesTrue});
    return element.getOperand(hidesTrue ? 2 : 1);
  }
  return fails("a selection among the scores does not hide them");
}

/// max(score, least) keeps hidden scores finite and changes no others.
FailureOr<Element> ScoresMatcher::matchLeast(const Element &element) {
  for (unsigned i : {1, 0}) {
    std::optional<double> least = getConstantNumber(element.getOperand(i));
    if (least && *least * attention.scale <= kHidden)
      return element.getOperand(1 - i);
  }
  return fails("the scores have a least number that does not hide them");
}

FailureOr<Element> ScoresMatcher::matchStep(const Element &element) {
  Operation *op = element.getOp();
  if (isa<arith::MulFOp, arith::DivFOp>(op))
    return matchFactor(element);
  if (isa<arith::SelectOp>(op))
    return matchSelect(element);
  if (isCast(op))
    return skipCasts(element);
  if (isa<arith::MaximumFOp, arith::MaxNumFOp>(op))
    return matchLeast(element);
  if (!isa<arith::AddFOp>(op))
    return fails("the scores go through '" + op->getName().getStringRef() +
                 "'");
  // The mask is the operand that no contraction of two tensors is in.
  for (unsigned i : {1, 0}) {
    Element other = getUncastOperand(element, 1 - i);
    while (other.getOp() &&
           isa<arith::MulFOp, arith::DivFOp, arith::AddFOp, arith::SelectOp,
               arith::MaximumFOp, arith::MaxNumFOp>(other.getOp())) {
      // Of a choice the one that is no number, of others the first that isn't.
      unsigned first = isa<arith::SelectOp>(other.getOp()) ? 1 : 0;
      bool isNumber = getConstantNumber(other.getOperand(first)).has_value();
      other = getUncastOperand(other, isNumber ? first + 1 : first);
    }
    auto product = other.value.getDefiningOp<linalg::LinalgOp>();
    if (other.scope || !product || !isFloatContraction(product))
      continue;
    if (failed(addMask(element.getOperand(i), element.getNearOperand(i))))
      return failure();
    return element.getOperand(1 - i);
  }
  return fails("an addition to the scores has no product on either side");
}

FailureOr<Element> ScoresMatcher::match() {
  Element element = traceElement(scores);
  while (element.getOp()) {
    FailureOr<Element> next = matchStep(element);
    if (failed(next))
      return failure();
    element = *next;
  }
  if (element.scope || !element.value.getDefiningOp<linalg::LinalgOp>())
    return fails("the scores are no product");
  return element;
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

static bool isZeroFilled(linalg::LinalgOp op) {
  Value init = op.getDpsInitOperand(0)->get();
  if (auto fill = init.getDefiningOp<linalg::FillOp>())
    init = fill.getInputs()[0];
  return matchPattern(init, m_AnyZeroFloat());
}

static bool isProduct(linalg::LinalgOp op) {
  return op && isFloatContraction(op) && isZeroFilled(op) &&
         op.getNumReductionLoops() == 1 &&
         llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) {
           return map.isProjectedPermutation();
         });
}

static unsigned loopAt(AffineMap map, unsigned i) {
  return cast<AffineDimExpr>(map.getResult(i)).getPosition();
}

/// Whether an operand has a dimension for each loop of `batch`. One of extent 1
/// may be missing, and so may the heads, which are the last, where they are
/// counted: all then read the same.
static bool hasBatch(linalg::LinalgOp op, AffineMap operand,
                     ArrayRef<unsigned> batch) {
  return llvm::all_of(batch, [&](unsigned loop) {
    return operand.isFunctionOfDim(loop) ||
           op.getStaticLoopRanges()[loop] == 1 ||
           (loop == batch.back() &&
            !ShapedType::isDynamic(op.getStaticLoopRanges()[loop]));
  });
}

/// Loops of the product with V, whose rows of weights are [batch..., query,
/// key].
static LogicalResult sortProductLoops(Attention &attention, AffineMap weights) {
  linalg::LinalgOp op = attention.product;
  AffineMap value = op.getMatchingIndexingMap(attention.value);
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  unsigned rank = weights.getNumResults();
  if (rank < 3)
    return failure();
  for (unsigned i = 0; i + 2 < rank; ++i)
    attention.productBatch.push_back(loopAt(weights, i));
  attention.productQuery = loopAt(weights, rank - 2);
  attention.productKey = loopAt(weights, rank - 1);
  auto isIn = [](AffineMap map, unsigned loop) {
    return map.isFunctionOfDim(loop);
  };
  bool isBatch = llvm::all_of(attention.productBatch, [&](unsigned loop) {
    return isIn(result, loop);
  });
  if (!isBatch || !hasBatch(op, value, attention.productBatch) ||
      !isIn(result, attention.productQuery) ||
      isIn(value, attention.productQuery) ||
      isIn(result, attention.productKey) ||
      !isIn(value, attention.productKey) || op.getNumLoops() != rank + 1)
    return failure();
  for (unsigned loop = 0; loop <= rank; ++loop)
    if (!isIn(weights, loop))
      attention.productColumn = loop;
  return success();
}

/// Loops of the product of Q and K, which the softmax reads by `read`.
static LogicalResult sortScoresLoops(Attention &attention, AffineMap read) {
  linalg::LinalgOp op = attention.scores;
  if (!read.isPermutation())
    return failure();
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  // For each dimension of the scores, the loop that runs with it.
  AffineMap order = inversePermutation(read);
  unsigned rank = read.getNumResults();
  SmallVector<unsigned> loops;
  for (unsigned i = 0; i < rank; ++i)
    loops.push_back(loopAt(result, loopAt(order, i)));
  attention.scoresBatch.assign(loops.begin(), loops.end() - 2);
  attention.scoresQuery = loops[rank - 2];
  attention.scoresKey = loops[rank - 1];
  SmallVector<unsigned> sums;
  op.getReductionDims(sums);
  attention.scoresSum = sums.front();
  OpOperand *lhs = op.getDpsInputOperand(0), *rhs = op.getDpsInputOperand(1);
  bool isLhs =
      op.getMatchingIndexingMap(lhs).isFunctionOfDim(attention.scoresQuery);
  attention.query = isLhs ? lhs : rhs;
  attention.key = isLhs ? rhs : lhs;
  AffineMap query = op.getMatchingIndexingMap(attention.query);
  AffineMap key = op.getMatchingIndexingMap(attention.key);
  bool fits = key.isFunctionOfDim(attention.scoresKey) &&
              !key.isFunctionOfDim(attention.scoresQuery) &&
              !query.isFunctionOfDim(attention.scoresKey) &&
              query.getNumResults() == rank &&
              key.isFunctionOfDim(attention.scoresSum) &&
              hasBatch(op, key, attention.scoresBatch);
  return success(fits);
}

FailureOr<Attention> lowbit::matchAttention(linalg::LinalgOp product,
                                            ReasonFn reason) {
  if (!isProduct(product))
    return failure();
  Attention attention;
  attention.product = product;
  for (unsigned i : {0, 1}) {
    OpOperand *weights = product.getDpsInputOperand(i);
    Value scores = matchSoftmax(weights->get());
    if (!scores)
      continue;
    auto fails = [&](const Twine &text) -> FailureOr<Attention> {
      reason(text);
      return failure();
    };
    attention.value = product.getDpsInputOperand(1 - i);
    if (failed(sortProductLoops(attention,
                                product.getMatchingIndexingMap(weights))))
      return fails("the product of the softmax is not one of matrices by "
                   "batches over its last dimension");
    auto element = ScoresMatcher(attention, scores, reason).match();
    if (failed(element))
      return failure();
    attention.scores = element->value.getDefiningOp<linalg::LinalgOp>();
    if (!isProduct(attention.scores) ||
        failed(sortScoresLoops(attention, element->map)))
      return fails("the scores are no product of a query and a key");
    return attention;
  }
  return failure();
}
