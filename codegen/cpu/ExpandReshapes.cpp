//===- ExpandReshapes.cpp - expanded buffers as views with strides --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's expansion of strided metadata computes the one dynamic extent of a
// group from the others. With two, as in [batch * length] to [batch, length],
// it has no answer, though the op names all extents.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUEXPANDRESHAPESPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;

namespace {
struct ExpandShapeToCast : OpRewritePattern<memref::ExpandShapeOp> {
  ExpandShapeToCast(MLIRContext *context, Pass::Statistic &counter)
      : OpRewritePattern(context), counter(counter) {}

  LogicalResult matchAndRewrite(memref::ExpandShapeOp op,
                                PatternRewriter &rewriter) const override {
    MemRefType type = op.getResultType();
    bool open = llvm::any_of(op.getReassociationIndices(), [&](auto &group) {
      return llvm::count_if(group, [&](int64_t dim) {
               return type.isDynamicDim(dim);
             }) > 1;
    });
    if (!open)
      return rewriter.notifyMatchFailure(op, "upstream expands it");
    Location loc = op.getLoc();
    auto source =
        memref::ExtractStridedMetadataOp::create(rewriter, loc, op.getSrc());
    SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
    SmallVector<OpFoldResult> sourceStrides =
        source.getConstifiedMixedStrides();
    SmallVector<OpFoldResult> strides(sizes.size());
    AffineExpr s0, s1;
    bindSymbols(rewriter.getContext(), s0, s1);
    for (auto [stride, group] :
         llvm::zip_equal(sourceStrides, op.getReassociationIndices())) {
      OpFoldResult step = stride;
      for (int64_t dim : llvm::reverse(group)) {
        strides[dim] = step;
        step = affine::makeComposedFoldedAffineApply(rewriter, loc, s0 * s1,
                                                     {step, sizes[dim]});
      }
    }
    rewriter.replaceOpWithNewOp<memref::ReinterpretCastOp>(
        op, type, source.getBaseBuffer(), source.getConstifiedMixedOffset(),
        sizes, strides);
    ++counter;
    return success();
  }

  Pass::Statistic &counter;
};

struct CPUExpandReshapesPass
    : lowbit::impl::CPUExpandReshapesPassBase<CPUExpandReshapesPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandShapeToCast>(&getContext(), numReshapes);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
