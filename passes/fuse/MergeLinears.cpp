//===- MergeLinears.cpp - several layers of one input as one --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One kernel call where there were several: the input is read once, and a step
// of one token pays one fork. Rows are computed as before, number by number.
//
//===----------------------------------------------------------------------===//

#include "Epilogue.h"
#include "MergedWeights.h"
#include "ScalarCone.h"

#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/PatternNames.h"
#include "lowbit/Transforms/WeightSource.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lowbit {
#define GEN_PASS_DEF_MERGELINEARSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
/// A product of two layers' elements: activation(gate) * up.
struct GatedProduct {
  arith::MulFOp product;
  LinearOp gate, up;
};

struct MergeLinearsPass : lowbit::impl::MergeLinearsPassBase<MergeLinearsPass> {
  using MergeLinearsPassBase::MergeLinearsPassBase;

  LogicalResult initialize(MLIRContext *context) override {
    return checkPatternNames(context, getArgument(), disabledPatterns,
                             getFusePatternNames());
  }

  void runOnOperation() override {
    MergedWeights weights(getOperation(), releaseData);
    hasMerged = false;
    if ((isEnabled(pattern::kGated) && failed(mergeGates(weights))) ||
        (isEnabled(pattern::kQKV) && failed(mergeSiblings(weights))))
      return signalPassFailure();
    if (!hasMerged)
      return;
    weights.eraseUnused();
    RewritePatternSet shapes(&getContext());
    populateLinearReshapePatterns(shapes);
    if (failed(applyPatternsGreedily(getOperation(), std::move(shapes))))
      signalPassFailure();
  }

private:
  bool isEnabled(StringRef name) {
    return !llvm::is_contained(disabledPatterns, name);
  }
  LogicalResult mergeGates(MergedWeights &weights);
  LogicalResult mergeSiblings(MergedWeights &weights);
  LogicalResult merge(MergedWeights &weights, ArrayRef<LinearOp> layers);
  void noteLeft(ArrayRef<LinearOp> layers, const Twine &reason);

  bool hasMerged = false;
};
} // namespace

/// What the weights of layers come from. Layers are erased as they are merged,
/// and their weights with them, so that no two forms of all exist at once.
static llvm::SetVector<WeightOp> getWeights(ArrayRef<LinearOp> layers) {
  llvm::SetVector<WeightOp> weights;
  for (LinearOp layer : layers)
    if (auto weight = layer.getWeight().getDefiningOp<WeightOp>())
      weights.insert(weight);
  return weights;
}

/// Says that layers of one input are left apart.
void MergeLinearsPass::noteLeft(ArrayRef<LinearOp> layers,
                                const Twine &reason) {
  if (!report)
    return;
  std::string names;
  for (LinearOp layer : layers) {
    Operation *source = getWeightSource(layer.getWeight());
    names += (names.empty() ? "" : ", ") +
             (source ? getWeightName(source) : "a computed weight");
  }
  LinearOp last = layers.back();
  last.emitRemark() << "layers of " << names << " are left apart: " << reason;
}

//===----------------------------------------------------------------------===//
// Gates
//===----------------------------------------------------------------------===//

/// The layer whose result `value`, an element inside `op`, belongs to, if
/// nothing else uses it.
static LinearOp getLayerOf(linalg::LinalgOp op, Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != op.getBlock() ||
      !argument.hasOneUse())
    return {};
  OpOperand *operand = op.getMatchingOpOperand(argument);
  auto layer = operand->get().getDefiningOp<LinearOp>();
  if (!layer || !layer->hasOneUse() || getElement(*operand) != argument)
    return {};
  return layer;
}

static std::optional<GatedProduct> matchGate(linalg::LinalgOp op) {
  if (!isElementwiseOnTensors(op))
    return std::nullopt;
  for (auto product : op.getBlock()->getOps<arith::MulFOp>()) {
    LinearOp gate = getLayerOf(op, product.getLhs());
    LinearOp up = getLayerOf(op, product.getRhs());
    if (!gate || !up || gate == up)
      continue;
    if (up.getActivation())
      std::swap(gate, up);
    bool isPlain = !up.getActivation() && !gate.getResidual() &&
                   !up.getResidual() && !gate.getGated() && !up.getGated();
    if (isPlain && gate.getInput() == up.getInput() &&
        gate.getType() == up.getType() && gate->getBlock() == op->getBlock() &&
        up->getBlock() == op->getBlock())
      return GatedProduct{product, gate, up};
  }
  return std::nullopt;
}

LogicalResult MergeLinearsPass::mergeGates(MergedWeights &weights) {
  SmallVector<linalg::LinalgOp> ops;
  getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
  IRRewriter rewriter(&getContext());
  for (linalg::LinalgOp op : ops) {
    std::optional<GatedProduct> found = matchGate(op);
    if (!found)
      continue;
    LinearOp gate = found->gate, up = found->up;
    LinearOp layers[] = {gate, up};
    if (std::string reason = MergedWeights::explain(layers); !reason.empty()) {
      noteLeft(layers, reason);
      continue;
    }
    rewriter.setInsertionPoint(op);
    auto weight = weights.getWeight(rewriter, layers, RowOrder::Alternating);
    if (failed(weight))
      return failure();
    Value bias = weights.getBias(rewriter, layers, RowOrder::Alternating);
    auto merged = LinearOp::create(
        rewriter, gate.getLoc(), gate.getType(), gate.getInput(), *weight, bias,
        /*residual=*/Value(), gate.getActivationAttr(), rewriter.getUnitAttr());
    replaceScalar(rewriter, found->product, merged);
    ++numGated;
    hasMerged = true;
    llvm::SetVector<WeightOp> sources = getWeights(layers);
    for (LinearOp layer : layers)
      if (layer->use_empty())
        rewriter.eraseOp(layer);
    weights.eraseUnused(sources);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Siblings
//===----------------------------------------------------------------------===//

/// Whether `b` differs from `a` in its weight and bias alone.
static bool areSiblings(LinearOp a, LinearOp b) {
  return a->getBlock() == b->getBlock() && !b.getResidual() && !b.getGated() &&
         a.getActivationAttr() == b.getActivationAttr() &&
         a.getType().getElementType() == b.getType().getElementType();
}

/// The layers of `op`'s input that it can be one with, itself first; empty
/// where another comes first.
static SmallVector<LinearOp> collectSiblings(LinearOp op) {
  if (op.getResidual() || op.getGated())
    return {};
  SmallVector<LinearOp> layers;
  for (Operation *user : op.getInput().getUsers())
    if (auto layer = dyn_cast<LinearOp>(user);
        layer && layer.getInput() == op.getInput() && areSiblings(op, layer) &&
        !llvm::is_contained(layers, layer))
      layers.push_back(layer);
  llvm::sort(layers,
             [](LinearOp a, LinearOp b) { return a->isBeforeInBlock(b); });
  if (layers.front() != op)
    return {};
  return layers;
}

LogicalResult MergeLinearsPass::mergeSiblings(MergedWeights &weights) {
  SmallVector<LinearOp> ops;
  getOperation().walk([&](LinearOp op) { ops.push_back(op); });
  llvm::DenseSet<Operation *> done;
  for (LinearOp op : ops) {
    if (done.contains(op))
      continue;
    SmallVector<LinearOp> layers = collectSiblings(op);
    if (layers.size() < 2)
      continue;
    done.insert(layers.begin(), layers.end());
    if (std::string reason = MergedWeights::explain(layers); !reason.empty())
      noteLeft(layers, reason);
    else if (failed(merge(weights, layers)))
      return failure();
  }
  return success();
}

/// A tensor with the leading extents of the layer: where it can be its input,
/// so that the extents don't keep the layer alive.
static Value getShapeSource(LinearOp layer) {
  Value input = layer.getInput();
  if (auto quantize = input.getDefiningOp<QuantizeOp>())
    input = quantize.getInput();
  return isa<RankedTensorType>(input.getType()) ? input : layer.getResult();
}

/// One layer in place of `layers`, and its columns in place of their results.
LogicalResult MergeLinearsPass::merge(MergedWeights &weights,
                                      ArrayRef<LinearOp> layers) {
  LinearOp first = layers[0];
  IRRewriter rewriter(first);
  Location loc = first.getLoc();
  auto weight = weights.getWeight(rewriter, layers, RowOrder::Concatenated);
  if (failed(weight))
    return failure();
  Value bias = weights.getBias(rewriter, layers, RowOrder::Concatenated);
  SmallVector<int64_t> shape(first.getType().getShape());
  shape.back() = cast<ShapedType>(weight->getType()).getDimSize(0);
  auto merged = LinearOp::create(
      rewriter, loc, first.getType().clone(shape), first.getInput(), *weight,
      bias, /*residual=*/Value(), first.getActivationAttr());
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(rewriter, loc, getShapeSource(merged));
  SmallVector<OpFoldResult> offsets(shape.size(), rewriter.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(shape.size(), rewriter.getIndexAttr(1));
  int64_t column = 0;
  for (LinearOp layer : layers) {
    int64_t columns = layer.getType().getShape().back();
    offsets.back() = rewriter.getIndexAttr(column);
    sizes.back() = rewriter.getIndexAttr(columns);
    column += columns;
    Value slice = tensor::ExtractSliceOp::create(
        rewriter, loc, layer.getType(), merged, offsets, sizes, strides);
    rewriter.replaceAllUsesWith(layer.getResult(), slice);
  }
  llvm::SetVector<WeightOp> sources = getWeights(layers);
  for (LinearOp layer : layers)
    rewriter.eraseOp(layer);
  weights.eraseUnused(sources);
  numMerged += layers.size();
  hasMerged = true;
  return success();
}
