//===- FuseSlices.cpp - parts of elementwise results, each by itself ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The gates of a recurrent layer are parts of one product. What is computed of
// all of them becomes an operation for each part, which fuses with the one that
// reads it: nothing is computed more often, and the whole is never stored.
//
//===----------------------------------------------------------------------===//

#include "FuseSlices.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace lowbit;

static bool isParallel(linalg::GenericOp op) {
  return op.getNumParallelLoops() == op.getNumLoops();
}

/// Whether `slice` is a box of its source that one elementwise operation reads.
static bool isFusablePart(tensor::ExtractSliceOp slice) {
  if (!slice || slice.getType().getRank() != slice.getSourceType().getRank() ||
      !slice.getType().hasStaticShape() || !slice.hasUnitStride() ||
      !slice->hasOneUse())
    return false;
  auto reader = dyn_cast<linalg::GenericOp>(*slice->user_begin());
  return reader && isParallel(reader) &&
         llvm::is_contained(reader.getInputs(), slice.getResult());
}

/// Whether an element of the input depends on some of the loops alone, each of
/// them as it is.
static bool isOfLoops(AffineMap map) {
  return llvm::all_of(map.getResults(), [](AffineExpr expr) {
    auto number = dyn_cast<AffineConstantExpr>(expr);
    return isa<AffineDimExpr>(expr) || (number && number.getValue() == 0);
  });
}

/// The part of `input` that a part of the result needs.
static Value sliceInput(OpBuilder &b, Value input, AffineMap map,
                        tensor::ExtractSliceOp slice) {
  auto type = dyn_cast<RankedTensorType>(input.getType());
  if (!type)
    return input;
  SmallVector<OpFoldResult> offsets, sizes,
      strides(type.getRank(), b.getIndexAttr(1));
  bool isWhole = true;
  for (auto [expr, extent] :
       llvm::zip_equal(map.getResults(), type.getShape())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    offsets.push_back(dim ? slice.getMixedOffsets()[dim.getPosition()]
                          : OpFoldResult(b.getIndexAttr(0)));
    sizes.push_back(dim ? slice.getMixedSizes()[dim.getPosition()]
                        : OpFoldResult(b.getIndexAttr(1)));
    isWhole &= getConstantIntValue(sizes.back()) == extent;
  }
  if (isWhole)
    return input;
  return tensor::ExtractSliceOp::create(b, slice.getLoc(), input, offsets,
                                        sizes, strides);
}

namespace {
struct SliceElementwise : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || !op.hasPureTensorSemantics() ||
        !isParallel(op) || op.hasIndexSemantics() || op->use_empty() ||
        !op.getRegionOutputArgs().front().use_empty() ||
        !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() ||
        !llvm::all_of(op.getIndexingMapsArray(), isOfLoops))
      return rewriter.notifyMatchFailure(op, "is not elementwise");
    auto type = cast<RankedTensorType>(op.getResult(0).getType());
    SmallVector<tensor::ExtractSliceOp> parts;
    int64_t count = 0;
    for (Operation *user : op->getUsers()) {
      auto part = dyn_cast<tensor::ExtractSliceOp>(user);
      if (!isFusablePart(part))
        return rewriter.notifyMatchFailure(op, "is read by other operations");
      parts.push_back(part);
      count += part.getType().getNumElements();
    }
    if (!type.hasStaticShape() || count > type.getNumElements())
      return rewriter.notifyMatchFailure(op, "has parts that overlap");
    for (tensor::ExtractSliceOp part : parts)
      replace(op, part, rewriter);
    rewriter.eraseOp(op);
    return success();
  }

private:
  static void replace(linalg::GenericOp op, tensor::ExtractSliceOp part,
                      PatternRewriter &rewriter) {
    rewriter.setInsertionPoint(part);
    SmallVector<Value> inputs;
    for (OpOperand *input : op.getDpsInputOperands())
      inputs.push_back(sliceInput(rewriter, input->get(),
                                  op.getMatchingIndexingMap(input), part));
    Value init = tensor::EmptyOp::create(rewriter, op.getLoc(),
                                         part.getType().getShape(),
                                         part.getType().getElementType());
    auto computed = linalg::GenericOp::create(
        rewriter, op.getLoc(), part.getType(), inputs, init,
        op.getIndexingMapsArray(), op.getIteratorTypesArray());
    rewriter.cloneRegionBefore(op.getRegion(), computed.getRegion(),
                               computed.getRegion().end());
    rewriter.replaceOp(part, computed.getResults());
  }
};
} // namespace

void lowbit::populateGPUFuseSlicesPatterns(RewritePatternSet &patterns) {
  patterns.add<SliceElementwise>(patterns.getContext());
}
