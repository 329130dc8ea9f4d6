//===- PrepareKernels.cpp - functions that GPUs lack ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The hyperbolic tangent of large numbers is NaN on some implementations, and
// there is no error function: both become the polynomials that upstream has,
// which clamp their argument.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/LoopInvariantCodeMotionUtils.h"

namespace lowbit {
#define GEN_PASS_DEF_GPUPREPAREKERNELSPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// What neither SPIR-V nor WGSL has in a form that can be relied on.
static bool isApproximated(StringRef name) {
  return name == math::TanhOp::getOperationName() ||
         name == math::ErfOp::getOperationName() ||
         name == math::ErfcOp::getOperationName() ||
         name == math::Log1pOp::getOperationName() ||
         name == math::ExpM1Op::getOperationName();
}

namespace {
struct GPUPrepareKernelsPass
    : lowbit::impl::GPUPrepareKernelsPassBase<GPUPrepareKernelsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathPolynomialApproximationPatterns(patterns, isApproximated);
    FrozenRewritePatternSet frozen(std::move(patterns));
    SmallVector<gpu::GPUModuleOp> modules(
        getOperation().getOps<gpu::GPUModuleOp>());
    for (gpu::GPUModuleOp module : modules) {
      if (failed(applyPatternsGreedily(module, frozen)))
        return signalPassFailure();
      numKernels += llvm::range_size(module.getOps<gpu::GPUFuncOp>());
      module.walk(
          [](LoopLikeOpInterface loop) { moveLoopInvariantCode(loop); });
    }
  }
};
} // namespace
