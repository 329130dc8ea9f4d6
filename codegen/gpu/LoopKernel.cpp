//===- LoopKernel.cpp - a kernel for loops over elements ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Iterations of a loop are independent where one dimension of each buffer that
// is written, wherever the nest touches it, is indexed by the loop's counter:
// no two of them meet in an element. So the loop can be the threads, even if
// loops around it are not: each thread runs those for its elements alone, in
// their order, and results are those of one thread to the bit. A sum along an
// axis has a thread for each row, rows of updates one for each column.
//
//===----------------------------------------------------------------------===//

#include "LoopKernel.h"
#include "Fills.h"
#include "LinalgKernel.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace lowbit;

namespace {
/// A load or store of the nest.
struct Access {
  Operation *op;
  Value buffer;
  ValueRange indices;
  bool isStore;
};

class LoopLowering {
public:
  LoopLowering(KernelModule &kernels, scf::ForOp nest)
      : nest(nest), kernel(kernels, nest) {}
  LogicalResult lower();

private:
  LogicalResult collect();
  bool isParallel(scf::ForOp loop) const;
  LogicalResult addBuffers();
  LogicalResult copyCaptured();
  LogicalResult copyBlock(Block &block);
  LogicalResult copyInto(Block &target, Block &source);
  LogicalResult copyLoop(scf::ForOp loop);
  LogicalResult copyBranch(scf::IfOp branch);
  LogicalResult copy(Operation &op);
  Value get(Value value) { return kernel.mapping.lookupOrDefault(value); }
  SmallVector<Value> get(ValueRange values) {
    return llvm::map_to_vector(values, [&](Value value) { return get(value); });
  }

  scf::ForOp nest;
  LinalgKernel kernel;
  SmallVector<Access> accesses;
  llvm::SetVector<Value> written;
  /// Loops whose iterations are threads, outer ones first.
  SmallVector<scf::ForOp> parallel;
};
} // namespace

//===----------------------------------------------------------------------===//
// What the loops do
//===----------------------------------------------------------------------===//

/// The number of iterations of a loop from 0 in steps of 1; none of others.
static std::optional<int64_t> getTripCount(scf::ForOp loop) {
  std::optional<int64_t> end = getConstantIntValue(loop.getUpperBound());
  if (!end || getConstantIntValue(loop.getLowerBound()) != 0 ||
      getConstantIntValue(loop.getStep()) != 1)
    return std::nullopt;
  return std::max<int64_t>(*end, 0);
}

LogicalResult LoopLowering::collect() {
  Operation *other = nullptr;
  nest.walk([&](Operation *op) {
    if (auto load = dyn_cast<memref::LoadOp>(op))
      accesses.push_back({op, load.getMemRef(), load.getIndices(), false});
    else if (auto store = dyn_cast<memref::StoreOp>(op))
      accesses.push_back({op, store.getMemRef(), store.getIndices(), true});
    else if (!isa<scf::ForOp, scf::IfOp, scf::YieldOp>(op) &&
             (op->getNumRegions() || !isMemoryEffectFree(op)))
      other = other ? other : op;
  });
  if (other)
    return other->emitError("the GPU has no kernel for loops with '")
           << other->getName()
           << "': it requires them to load, compute and store numbers";
  for (const Access &access : accesses)
    if (access.isStore)
      written.insert(getBaseBuffer(access.buffer));
  return success();
}

bool LoopLowering::isParallel(scf::ForOp loop) const {
  if (loop.getNumResults() || !getTripCount(loop))
    return false;
  // For each written buffer, the view and the dimension that tell iterations
  // apart.
  return llvm::all_of(written, [&](Value base) {
    std::optional<std::pair<Value, unsigned>> place;
    for (const Access &access : accesses) {
      if (getBaseBuffer(access.buffer) != base)
        continue;
      auto index = llvm::find(access.indices, loop.getInductionVar());
      if (index == access.indices.end())
        return false;
      std::pair<Value, unsigned> here(access.buffer,
                                      index - access.indices.begin());
      if (place.value_or(here) != here)
        return false;
      place = here;
    }
    return true;
  });
}

LogicalResult LoopLowering::addBuffers() {
  for (Value bound : nest->getOperands())
    if (failed(kernel.addScalar(bound)))
      return failure();
  if (failed(kernel.addCaptured(nest.getRegion())))
    return failure();
  for (const Access &access : accesses)
    if (access.isStore && failed(kernel.addBuffer(access.buffer, true)))
      return failure();
  for (Value base : written)
    if (kernel.getElementsPerWord(base) != 1)
      return nest.emitError("GPU kernels require packed states to be written "
                            "element by element, found a loop");
  return success();
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

/// What the host would compute, before any loop.
LogicalResult LoopLowering::copyCaptured() {
  SetVector<Value> used(nest->operand_begin(), nest->operand_end());
  getUsedValuesDefinedAbove(nest.getRegion(), used);
  for (Value value : used)
    if (failed(kernel.copyFromHost(value)))
      return failure();
  return success();
}

/// Fills a block, which may have a terminator.
LogicalResult LoopLowering::copyInto(Block &target, Block &source) {
  if (target.mightHaveTerminator())
    target.getTerminator()->erase();
  OpBuilder::InsertionGuard guard(kernel.b);
  kernel.b.setInsertionPointToEnd(&target);
  if (failed(copyBlock(source)))
    return failure();
  scf::YieldOp::create(kernel.b, get(source.getTerminator()->getOperands()));
  return success();
}

LogicalResult LoopLowering::copyLoop(scf::ForOp loop) {
  // The counter of a thread is known.
  if (llvm::is_contained(parallel, loop))
    return copyBlock(*loop.getBody());
  ImplicitLocOpBuilder &b = kernel.b;
  auto copied = scf::ForOp::create(
      b, get(loop.getLowerBound()), get(loop.getUpperBound()),
      get(loop.getStep()), get(loop.getInitArgs()));
  kernel.mapping.map(loop.getInductionVar(), copied.getInductionVar());
  kernel.mapping.map(loop.getRegionIterArgs(), copied.getRegionIterArgs());
  kernel.mapping.map(loop.getResults(), copied.getResults());
  return copyInto(*copied.getBody(), *loop.getBody());
}

LogicalResult LoopLowering::copyBranch(scf::IfOp branch) {
  ImplicitLocOpBuilder &b = kernel.b;
  bool hasElse = !branch.getElseRegion().empty();
  SmallVector<Type> types;
  for (Type type : branch.getResultTypes())
    types.push_back(getKernelType(type));
  if (llvm::is_contained(types, Type()))
    return branch.emitError("GPU kernels have no words for what a branch "
                            "yields, of type ")
           << branch.getResultTypes();
  auto copied = scf::IfOp::create(b, types, get(branch.getCondition()),
                                  /*addThenBlock=*/true, hasElse);
  for (auto [from, to] :
       llvm::zip(branch->getRegions(), copied->getRegions())) {
    if (!from.empty() && failed(copyInto(to.front(), from.front())))
      return failure();
  }
  kernel.mapping.map(branch.getResults(), copied.getResults());
  return success();
}

LogicalResult LoopLowering::copy(Operation &op) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return copyLoop(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return copyBranch(branch);
  auto store = dyn_cast<memref::StoreOp>(op);
  if (!store)
    return kernel.copyOperation(op, {});
  SmallVector<Index> at =
      llvm::map_to_vector(store.getIndices(), [&](Value index) {
        return kernel.indices.value(get(index));
      });
  kernel.store(get(store.getValue()), store.getMemRef(), at);
  return success();
}

LogicalResult LoopLowering::copyBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(copy(op)))
      return failure();
  return success();
}

LogicalResult LoopLowering::lower() {
  if (!nest->use_empty())
    return nest.emitError("the GPU has no kernel for a loop that yields a "
                          "number to the host, found one of type ")
           << nest.getResultTypes();
  if (failed(collect()) || failed(addBuffers()))
    return failure();
  SmallVector<int64_t> threads;
  std::string name = "loop";
  char separator = '_';
  nest.walk<WalkOrder::PreOrder>([&](scf::ForOp loop) {
    std::optional<int64_t> count = getTripCount(loop);
    if (count)
      name += separator + std::to_string(*count);
    separator = 'x';
    if (!isParallel(loop))
      return;
    parallel.push_back(loop);
    threads.push_back(*count);
  });
  if (written.empty() || llvm::is_contained(threads, 0)) {
    nest.erase();
    return success();
  }
  FailureOr<SmallVector<Index>> point = kernel.begin(name, threads);
  if (failed(point))
    return failure();
  for (auto [loop, index] : llvm::zip_equal(parallel, *point))
    kernel.mapping.map(loop.getInductionVar(),
                       kernel.indices.materialize(index));
  if (failed(copyCaptured()) || failed(copyLoop(nest))) {
    kernel.drop();
    return failure();
  }
  kernel.finish();
  return success();
}

LogicalResult lowbit::lowerLoops(KernelModule &kernels, scf::ForOp loop) {
  expandCopies(loop);
  return LoopLowering(kernels, loop).lower();
}

LogicalResult lowbit::lowerStore(KernelModule &kernels, memref::StoreOp store) {
  LinalgKernel kernel(kernels, store);
  SmallVector<Value> scalars{store.getValue()};
  llvm::append_range(scalars, store.getIndices());
  for (Value scalar : scalars)
    if (failed(kernel.addScalar(scalar)))
      return failure();
  if (failed(kernel.addBuffer(store.getMemRef(), true)) ||
      failed(kernel.begin("store", {})))
    return failure();
  for (Value scalar : scalars)
    if (failed(kernel.copyFromHost(scalar))) {
      kernel.drop();
      return failure();
    }
  SmallVector<Index> at =
      llvm::map_to_vector(store.getIndices(), [&](Value index) {
        return kernel.indices.value(kernel.mapping.lookup(index));
      });
  kernel.store(kernel.mapping.lookup(store.getValue()), store.getMemRef(), at);
  kernel.finish();
  return success();
}
