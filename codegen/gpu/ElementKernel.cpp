//===- ElementKernel.cpp - a thread for each element of a result ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread computes an element of the result, and loops over what is reduced.
// Where that is a long row, neighbouring threads take its numbers in turns, so
// that a sum of a thousand numbers isn't one thread's, and add up what they
// have.
//
//===----------------------------------------------------------------------===//

#include "ElementKernel.h"
#include "DimensionNames.h"
#include "LinalgKernel.h"
#include "WordKernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace lowbit;

namespace {
/// How threads share the reduction of a row.
struct RowReduction {
  unsigned dimension;
  int64_t lanes;
  bool isMax;
};

/// The kernel of one operation, part by part.
class ElementKernel {
public:
  ElementKernel(KernelModule &kernels, linalg::LinalgOp op,
                const BufferFills &fills)
      : op(op), fills(fills), kernel(kernels, op), b(kernel.b),
        extents(op.getStaticLoopRanges()), point(extents.size()) {}

  LogicalResult build();

private:
  LogicalResult addOperands();
  void orderLoops();
  LogicalResult begin();
  LogicalResult buildBody();
  FailureOr<SmallVector<Value>> loadInits();
  SmallVector<scf::ForOp> beginLoops(SmallVector<Value> &values);
  void endLoops(ArrayRef<scf::ForOp> loops, SmallVector<Value> &results);
  Value reduceLanes(Value own, Value start);

  linalg::LinalgOp op;
  const BufferFills &fills;
  LinalgKernel kernel;
  ImplicitLocOpBuilder &b;
  SmallVector<int64_t> extents;
  /// Loops by what becomes of them: threads, in the order of the result's
  /// elements, and loops of a thread.
  SmallVector<unsigned> parallel, reduced;
  SmallVector<StringRef> names;
  std::optional<RowReduction> row;
  /// Where in the loops' space a thread is.
  SmallVector<Index> point;
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

/// Adds what the kernel reads and writes to its arguments.
LogicalResult ElementKernel::addOperands() {
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
  return success();
}

void ElementKernel::orderLoops() {
  AffineMap order = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
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
  names = nameLoops(op, parallel);
}

/// Begins the kernel, and finds which point is a thread's.
LogicalResult ElementKernel::begin() {
  SmallVector<StringRef> coordinates;
  SmallVector<int64_t> threads;
  int64_t count = 1;
  for (unsigned dim : parallel) {
    threads.push_back(extents[dim]);
    coordinates.push_back(names[dim]);
    count *= extents[dim];
  }
  row = findRow(op, extents, reduced, count);
  auto begun = kernel.begin(withShape(describe(op), extents), threads,
                            row ? row->lanes : 1, coordinates);
  if (failed(begun))
    return failure();
  for (auto [dim, index] : llvm::zip_equal(parallel, *begun))
    point[dim] = index;
  return success();
}

/// What results are before the operation, where it reads that, else null.
FailureOr<SmallVector<Value>> ElementKernel::loadInits() {
  SmallVector<Value> values;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    bool isRead = !op.getMatchingBlockArgument(&init).use_empty();
    if (Value fill = fills.lookup(&init); fill && isRead) {
      if (failed(kernel.copyFromHost(fill)))
        return failure();
      values.push_back(kernel.mapping.lookup(fill));
      continue;
    }
    values.push_back(isRead ? kernel.load(init.get(), kernel.apply(map, point))
                            : Value());
  }
  if (!reduced.empty() && llvm::is_contained(values, Value()))
    return op->emitError("GPU kernels require a reduction to use what it has "
                         "so far");
  return values;
}

/// Begins a loop for each reduced dimension, through which the accumulators
/// pass: `values` are those of the innermost one then.
SmallVector<scf::ForOp> ElementKernel::beginLoops(SmallVector<Value> &values) {
  SmallVector<scf::ForOp> loops;
  for (unsigned dim : reduced) {
    bool isShared = row && row->dimension == dim;
    Value first = isShared ? kernel.indices.materialize(kernel.getLane())
                           : arith::ConstantIndexOp::create(b, 0).getResult();
    Value end = arith::ConstantIndexOp::create(b, extents[dim]);
    Value step = arith::ConstantIndexOp::create(b, isShared ? row->lanes : 1);
    auto loop = scf::ForOp::create(b, first, end, step, values);
    loops.push_back(loop);
    b.setInsertionPointToStart(loop.getBody());
    point[dim] = named(
        kernel.indices.value(loop.getInductionVar(), extents[dim]), names[dim]);
    values.assign(loop.getRegionIterArgs().begin(),
                  loop.getRegionIterArgs().end());
  }
  return loops;
}

/// Ends the loops: `results` are those of the outermost one then.
void ElementKernel::endLoops(ArrayRef<scf::ForOp> loops,
                             SmallVector<Value> &results) {
  for (scf::ForOp loop : llvm::reverse(loops)) {
    scf::YieldOp::create(b, results);
    results = llvm::to_vector_of<Value>(loop.getResults());
    b.setInsertionPointAfter(loop);
  }
}

/// What a row comes to, of which each lane has its `own` part. All else is done
/// by the first lane.
Value ElementKernel::reduceLanes(Value own, Value start) {
  Value whole = kernel.reduceLanes(own, row->isMax);
  Value result = row->isMax
                     ? arith::MaximumFOp::create(b, start, whole).getResult()
                     : arith::AddFOp::create(b, start, whole).getResult();
  kernel.beginFirstLane();
  return result;
}

LogicalResult ElementKernel::buildBody() {
  FailureOr<SmallVector<Value>> values = loadInits();
  if (failed(values))
    return failure();
  Value start = values->empty() ? Value() : values->front();
  if (row)
    values->front() = arith::ConstantOp::create(
        b,
        b.getF32FloatAttr(row->isMax ? -std::numeric_limits<float>::max() : 0));
  SmallVector<scf::ForOp> loops = beginLoops(*values);
  FailureOr<SmallVector<Value>> results = kernel.copyBody(op, point, *values);
  if (failed(results))
    return failure();
  endLoops(loops, *results);
  if (row)
    results->front() = reduceLanes(results->front(), start);
  for (auto [i, value] : llvm::enumerate(*results)) {
    OpOperand *init = op.getDpsInitOperand(i);
    kernel.store(value, init->get(),
                 kernel.apply(op.getMatchingIndexingMap(init), point));
  }
  return success();
}

LogicalResult ElementKernel::build() {
  if (failed(addOperands()))
    return failure();
  if (llvm::any_of(op.getDpsInits(), [&](Value output) {
        return kernel.getElementsPerWord(output) != 1;
      }))
    return writeWords(op, kernel);
  orderLoops();
  if (failed(begin()))
    return failure();
  if (failed(buildBody())) {
    kernel.drop();
    return failure();
  }
  kernel.finish();
  return success();
}

LogicalResult lowbit::lowerElements(KernelModule &kernels, linalg::LinalgOp op,
                                    const BufferFills &fills) {
  SmallVector<int64_t> extents = op.getStaticLoopRanges();
  if (llvm::any_of(extents, ShapedType::isDynamic))
    return op->emitError("GPU kernels require shapes that are known when the "
                         "model is compiled: fix dynamic dimensions with "
                         "--shape");
  if (llvm::is_contained(extents, 0) && op.getNumReductionLoops() == 0) {
    op->erase();
    return success();
  }
  return ElementKernel(kernels, op, fills).build();
}
