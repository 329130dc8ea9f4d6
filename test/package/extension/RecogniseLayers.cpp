//===- RecogniseLayers.cpp - a pass made of Lowbit's patterns -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Acme.h"
#include <lowbit/Transforms/Passes.h>
#include <mlir/Dialect/Affine/IR/AffineOps.h>
#include <mlir/Dialect/Arith/IR/Arith.h>
#include <mlir/Dialect/Linalg/IR/Linalg.h>
#include <mlir/Dialect/Tensor/IR/Tensor.h>
#include <mlir/Transforms/GreedyPatternRewriteDriver.h>

using namespace mlir;

namespace {

/// Finds layers with their epilogues in one go, and says what it found.
struct RecogniseLayersPass
    : PassWrapper<RecogniseLayersPass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(RecogniseLayersPass)

  StringRef getArgument() const override { return "acme-recognise-layers"; }
  StringRef getDescription() const override {
    return "Raise layers with their epilogues and report them";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<lowbit::LowbitDialect, affine::AffineDialect,
                    arith::ArithDialect, linalg::LinalgDialect,
                    tensor::TensorDialect>();
  }

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    lowbit::populateRaiseLinearPatterns(patterns);
    lowbit::populateFuseEpiloguePatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    getOperation().walk([](lowbit::LinearOp layer) {
      auto weight = cast<ShapedType>(layer.getWeight().getType());
      layer.emitRemark() << "a layer of " << weight.getNumElements()
                         << " weights, activation: "
                         << layer.getActivationAttr();
    });
  }
};

} // namespace

void acme::registerPasses() { PassRegistration<RecogniseLayersPass>(); }
