//===- ExpandWindows.cpp - windows as copies of runs ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reductions of windows are unfolded, so that what follows sees contractions
// and reductions of plain tensors. The copy that this takes runs along the last
// dimension, in tasks of some thousand elements.
//
//===----------------------------------------------------------------------===//

#include "LinalgUtils.h"
#include "lowbit/CodeGen/CPU/Passes.h"

#include "lowbit/Transforms/Windows.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUEXPANDWINDOWSPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// Elements of a task at least.
static constexpr int64_t kTaskElements = 8192;

/// Whether `op` copies elements from places that are sums of loops.
static bool isWindowCopy(linalg::GenericOp op) {
  if (!isDataMovement(op) || !op.hasPureTensorSemantics() ||
      op->getNumResults() != 1)
    return false;
  AffineMap read = op.getIndexingMapsArray()[0];
  return op.getIndexingMapsArray()[1].isIdentity() &&
         read.getNumResults() > 0 && op.getNumLoops() > 1 &&
         !read.isProjectedPermutation(/*allowZeroInResults=*/true);
}

namespace {
/// A copy as loops around slices.
class WindowCopy {
public:
  WindowCopy(IRRewriter &rewriter, linalg::GenericOp op)
      : b(rewriter), op(op), loc(op.getLoc()),
        read(op.getIndexingMapsArray()[0]), loops(op.getNumLoops()),
        extents(op.getStaticLoopRanges()) {}

  void expand();

private:
  int64_t findRunStep() const;
  unsigned countTaskLoops() const;
  Value copyRuns(Value part, unsigned taskLoops, SmallVector<Value> &ivs);
  Value copyRun(Value part, unsigned taskLoops, ArrayRef<Value> ivs);

  IRRewriter &b;
  linalg::GenericOp op;
  Location loc;
  AffineMap read;
  unsigned loops;
  SmallVector<int64_t> extents;
  SmallVector<OpFoldResult> sizes;
  /// How far neighbours along the last loop are apart in the input's last
  /// dimension; 0 where they aren't in it.
  int64_t runStep = 0;
};
} // namespace

/// The step along the input that the last loop makes, if it is a part of the
/// input's last index alone; else 0.
int64_t WindowCopy::findRunStep() const {
  unsigned last = loops - 1;
  for (AffineExpr index : read.getResults().drop_back())
    if (index.isFunctionOfDim(last))
      return 0;
  SmallVector<AffineExpr> zeros(loops, b.getAffineConstantExpr(0)), ones(zeros);
  ones[last] = b.getAffineConstantExpr(1);
  AffineExpr index = read.getResults().back();
  auto step = dyn_cast<AffineConstantExpr>(index.replaceDims(ones) -
                                           index.replaceDims(zeros));
  return step && step.getValue() > 0 ? step.getValue() : 0;
}

/// Outer loops that make tasks: all but as many inner ones as are worth one,
/// none within a task.
unsigned WindowCopy::countTaskLoops() const {
  if (op->getParentOfType<scf::ForallOp>())
    return 0;
  int64_t elements = 1;
  unsigned count = loops;
  while (count > 1 && elements < kTaskElements) {
    int64_t extent = extents[--count];
    elements *= ShapedType::isDynamic(extent) ? kAssumedExtent : extent;
  }
  return count;
}

/// One slice: a run, or one element.
Value WindowCopy::copyRun(Value part, unsigned taskLoops, ArrayRef<Value> ivs) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  SmallVector<OpFoldResult> places(ivs.begin(), ivs.end());
  if (runStep)
    places.push_back(zero);
  SmallVector<OpFoldResult> from, fromSizes(read.getNumResults(), one);
  for (AffineExpr index : read.getResults())
    from.push_back(affine::makeComposedFoldedAffineApply(
        b, loc, AffineMap::get(loops, 0, index), places));
  OpFoldResult length = runStep ? sizes.back() : one;
  int64_t extent = runStep ? extents.back() : 1;
  fromSizes.back() = length;
  SmallVector<OpFoldResult> to(places.begin() + taskLoops, places.end()),
      toSizes(to.size(), one);
  toSizes.back() = length;
  auto type = RankedTensorType::get(
      {extent}, cast<RankedTensorType>(part.getType()).getElementType());
  SmallVector<OpFoldResult> fromStrides(from.size(), one),
      toStrides(to.size(), one);
  if (runStep)
    fromStrides.back() = b.getIndexAttr(runStep);
  Value run = tensor::ExtractSliceOp::create(b, loc, type, op.getInputs()[0],
                                             from, fromSizes, fromStrides);
  return tensor::InsertSliceOp::create(b, loc, run, part, to, toSizes,
                                       toStrides);
}

/// Loops over what a task has, except along a run.
Value WindowCopy::copyRuns(Value part, unsigned taskLoops,
                           SmallVector<Value> &ivs) {
  if (ivs.size() == loops - (runStep ? 1 : 0))
    return copyRun(part, taskLoops, ivs);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Value end = getValueOrCreateConstantIndexOp(b, loc, sizes[ivs.size()]);
  auto loop = scf::ForOp::create(b, loc, zero, end, one, ValueRange{part});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  ivs.push_back(loop.getInductionVar());
  Value next = copyRuns(loop.getRegionIterArg(0), taskLoops, ivs);
  b.setInsertionPointToEnd(loop.getBody());
  scf::YieldOp::create(b, loc, next);
  return loop.getResult(0);
}

void WindowCopy::expand() {
  b.setInsertionPoint(op);
  Value init = op.getOutputs()[0];
  auto type = cast<RankedTensorType>(init.getType());
  sizes = tensor::getMixedSizes(b, loc, init);
  runStep = findRunStep();
  unsigned taskLoops = countTaskLoops();
  if (taskLoops == 0) {
    SmallVector<Value> ivs;
    b.replaceOp(op, copyRuns(init, taskLoops, ivs));
    return;
  }
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  auto forall =
      scf::ForallOp::create(b, loc, ArrayRef(sizes).take_front(taskLoops),
                            ValueRange{init}, std::nullopt);
  SmallVector<Value> ivs = forall.getInductionVars();
  SmallVector<OpFoldResult> offsets(ivs.begin(), ivs.end()),
      partSizes(taskLoops, one), strides(loops, one);
  offsets.append(loops - taskLoops, zero);
  partSizes.append(sizes.begin() + taskLoops, sizes.end());
  b.setInsertionPoint(forall.getTerminator());
  auto partType = RankedTensorType::get(type.getShape().drop_front(taskLoops),
                                        type.getElementType());
  Value part = tensor::ExtractSliceOp::create(b, loc, partType,
                                              forall.getRegionIterArgs()[0],
                                              offsets, partSizes, strides);
  part = copyRuns(part, taskLoops, ivs);
  b.setInsertionPointToStart(forall.getTerminator().getBody());
  tensor::ParallelInsertSliceOp::create(
      b, loc, part, forall.getRegionIterArgs()[0], offsets, partSizes, strides);
  b.replaceOp(op, forall.getResults());
}

/// Vectors run along the result's last dimension: so should what is read there.
static WindowOrder getOrder(linalg::LinalgOp op) {
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (result.getNumResults() == 0)
    return WindowOrder::Last;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    auto last = dyn_cast<AffineDimExpr>(result.getResults().back());
    if (last && !map.isProjectedPermutation(/*allowZeroInResults=*/true) &&
        map.isFunctionOfDim(last.getPosition()))
      return WindowOrder::First;
  }
  return WindowOrder::Last;
}

namespace {
struct CPUExpandWindowsPass
    : lowbit::impl::CPUExpandWindowsPassBase<CPUExpandWindowsPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::LinalgOp> reductions;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (readsWindows(op))
        reductions.push_back(op);
    });
    for (linalg::LinalgOp op : reductions)
      if (failed(unfoldWindows(rewriter, op, getOrder(op))))
        return signalPassFailure();
    SmallVector<linalg::GenericOp> copies;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (isWindowCopy(op))
        copies.push_back(op);
    });
    for (linalg::GenericOp op : copies)
      WindowCopy(rewriter, op).expand();
    numUnfolded += reductions.size();
    numCopies += copies.size();
  }
};
} // namespace
