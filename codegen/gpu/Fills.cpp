//===- Fills.cpp - numbers that buffers begin with ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A sum begins with zeros that another operation has written. A kernel begins
// with the number itself, which saves a kernel, and a pass over the buffer.
//
//===----------------------------------------------------------------------===//

#include "Fills.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace lowbit;

Value lowbit::getBaseBuffer(Value buffer) {
  while (auto view = buffer.getDefiningOp<ViewLikeOpInterface>())
    buffer = view.getViewSource();
  return buffer;
}

/// What `op` gives to each element of the buffer that it writes; null where
/// they differ.
static Value getFilledWith(Operation *op) {
  auto fill = dyn_cast<linalg::LinalgOp>(op);
  if (!fill || fill.getNumDpsInits() != 1 ||
      fill.getNumParallelLoops() != fill.getNumLoops() ||
      !fill.getMatchingIndexingMap(fill.getDpsInitOperand(0)).isPermutation())
    return {};
  Value value = fill.getBlock()->getTerminator()->getOperand(0);
  if (auto argument = dyn_cast<BlockArgument>(value);
      argument && argument.getOwner() == fill.getBlock()) {
    OpOperand &operand = fill->getOpOperand(argument.getArgNumber());
    value = fill.isDpsInput(&operand) ? operand.get() : Value();
  }
  if (!value || isa<ShapedType>(value.getType()) ||
      value.getParentRegion() == &fill->getRegion(0))
    return {};
  return value;
}

/// The operation that gave one number to all of `buffer`, a whole buffer that
/// nothing else writes.
static Operation *findOnlyFill(Value buffer) {
  if (!buffer.getDefiningOp<memref::AllocOp>())
    return nullptr;
  Operation *fill = nullptr;
  for (Operation *user : buffer.getUsers()) {
    auto copy = dyn_cast<memref::CopyOp>(user);
    if (copy && copy.getSource() == buffer)
      continue;
    if (fill || !getFilledWith(user))
      return nullptr;
    fill = user;
  }
  return fill;
}

static bool touches(Operation *op, Value base) {
  if (isa<ViewLikeOpInterface>(op))
    return false;
  return op
      ->walk([&](Operation *inner) {
        for (Value operand : inner->getOperands())
          if (isa<MemRefType>(operand.getType()) &&
              getBaseBuffer(operand) == base)
            return WalkResult::interrupt();
        return WalkResult::advance();
      })
      .wasInterrupted();
}

/// The value behind `copy`, which is erased, as is the fill that it was the
/// last to read.
static Value takeCopied(memref::CopyOp copy) {
  Operation *fill = findOnlyFill(copy.getSource());
  if (!fill || fill->getBlock() != copy->getBlock() ||
      !fill->isBeforeInBlock(copy))
    return {};
  Value value = getFilledWith(fill);
  Value source = copy.getSource();
  copy.erase();
  if (source.hasOneUse())
    fill->erase();
  return value;
}

Value lowbit::takeFill(linalg::LinalgOp op, OpOperand &init) {
  AffineMap map = op.getMatchingIndexingMap(&init);
  if (!map.isProjectedPermutation())
    return {};
  Value buffer = init.get(), base = getBaseBuffer(buffer);
  for (OpOperand &other : op->getOpOperands())
    if (&other != &init && isa<MemRefType>(other.get().getType()) &&
        getBaseBuffer(other.get()) == base)
      return {};
  for (Operation *before = op->getPrevNode(); before;
       before = before->getPrevNode()) {
    if (!touches(before, base))
      continue;
    if (auto copy = dyn_cast<memref::CopyOp>(before);
        copy && copy.getTarget() == buffer)
      return takeCopied(copy);
    Value value = getFilledWith(before);
    if (!value || cast<linalg::LinalgOp>(before).getDpsInits()[0] != buffer)
      return {};
    before->erase();
    return value;
  }
  return {};
}
