//===- LowerLinalg.cpp - linalg on buffers to GPU kernels -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread computes an element of the result, and loops over what is reduced.
// Where that is a long row, neighbouring threads take its numbers in turns, so
// that a sum of a thousand numbers isn't one thread's, and add up what they
// have.
//
//===----------------------------------------------------------------------===//

#include "DimensionNames.h"
#include "Fills.h"
#include "LinalgKernel.h"
#include "LoopKernel.h"
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
  LogicalResult lower(Operation *op);
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

namespace {
/// How threads share the reduction of a row.
struct RowReduction {
  unsigned dimension;
  int64_t lanes;
  bool isMax;
};
} // namespace

/// Whether a reduction adds f32, or finds the largest; none for all others.
static std::optional<bool> findCombiner(linalg::LinalgOp op) {
  BlockArgument sum = op.getRegionOutputArgs().front();
  Operation *combiner =
      op.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
  if (!sum.getType().isF32() || !combiner || !sum.hasOneUse() ||
      *sum.user_begin() != combiner)
    return std::nullopt;
  if (isa<arith::AddFOp>(combiner))
    return false;
  return isa<arith::MaximumFOp, arith::MaxNumFOp>(combiner)
             ? std::optional(true)
             : std::nullopt;
}

/// Finds a dimension of `reduced` whose elements lie one behind the other in
/// every input that has it, and are many enough to be shared out.
static std::optional<RowReduction> findRow(linalg::LinalgOp op,
                                           ArrayRef<int64_t> extents,
                                           ArrayRef<unsigned> reduced,
                                           int64_t results) {
  constexpr int64_t kShortest = 64, kEach = 4, kMostResults = 16384;
  if (reduced.empty() || op.getNumDpsInits() != 1 || results > kMostResults)
    return std::nullopt;
  unsigned dimension = reduced.back();
  std::optional<bool> isMax = findCombiner(op);
  if (!isMax || extents[dimension] < kShortest)
    return std::nullopt;
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (map.isFunctionOfDim(dimension) &&
        map.getResults().back() !=
            getAffineDimExpr(dimension, op->getContext()))
      return std::nullopt;
  }
  int64_t lanes = llvm::bit_floor<uint64_t>(extents[dimension] / kEach);
  return RowReduction{dimension, std::min(lanes, kGPUWorkgroupSize), *isMax};
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
  SmallVector<StringRef> names = nameLoops(op, parallel), coordinates;
  SmallVector<int64_t> threads;
  int64_t count = 1;
  for (unsigned dim : parallel) {
    threads.push_back(extents[dim]);
    coordinates.push_back(names[dim]);
    count *= extents[dim];
  }
  std::optional<RowReduction> row = findRow(op, extents, reduced, count);
  auto begun = kernel.begin(withShape(describe(op), extents), threads,
                            row ? row->lanes : 1, coordinates);
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
  Value start = values.empty() ? Value() : values.front();
  if (row)
    values.front() = arith::ConstantOp::create(
        b,
        b.getF32FloatAttr(row->isMax ? -std::numeric_limits<float>::max() : 0));
  // A loop for each reduced dimension; the accumulators pass through.
  Operation *outermost = nullptr;
  scf::ForOp loop;
  SmallVector<scf::ForOp> loops;
  for (unsigned dim : reduced) {
    bool isShared = row && row->dimension == dim;
    Value first = isShared ? kernel.indices.materialize(kernel.getLane())
                           : arith::ConstantIndexOp::create(b, 0).getResult();
    Value end = arith::ConstantIndexOp::create(b, extents[dim]);
    Value step = arith::ConstantIndexOp::create(b, isShared ? row->lanes : 1);
    loop = scf::ForOp::create(b, first, end, step, values);
    if (!outermost)
      outermost = loop;
    loops.push_back(loop);
    b.setInsertionPointToStart(loop.getBody());
    point[dim] = named(
        kernel.indices.value(loop.getInductionVar(), extents[dim]), names[dim]);
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
  if (row) {
    Value whole = kernel.reduceLanes(results->front(), row->isMax);
    results->front() =
        row->isMax ? arith::MaximumFOp::create(b, start, whole).getResult()
                   : arith::AddFOp::create(b, start, whole).getResult();
    kernel.beginFirstLane();
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
  // A slice that was written in its place needs no copy to it.
  if (op.getSource() == op.getTarget()) {
    op.erase();
    return success();
  }
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

LogicalResult Lowering::lower(Operation *op) {
  if (auto copy = dyn_cast<memref::CopyOp>(op))
    return lower(copy);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return lowerLoops(kernels, loop);
  if (auto store = dyn_cast<memref::StoreOp>(op))
    return lowerStore(kernels, store);
  return lower(cast<linalg::LinalgOp>(op));
}

/// Operations of the function that become kernels: loops with what is in them.
static void findWork(func::FuncOp function,
                     SmallVectorImpl<Operation *> &work) {
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<linalg::LinalgOp, memref::CopyOp, memref::StoreOp, scf::ForOp>(
            op)) {
      work.push_back(op);
      return WalkResult::skip();
    }
    return WalkResult::advance();
  });
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
      findWork(function, work);
    }
    for (Operation *op : work) {
      if (failed(lowering.lower(op)))
        return signalPassFailure();
      ++numDispatches;
    }
    numKernels += lowering.getKernels().getCount() - before;
  }
};
} // namespace
