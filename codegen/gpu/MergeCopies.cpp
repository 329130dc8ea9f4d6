//===- MergeCopies.cpp - what is copied is written twice ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The state of a recurrent layer is what a step wrote to its output, and lives
// on in a buffer of its own. Bufferization copies it.
//
//===----------------------------------------------------------------------===//

#include "Fills.h"
#include "LinalgKernel.h"
#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/IR/LowbitGPUOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"

namespace lowbit {
#define GEN_PASS_DEF_GPUMERGECOPIESPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// What operations touch
//===----------------------------------------------------------------------===//

static bool isView(Operation *op) {
  return isa_and_nonnull<memref::SubViewOp, memref::ExpandShapeOp,
                         memref::CollapseShapeOp, memref::CastOp>(op);
}

/// Adds the buffers that `op` and what is in it are about.
static void addBuffers(Operation *op, SetVector<Value> &buffers) {
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (isa<BaseMemRefType>(operand.getType()))
        buffers.insert(getBaseBuffer(operand));
  });
}

/// The buffers that `op` may write.
static SmallVector<Value> getWritten(Operation *op) {
  SmallVector<Value> written;
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    llvm::append_range(written, linalgOp.getDpsInits());
  else if (auto dispatch = dyn_cast<DispatchOp>(op))
    llvm::append_range(written, dispatch.getOutputs());
  else if (auto copy = dyn_cast<memref::CopyOp>(op))
    written.push_back(copy.getTarget());
  else if (!isa<memref::LoadOp>(op)) {
    SetVector<Value> buffers;
    addBuffers(op, buffers);
    return buffers.takeVector();
  }
  for (Value &value : written)
    value = getBaseBuffer(value);
  return written;
}

/// Adds the buffers that a kernel binds for `value`: the one of which it is a
/// view, and those that the view's place, or a scalar, is computed from.
static void addBindings(Value value, SetVector<Value> &bindings) {
  Operation *op = value.getDefiningOp();
  bool isBuffer = isa<BaseMemRefType>(value.getType());
  if (isBuffer && !isView(op)) {
    bindings.insert(value);
    return;
  }
  if (op)
    for (Value operand : op->getOperands())
      addBindings(operand, bindings);
}

static unsigned countBindings(linalg::GenericOp op, Value another) {
  SetVector<Value> bindings, captured;
  getUsedValuesDefinedAbove(op.getRegion(), captured);
  for (Value value : op->getOperands())
    addBindings(value, bindings);
  for (Value value : captured)
    addBindings(value, bindings);
  addBindings(another, bindings);
  return bindings.size();
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

namespace {
/// The operations of a block in their order, and what each buffer has been
/// through so far.
class BlockMerger {
public:
  /// Returns how many copies are gone.
  int64_t merge(Block &block);

private:
  bool merge(memref::CopyOp copy);
  linalg::GenericOp writeTwice(linalg::GenericOp op, unsigned result,
                               Value target);
  void record(Operation *op);
  bool moveUp(Value value, Operation *before);

  SmallVector<Operation *> order;
  /// Places of the last operation that may have written a buffer, and of the
  /// last one that used it.
  DenseMap<Value, int64_t> writers, users;
};
} // namespace

void BlockMerger::record(Operation *op) {
  int64_t place = order.size();
  order.push_back(op);
  if (isView(op) || isa<memref::AllocOp, memref::GetGlobalOp>(op))
    return;
  SetVector<Value> buffers;
  addBuffers(op, buffers);
  for (Value buffer : buffers)
    users[buffer] = place;
  for (Value buffer : getWritten(op))
    writers[buffer] = place;
}

/// Sees to it that `value` is there before an operation of this block.
bool BlockMerger::moveUp(Value value, Operation *before) {
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != before->getBlock() ||
      op->isBeforeInBlock(before))
    return true;
  if (!isView(op) && !isa<memref::AllocOp>(op))
    return false;
  for (Value operand : op->getOperands())
    if (!moveUp(operand, before))
      return false;
  op->moveBefore(before);
  return true;
}

/// The operation that stores a result to `target`, too.
linalg::GenericOp BlockMerger::writeTwice(linalg::GenericOp op, unsigned result,
                                          Value target) {
  OpBuilder b(op);
  SmallVector<Value> inits(op.getDpsInits());
  inits.push_back(target);
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  maps.push_back(op.getMatchingIndexingMap(op.getDpsInitOperand(result)));
  auto wider =
      linalg::GenericOp::create(b, op.getLoc(), TypeRange(), op.getInputs(),
                                inits, maps, op.getIteratorTypesArray());
  wider.getRegion().takeBody(op.getRegion());
  Block *body = wider.getBody();
  Operation *yield = body->getTerminator();
  Value value = yield->getOperand(result);
  body->addArgument(value.getType(), op.getLoc());
  yield->insertOperands(yield->getNumOperands(), value);
  op.erase();
  return wider;
}

bool BlockMerger::merge(memref::CopyOp copy) {
  Value source = copy.getSource(), target = copy.getTarget();
  Value from = getBaseBuffer(source), to = getBaseBuffer(target);
  auto written = writers.find(from);
  if (from == to || written == writers.end())
    return false;
  int64_t place = written->second;
  auto op = dyn_cast<linalg::GenericOp>(order[place]);
  // An operation without inputs fills, and goes where a reduction begins with
  // what it fills (Fills.h): another reader would keep it.
  if (!op || op.getInputs().empty() ||
      op.getNumParallelLoops() != op.getNumLoops())
    return false;
  auto init = llvm::find(op.getDpsInits(), source);
  auto used = users.find(to);
  if (init == op.getDpsInits().end() ||
      (used != users.end() && used->second >= place) ||
      llvm::any_of(
          op.getDpsInits(),
          [](Value value) { return isPacked(getBaseBuffer(value)); }) ||
      isPacked(to) || countBindings(op, target) > kMostGPUBindings)
    return false;
  unsigned result = init - op.getDpsInits().begin();
  if (!op.getMatchingIndexingMap(op.getDpsInitOperand(result))
           .isPermutation() ||
      !moveUp(target, op))
    return false;
  copy.erase();
  order[place] = writeTwice(op, result, target);
  writers[to] = users[to] = place;
  return true;
}

int64_t BlockMerger::merge(Block &block) {
  int64_t count = 0;
  for (Operation &op : llvm::make_early_inc_range(block)) {
    auto copy = dyn_cast<memref::CopyOp>(op);
    if (copy && copy.getSource() == copy.getTarget())
      // A slice that was written in its place.
      copy.erase();
    else if (copy && merge(copy))
      ++count;
    else
      record(&op);
  }
  return count;
}

namespace {
struct GPUMergeCopiesPass
    : lowbit::impl::GPUMergeCopiesPassBase<GPUMergeCopiesPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        numMerged += BlockMerger().merge(block);
  }
};
} // namespace
