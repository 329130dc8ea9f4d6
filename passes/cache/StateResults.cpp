//===- StateResults.cpp - states are updated in place ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A cache that is copied for each token costs more than the token does, and no
// result shows it; so it is an error.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/Cache.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace lowbit;

/// The buffer that `view` is of.
static Value getBuffer(Value view) {
  while (auto op = view.getDefiningOp<ViewLikeOpInterface>())
    view = op.getViewSource();
  return view;
}

static LogicalResult checkState(func::FuncOp function, BlockArgument state,
                                unsigned result) {
  WalkResult walk = function.walk([&](Operation *op) -> WalkResult {
    auto exit = dyn_cast<func::ReturnOp>(op);
    auto copy = dyn_cast<memref::CopyOp>(op);
    bool returnsOther = exit && getBuffer(exit.getOperand(result)) != state;
    bool copies = copy && getBuffer(copy.getSource()) == state &&
                  copy.getSource() != copy.getTarget();
    if (!returnsOther && !copies)
      return WalkResult::advance();
    return op->emitError()
           << "copies the state that is argument " << state.getArgNumber()
           << " of '@" << function.getSymName()
           << "', which requires to be updated in place: nothing may read it "
              "as it was before it is written";
  });
  return failure(walk.wasInterrupted());
}

FailureOr<SmallVector<unsigned>>
lowbit::dropStateResults(func::FuncOp function) {
  llvm::BitVector dropped(function.getNumResults());
  SmallVector<unsigned> states;
  for (BlockArgument argument : function.getArguments()) {
    unsigned number = argument.getArgNumber();
    auto result =
        function.getArgAttrOfType<IntegerAttr>(number, kStateAttrName);
    if (!result)
      continue;
    if (result.getInt() < 0 || result.getInt() >= dropped.size() ||
        dropped.test(result.getInt()))
      return function.emitError()
             << "'" << kStateAttrName
             << "' requires the number of a result of its own, found "
             << result.getInt();
    if (failed(checkState(function, argument, result.getInt())))
      return failure();
    dropped.set(result.getInt());
    function.removeArgAttr(number, kStateAttrName);
    states.push_back(number);
  }
  if (dropped.none())
    return states;
  function.walk([&](func::ReturnOp exit) { exit->eraseOperands(dropped); });
  if (failed(function.eraseResults(dropped)))
    return failure();
  return states;
}

void lowbit::protectInputs(ModuleOp module) {
  Builder b(module.getContext());
  for (auto function : module.getOps<func::FuncOp>())
    for (unsigned i = 0; function.isPublic() && i < function.getNumArguments();
         ++i)
      if (isa<TensorType>(function.getArgumentTypes()[i]) &&
          !function.getArgAttr(i, kStateAttrName))
        function.setArgAttr(
            i, bufferization::BufferizationDialect::kWritableAttrName,
            b.getBoolAttr(false));
}
