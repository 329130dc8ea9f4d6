//===- GuardParallel.cpp - stack slots and forks of parallel loops --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUGUARDPARALLELPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;

namespace {
struct CPUGuardParallelPass
    : lowbit::impl::CPUGuardParallelPassBase<CPUGuardParallelPass> {
  void runOnOperation() override {
    hoistStackSlots();
    getOperation()->walk([&](omp::ParallelOp parallel) {
      if (parallel.getIfExpr())
        return;
      omp::LoopNestOp nest;
      unsigned count = 0;
      parallel->walk([&](omp::LoopNestOp op) {
        nest = op;
        ++count;
      });
      if (count == 1) {
        guard(parallel, nest);
        ++numGuarded;
      }
    });
  }

  /// One slot per thread instead of one per task, so that the stack doesn't
  /// grow with the number of tasks. The scopes around tasks are then empty.
  void hoistStackSlots() {
    SmallVector<memref::AllocaOp> slots;
    SmallVector<memref::AllocaScopeOp> scopes;
    getOperation()->walk([&](Operation *op) {
      if (auto slot = dyn_cast<memref::AllocaOp>(op);
          slot && slot->getNumOperands() == 0)
        slots.push_back(slot);
      if (auto scope = dyn_cast<memref::AllocaScopeOp>(op))
        scopes.push_back(scope);
    });
    for (memref::AllocaOp slot : llvm::reverse(slots)) {
      Block *start = &getOperation().getBody().front();
      if (auto parallel = slot->getParentOfType<omp::ParallelOp>())
        start = &parallel.getRegion().front();
      slot->moveBefore(start, start->begin());
    }
    IRRewriter rewriter(&getContext());
    for (memref::AllocaScopeOp scope : scopes) {
      bool isEmpty =
          !scope.getBodyRegion()
               .walk([](memref::AllocaOp) { return WalkResult::interrupt(); })
               .wasInterrupted();
      if (!isEmpty || scope->getNumResults() != 0)
        continue;
      Block *body = &scope.getBodyRegion().front();
      rewriter.eraseOp(body->getTerminator());
      rewriter.inlineBlockBefore(body, scope);
      rewriter.eraseOp(scope);
    }
  }

  /// More than one iteration in any loop: the next of some lower bound is still
  /// below its upper bound.
  static void guard(omp::ParallelOp parallel, omp::LoopNestOp nest) {
    OpBuilder b(parallel);
    Location loc = parallel.getLoc();
    auto isOutside = [&](Value value) {
      return !parallel->isAncestor(value.getParentBlock()->getParentOp());
    };
    Value several;
    for (auto [lower, upper, step] :
         llvm::zip_equal(nest.getLoopLowerBounds(), nest.getLoopUpperBounds(),
                         nest.getLoopSteps())) {
      if (!isOutside(lower) || !isOutside(upper) || !isOutside(step))
        return;
      Value next = arith::AddIOp::create(b, loc, lower, step);
      Value more =
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, next, upper);
      several =
          several ? Value(arith::OrIOp::create(b, loc, several, more)) : more;
    }
    parallel.getIfExprMutable().assign(several);
  }
};
} // namespace
