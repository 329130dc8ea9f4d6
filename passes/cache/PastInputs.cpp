//===- PastInputs.cpp - a decoder without its past ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A past of no tokens is a case of every such decoder; so nothing needs to be
// known of the graph but where its own keys are appended.
//
//===----------------------------------------------------------------------===//

#include "PastInputs.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace lowbit;

bool lowbit::isPast(BlockArgument argument) {
  auto type = dyn_cast<RankedTensorType>(argument.getType());
  return type && isa<FloatType>(type.getElementType()) &&
         type.getNumDynamicDims() == 1 && type.getRank() >= 3;
}

/// Removes `past` from the places where it is measured or joined; adds to
/// `joined` what it is joined to.
static LogicalResult dropPast(BlockArgument past,
                              llvm::SetVector<Value> &joined) {
  for (OpOperand &use : llvm::make_early_inc_range(past.getUses())) {
    Operation *user = use.getOwner();
    OpBuilder b(user);
    if (auto dim = dyn_cast<tensor::DimOp>(user)) {
      auto type = cast<RankedTensorType>(past.getType());
      std::optional<int64_t> index = dim.getConstantIndex();
      if (index) {
        int64_t extent =
            type.isDynamicDim(*index) ? 0 : type.getDimSize(*index);
        dim.replaceAllUsesWith(
            arith::ConstantIndexOp::create(b, dim.getLoc(), extent)
                .getResult());
        dim.erase();
        continue;
      }
    }
    auto insert = dyn_cast<tensor::InsertSliceOp>(user);
    if (!insert || insert.getSource() != past)
      return user->emitOpError()
             << "stands in the way of a KV cache: a past, input number "
             << past.getArgNumber()
             << ", requires to be joined to the keys or values of new tokens";
    joined.insert(insert.getDest());
    for (OpOperand &next : insert.getResult().getUses())
      if (isa<tensor::InsertSliceOp>(next.getOwner()))
        joined.insert(next.getOwner()->getResult(0));
    insert.replaceAllUsesWith(insert.getDest());
    insert.erase();
  }
  return success();
}

LogicalResult lowbit::dropPastInputs(func::FuncOp function) {
  llvm::SetVector<Value> joined;
  llvm::BitVector arguments(function.getNumArguments());
  for (BlockArgument argument : function.getArguments()) {
    if (!isPast(argument))
      continue;
    if (failed(dropPast(argument, joined)))
      return failure();
    arguments.set(argument.getArgNumber());
  }
  Operation *exit = function.getBody().front().getTerminator();
  llvm::BitVector results(function.getNumResults());
  for (OpOperand &operand : exit->getOpOperands())
    if (joined.contains(operand.get()))
      results.set(operand.getOperandNumber());
  exit->eraseOperands(results);
  if (failed(function.eraseResults(results)))
    return failure();
  return function.eraseArguments(arguments);
}

void lowbit::dropEmptyJoins(func::FuncOp function) {
  function.walk([](tensor::InsertSliceOp insert) {
    auto empty = insert.getDest().getDefiningOp<tensor::EmptyOp>();
    if (!empty || insert.getSourceType() != insert.getType() ||
        !insert.hasUnitStride() ||
        insert.getMixedSizes() != empty.getMixedSizes() ||
        !llvm::all_of(insert.getMixedOffsets(), isZeroInteger))
      return;
    insert.replaceAllUsesWith(insert.getSource());
    insert.erase();
  });
}
