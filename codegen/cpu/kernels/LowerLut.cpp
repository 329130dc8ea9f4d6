//===- LowerLut.cpp - tables of bytes on each target ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ByteLookup.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/CodeGen/CPU/Kernels.h"
#include "lowbit/IR/LowbitTableOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

using namespace mlir;
using namespace lowbit;

namespace lowbit {
#define GEN_PASS_DEF_LOWERLUTPASS
#include "lowbit/CodeGen/CPU/KernelPasses.h.inc"
} // namespace lowbit

namespace {

/// Operations of one register: LutOp, HashOp and WindowsOp.
template <typename Op> struct LowerLookup : OpRewritePattern<Op> {
  LowerLookup(MLIRContext *context, const CPUDescription &target)
      : OpRewritePattern<Op>(context), target(target) {}

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    if (op.getType().getNumElements() * 8 != target.vectorBits)
      return rewriter.notifyMatchFailure(op, "no register of the target");
    rewriter.replaceOp(op, target.lookup().lower(rewriter, op));
    return success();
  }

  const CPUDescription &target;
};

struct LowerLearnedLut : OpRewritePattern<LearnedLutOp> {
  LowerLearnedLut(MLIRContext *context, const CPUDescription &target)
      : OpRewritePattern(context), target(target) {}

  LogicalResult matchAndRewrite(LearnedLutOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getType().getNumElements() * 8 != target.vectorBits)
      return rewriter.notifyMatchFailure(op, "no register of the target");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, target.lookup().lookUpLearned(b, op.getIndices(),
                                                         op.getTables(),
                                                         op.getPerRow()));
    return success();
  }

  const CPUDescription &target;
};

struct LowerLutPass : lowbit::impl::LowerLutPassBase<LowerLutPass> {
  void runOnOperation() override {
    getOperation()->walk([&](Operation *op) {
      numLowered += isa<LutOp, LearnedLutOp, HashOp, WindowsOp>(op);
    });
    const CPUDescription &target = getCPUDescription(getOperation());
    RewritePatternSet patterns(&getContext());
    populateLowerLutPatterns(patterns, target);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
    WalkResult result = getOperation()->walk([&](Operation *op) {
      if (!isa<LutOp, LearnedLutOp, HashOp, WindowsOp>(op))
        return WalkResult::advance();
      auto type = cast<VectorType>(op->getResult(0).getType());
      op->emitOpError() << "requires " << target.vectorBits / 8
                        << " bytes for the target " << target.name << ", found "
                        << type.getNumElements();
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace

void lowbit::populateLowerLutPatterns(RewritePatternSet &patterns,
                                      const CPUDescription &target) {
  patterns.add<LowerLookup<LutOp>, LowerLookup<HashOp>, LowerLearnedLut,
               LowerLookup<WindowsOp>>(patterns.getContext(), target);
}
