//===- CleanUp.cpp - canonical form of one function -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream's canonicalizer and CSE by their library interfaces, so that they
// can leave out kernels. Regions are not simplified: what is dead goes anyway,
// and merging equal blocks is left to LLVM.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/FunctionPasses.h"
#include "lowbit/CodeGen/CPU/Kernels.h"

#include "mlir/IR/Dominance.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUCLEANUPPASS
#include "lowbit/CodeGen/CPU/FunctionPasses.h.inc"
} // namespace lowbit

using namespace mlir;

namespace {
struct CPUCleanUpPass : lowbit::impl::CPUCleanUpPassBase<CPUCleanUpPass> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet all(context);
    for (Dialect *dialect : context->getLoadedDialects())
      dialect->getCanonicalizationPatterns(all);
    for (RegisteredOperationName name : context->getRegisteredOperations())
      name.getCanonicalizationPatterns(all, context);
    patterns = std::make_shared<FrozenRewritePatternSet>(std::move(all));
    return success();
  }

  void runOnOperation() override {
    FunctionOpInterface function = getOperation();
    if (function.isExternal())
      return;
    if (!kernels && function->hasAttr(lowbit::cpu::kKernelAttrName)) {
      ++numKernels;
      return;
    }
    if (failed(verify(function)))
      return signalPassFailure();
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal();
    config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
    // A form that some pattern would still change is as correct.
    (void)applyPatternsGreedily(function, *patterns, config);
    if (!eliminateCommon)
      return;
    IRRewriter rewriter(&getContext());
    DominanceInfo dominance(function);
    eliminateCommonSubExpressions(rewriter, dominance, function);
  }

private:
  std::shared_ptr<const FrozenRewritePatternSet> patterns;
};
} // namespace
