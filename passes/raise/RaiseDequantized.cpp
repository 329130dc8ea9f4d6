//===- RaiseDequantized.cpp - layers read codes, not numbers --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model that comes quantized says so by dequantizing a weight in front of a
// layer. The layer counts a quantized operand by the same values, so it reads
// the codes, and no float copy is made when the model runs.
//
//===----------------------------------------------------------------------===//

#include "RaisePatterns.h"

#include "lowbit/IR/Lowbit.h"

using namespace mlir;
using namespace lowbit;

namespace {
template <typename Layer> struct ReadCodes : OpRewritePattern<Layer> {
  using OpRewritePattern<Layer>::OpRewritePattern;

  LogicalResult matchAndRewrite(Layer op,
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

void lowbit::populateRaiseDequantizedPatterns(RewritePatternSet &patterns) {
  patterns.add<ReadCodes<LinearOp>, ReadCodes<EmbeddingOp>>(
      patterns.getContext());
}
