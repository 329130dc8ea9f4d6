//===- ConversionPatterns.cpp - dequantize, observers -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The operations between quantized and float values that have a direct meaning,
// and the assembly of all patterns.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "QuantizedValue.h"

using namespace mlir;
using namespace lowbit;

namespace {
struct LowerDequantize : OpConversionPattern<DequantizeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(DequantizeOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    QuantizedValue input(op.getInput().getType(), adaptor.getInput());
    rewriter.replaceOp(op, input.buildDequantize(rewriter, op.getLoc()));
    return success();
  }
};

/// What calibration leaves has no meaning when the model runs.
template <typename Op> struct Erase : OpConversionPattern<Op> {
  using OpConversionPattern<Op>::OpConversionPattern;

  LogicalResult
  matchAndRewrite(Op op, typename OpConversionPattern<Op>::OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void lowbit::populateLowbitToLinalgPatterns(const TypeConverter &converter,
                                            RewritePatternSet &patterns) {
  patterns.add<LowerDequantize, Erase<ObserveOp>, Erase<StatisticsOp>>(
      converter, patterns.getContext());
  populateWeightPatterns(converter, patterns);
  populateContractionPatterns(converter, patterns);
  populateAttentionPatterns(converter, patterns);
  populateQuantizePatterns(converter, patterns);
}

LogicalResult lowbit::verifyReferenceLowering(Operation *root) {
  LogicalResult result = success();
  root->walk([&](Operation *op) {
    if (isa<PackOp>(op)) {
      op->emitOpError() << "requires a constant weight, whose bytes "
                           "lowbit-pack-weights moves: the reference has no "
                           "packing at run time";
      result = failure();
    }
    if (auto quantize = dyn_cast<QuantizeOp>(op);
        quantize && (quantize.getType().getLayout() ||
                     quantize.getType().getEncoding().getPermuted())) {
      op->emitOpError() << "requires a dense result with columns in their own "
                           "order in the reference lowering, found "
                        << quantize.getType();
      result = failure();
    }
    for (Type type : llvm::concat<const Type>(op->getOperandTypes(),
                                              op->getResultTypes())) {
      auto quantized = dyn_cast<QuantizedTensorType>(type);
      std::string problem = quantized ? explainUnsupported(quantized) : "";
      if (problem.empty())
        continue;
      op->emitOpError() << problem << " in the reference lowering, found "
                        << quantized;
      result = failure();
      break;
    }
  });
  return result;
}
