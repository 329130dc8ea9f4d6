//===- UpdateStates.cpp - states are updated in place ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A cache that is copied for each token costs more than the token does, and no
// result shows it; so it is an error.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Cache.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUUPDATESTATESPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// The buffer that `view` is of.
static Value getBuffer(Value view) {
  while (auto op = view.getDefiningOp<ViewLikeOpInterface>())
    view = op.getViewSource();
  return view;
}

namespace {
struct CPUUpdateStatesPass
    : lowbit::impl::CPUUpdateStatesPassBase<CPUUpdateStatesPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && failed(update(function)))
        return signalPassFailure();
  }

  LogicalResult update(func::FuncOp function) {
    llvm::BitVector dropped(function.getNumResults());
    for (BlockArgument argument : function.getArguments()) {
      auto result = function.getArgAttrOfType<IntegerAttr>(
          argument.getArgNumber(), kStateAttrName);
      if (!result)
        continue;
      if (result.getInt() < 0 || result.getInt() >= dropped.size() ||
          dropped.test(result.getInt()))
        return function.emitError()
               << "'" << kStateAttrName
               << "' requires the number of a result of its own, found "
               << result.getInt();
      if (failed(check(function, argument, result.getInt())))
        return failure();
      dropped.set(result.getInt());
      function.removeArgAttr(argument.getArgNumber(), kStateAttrName);
      ++numStates;
    }
    if (dropped.none())
      return success();
    function.walk([&](func::ReturnOp exit) { exit->eraseOperands(dropped); });
    return function.eraseResults(dropped);
  }

  static LogicalResult check(func::FuncOp function, BlockArgument state,
                             unsigned result) {
    auto fails = [&](Operation *op) {
      return op->emitError()
             << "copies the state that is argument " << state.getArgNumber()
             << " of '@" << function.getSymName()
             << "', which requires to be updated in place: nothing may read it "
                "as it was before it is written";
    };
    WalkResult walk = function.walk([&](Operation *op) {
      auto exit = dyn_cast<func::ReturnOp>(op);
      auto copy = dyn_cast<memref::CopyOp>(op);
      if ((exit && getBuffer(exit.getOperand(result)) != state) ||
          (copy && getBuffer(copy.getSource()) == state &&
           copy.getSource() != copy.getTarget()))
        return WalkResult(fails(op));
      return WalkResult::advance();
    });
    return failure(walk.wasInterrupted());
  }
};
} // namespace
