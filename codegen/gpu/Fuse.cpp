//===- Fuse.cpp - elementwise operations in the kernels that read them ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rewrites are upstream's. What they leave unanswered is whether a kernel
// still can bind all that it reads.
//
//===----------------------------------------------------------------------===//

#include "FuseSlices.h"
#include "KernelModule.h"
#include "lowbit/CodeGen/GPU/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/RegionUtils.h"

namespace lowbit {
#define GEN_PASS_DEF_GPUFUSEPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// The tensor of which a value is a view; the buffer that it will be.
static Value getBase(Value value) {
  while (Operation *view = value.getDefiningOp()) {
    if (!isa<tensor::ExtractSliceOp, tensor::ExpandShapeOp,
             tensor::CollapseShapeOp, tensor::CastOp>(view))
      break;
    value = view->getOperand(0);
  }
  return value;
}

/// Adds the tensors that a kernel binds for `value`: itself with what its place
/// is computed from, or what a scalar is, which threads do. The number of a
/// step is a buffer, too.
static void addTensors(Value value, SetVector<Value> &tensors) {
  Operation *definition = value.getDefiningOp();
  if (isa<RankedTensorType>(value.getType()) && value == getBase(value)) {
    tensors.insert(value);
    return;
  }
  if (!definition && isa<IndexType>(value.getType()))
    tensors.insert(value);
  if (definition)
    for (Value operand : definition->getOperands())
      addTensors(operand, tensors);
}

/// Adds what `op` reads, but for `without`, and what it writes.
static void addTensors(linalg::GenericOp op, const OpOperand *without,
                       SetVector<Value> &tensors) {
  for (OpOperand *input : op.getDpsInputOperands())
    if (input != without)
      addTensors(input->get(), tensors);
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(op.getRegion(), captured);
  for (Value value : captured)
    addTensors(value, tensors);
}

/// Whether a kernel of both could bind their buffers.
static bool canBindBoth(linalg::GenericOp producer, OpOperand *fused) {
  auto consumer = cast<linalg::GenericOp>(fused->getOwner());
  SetVector<Value> tensors;
  addTensors(producer, /*without=*/nullptr, tensors);
  addTensors(consumer, fused, tensors);
  return tensors.size() + consumer.getNumDpsInits() <= kMostGPUBindings;
}

static bool shouldFuse(OpOperand *fused) {
  Operation *producer = fused->get().getDefiningOp();
  if (!producer || !producer->hasOneUse())
    return false;
  auto generic = dyn_cast<linalg::GenericOp>(producer);
  return !generic || !isa<linalg::GenericOp>(fused->getOwner()) ||
         canBindBoth(generic, fused);
}

//===----------------------------------------------------------------------===//
// Results that others need, too
//===----------------------------------------------------------------------===//

/// Whether `op` writes elements of 32 bits, each once, to tensors of its own.
/// (States of narrow elements are written by words.)
static bool isOfWords(linalg::GenericOp op) {
  return op.hasPureTensorSemantics() &&
         op.getNumParallelLoops() == op.getNumLoops() &&
         llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
           Type element = getElementTypeOrSelf(init.get().getType());
           return init.get().getDefiningOp<tensor::EmptyOp>() &&
                  (element.isF32() || element.isInteger(32)) &&
                  op.getMatchingIndexingMap(&init).isPermutation();
         });
}

/// Whether whatever else reads the producer does so behind the consumer, which
/// reads it once.
static bool isReadLater(linalg::GenericOp producer, OpOperand *fused) {
  Operation *consumer = fused->getOwner();
  return llvm::all_of(producer->getUses(), [&](OpOperand &use) {
    if (&use == fused)
      return true;
    Operation *other =
        consumer->getBlock()->findAncestorOpInBlock(*use.getOwner());
    return other && consumer->isBeforeInBlock(other);
  });
}

/// The producer of `fused` if one kernel can do both, and write the results of
/// both; null if not.
static linalg::GenericOp findJoinable(OpOperand *fused) {
  auto producer = fused->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = cast<linalg::GenericOp>(fused->getOwner());
  if (!producer || producer->getBlock() != consumer->getBlock() ||
      !isOfWords(producer) || !isOfWords(consumer) ||
      !consumer.getMatchingIndexingMap(fused).isPermutation() ||
      !isReadLater(producer, fused) || !linalg::areElementwiseOpsFusable(fused))
    return {};
  SetVector<Value> tensors;
  addTensors(producer, /*without=*/nullptr, tensors);
  addTensors(consumer, fused, tensors);
  // A result may go to a place that a loop counts.
  return tensors.size() + producer.getNumDpsInits() +
                     consumer.getNumDpsInits() <
                 kMostGPUBindings
             ? producer
             : linalg::GenericOp();
}

/// Makes one operation of `consumer` and a producer whose result others read,
/// too: it stores both. Returns that operation, or null.
static linalg::GenericOp join(IRRewriter &rewriter,
                              linalg::GenericOp consumer) {
  for (OpOperand *input : consumer.getDpsInputOperands()) {
    linalg::GenericOp producer = findJoinable(input);
    if (!producer)
      continue;
    rewriter.setInsertionPoint(consumer);
    auto joined = linalg::fuseElementwiseOps(rewriter, input);
    if (failed(joined))
      continue;
    for (auto [before, after] : joined->replacements)
      rewriter.replaceAllUsesWith(before, after);
    rewriter.eraseOp(consumer);
    rewriter.eraseOp(producer);
    return cast<linalg::GenericOp>(joined->fusedOp);
  }
  return {};
}

static void joinAll(func::FuncOp function) {
  SmallVector<linalg::GenericOp> consumers;
  function.walk([&](linalg::GenericOp op) { consumers.push_back(op); });
  IRRewriter rewriter(function.getContext());
  // Producers come first, and are gone when their consumers have been visited.
  for (linalg::GenericOp op : consumers)
    while (op)
      op = join(rewriter, op);
}

static unsigned countGenerics(func::FuncOp function) {
  unsigned count = 0;
  function.walk([&](linalg::GenericOp) { ++count; });
  return count;
}

namespace {
struct GPUFusePass : lowbit::impl::GPUFusePassBase<GPUFusePass> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    unsigned before = countGenerics(getOperation());
    RewritePatternSet patterns(context);
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    linalg::populateFoldReshapeOpsByExpansionPatterns(patterns, shouldFuse);
    tensor::populateBubbleUpExpandShapePatterns(patterns);
    affine::AffineApplyOp::getCanonicalizationPatterns(patterns, context);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, context);
    tensor::ExpandShapeOp::getCanonicalizationPatterns(patterns, context);
    tensor::CollapseShapeOp::getCanonicalizationPatterns(patterns, context);
    context->getLoadedDialect<linalg::LinalgDialect>()
        ->getCanonicalizationPatterns(patterns);
    linalg::populateConstantFoldLinalgOperations(patterns, shouldFuse);
    populateGPUFuseSlicesPatterns(patterns);
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal(true);
    // Where rewriting stops early, what is there is whole.
    (void)applyPatternsGreedily(getOperation(), std::move(patterns), config);
    joinAll(getOperation());
    numFused += before - countGenerics(getOperation());
  }
};
} // namespace
