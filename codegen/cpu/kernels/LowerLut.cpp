//===- LowerLut.cpp - tables of bytes on each target ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ByteLookup.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/CodeGen/CPU/Kernels.h"
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

struct LowerLut : OpRewritePattern<LutOp> {
  LowerLut(MLIRContext *context, const CPUDescription &target)
      : OpRewritePattern(context), target(target) {}

  LogicalResult matchAndRewrite(LutOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getType().getNumElements() * 8 != target.vectorBits)
      return rewriter.notifyMatchFailure(op, "no register of the target");
    rewriter.replaceOp(op, target.lookup().lower(rewriter, op));
    return success();
  }

  const CPUDescription &target;
};

struct LowerLutPass : lowbit::impl::LowerLutPassBase<LowerLutPass> {
  void runOnOperation() override {
    getOperation()->walk([&](LutOp) { ++numLowered; });
    const CPUDescription &target = getCPUDescription(getOperation());
    RewritePatternSet patterns(&getContext());
    populateLowerLutPatterns(patterns, target);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
    WalkResult result = getOperation()->walk([&](LutOp op) {
      op.emitOpError() << "requires " << target.vectorBits / 8
                       << " bytes for the target " << target.name << ", found "
                       << op.getType().getNumElements();
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace

void lowbit::populateLowerLutPatterns(RewritePatternSet &patterns,
                                      const CPUDescription &target) {
  patterns.add<LowerLut>(patterns.getContext(), target);
}
