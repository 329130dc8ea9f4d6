//===- VerifyVectorized.cpp - no scalar loop over floats is left ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ProgramLoops.h"

#include "lowbit/CodeGen/CPU/Kernels.h"
#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUVERIFYVECTORIZEDPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;

/// Whether `op` runs once for each element of something: in a loop, but for
/// those that the program itself has.
static bool isInTileLoop(Operation *op) {
  auto loop = op->getParentOfType<LoopLikeOpInterface>();
  return loop && !loop->hasAttr(lowbit::kProgramLoopAttrName);
}

/// A float operation on scalars, or a scalar that goes from buffer to buffer.
static bool isScalarFloatWork(Operation *op) {
  if (auto store = dyn_cast<memref::StoreOp>(op))
    return store.getValueToStore().getDefiningOp<memref::LoadOp>() &&
           isa<FloatType>(store.getMemRefType().getElementType());
  return isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
             op->getDialect()) &&
         !isa<arith::ConstantOp>(op) &&
         llvm::any_of(op->getResultTypes(), llvm::IsaPred<FloatType>);
}

namespace {
struct CPUVerifyVectorizedPass
    : lowbit::impl::CPUVerifyVectorizedPassBase<CPUVerifyVectorizedPass> {
  using Base::Base;

  void runOnOperation() override {
    // Generated kernels are vector code, but for a scale per segment.
    if (getOperation()->hasAttr(lowbit::cpu::kKernelAttrName))
      return markAllAnalysesPreserved();
    bool isClean = true;
    auto report = [&](Operation *op, const Twine &text) {
      InFlightDiagnostic diagnostic =
          warnOnly ? op->emitRemark(text) : op->emitError(text);
      diagnostic << ": '" << op->getName() << "'";
      isClean = false;
    };
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (op->hasAttr(lowbit::kScalarLoopAttrName)) {
        ++numScalarLoops;
        return WalkResult::skip();
      }
      if (isa<linalg::LinalgOp>(op)) {
        report(op, "linalg op was not vectorized");
        return WalkResult::skip();
      }
      if (isInTileLoop(op) && isScalarFloatWork(op))
        report(op, "scalar floating-point work in a loop");
      return WalkResult::advance();
    });
    if (!isClean && !warnOnly)
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace
