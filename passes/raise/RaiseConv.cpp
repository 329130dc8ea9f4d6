//===- RaiseConv.cpp - convolutions with weights become products ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A convolution is a product of its windows with its weight, so every pass and
// kernel that knows layers knows convolutions; see dialect/RATIONALE.md for
// what an operation of its own would cost.
//
//===----------------------------------------------------------------------===//

#include "Product.h"
#include "WeightView.h"

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/PatternNames.h"
#include "lowbit/Transforms/WeightSource.h"
#include "lowbit/Transforms/Windows.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lowbit {
#define GEN_PASS_DEF_RAISECONVPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// Fewest filters of a group that are worth a layer of their own: kernels
/// compute at least sixteen rows of a weight at a time.
static constexpr int64_t kMinFilters = 8;
/// Most groups that become layers: each is an operation.
static constexpr int64_t kMaxGroups = 64;

namespace {
/// A convolution with a constant weight.
struct Convolution {
  OpOperand *input, *weight;
  /// The loop that input, weight and result share, if its extent isn't 1.
  std::optional<unsigned> group;
};
} // namespace

bool lowbit::isWeightConvolution(linalg::LinalgOp op) {
  return readsWindows(op) && multipliesFloats(op) && findWeightOperand(op);
}

static std::optional<Convolution> matchConvolution(linalg::LinalgOp op) {
  if (!isWeightConvolution(op))
    return std::nullopt;
  OpOperand *weight = findWeightOperand(op);
  if (!op.getMatchingIndexingMap(weight).isProjectedPermutation())
    return std::nullopt;
  OpOperand *input = op.getDpsInputOperand(1 - weight->getOperandNumber());
  Convolution convolution{input, weight, std::nullopt};
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  OpOperand *result = op.getDpsInitOperand(0);
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    if (extents[loop] != 1 &&
        llvm::all_of(ArrayRef{input, weight, result}, [&](OpOperand *operand) {
          return op.getMatchingIndexingMap(operand).isFunctionOfDim(loop);
        }))
      convolution.group = loop;
  return convolution;
}

std::string lowbit::explainConvolution(linalg::LinalgOp op) {
  if (!isWeightConvolution(op))
    return {};
  std::optional<Convolution> convolution = matchConvolution(op);
  if (!convolution)
    return "its weight is read at sums of loops";
  if (!convolution->group)
    return {};
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  int64_t groups = extents[*convolution->group], filters = 1;
  AffineExpr group = getAffineDimExpr(*convolution->group, op.getContext());
  if (ShapedType::isDynamic(groups) ||
      !op.getMatchingIndexingMap(convolution->input).getResultPosition(group))
    return "its groups are no static dimension of the input";
  if (groups > kMaxGroups)
    return "it has " + std::to_string(groups) + " groups, more than " +
           std::to_string(kMaxGroups);
  AffineMap input = op.getMatchingIndexingMap(convolution->input);
  AffineMap weight = op.getMatchingIndexingMap(convolution->weight);
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    if (weight.isFunctionOfDim(loop) && !input.isFunctionOfDim(loop))
      filters *= extents[loop];
  if (filters < kMinFilters)
    return "its groups have " + std::to_string(filters) +
           " filters, fewer than " + std::to_string(kMinFilters);
  return {};
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

/// Element `index` of dimension `dimension` of `value`, without the dimension.
static Value sliceAt(OpBuilder &b, Location loc, Value value, int64_t dimension,
                     int64_t index) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, value);
  SmallVector<int64_t> shape(type.getShape());
  offsets[dimension] = b.getIndexAttr(index);
  sizes[dimension] = b.getIndexAttr(1);
  shape.erase(shape.begin() + dimension);
  return tensor::ExtractSliceOp::create(b, loc, type.clone(shape), value,
                                        offsets, sizes, strides);
}

namespace {
/// A convolution for each group, on slices.
class GroupSplitter {
public:
  GroupSplitter(PatternRewriter &rewriter, linalg::LinalgOp op, unsigned group)
      : b(rewriter), op(op), loc(op.getLoc()), group(group) {}

  /// Replaces the convolution, and what is computed of each of its results.
  void split() {
    OpOperand *init = op.getDpsInitOperand(0);
    int64_t dimension = *find(init);
    Value whole = op->getResult(0);
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, loc, init->get());
    SmallVector<Value> parts;
    for (int64_t i = 0; i < typeOf(whole).getDimSize(dimension); ++i)
      parts.push_back(buildGroup(i));
    SmallVector<Operation *> replaced{op};
    bool isFlat = takeCollapse(whole, dimension);
    if (isFlat) {
      replaced.push_back(whole.getDefiningOp());
      sizes.erase(sizes.begin() + dimension);
      sizes[dimension] = b.getIndexAttr(typeOf(whole).getDimSize(dimension));
      while (takeElementwise(whole, dimension, parts))
        replaced.push_back(whole.getDefiningOp());
    }
    b.setInsertionPoint(replaced.back());
    b.replaceAllUsesWith(whole,
                         join(parts, sizes, typeOf(whole), dimension, isFlat));
    for (Operation *dead : llvm::reverse(replaced))
      b.eraseOp(dead);
  }

private:
  /// The dimension of an operand that runs with the group.
  std::optional<int64_t> find(OpOperand *operand) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    std::optional<unsigned> dimension =
        map.getResultPosition(getAffineDimExpr(group, map.getContext()));
    if (!dimension)
      return std::nullopt;
    return *dimension;
  }

  /// A zero stays a zero, so that the product is seen to start from it.
  Value sliceInit(OpOperand *init, int64_t index) {
    auto fill = init->get().getDefiningOp<linalg::FillOp>();
    if (!fill)
      return sliceAt(b, loc, init->get(), *find(init), index);
    Value slice = sliceAt(b, loc, fill.getOutputs()[0], *find(init), index);
    return linalg::FillOp::create(b, loc, fill.getInputs()[0], slice)
        .getResult(0);
  }

  Value buildGroup(int64_t index) {
    SmallVector<AffineExpr> replacements;
    unsigned next = 0;
    for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
      replacements.push_back(loop == group ? b.getAffineConstantExpr(0)
                                           : b.getAffineDimExpr(next++));
    SmallVector<AffineMap> maps;
    SmallVector<Value> inputs;
    for (OpOperand *operand : op.getOpOperandsMatchingBBargs()) {
      AffineMap map = op.getMatchingIndexingMap(operand);
      if (auto dimension = find(operand))
        map = map.dropResult(*dimension);
      maps.push_back(map.replaceDimsAndSymbols(replacements, {}, next, 0));
    }
    for (OpOperand *input : op.getDpsInputOperands())
      inputs.push_back(sliceAt(b, loc, input->get(), *find(input), index));
    SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
    iterators.erase(iterators.begin() + group);
    Value init = sliceInit(op.getDpsInitOperand(0), index);
    auto generic = linalg::GenericOp::create(b, loc, init.getType(), inputs,
                                             init, maps, iterators);
    b.cloneRegionBefore(op->getRegion(0), generic.getRegion(),
                        generic.getRegion().begin());
    return generic.getResult(0);
  }

  /// Whether the only use of `whole` merges the dimension of the groups with
  /// the next; `whole` is then its result.
  static bool takeCollapse(Value &whole, int64_t dimension) {
    if (!whole.hasOneUse())
      return false;
    auto collapse =
        dyn_cast<tensor::CollapseShapeOp>(*whole.getUsers().begin());
    if (!collapse)
      return false;
    for (auto [i, run] : llvm::enumerate(collapse.getReassociationIndices())) {
      bool merges = static_cast<int64_t>(i) == dimension;
      if (run.size() != (merges ? 2 : 1) ||
          run.front() != static_cast<int64_t>(i) + (run.front() > dimension))
        return false;
    }
    whole = collapse.getResult();
    return !ShapedType::isDynamic(
        collapse.getResultType().getDimSize(dimension));
  }

  /// Whether an operand that `map` reads can be sliced along `dimension`.
  static bool isSliceable(AffineMap map) {
    return map.isProjectedPermutation(/*allowZeroInResults=*/true);
  }

  /// Computes an elementwise op, the only use of `whole`, on each of `parts`.
  /// What follows a layer then stands behind it.
  bool takeElementwise(Value &whole, int64_t dimension,
                       MutableArrayRef<Value> parts) {
    if (!whole.hasOneUse())
      return false;
    auto user = dyn_cast<linalg::GenericOp>(*whole.getUsers().begin());
    if (!user || !user.hasPureTensorSemantics() ||
        user.getNumParallelLoops() != user.getNumLoops() ||
        user->getNumResults() != 1 || user.hasIndexSemantics() ||
        typeOf(user.getResult(0)).getShape() != typeOf(whole).getShape() ||
        !llvm::all_of(user.getIndexingMapsArray(), isSliceable))
      return false;
    OpOperand *init = user.getDpsInitOperand(0);
    for (OpOperand &operand : user->getOpOperands())
      if ((operand.get() == whole || &operand == init) &&
          !user.getMatchingIndexingMap(&operand).isIdentity())
        return false;
    if (user.payloadUsesValueFromOperand(init))
      return false;
    b.setInsertionPoint(user);
    int64_t size = typeOf(whole).getDimSize(dimension) / parts.size();
    for (auto [i, part] : llvm::enumerate(parts)) {
      SmallVector<Value> operands;
      for (OpOperand &operand : user->getOpOperands())
        operands.push_back(operand.get() == whole
                               ? part
                               : sliceRun(operand.get(),
                                          user.getMatchingIndexingMap(&operand),
                                          dimension, i * size, size));
      SmallVector<Type> types{operands.back().getType()};
      part = clone(b, user, types, operands)->getResult(0);
    }
    whole = user.getResult(0);
    return true;
  }

  static RankedTensorType typeOf(Value value) {
    return cast<RankedTensorType>(value.getType());
  }

  /// The part of `value`, read by `map`, that belongs to `size` positions of
  /// loop `dimension`.
  Value sliceRun(Value value, AffineMap map, int64_t dimension, int64_t first,
                 int64_t size) {
    auto place = map.getResultPosition(b.getAffineDimExpr(dimension));
    if (!place)
      return value;
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, value);
    SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
        strides(sizes.size(), b.getIndexAttr(1));
    offsets[*place] = b.getIndexAttr(first);
    sizes[*place] = b.getIndexAttr(size);
    return tensor::ExtractSliceOp::create(b, loc, value, offsets, sizes,
                                          strides);
  }

  /// All groups, one behind the other.
  Value join(ArrayRef<Value> parts, SmallVector<OpFoldResult> sizes, Type type,
             int64_t dimension, bool isFlat) {
    Value result = tensor::EmptyOp::create(
        b, loc, sizes, cast<RankedTensorType>(type).getElementType());
    SmallVector<OpFoldResult> offsets(sizes.size(), b.getIndexAttr(0)),
        strides(sizes.size(), b.getIndexAttr(1));
    int64_t size = isFlat ? typeOf(parts[0]).getDimSize(dimension) : 1;
    sizes[dimension] = b.getIndexAttr(size);
    for (auto [i, part] : llvm::enumerate(parts)) {
      offsets[dimension] = b.getIndexAttr(i * size);
      result = tensor::InsertSliceOp::create(b, loc, part, result, offsets,
                                             sizes, strides);
    }
    return result;
  }

  PatternRewriter &b;
  linalg::LinalgOp op;
  Location loc;
  unsigned group;
};

struct SplitGroups : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<Convolution> convolution = matchConvolution(op);
    if (!convolution || !convolution->group)
      return rewriter.notifyMatchFailure(op, "no grouped convolution");
    if (std::string reason = explainConvolution(op); !reason.empty())
      return rewriter.notifyMatchFailure(op, reason);
    GroupSplitter(rewriter, op, *convolution->group).split();
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

struct UnfoldConvolution : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op,
                                PatternRewriter &rewriter) const override {
    std::optional<Convolution> convolution = matchConvolution(op);
    if (!convolution || convolution->group)
      return rewriter.notifyMatchFailure(
          op, "no convolution of one group with a weight");
    return unfoldWindows(rewriter, op, WindowOrder::Last);
  }
};
} // namespace

void lowbit::populateRaiseConvPatterns(RewritePatternSet &patterns) {
  patterns.addWithLabel<SplitGroups, UnfoldConvolution>({pattern::kConvolution},
                                                        patterns.getContext());
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct RaiseConvPass : lowbit::impl::RaiseConvPassBase<RaiseConvPass> {
  using RaiseConvPassBase::RaiseConvPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    return freezeRaisePatterns(context, getArgument(), disabledPatterns,
                               populateRaiseConvPatterns, patterns);
  }

  void runOnOperation() override {
    unsigned before = count();
    if (failed(applyPatternsGreedily(getOperation(), patterns)))
      return signalPassFailure();
    numConvolutions += before - count();
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (!isWeightConvolution(op))
        return;
      ++numLeft;
      if (!report)
        return;
      std::string reason = explainConvolution(op);
      if (reason.empty())
        reason = "its pattern isn't enabled";
      OpOperand *weight = findWeightOperand(op);
      op.emitRemark() << "convolution with "
                      << getWeightName(getWeightSource(weight->get()))
                      << " is left: " << reason;
    });
  }

  unsigned count() {
    unsigned count = 0;
    getOperation()->walk(
        [&](linalg::LinalgOp op) { count += isWeightConvolution(op); });
    return count;
  }

  FrozenRewritePatternSet patterns;
};
} // namespace
