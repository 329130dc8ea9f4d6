//===- Fuse.cpp - fusion of linalg ops on tensors -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Brings linalg on tensors into the shape that tiling wants: few generic ops,
// each worth a loop. The rewrites are upstream's; the decisions here answer one
// question: does fusing this producer repeat work, or spoil a contraction?
//
//===----------------------------------------------------------------------===//

#include "LinalgUtils.h"
#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUFUSEPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Decisions
//===----------------------------------------------------------------------===//

/// A producer that may be repeated in several consumers: cheap scalar code that
/// reads no tensor of the result's rank.
static bool isFreeToRepeat(linalg::GenericOp op) {
  if (hasCostlyBody(op) || !llvm::hasSingleElement(op->getResults()))
    return false;
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  if (type.getElementType().isInteger(1))
    return true;
  constexpr size_t kMaxOps = 12;
  if (op.getBlock()->getOperations().size() > kMaxOps)
    return false;
  return llvm::all_of(op.getDpsInputs(), [&](Value input) {
    auto inputType = dyn_cast<RankedTensorType>(input.getType());
    return !inputType ||
           inputType.getRank() < std::max<int64_t>(1, type.getRank());
  });
}

/// Whether every use of `value` is in `user`.
static bool isUsedOnlyBy(Value value, Operation *user) {
  return llvm::all_of(value.getUsers(),
                      [&](Operation *other) { return other == user; });
}

/// A producer that only moves numbers may go into a contraction as long as the
/// operand's last dimension stays the one that memory runs along.
static bool keepsContractionLoads(linalg::GenericOp producer,
                                  OpOperand &operand) {
  if (!isDataMovement(producer))
    return false;
  AffineMap map =
      producer.getMatchingIndexingMap(producer.getDpsInputOperand(0));
  unsigned last = producer.getNumLoops() - 1;
  AffineMap resultMap =
      producer.getMatchingIndexingMap(producer.getDpsInitOperand(0));
  return map.getNumResults() > 0 && map.isProjectedPermutation() &&
         resultMap.isPermutation() &&
         map.getResults().back() == resultMap.getResults().back() &&
         last < producer.getNumLoops();
}

static bool shouldFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::GenericOp>();
  auto consumer = dyn_cast<linalg::GenericOp>(operand->getOwner());
  if (!producer || !consumer || producer->getNumResults() != 1)
    return false;
  // What was a reduction over one element still adds to its init, which inside
  // a larger loop it would do more than once.
  if (producer.payloadUsesValueFromOperand(producer.getDpsInitOperand(0)))
    return false;
  // Reads at computed addresses are copies of rows, or scalar code: neither is
  // to take its neighbours with it.
  if (!producer.getBody()->getOps<tensor::ExtractOp>().empty())
    return false;
  if (isContraction(consumer))
    return keepsContractionLoads(producer, *operand);
  if (isFreeToRepeat(producer))
    return true;
  if (!isUsedOnlyBy(operand->get(), consumer))
    return false;
  // A broadcast would repeat the producer along the new dimension.
  bool broadcasts = consumer.getNumLoops() > producer.getNumLoops();
  return !(broadcasts && hasCostlyBody(producer));
}

/// Whether a reshape splits or joins dimensions that are not 1. The others are
/// left to the removal of unit dimensions.
static bool changesShape(Operation *op) {
  auto check = [](auto reshape, ArrayRef<int64_t> expanded) {
    return llvm::any_of(reshape.getReassociationIndices(),
                        [&](ArrayRef<int64_t> group) {
                          return llvm::count_if(group, [&](int64_t dim) {
                                   return expanded[dim] != 1;
                                 }) > 1;
                        });
  };
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return check(expand, expand.getResultType().getShape());
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return check(collapse, collapse.getSrcType().getShape());
  return false;
}

/// Reshapes move through elementwise ops; a contraction keeps its three loops.
static bool shouldFoldReshape(OpOperand *operand) {
  Operation *producer = operand->get().getDefiningOp();
  Operation *consumer = operand->getOwner();
  if (!producer)
    return false;
  auto generic = dyn_cast<linalg::GenericOp>(producer);
  Operation *reshape = consumer;
  if (!generic) {
    generic = dyn_cast<linalg::GenericOp>(consumer);
    reshape = producer;
  }
  return generic && isAllParallel(generic) && changesShape(reshape);
}

//===----------------------------------------------------------------------===//
// Contractions and transpositions
//===----------------------------------------------------------------------===//

namespace {
/// transpose(contraction) -> contraction that writes transposed rows.
struct FoldTransposeOfContraction : OpRewritePattern<linalg::GenericOp> {
  FoldTransposeOfContraction(MLIRContext *context, Pass::Statistic &counter)
      : OpRewritePattern(context), counter(counter) {}

  LogicalResult matchAndRewrite(linalg::GenericOp transpose,
                                PatternRewriter &rewriter) const override {
    if (!isDataMovement(transpose) || transpose.getNumDpsInputs() != 1)
      return rewriter.notifyMatchFailure(transpose, "not a transposition");
    auto product = transpose.getInputs()[0].getDefiningOp<linalg::GenericOp>();
    if (!product || !isContraction(product) || !product->hasOneUse())
      return rewriter.notifyMatchFailure(transpose, "no contraction to itself");
    auto fill = product.getOutputs()[0].getDefiningOp<linalg::FillOp>();
    if (!fill)
      return rewriter.notifyMatchFailure(transpose, "result is not filled");
    AffineMap inMap = transpose.getIndexingMapsArray()[0];
    AffineMap outMap = transpose.getIndexingMapsArray()[1];
    if (!inMap.isPermutation() || !outMap.isPermutation() || inMap == outMap)
      return rewriter.notifyMatchFailure(transpose, "not a permutation");
    // Rows of the result must stay rows: stores are whole vectors.
    if (inMap.getResults().back() != outMap.getResults().back())
      return rewriter.notifyMatchFailure(transpose, "moves the last dimension");

    // Element r of the transposed result is result[outMap o inMap^-1].
    AffineMap toOld = inversePermutation(inMap);
    AffineMap permutation = outMap.compose(toOld);
    SmallVector<AffineMap> maps = product.getIndexingMapsArray();
    maps.back() = permutation.compose(maps.back());
    Value init = linalg::FillOp::create(rewriter, fill.getLoc(),
                                        ValueRange{fill.getInputs()[0]},
                                        ValueRange{transpose.getOutputs()[0]})
                     .getResult(0);
    auto folded = linalg::GenericOp::create(
        rewriter, product.getLoc(), transpose->getResultTypes(),
        product.getInputs(), ValueRange{init}, maps,
        product.getIteratorTypesArray());
    rewriter.cloneRegionBefore(product.getRegion(), folded.getRegion(),
                               folded.getRegion().end());
    rewriter.replaceOp(transpose, folded.getResults());
    rewriter.eraseOp(product);
    ++counter;
    return success();
  }

  Pass::Statistic &counter;
};

/// An operand with the vectors' dimension anywhere but last is transposed
/// first: one pass over it against one pass per block of rows.
struct TransposeRightHandSide : OpRewritePattern<linalg::GenericOp> {
  TransposeRightHandSide(MLIRContext *context, Pass::Statistic &counter)
      : OpRewritePattern(context), counter(counter) {}

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (!isContraction(op))
      return rewriter.notifyMatchFailure(op, "not a contraction");
    AffineExpr vectorDim =
        op.getMatchingIndexingMap(op.getDpsInitOperand(0)).getResults().back();
    for (OpOperand *operand : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(operand);
      std::optional<unsigned> position = map.getResultPosition(vectorDim);
      if (!position || *position + 1 == map.getNumResults())
        continue;
      transposeOperand(rewriter, op, *operand, *position);
      ++counter;
      return success();
    }
    return rewriter.notifyMatchFailure(op, "operands run along the result");
  }

  static void transposeOperand(PatternRewriter &rewriter, linalg::GenericOp op,
                               OpOperand &operand, unsigned position) {
    Location loc = op.getLoc();
    AffineMap map = op.getMatchingIndexingMap(&operand);
    SmallVector<int64_t> permutation =
        llvm::to_vector(llvm::seq<int64_t>(0, map.getNumResults()));
    permutation.erase(permutation.begin() + position);
    permutation.push_back(position);

    Value source = operand.get();
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(rewriter, loc, source);
    SmallVector<OpFoldResult> newSizes;
    SmallVector<AffineExpr> newResults, identity;
    for (int64_t i : permutation) {
      newSizes.push_back(sizes[i]);
      newResults.push_back(map.getResult(i));
    }
    Value empty = tensor::EmptyOp::create(
        rewriter, loc, newSizes, getElementTypeOrSelf(source.getType()));
    // A generic op rather than linalg.transpose, so that it still fuses with
    // the producer.
    auto inMap = AffineMap::getPermutationMap(
        invertPermutationVector(permutation), rewriter.getContext());
    auto outMap = rewriter.getMultiDimIdentityMap(permutation.size());
    auto transposed = linalg::GenericOp::create(
        rewriter, loc, empty.getType(), ValueRange{source}, ValueRange{empty},
        ArrayRef<AffineMap>{inMap, outMap},
        SmallVector<utils::IteratorType>(permutation.size(),
                                         utils::IteratorType::parallel),
        [](OpBuilder &b, Location loc, ValueRange args) {
          linalg::YieldOp::create(b, loc, args[0]);
        });
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    maps[operand.getOperandNumber()] =
        AffineMap::get(map.getNumDims(), 0, newResults, rewriter.getContext());
    rewriter.modifyOpInPlace(op, [&] {
      operand.set(transposed.getResult(0));
      op.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
    });
  }

  Pass::Statistic &counter;
};

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

struct CPUFusePass : lowbit::impl::CPUFusePassBase<CPUFusePass> {
  void runOnOperation() override {
    generalize();
    if (failed(fuse()) || failed(dropUnitDimensions()) || failed(fuse()) ||
        failed(transposeRightHandSides()) || failed(splitConcats()))
      signalPassFailure();
  }

  /// Named ops to generic ones; fills keep their name.
  void generalize() {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::LinalgOp> ops;
    SmallVector<linalg::SoftmaxOp> softmaxes;
    getOperation()->walk(
        [&](linalg::SoftmaxOp op) { softmaxes.push_back(op); });
    for (linalg::SoftmaxOp op : softmaxes) {
      rewriter.setInsertionPoint(op);
      FailureOr<SmallVector<Value>> steps = op.decomposeOperation(rewriter);
      assert(succeeded(steps) && "every softmax can be decomposed");
      rewriter.replaceOp(op, *steps);
    }
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (!isa<linalg::GenericOp, linalg::FillOp>(op.getOperation()))
        ops.push_back(op);
    });
    for (linalg::LinalgOp op : ops) {
      rewriter.setInsertionPoint(op);
      FailureOr<linalg::GenericOp> generic =
          linalg::generalizeNamedOp(rewriter, op);
      assert(succeeded(generic) && "every named linalg op has a region");
      (void)generic;
    }
  }

  LogicalResult dropUnitDimensions() {
    MLIRContext *context = &getContext();
    linalg::ControlDropUnitDims options;
    RewritePatternSet fold(context), clean(context);
    linalg::populateFoldUnitExtentDimsPatterns(fold, options);
    walkAndApplyPatterns(getOperation(), std::move(fold));
    linalg::populateFoldUnitExtentDimsCanonicalizationPatterns(clean, options);
    addCleanup(clean);
    return applyPatternsGreedily(getOperation(), std::move(clean));
  }

  LogicalResult fuse() {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    linalg::populateFoldReshapeOpsByExpansionPatterns(patterns,
                                                      shouldFoldReshape);
    linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
    linalg::populateInlineConstantOperandsPatterns(patterns);
    populateMathAlgebraicSimplificationPatterns(patterns);
    patterns.add<FoldTransposeOfContraction>(context, numTransposesFolded);
    addCleanup(patterns);
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal(true);
    return applyPatternsGreedily(getOperation(), std::move(patterns), config);
  }

  LogicalResult transposeRightHandSides() {
    MLIRContext *context = &getContext();
    RewritePatternSet transpose(context);
    transpose.add<TransposeRightHandSide>(context, numOperandsTransposed);
    walkAndApplyPatterns(getOperation(), std::move(transpose));
    return fuse();
  }

  /// A concatenation becomes insertions, each of which its producer can write
  /// in place.
  LogicalResult splitConcats() {
    RewritePatternSet patterns(&getContext());
    tensor::populateDecomposeTensorConcatPatterns(patterns);
    tensor::populateReassociativeReshapeFoldingPatterns(patterns);
    return applyPatternsGreedily(getOperation(), std::move(patterns));
  }

  void addCleanup(RewritePatternSet &patterns) {
    MLIRContext *context = &getContext();
    tensor::populateFoldTensorEmptyPatterns(patterns);
    memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
    context->getLoadedDialect<linalg::LinalgDialect>()
        ->getCanonicalizationPatterns(patterns);
    context->getLoadedDialect<tensor::TensorDialect>()
        ->getCanonicalizationPatterns(patterns);
    for (RegisteredOperationName op : context->getRegisteredOperations())
      if (isa_and_nonnull<linalg::LinalgDialect, tensor::TensorDialect,
                          affine::AffineDialect>(&op.getDialect()))
        op.getCanonicalizationPatterns(patterns, context);
  }
};
} // namespace
