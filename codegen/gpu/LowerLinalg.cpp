//===- LowerLinalg.cpp - linalg on buffers to GPU kernels -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread computes an element of the result, and loops over what is reduced.
//
//===----------------------------------------------------------------------===//

#include "Fills.h"
#include "LinalgKernel.h"
#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/IR/LowbitGPUOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace lowbit {
#define GEN_PASS_DEF_GPULOWERLINALGPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
class Lowering {
public:
  explicit Lowering(ModuleOp module) : module(module), kernels(module) {}
  LogicalResult lower(linalg::LinalgOp op);
  LogicalResult lower(memref::CopyOp op);
  /// A thread for each word of packed elements, which `compute` gives.
  LogicalResult
  lowerToWords(LinalgKernel &kernel, StringRef name, Value output,
               function_ref<FailureOr<Value>(ArrayRef<Index>)> compute);
  LogicalResult lowerToWords(linalg::LinalgOp op, LinalgKernel &kernel);
  /// Notes what buffers begin with, before anything is lowered.
  void takeFills(func::FuncOp function);
  KernelModule &getKernels() { return kernels; }

private:
  ModuleOp module;
  KernelModule kernels;
  DenseMap<OpOperand *, Value> fills;
};

} // namespace

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// A word for what an operation does: `add` for a sum of two inputs,
/// `reduce_add` for one along a dimension, and so on.
static std::string describe(linalg::LinalgOp op) {
  std::string name;
  if (!isa<linalg::GenericOp>(op))
    return op->getName().stripDialect().str();
  Operation *last = nullptr;
  unsigned count = 0;
  for (Operation &inner : op.getBlock()->without_terminator())
    if (!isa<arith::ConstantOp, linalg::IndexOp>(inner)) {
      last = &inner;
      ++count;
    }
  if (op.getNumReductionLoops())
    name = "reduce_";
  if (!last)
    return name + "copy";
  name += last->getName().stripDialect();
  return count > 1 ? name + "_of_" + std::to_string(count) : name;
}

/// `name`, and the extents of the loops.
static std::string withShape(std::string name, ArrayRef<int64_t> extents) {
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  for (auto [i, extent] : llvm::enumerate(extents))
    name += (i == 0 ? "_" : "x") + std::to_string(extent);
  return name;
}

LogicalResult Lowering::lowerToWords(
    LinalgKernel &kernel, StringRef name, Value output,
    function_ref<FailureOr<Value>(ArrayRef<Index>)> compute) {
  int64_t count = kernel.getElementsPerWord(output);
  SmallVector<int64_t> extents(cast<MemRefType>(output.getType()).getShape());
  std::string text = withShape(name.str(), extents);
  extents.back() /= count;
  auto first = kernel.begin(text, extents);
  if (failed(first))
    return failure();
  IndexBuilder &indices = kernel.indices;
  first->back() = indices.multiply(first->back(), count);
  SmallVector<Value> elements;
  for (int64_t i = 0; i < count; ++i) {
    SmallVector<Index> at(*first);
    at.back() = indices.add(at.back(), indices.constant(i));
    FailureOr<Value> element = compute(at);
    if (failed(element)) {
      kernel.drop();
      return failure();
    }
    elements.push_back(*element);
  }
  kernel.storeWord(elements, output, *first);
  kernel.finish();
  return success();
}

LogicalResult Lowering::lowerToWords(linalg::LinalgOp op,
                                     LinalgKernel &kernel) {
  OpOperand &init = *op.getDpsInitOperand(0);
  AffineMap map = op.getMatchingIndexingMap(&init);
  if (op.getNumDpsInits() != 1 || !map.isPermutation() ||
      op.getNumParallelLoops() != op.getNumLoops())
    return op->emitError("GPU kernels require packed states to be written "
                         "element by element, found another operation");
  auto compute = [&](ArrayRef<Index> at) -> FailureOr<Value> {
    SmallVector<Index> point(at.size());
    for (auto [i, index] : llvm::enumerate(at))
      point[map.getDimPosition(i)] = index;
    Value before;
    if (!op.getMatchingBlockArgument(&init).use_empty())
      before = kernel.load(init.get(), at);
    auto results = kernel.copyBody(op, point, before);
    if (failed(results))
      return failure();
    return results->front();
  };
  return lowerToWords(kernel, describe(op), init.get(), compute);
}

LogicalResult Lowering::lower(linalg::LinalgOp op) {
  LinalgKernel kernel(kernels, op);
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  if (llvm::any_of(extents, ShapedType::isDynamic))
    return op->emitError("GPU kernels require shapes that are known when the "
                         "model is compiled: fix dynamic dimensions with "
                         "--shape");
  if (llvm::is_contained(extents, 0) && op.getNumReductionLoops() == 0) {
    op->erase();
    return success();
  }
  for (OpOperand *input : op.getDpsInputOperands())
    if (!op.getMatchingBlockArgument(input).use_empty() &&
        failed(kernel.addScalar(input->get())))
      return failure();
  for (OpOperand &init : op.getDpsInitsMutable())
    if (Value fill = fills.lookup(&init);
        fill && failed(kernel.addScalar(fill)))
      return failure();
  if (failed(kernel.addCaptured(op->getRegion(0))))
    return failure();
  for (Value output : op.getDpsInits())
    if (failed(kernel.addBuffer(output, true)))
      return failure();
  if (llvm::any_of(op.getDpsInits(), [&](Value output) {
        return kernel.getElementsPerWord(output) != 1;
      }))
    return lowerToWords(op, kernel);
  // Threads in the order of the result's elements.
  AffineMap order = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<unsigned> parallel, reduced;
  for (AffineExpr expr : order.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      if (!llvm::is_contained(parallel, dim.getPosition()))
        parallel.push_back(dim.getPosition());
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  for (auto [i, iterator] : llvm::enumerate(iterators)) {
    if (iterator == utils::IteratorType::reduction)
      reduced.push_back(i);
    else if (!llvm::is_contained(parallel, i))
      parallel.push_back(i);
  }
  SmallVector<int64_t> threads;
  for (unsigned dim : parallel)
    threads.push_back(extents[dim]);
  auto begun = kernel.begin(withShape(describe(op), extents), threads);
  if (failed(begun))
    return failure();
  SmallVector<Index> point(extents.size());
  for (auto [dim, index] : llvm::zip_equal(parallel, *begun))
    point[dim] = index;
  ImplicitLocOpBuilder &b = kernel.b;
  SmallVector<Value> values;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    bool isRead = !op.getMatchingBlockArgument(&init).use_empty();
    if (Value fill = fills.lookup(&init); fill && isRead) {
      if (failed(kernel.copyFromHost(fill))) {
        kernel.drop();
        return failure();
      }
      values.push_back(kernel.mapping.lookup(fill));
      continue;
    }
    values.push_back(isRead ? kernel.load(init.get(), kernel.apply(map, point))
                            : Value());
  }
  if (!reduced.empty() && llvm::is_contained(values, Value())) {
    kernel.drop();
    return op->emitError("GPU kernels require a reduction to use what it has "
                         "so far");
  }
  // A loop for each reduced dimension; the accumulators pass through.
  Operation *outermost = nullptr;
  scf::ForOp loop;
  SmallVector<scf::ForOp> loops;
  for (unsigned dim : reduced) {
    Value zero = arith::ConstantIndexOp::create(b, 0);
    Value end = arith::ConstantIndexOp::create(b, extents[dim]);
    Value step = arith::ConstantIndexOp::create(b, 1);
    loop = scf::ForOp::create(b, zero, end, step, values);
    if (!outermost)
      outermost = loop;
    loops.push_back(loop);
    b.setInsertionPointToStart(loop.getBody());
    point[dim] = kernel.indices.value(loop.getInductionVar(), extents[dim]);
    values.assign(loop.getRegionIterArgs().begin(),
                  loop.getRegionIterArgs().end());
  }
  auto results = kernel.copyBody(op, point, values);
  if (failed(results)) {
    kernel.drop();
    return failure();
  }
  for (scf::ForOp inner : llvm::reverse(loops)) {
    scf::YieldOp::create(b, *results);
    results = llvm::to_vector_of<Value>(inner.getResults());
    b.setInsertionPointAfter(inner);
  }
  for (auto [i, value] : llvm::enumerate(*results)) {
    OpOperand *init = op.getDpsInitOperand(i);
    kernel.store(value, init->get(),
                 kernel.apply(op.getMatchingIndexingMap(init), point));
  }
  kernel.finish();
  return success();
}

void Lowering::takeFills(func::FuncOp function) {
  SmallVector<linalg::LinalgOp> ops;
  function.walk([&](linalg::LinalgOp op) {
    if (op.getNumReductionLoops())
      ops.push_back(op);
  });
  for (linalg::LinalgOp op : ops)
    for (OpOperand &init : op.getDpsInitsMutable())
      if (Value fill = takeFill(op, init))
        fills[&init] = fill;
}

LogicalResult Lowering::lower(memref::CopyOp op) {
  LinalgKernel kernel(kernels, op);
  if (failed(kernel.addBuffer(op.getSource(), false)) ||
      failed(kernel.addBuffer(op.getTarget(), true)))
    return failure();
  ArrayRef<int64_t> extents =
      cast<MemRefType>(op.getTarget().getType()).getShape();
  if (llvm::is_contained(extents, 0)) {
    op.erase();
    return success();
  }
  if (kernel.getElementsPerWord(op.getTarget()) != 1)
    return lowerToWords(kernel, "copy", op.getTarget(),
                        [&](ArrayRef<Index> at) -> FailureOr<Value> {
                          return kernel.load(op.getSource(), at);
                        });
  auto point = kernel.begin(withShape("copy", extents), extents);
  if (failed(point))
    return failure();
  kernel.store(kernel.load(op.getSource(), *point), op.getTarget(), *point);
  kernel.finish();
  return success();
}

namespace {
struct GPULowerLinalgPass
    : lowbit::impl::GPULowerLinalgPassBase<GPULowerLinalgPass> {
  void runOnOperation() override {
    Lowering lowering(getOperation());
    int64_t before = lowering.getKernels().getCount();
    SmallVector<Operation *> work;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      lowering.takeFills(function);
      function.walk([&](Operation *op) {
        if (isa<linalg::LinalgOp, memref::CopyOp>(op))
          work.push_back(op);
      });
    }
    for (Operation *op : work) {
      auto copy = dyn_cast<memref::CopyOp>(op);
      if (failed(copy ? lowering.lower(copy)
                      : lowering.lower(cast<linalg::LinalgOp>(op))))
        return signalPassFailure();
      ++numDispatches;
    }
    numKernels += lowering.getKernels().getCount() - before;
  }
};
} // namespace
