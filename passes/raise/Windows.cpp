//===- Windows.cpp - convolutions as products -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An input read at o * stride + k * dilation is rearranged so that o and k are
// dimensions. Nothing here knows of layouts such as NCHW: indexing maps say
// which loop is what.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/Windows.h"
#include "WeightView.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

static bool isPlain(AffineMap map) {
  return map.isProjectedPermutation(/*allowZeroInResults=*/true);
}

bool lowbit::readsWindows(linalg::LinalgOp op) {
  return op.hasPureTensorSemantics() && op.getNumReductionLoops() > 0 &&
         llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
           return !isPlain(op.getMatchingIndexingMap(input));
         });
}

namespace {
/// One loop's part in an index: coefficient * loop.
struct Term {
  unsigned loop;
  int64_t coefficient;
};

/// Rearranges one input.
class Unfolding {
public:
  Unfolding(RewriterBase &rewriter, linalg::LinalgOp op, OpOperand *input,
            ArrayRef<Range> ranges, WindowOrder windowOrder)
      : b(rewriter), op(op), loc(op.getLoc()), input(input->get()),
        map(op.getMatchingIndexingMap(input)), ranges(ranges),
        extents(op.getStaticLoopRanges()) {
    orderLoops(windowOrder);
  }

  Value build() {
    if (Value blocks = splitBlocks())
      return blocks;
    return gather();
  }
  /// How the loops of the op read the result.
  AffineMap getMap();

private:
  void orderLoops(WindowOrder windowOrder);
  std::optional<SmallVector<Term, 2>> getTerms(AffineExpr expression) const;
  Value splitBlocks();
  Value gather();

  RewriterBase &b;
  linalg::LinalgOp op;
  Location loc;
  Value input;
  AffineMap map;
  ArrayRef<Range> ranges;
  SmallVector<int64_t> extents;
  /// The loops that the input is read by, as the result has them.
  SmallVector<unsigned> order;
};
} // namespace

/// Parallel loops as the op's result has them, and reductions before or after.
void Unfolding::orderLoops(WindowOrder windowOrder) {
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (AffineExpr expression : result.getResults())
    if (auto loop = dyn_cast<AffineDimExpr>(expression);
        loop && map.isFunctionOfDim(loop.getPosition()))
      order.push_back(loop.getPosition());
  SmallVector<unsigned> windows;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    if (map.isFunctionOfDim(loop) && !llvm::is_contained(order, loop))
      windows.push_back(loop);
  order.insert(windowOrder == WindowOrder::First ? order.begin() : order.end(),
               windows.begin(), windows.end());
}

AffineMap Unfolding::getMap() {
  SmallVector<AffineExpr> results;
  for (unsigned loop : order)
    results.push_back(b.getAffineDimExpr(loop));
  return AffineMap::get(op.getNumLoops(), 0, results, b.getContext());
}

/// `expression` as a sum of loops times positive constants.
std::optional<SmallVector<Term, 2>>
Unfolding::getTerms(AffineExpr expression) const {
  if (auto loop = dyn_cast<AffineDimExpr>(expression))
    return SmallVector<Term, 2>{{loop.getPosition(), 1}};
  auto binary = dyn_cast<AffineBinaryOpExpr>(expression);
  if (!binary)
    return std::nullopt;
  auto lhs = getTerms(binary.getLHS());
  if (!lhs)
    return std::nullopt;
  if (expression.getKind() == AffineExprKind::Mul) {
    auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
    if (!factor || factor.getValue() < 1)
      return std::nullopt;
    for (Term &term : *lhs)
      term.coefficient *= factor.getValue();
    return lhs;
  }
  auto rhs = getTerms(binary.getRHS());
  if (expression.getKind() != AffineExprKind::Add || !rhs)
    return std::nullopt;
  llvm::append_range(*lhs, *rhs);
  return lhs;
}

/// Where each window begins where the one before ends: dimension o * k is split
/// into o and k. Null where windows overlap or leave gaps within them.
Value Unfolding::splitBlocks() {
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)), sizes,
      strides, split;
  SmallVector<int64_t> shape, splitShape;
  SmallVector<ReassociationIndices> groups;
  SmallVector<unsigned> loops;
  for (AffineExpr expression : map.getResults()) {
    auto terms = getTerms(expression);
    if (!terms || terms->size() > 2)
      return nullptr;
    // The loop of a reduction is the one within the window.
    if (terms->size() == 2 && op.getIteratorTypesArray()[terms->front().loop] ==
                                  utils::IteratorType::reduction)
      std::swap((*terms)[0], (*terms)[1]);
    Term outer = terms->front();
    int64_t window = terms->size() == 2 ? extents[terms->back().loop] : 1;
    bool isBlock = window == 1 || (terms->back().coefficient == 1 &&
                                   outer.coefficient == window);
    if (ShapedType::isDynamic(window) || !isBlock)
      return nullptr;
    AffineExpr s0 = b.getAffineSymbolExpr(0);
    sizes.push_back(affine::makeComposedFoldedAffineApply(
        b, loc, s0 * window, {ranges[outer.loop].size}));
    strides.push_back(b.getIndexAttr(window == 1 ? outer.coefficient : 1));
    int64_t extent = extents[outer.loop];
    shape.push_back(ShapedType::isDynamic(extent) ? extent : extent * window);
    groups.push_back({static_cast<int64_t>(loops.size())});
    for (const Term &term : *terms) {
      if (&term != terms->begin())
        groups.back().push_back(loops.size());
      loops.push_back(term.loop);
      split.push_back(ranges[term.loop].size);
      splitShape.push_back(extents[term.loop]);
    }
  }
  bool isWhole = type.hasStaticShape() && type.getShape() == ArrayRef(shape) &&
                 llvm::all_of(strides, isOneInteger);
  Value value = input;
  if (!isWhole)
    value = tensor::ExtractSliceOp::create(b, loc, type.clone(shape), value,
                                           offsets, sizes, strides);
  if (loops.size() > shape.size())
    value = tensor::ExpandShapeOp::create(b, loc, type.clone(splitShape), value,
                                          groups, split);
  SmallVector<int64_t> permutation;
  for (unsigned loop : order)
    permutation.push_back(llvm::find(loops, loop) - loops.begin());
  return transposed(b, loc, value, permutation);
}

/// Copies every window.
Value Unfolding::gather() {
  SmallVector<OpFoldResult> sizes;
  SmallVector<AffineExpr> replacements(op.getNumLoops(),
                                       b.getAffineConstantExpr(0));
  for (auto [i, loop] : llvm::enumerate(order)) {
    sizes.push_back(ranges[loop].size);
    replacements[loop] = b.getAffineDimExpr(i);
  }
  AffineMap read = map.replaceDimsAndSymbols(replacements, {}, order.size(), 0);
  return copyElements(b, loc, input, read, sizes);
}

Value lowbit::copyElements(OpBuilder &builder, Location loc, Value source,
                           AffineMap read, ArrayRef<OpFoldResult> extents) {
  Value init = tensor::EmptyOp::create(
      builder, loc, extents,
      cast<RankedTensorType>(source.getType()).getElementType());
  SmallVector<utils::IteratorType> iterators(extents.size(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, loc, init.getType(), source, init,
             ArrayRef{read, builder.getMultiDimIdentityMap(extents.size())},
             iterators,
             [](OpBuilder &b, Location loc, ValueRange values) {
               linalg::YieldOp::create(b, loc, values[0]);
             })
      .getResult(0);
}

FailureOr<linalg::GenericOp> lowbit::unfoldWindows(RewriterBase &rewriter,
                                                   linalg::LinalgOp op,
                                                   WindowOrder order) {
  if (!readsWindows(op))
    return rewriter.notifyMatchFailure(op, "reads no windows of tensors");
  rewriter.setInsertionPoint(op);
  SmallVector<Range> ranges = op.createLoopRanges(rewriter, op.getLoc());
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<Value> inputs;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap &map = maps[input->getOperandNumber()];
    if (isPlain(map)) {
      inputs.push_back(input->get());
      continue;
    }
    Unfolding unfolding(rewriter, op, input, ranges, order);
    inputs.push_back(unfolding.build());
    map = unfolding.getMap();
  }
  auto generic = linalg::GenericOp::create(
      rewriter, op.getLoc(), op->getResultTypes(), inputs, op.getDpsInits(),
      maps, op.getIteratorTypesArray());
  rewriter.cloneRegionBefore(op->getRegion(0), generic.getRegion(),
                             generic.getRegion().begin());
  rewriter.replaceOp(op, generic.getResults());
  return generic;
}
