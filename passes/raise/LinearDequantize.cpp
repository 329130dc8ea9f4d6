//===- LinearDequantize.cpp - layers read their weights' codes ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An imported weight is dequantized before it is multiplied. A layer counts a
// quantized operand by its values, so it takes the codes themselves.
//
//===----------------------------------------------------------------------===//

#include "RaisePatterns.h"

#include "lowbit/IR/Lowbit.h"

using namespace mlir;
using namespace lowbit;

namespace {
template <typename Op> struct TakeCodes : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    auto dequantize = op.getWeight().template getDefiningOp<DequantizeOp>();
    if (!dequantize)
      return rewriter.notifyMatchFailure(op, "the weight isn't dequantized");
    rewriter.modifyOpInPlace(
        op, [&] { op.getWeightMutable().assign(dequantize.getInput()); });
    return success();
  }
};
} // namespace

void lowbit::populateLinearDequantizePatterns(RewritePatternSet &patterns) {
  patterns.add<TakeCodes<LinearOp>, TakeCodes<EmbeddingOp>>(
      patterns.getContext());
}
