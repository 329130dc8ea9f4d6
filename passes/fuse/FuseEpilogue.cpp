//===- FuseEpilogue.cpp - bias, activation, residual into the layer -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Works on scalars, not on ops: a bias may be added in an op of its own or in
// the middle of a fused one. What is absorbed is taken out of the op that has
// it, and what else that op computes stays.
//
//===----------------------------------------------------------------------===//

#include "Epilogue.h"
#include "MatchActivation.h"
#include "ScalarCone.h"

#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/PatternNames.h"
#include "lowbit/Transforms/WeightSource.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lowbit {
#define GEN_PASS_DEF_FUSEEPILOGUEPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// Patterns that only make room for the others.
static constexpr StringLiteral kShapes = "shapes";

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {
/// A vector that is added before any activation.
struct FuseBias : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LinearOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getBias() || op.getActivation() || op.getGated())
      return rewriter.notifyMatchFailure(op,
                                         "has a bias, an activation or a gate");
    std::optional<AddedTensor> added = findAddition(op);
    if (!added)
      return rewriter.notifyMatchFailure(op, "nothing else is done than add");
    auto vector =
        findVector(added->tensor, added->map, op.getType().getShape().back());
    if (!vector)
      return rewriter.notifyMatchFailure(op, "what is added is no vector");
    rewriter.setInsertionPoint(added->user);
    Value bias = materializeVector(rewriter, op.getLoc(), *vector);
    auto fused = LinearOp::create(rewriter, op.getLoc(), op.getType(),
                                  op.getInput(), op.getWeight(), bias,
                                  op.getResidual(), op.getActivationAttr());
    replaceScalar(rewriter, added->sum, fused);
    return success();
  }
};

/// A residual that repeats one row is a bias.
struct ResidualToBias : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LinearOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getBias() || op.getActivation() || op.getGated() ||
        !op.getResidual())
      return rewriter.notifyMatchFailure(op, "no residual, or more than that");
    auto vector =
        findVector(op.getResidual(),
                   rewriter.getMultiDimIdentityMap(op.getType().getRank()),
                   op.getType().getShape().back());
    if (!vector)
      return rewriter.notifyMatchFailure(op, "the residual is no vector");
    Value bias = materializeVector(rewriter, op.getLoc(), *vector);
    rewriter.modifyOpInPlace(op, [&] {
      op.getBiasMutable().assign(bias);
      op.getResidualMutable().clear();
    });
    return success();
  }
};

struct FuseActivation : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LinearOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getActivation() || op.getGated() || op.getResidual())
      return rewriter.notifyMatchFailure(
          op, "has an activation, a gate or a residual");
    std::optional<FoundActivation> found = findActivation(op);
    if (!found)
      return rewriter.notifyMatchFailure(op, "no activation follows");
    if (found->isShared)
      return rewriter.notifyMatchFailure(
          op, "what the activation is computed from has other uses");
    rewriter.setInsertionPoint(found->root.getParentBlock()->getParentOp());
    auto fused = LinearOp::create(rewriter, op.getLoc(), op.getType(),
                                  op.getInput(), op.getWeight(), op.getBias(),
                                  /*residual=*/Value(), found->activation);
    replaceScalar(rewriter, found->root, fused);
    return success();
  }
};
} // namespace

/// Whether `added` has a number for each of the layer's results, in their
/// order.
static bool isResidual(LinearOp op, const AddedTensor &added) {
  Type read =
      added.reshapes.empty() ? op.getType() : added.reshapes.back().getType();
  return added.map.isIdentity() && added.tensor.getType() == read;
}

namespace {
struct FuseResidual : OpRewritePattern<LinearOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LinearOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getResidual())
      return rewriter.notifyMatchFailure(op, "has a residual");
    std::optional<AddedTensor> added = findReshapedAddition(op);
    if (!added)
      return rewriter.notifyMatchFailure(op, "nothing else is done than add");
    if (!isResidual(op, *added))
      return rewriter.notifyMatchFailure(
          op, "what is added has another shape or type");
    rewriter.setInsertionPoint(added->user);
    // The residual takes the layer's shape, the sum that of the residual.
    Location loc = op.getLoc();
    SmallVector<Value> residuals = {added->tensor};
    for (const RowReshape &reshape : llvm::reverse(added->reshapes))
      residuals.push_back(reshape.undo(rewriter, loc, residuals.back()));
    Value sum =
        LinearOp::create(rewriter, loc, op.getType(), op.getInput(),
                         op.getWeight(), op.getBias(), residuals.pop_back_val(),
                         op.getActivationAttr(), op.getGatedAttr());
    for (const RowReshape &reshape : added->reshapes)
      sum = reshape.apply(rewriter, loc, sum, residuals.pop_back_val());
    replaceScalar(rewriter, added->sum, sum);
    return success();
  }
};

/// The leading extents of a layer are its input's, so that a question for them
/// doesn't count as a use.
struct DimOfLinear : OpRewritePattern<tensor::DimOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tensor::DimOp op,
                                PatternRewriter &rewriter) const override {
    auto linear = op.getSource().getDefiningOp<LinearOp>();
    std::optional<int64_t> index = op.getConstantIndex();
    if (!linear || !index || *index + 1 >= linear.getType().getRank() ||
        !isa<RankedTensorType>(linear.getInput().getType()))
      return rewriter.notifyMatchFailure(op, "no leading extent of a layer");
    rewriter.modifyOpInPlace(
        op, [&] { op.getSourceMutable().assign(linear.getInput()); });
    return success();
  }
};
} // namespace

void lowbit::populateFuseEpiloguePatterns(RewritePatternSet &patterns) {
  // An activation is looked for first: one that starts with an addition, such
  // as hardsigmoid, must not lose it to the bias. A residual comes last, since
  // after it no activation can be absorbed.
  MLIRContext *context = patterns.getContext();
  patterns.addWithLabel<FuseBias, ResidualToBias>({pattern::kBias}, context, 3);
  patterns.addWithLabel<FuseActivation>({pattern::kActivation}, context, 4);
  patterns.addWithLabel<FuseResidual>({pattern::kResidual}, context, 2);
  patterns.addWithLabel<DimOfLinear>({kShapes}, context, 1);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct FuseEpiloguePass : lowbit::impl::FuseEpiloguePassBase<FuseEpiloguePass> {
  using FuseEpiloguePassBase::FuseEpiloguePassBase;

  LogicalResult initialize(MLIRContext *context) override {
    for (const auto *names : {&patternNames, &disabledPatterns})
      if (failed(checkPatternNames(context, getArgument(), *names,
                                   getFusePatternNames())))
        return failure();
    SmallVector<std::string> enabled(patternNames.begin(), patternNames.end());
    if (!enabled.empty())
      enabled.push_back(kShapes.str());
    RewritePatternSet set(context);
    populateFuseEpiloguePatterns(set);
    patterns =
        FrozenRewritePatternSet(std::move(set), disabledPatterns, enabled);
    RewritePatternSet shapeSet(context);
    memref::populateResolveRankedShapedTypeResultDimsPatterns(shapeSet);
    populateLinearReshapePatterns(shapeSet);
    populateSinkTransposePatterns(shapeSet);
    shapes = FrozenRewritePatternSet(std::move(shapeSet));
    return success();
  }

  void runOnOperation() override {
    // Extents are asked of inputs first, then fused results are reshaped back.
    for (const FrozenRewritePatternSet *set : {&shapes, &patterns, &shapes})
      if (failed(applyPatternsGreedily(getOperation(), *set)))
        return signalPassFailure();
    getOperation()->walk([&](LinearOp op) {
      numBiases += op.getBias() != nullptr;
      numActivations += op.getActivation().has_value();
      numResiduals += op.getResidual() != nullptr;
      if (report)
        noteLeft(op);
    });
  }

  /// Says what could have been absorbed and why it wasn't.
  static void noteLeft(LinearOp op) {
    if (op.getResidual())
      return;
    Operation *source = getWeightSource(op.getWeight());
    std::string name = source ? getWeightName(source) : "a computed weight";
    auto note = [&](const Twine &what, bool isShared) {
      op.emitRemark() << what << " after the layer of " << name << " is left: "
                      << (isShared ? "what it is computed from has other uses"
                                   : "its pattern isn't enabled");
    };
    if (isAddedAmongOthers(op))
      return note("addition", /*isShared=*/true);
    std::optional<AddedTensor> added = findReshapedAddition(op);
    if (findAddition(op) || (added && isResidual(op, *added)))
      return note("addition", /*isShared=*/false);
    if (op.getActivation() || op.getGated())
      return;
    if (auto found = findActivation(op))
      note(stringifyActivationKind(found->activation.getKind()),
           found->isShared);
  }

  FrozenRewritePatternSet patterns, shapes;
};
} // namespace
