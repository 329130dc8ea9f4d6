//===- Fuse.cpp - elementwise operations in the kernels that read them ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rewrites are upstream's. What they leave unanswered is whether a kernel
// still can bind all that it reads.
//
//===----------------------------------------------------------------------===//

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

/// Adds the tensors that a kernel binds for `value`: itself, or what a scalar
/// is computed from, which threads do.
static void addTensors(Value value, SetVector<Value> &tensors) {
  if (isa<RankedTensorType>(value.getType())) {
    tensors.insert(getBase(value));
    return;
  }
  if (Operation *definition = value.getDefiningOp())
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
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal(true);
    // Where rewriting stops early, what is there is whole.
    (void)applyPatternsGreedily(getOperation(), std::move(patterns), config);
    numFused += before - countGenerics(getOperation());
  }
};
} // namespace
