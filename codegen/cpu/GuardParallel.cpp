//===- GuardParallel.cpp - no fork for a single task ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"

namespace lowbit {
#define GEN_PASS_DEF_LOWBITCPUGUARDPARALLEL
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;

namespace {
struct LowbitCPUGuardParallelPass
    : lowbit::impl::LowbitCPUGuardParallelBase<LowbitCPUGuardParallelPass> {
  void runOnOperation() override {
    getOperation()->walk([](omp::ParallelOp parallel) {
      if (parallel.getIfExpr())
        return;
      omp::LoopNestOp nest;
      unsigned count = 0;
      parallel->walk([&](omp::LoopNestOp op) {
        nest = op;
        ++count;
      });
      if (count == 1)
        guard(parallel, nest);
    });
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
      Value more = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                         next, upper);
      several = several ? Value(arith::OrIOp::create(b, loc, several, more))
                        : more;
    }
    parallel.getIfExprMutable().assign(several);
  }
};
} // namespace
