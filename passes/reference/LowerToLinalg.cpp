//===- LowerToLinalg.cpp - the executable reference as a pass -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Applies the reference patterns to a module and, on request, replaces weights
// by constants, after which nothing but upstream dialects is left.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Reference/LowerToLinalg.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Func/Transforms/FuncConversions.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"

namespace lowbit {
#define GEN_PASS_DEF_LOWERTOLINALGPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// Replaces uses of plain weights by constants and drops the globals.
static void inlineWeights(ModuleOp module) {
  IRRewriter rewriter(module.getContext());
  SmallVector<GlobalOp> globals;
  module.walk([&](WeightOp op) {
    GlobalOp global = op.getGlobalOp();
    ElementsAttr data = global.getComponent(component::kData);
    rewriter.setInsertionPoint(op);
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, data);
  });
  module.walk([&](GlobalOp op) { globals.push_back(op); });
  for (GlobalOp global : globals)
    rewriter.eraseOp(global);
}

/// Dialect operations become illegal, plain weights excepted; other operations
/// must not touch quantized values.
static ConversionTarget getTarget(MLIRContext *context,
                                  const TypeConverter &converter) {
  ConversionTarget target(*context);
  target.addIllegalOp<LinearOp, EmbeddingOp, AttentionOp, QuantizeOp,
                      DequantizeOp, PackOp, ObserveOp, StatisticsOp>();
  target.addDynamicallyLegalOp<GlobalOp>(
      [](GlobalOp op) { return !isa<QuantizedTensorType>(op.getType()); });
  target.addDynamicallyLegalOp<func::FuncOp>([&](func::FuncOp op) {
    return converter.isSignatureLegal(op.getFunctionType()) &&
           converter.isLegal(&op.getBody());
  });
  target.markUnknownOpDynamicallyLegal(
      [&](Operation *op) { return converter.isLegal(op); });
  return target;
}

namespace {
struct LowerToLinalgPass
    : lowbit::impl::LowerToLinalgPassBase<LowerToLinalgPass> {
  using LowerToLinalgPassBase::LowerToLinalgPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(verifyReferenceLowering(module)))
      return signalPassFailure();
    MLIRContext *context = &getContext();
    TypeConverter converter;
    populateReferenceTypeConversions(converter);
    RewritePatternSet patterns(context);
    populateLowbitToLinalgPatterns(converter, patterns);
    populateFunctionOpInterfaceTypeConversionPattern<func::FuncOp>(patterns,
                                                                   converter);
    populateReturnOpTypeConversionPattern(patterns, converter);
    populateCallOpTypeConversionPattern(patterns, converter);
    countOperations(module);
    if (failed(applyPartialConversion(module, getTarget(context, converter),
                                      std::move(patterns))))
      return signalPassFailure();
    if (inlinesWeights)
      inlineWeights(module);
    // A weight read in the order of its memory leaves its transpose unused.
    IRRewriter rewriter(context);
    module.walk([&](func::FuncOp function) {
      (void)runRegionDCE(rewriter, function->getRegions());
    });
  }

private:
  void countOperations(ModuleOp module) {
    module.walk([&](Operation *op) {
      if (isa<LinearOp>(op))
        ++linears;
      else if (isa<DequantizeOp, EmbeddingOp, AttentionOp, QuantizeOp,
                   ObserveOp>(op))
        ++others;
    });
  }
};
} // namespace
