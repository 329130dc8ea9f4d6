//===- Uniformity.cpp - which values a workgroup agrees on ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A set of varying values that grows until nothing changes: values begin as
// uniform, so that what goes round a loop is uniform unless something varying
// enters it.
//
//===----------------------------------------------------------------------===//

#include "Uniformity.h"
#include "Subset.h"
#include "lowbit/IR/LowbitWordOps.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace lowbit;

Uniformity::Uniformity(gpu::GPUFuncOp kernel) {
  bool changed = true;
  while (changed) {
    changed = false;
    kernel.walk([&](Operation *op) { changed |= visit(op); });
  }
}

/// Whether invocations of a workgroup may go different ways at `op`.
bool Uniformity::diverges(Operation *op) const {
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return !isUniform(branch.getCondition());
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return !isUniform(loop.getLowerBound()) ||
           !isUniform(loop.getUpperBound()) || !isUniform(loop.getStep());
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return !isUniform(loop.getConditionOp().getCondition());
  return false;
}

/// Whether a load may give invocations different words.
static bool loadsVarying(Operation *op) {
  auto load = dyn_cast<memref::LoadOp>(op);
  if (!load)
    return false;
  auto argument = dyn_cast<BlockArgument>(load.getMemRef());
  return !argument || !load.getMemRefType().getMemorySpace()
             ? !argument || isWritten(load.getMemRef())
             : gpu::GPUDialect::hasWorkgroupMemoryAddressSpace(
                   load.getMemRefType()) ||
                   isWritten(load.getMemRef());
}

bool Uniformity::visit(Operation *op) {
  auto varies = [&](Value value) { return !isUniform(value); };
  bool changed = false;
  // What `from` carries into `to`, and what a divergent operation decides.
  auto carry = [&](ValueRange from, ValueRange to, bool all) {
    for (auto [source, target] : llvm::zip(from, to))
      if (all || varies(source))
        changed |= mark(target);
  };
  bool split = diverges(op);
  if (auto branch = dyn_cast<scf::IfOp>(op)) {
    if (op->getNumResults() == 0)
      return false;
    carry(branch.thenYield().getResults(), op->getResults(), split);
    carry(branch.elseYield().getResults(), op->getResults(), split);
    return changed;
  }
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    if (split)
      changed |= mark(loop.getInductionVar());
    for (ValueRange targets :
         {ValueRange(loop.getRegionIterArgs()), ValueRange(op->getResults())}) {
      carry(loop.getInitArgs(), targets, split);
      carry(loop.getYieldedValues(), targets, split);
    }
    return changed;
  }
  if (auto loop = dyn_cast<scf::WhileOp>(op)) {
    carry(loop.getInits(), loop.getBeforeArguments(), split);
    carry(loop.getYieldOp().getResults(), loop.getBeforeArguments(), split);
    carry(loop.getConditionOp().getArgs(), loop.getAfterArguments(), split);
    carry(loop.getConditionOp().getArgs(), op->getResults(), split);
    return changed;
  }
  if (isa<gpu::ThreadIdOp, gpu::GlobalIdOp, gpu::LaneIdOp,
          gpu::SubgroupReduceOp, SubgroupRankOp>(op) ||
      loadsVarying(op) || llvm::any_of(op->getOperands(), varies))
    for (Value result : op->getResults())
      changed |= mark(result);
  return changed;
}

Operation *Uniformity::findDivergence(Operation *op) const {
  for (Operation *parent = op->getParentOp();
       parent && !isa<gpu::GPUFuncOp>(parent); parent = parent->getParentOp())
    if (diverges(parent))
      return parent;
  return nullptr;
}
