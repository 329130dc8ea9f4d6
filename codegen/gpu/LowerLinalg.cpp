//===- LowerLinalg.cpp - linalg on buffers to GPU kernels -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thread computes an element of the result, and loops over what is reduced.
// Views of buffers vanish: kernels take the buffers themselves, and the view's
// strides are part of the address, which is a constant expression in all but
// the loops' counters.
//
//===----------------------------------------------------------------------===//

#include "BodyToWords.h"
#include "Fills.h"
#include "KernelModule.h"
#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/IR/LowbitGPUOps.h"
#include "lowbit/Reference/IndexArithmetic.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/RegionUtils.h"

namespace lowbit {
#define GEN_PASS_DEF_GPULOWERLINALGPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// Whether elements are as the model's file has them: narrow ones packed.
static bool isPacked(Value base) {
  return base.getDefiningOp<memref::GetGlobalOp>() &&
         cast<MemRefType>(base.getType()).getElementTypeBitWidth() < 32 &&
         !cast<MemRefType>(base.getType()).getElementType().isInteger(1);
}

namespace {

/// One kernel under construction.
class Kernel {
public:
  Kernel(KernelModule &module, Operation *op)
      : module(module), op(op), b(op->getLoc(), op->getContext()),
        indices(b, op->getLoc()), words(b, mapping) {}

  /// Adds the buffers that operands and captured values refer to.
  LogicalResult addBuffer(Value buffer, bool isWritten);
  LogicalResult addCaptured(Region &region);
  /// Begins the kernel and a thread for each point of `extents`; returns its
  /// coordinates.
  FailureOr<SmallVector<Index>> begin(StringRef name,
                                      ArrayRef<int64_t> extents);
  Value load(Value buffer, ArrayRef<Index> at);
  void store(Value value, Value buffer, ArrayRef<Index> at);
  /// Copies the body of `linalgOp` for one point; returns what it yields.
  FailureOr<SmallVector<Value>>
  copyBody(linalg::LinalgOp linalgOp, ArrayRef<Index> point, ValueRange inits);
  LogicalResult copyOperation(Operation &inner, ArrayRef<Index> point);
  /// The elements of `map` at a point.
  SmallVector<Index> apply(AffineMap map, ArrayRef<Index> point);
  /// Replaces the operation by a dispatch.
  void finish();
  void drop() {
    if (kernel)
      kernel.erase();
  }

  KernelModule &module;
  Operation *op;
  ImplicitLocOpBuilder b;
  IndexBuilder indices;
  IRMapping mapping;
  BodyToWords words;

  LogicalResult copyFromHost(Value value);

private:
  Index getAddress(Value buffer, ArrayRef<Index> at);

  gpu::GPUFuncOp kernel;
  int64_t threads = 0;
  /// Base buffers in the order of arguments, read ones before written ones.
  llvm::SetVector<Value> read, written;
  DenseMap<Value, Value> arguments;
  scf::IfOp guard;
};

class Lowering {
public:
  explicit Lowering(ModuleOp module) : module(module), kernels(module) {}
  LogicalResult lower(linalg::LinalgOp op);
  LogicalResult lower(memref::CopyOp op);
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
// Buffers
//===----------------------------------------------------------------------===//

LogicalResult Kernel::addBuffer(Value buffer, bool isWritten) {
  auto type = dyn_cast<MemRefType>(buffer.getType());
  int64_t offset;
  SmallVector<int64_t> strides;
  if (!type || !type.hasStaticShape() ||
      failed(type.getStridesAndOffset(strides, offset)) ||
      ShapedType::isDynamic(offset) ||
      llvm::any_of(strides, ShapedType::isDynamic))
    return op->emitError("GPU kernels require buffers whose shape and place "
                         "are known when the model is compiled, found ")
           << buffer.getType() << ": fix dynamic dimensions with --shape";
  Value base = getBaseBuffer(buffer);
  auto baseType = cast<MemRefType>(base.getType());
  Type element = baseType.getElementType();
  bool isKnown = element.isF32() || element.isIndex() ||
                 (element.isInteger() && element.getIntOrFloatBitWidth() <= 64);
  if (isPacked(base))
    isKnown |= element.isF16() || element.isBF16();
  if (!isKnown)
    return op->emitError("GPU kernels require elements of 32 bits, integers, "
                         "or weights of 16 bits, found ")
           << type;
  if (isWritten) {
    read.remove(base);
    written.insert(base);
  } else if (!written.contains(base)) {
    read.insert(base);
  }
  return success();
}

/// Scalars that the host computes are computed by each thread instead.
LogicalResult Kernel::addCaptured(Region &region) {
  LogicalResult result = success();
  std::function<void(Value)> visit = [&](Value value) {
    if (isa<MemRefType>(value.getType())) {
      if (failed(addBuffer(value, false)))
        result = failure();
      return;
    }
    if (Operation *definition = value.getDefiningOp())
      for (Value operand : definition->getOperands())
        visit(operand);
  };
  visitUsedValuesDefinedAbove(region,
                              [&](OpOperand *use) { visit(use->get()); });
  return result;
}

FailureOr<SmallVector<Index>> Kernel::begin(StringRef name,
                                            ArrayRef<int64_t> extents) {
  SmallVector<Type> types;
  unsigned count = read.size() + written.size();
  if (count > kMostGPUBindings)
    return op->emitError("GPU kernels bind at most 8 buffers, found an "
                         "operation on ")
           << count;
  auto addType = [&](Value base) {
    auto type = cast<MemRefType>(base.getType());
    int64_t elements = std::max<int64_t>(type.getNumElements(), 1);
    if (isPacked(base))
      elements = llvm::divideCeil(elements * type.getElementTypeBitWidth(), 32);
    types.push_back(
        MemRefType::get({elements}, getWordType(type.getElementType())));
    // Bits of numbers that are not words are read as integers.
    if (isPacked(base))
      types.back() = MemRefType::get({elements}, b.getI32Type());
  };
  llvm::for_each(read, addType);
  llvm::for_each(written, addType);
  threads = 1;
  for (int64_t extent : extents)
    threads *= extent;
  kernel = module.begin(name, types, {kGPUWorkgroupSize, 1, 1}, b);
  for (auto [base, argument] : llvm::zip(read, kernel.getArguments()))
    arguments[base] = argument;
  for (auto [base, argument] :
       llvm::zip(written, kernel.getArguments().drop_front(read.size())))
    arguments[base] = argument;
  gpu::ReturnOp::create(b);
  b.setInsertionPointToStart(&kernel.getBody().front());
  std::array<int64_t, 3> grid =
      getGPUGrid(llvm::divideCeil(threads, kGPUWorkgroupSize));
  auto id = [&](Value value, int64_t limit) {
    return indices.value(value, limit);
  };
  Index block = id(gpu::BlockIdOp::create(b, gpu::Dimension::x), grid[0]);
  if (grid[1] > 1)
    block = indices.add(
        block, indices.multiply(
                   id(gpu::BlockIdOp::create(b, gpu::Dimension::y), grid[1]),
                   grid[0]));
  Index thread = indices.add(
      indices.multiply(block, kGPUWorkgroupSize),
      id(gpu::ThreadIdOp::create(b, gpu::Dimension::x), kGPUWorkgroupSize));
  if (threads != grid[0] * grid[1] * kGPUWorkgroupSize) {
    Value inside = arith::CmpIOp::create(
        b, arith::CmpIPredicate::ult, indices.materialize(thread),
        arith::ConstantIndexOp::create(b, threads));
    guard = scf::IfOp::create(b, inside, /*withElseRegion=*/false);
    b.setInsertionPointToStart(guard.thenBlock());
  }
  thread.limit = threads;
  SmallVector<Index> point(extents.size(), indices.constant(0));
  for (int64_t i = extents.size() - 1; i >= 0; --i) {
    point[i] = i == 0 ? thread : indices.remainder(thread, extents[i]);
    thread = indices.divide(thread, extents[i]);
  }
  if (!point.empty())
    point[0].limit = extents[0];
  return point;
}

/// The element of the base buffer at `at` of a view.
Index Kernel::getAddress(Value buffer, ArrayRef<Index> at) {
  auto type = cast<MemRefType>(buffer.getType());
  auto [strides, offset] = type.getStridesAndOffset();
  Index address = indices.constant(offset);
  for (auto [index, stride, extent] :
       llvm::zip_equal(at, strides, type.getShape()))
    if (extent != 1)
      address = indices.add(address, indices.multiply(index, stride));
  return address;
}

Value Kernel::load(Value buffer, ArrayRef<Index> at) {
  Value base = getBaseBuffer(buffer);
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  Index address = getAddress(buffer, at);
  if (!isPacked(base))
    return words.fromElement(
        memref::LoadOp::create(b, arguments.lookup(base),
                               indices.materialize(address)),
        element);
  int64_t bits = element.getIntOrFloatBitWidth();
  Value word = memref::LoadOp::create(
      b, arguments.lookup(base),
      indices.materialize(indices.divide(address, 32 / bits)));
  Value shift = arith::IndexCastOp::create(
      b, b.getI32Type(),
      indices.materialize(
          indices.multiply(indices.remainder(address, 32 / bits), bits)));
  Value number = arith::AndIOp::create(
      b, arith::ShRUIOp::create(b, word, shift),
      arith::ConstantIntOp::create(b, (int64_t(1) << bits) - 1, 32));
  return isa<FloatType>(element)
             ? words.decodeFloat(number, cast<FloatType>(element))
             : number;
}

void Kernel::store(Value value, Value buffer, ArrayRef<Index> at) {
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  Index address = getAddress(buffer, at);
  memref::StoreOp::create(b, words.toElement(value, element),
                          arguments.lookup(getBaseBuffer(buffer)),
                          indices.materialize(address));
}

void Kernel::finish() {
  SymbolRefAttr symbol = module.finish(kernel);
  OpBuilder host(op);
  DispatchOp::create(host, op->getLoc(), TypeRange{}, symbol,
                     host.getDenseI64ArrayAttr(getGPUGrid(
                         llvm::divideCeil(threads, kGPUWorkgroupSize))),
                     read.takeVector(), written.takeVector());
  op->erase();
}

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

SmallVector<Index> Kernel::apply(AffineMap map, ArrayRef<Index> point) {
  std::function<Index(AffineExpr)> evaluate = [&](AffineExpr expr) -> Index {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      return point[dim.getPosition()];
    // Symbols follow the dimensions.
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
      return point[map.getNumDims() + symbol.getPosition()];
    if (auto number = dyn_cast<AffineConstantExpr>(expr))
      return indices.constant(number.getValue());
    auto binary = cast<AffineBinaryOpExpr>(expr);
    Index lhs = evaluate(binary.getLHS());
    std::optional<int64_t> number;
    if (auto rhs = dyn_cast<AffineConstantExpr>(binary.getRHS()))
      number = rhs.getValue();
    switch (binary.getKind()) {
    case AffineExprKind::FloorDiv:
      return indices.divide(lhs, *number);
    case AffineExprKind::Mod:
      return indices.remainder(lhs, *number);
    case AffineExprKind::Mul:
      return indices.multiply(lhs, evaluate(binary.getRHS()));
    default:
      return indices.add(lhs, evaluate(binary.getRHS()));
    }
  };
  return llvm::map_to_vector(map.getResults(), evaluate);
}

/// A scalar of the host, computed again in the kernel.
LogicalResult Kernel::copyFromHost(Value value) {
  if (mapping.contains(value) || isa<MemRefType>(value.getType()))
    return success();
  Operation *definition = value.getDefiningOp();
  if (!definition)
    return op->emitError("GPU kernels require scalars to come from buffers, "
                         "found an argument of type ")
           << value.getType();
  for (Value operand : definition->getOperands())
    if (failed(copyFromHost(operand)))
      return failure();
  return copyOperation(*definition, {});
}

LogicalResult Kernel::copyOperation(Operation &inner, ArrayRef<Index> point) {
  if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
    mapping.map(index.getResult(), indices.materialize(point[index.getDim()]));
    return success();
  }
  auto asIndices = [&](ValueRange values) {
    return llvm::map_to_vector(values, [&](Value value) {
      return indices.value(mapping.lookupOrDefault(value));
    });
  };
  if (auto affine = dyn_cast<affine::AffineApplyOp>(inner)) {
    Index index =
        apply(affine.getAffineMap(), asIndices(affine.getMapOperands()))
            .front();
    mapping.map(affine.getResult(), indices.materialize(index));
    return success();
  }
  if (auto loaded = dyn_cast<memref::LoadOp>(inner)) {
    SmallVector<Index> at = asIndices(loaded.getIndices());
    mapping.map(loaded.getResult(), load(loaded.getMemRef(), at));
    return success();
  }
  return words.copy(inner);
}

FailureOr<SmallVector<Value>> Kernel::copyBody(linalg::LinalgOp linalgOp,
                                               ArrayRef<Index> point,
                                               ValueRange inits) {
  Block *body = linalgOp.getBlock();
  for (OpOperand *input : linalgOp.getDpsInputOperands()) {
    BlockArgument argument = linalgOp.getMatchingBlockArgument(input);
    if (argument.use_empty())
      continue;
    if (!isa<MemRefType>(input->get().getType())) {
      if (failed(copyFromHost(input->get())))
        return failure();
      mapping.map(argument, mapping.lookup(input->get()));
      continue;
    }
    mapping.map(argument,
                load(input->get(),
                     apply(linalgOp.getMatchingIndexingMap(input), point)));
  }
  for (auto [init, value] :
       llvm::zip_equal(linalgOp.getRegionOutputArgs(), inits))
    if (value)
      mapping.map(init, value);
  for (Operation &inner : body->without_terminator()) {
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != body && failed(copyFromHost(operand)))
        return failure();
    if (failed(copyOperation(inner, point)))
      return failure();
  }
  SmallVector<Value> results;
  for (Value value : body->getTerminator()->getOperands()) {
    if (value.getParentBlock() != body && failed(copyFromHost(value)))
      return failure();
    results.push_back(mapping.lookupOrDefault(value));
  }
  return results;
}

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

LogicalResult Lowering::lower(linalg::LinalgOp op) {
  Kernel kernel(kernels, op);
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
    if (isa<MemRefType>(input->get().getType()) &&
        !op.getMatchingBlockArgument(input).use_empty() &&
        failed(kernel.addBuffer(input->get(), false)))
      return failure();
  if (failed(kernel.addCaptured(op->getRegion(0))))
    return failure();
  for (Value output : op.getDpsInits())
    if (failed(kernel.addBuffer(output, true)))
      return failure();
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
  Kernel kernel(kernels, op);
  if (failed(kernel.addBuffer(op.getSource(), false)) ||
      failed(kernel.addBuffer(op.getTarget(), true)))
    return failure();
  ArrayRef<int64_t> extents =
      cast<MemRefType>(op.getTarget().getType()).getShape();
  if (llvm::is_contained(extents, 0)) {
    op.erase();
    return success();
  }
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
