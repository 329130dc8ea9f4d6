//===- ReturnObserved.cpp - what is observed leaves the function ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace lowbit {
#define GEN_PASS_DEF_RETURNOBSERVEDPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
struct ReturnObservedPass
    : lowbit::impl::ReturnObservedPassBase<ReturnObservedPass> {
  using ReturnObservedPassBase::ReturnObservedPassBase;

  void runOnOperation() override {
    func::FuncOp main = getOperation().lookupSymbol<func::FuncOp>(function);
    if (!main || main.isDeclaration()) {
      emitError(getOperation().getLoc())
          << "observers: requires a function @" << function << ", found none";
      return signalPassFailure();
    }
    SmallVector<ObserveOp> observers;
    WalkResult result = getOperation().walk([&](ObserveOp op) {
      if (op->getBlock() != &main.getBody().front()) {
        op.emitOpError()
            << "requires to be in the body of @" << function
            << ": what is observed in a region or another function cannot be "
               "returned";
        return WalkResult::interrupt();
      }
      observers.push_back(op);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    returnFrom(main, observers);
  }

private:
  void returnFrom(func::FuncOp main, ArrayRef<ObserveOp> observers) {
    auto terminator =
        cast<func::ReturnOp>(main.getBody().front().getTerminator());
    if (dropsResults) {
      for (unsigned i = main.getNumResults(); i-- > 0;)
        if (failed(main.eraseResult(i)))
          return signalPassFailure();
      terminator.getOperandsMutable().clear();
    }
    for (ObserveOp op : observers) {
      Builder builder(op);
      auto attributes = builder.getDictionaryAttr(
          builder.getNamedAttr(kNameAttrName, op.getNameAttr()));
      if (failed(main.insertResult(main.getNumResults(),
                                   op.getInput().getType(), attributes)))
        return signalPassFailure();
      terminator.getOperandsMutable().append(op.getInput());
      op.erase();
      ++numReturned;
    }
    if (dropsResults)
      dropDeadCode(main);
  }

  /// What was computed for the dropped results alone need not be compiled.
  static void dropDeadCode(func::FuncOp main) {
    SmallVector<Operation *> operations;
    for (Operation &op : main.getBody().front().without_terminator())
      operations.push_back(&op);
    for (Operation *op : llvm::reverse(operations))
      if (isOpTriviallyDead(op))
        op->erase();
  }
};
} // namespace
