//===- LinalgKernel.cpp - a kernel for an operation on buffers ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgKernel.h"
#include "DimensionNames.h"
#include "Fills.h"
#include "FloatBits.h"
#include "KernelParts.h"
#include "lowbit/CodeGen/GPU/GPUSchedule.h"
#include "lowbit/IR/LowbitGPUOps.h"
#include "lowbit/IR/LowbitWordOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace lowbit;

bool lowbit::isPacked(Value base) {
  Type element = cast<MemRefType>(base.getType()).getElementType();
  if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() >= 32 ||
      element.isInteger(1))
    return false;
  if (auto argument = dyn_cast<BlockArgument>(base))
    if (auto function =
            dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()))
      return function.getArgAttr(argument.getArgNumber(), kGPUPackedAttrName) !=
             nullptr;
  return base.getDefiningOp<memref::GetGlobalOp>() != nullptr;
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

static bool isState(Value base) {
  auto argument = dyn_cast<BlockArgument>(base);
  auto function =
      argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp())
               : nullptr;
  auto kind = function ? function.getArgAttrOfType<StringAttr>(
                             argument.getArgNumber(), kGPUKindAttrName)
                       : nullptr;
  return kind && kind.getValue() == getName(GPUBufferKind::State);
}

/// What a view is of, where it begins at the same place; a slice's source.
static Value getPlacedSource(Value buffer) {
  Operation *view = buffer.getDefiningOp();
  if (!isa_and_nonnull<memref::SubViewOp, memref::ExpandShapeOp,
                       memref::CollapseShapeOp, memref::CastOp>(view))
    return {};
  return cast<ViewLikeOpInterface>(view).getViewSource();
}

/// Whether shape and strides of a buffer are numbers, and its place is one or
/// can be computed from its slices' offsets.
static bool hasKnownPlace(Value buffer) {
  auto type = dyn_cast<MemRefType>(buffer.getType());
  int64_t offset;
  SmallVector<int64_t> strides;
  if (!type || !type.hasStaticShape() ||
      failed(type.getStridesAndOffset(strides, offset)) ||
      llvm::any_of(strides, ShapedType::isDynamic))
    return false;
  if (ShapedType::isStatic(offset))
    return true;
  Value source = getPlacedSource(buffer);
  return source && hasKnownPlace(source);
}

/// Adds what `base` is bound to; a buffer that is written is bound as such.
LogicalResult LinalgKernel::addBase(Value base, bool isWritten) {
  auto type = cast<MemRefType>(base.getType());
  Type element = type.getElementType();
  if (element.isF64())
    return op->emitError("GPU kernels require floats of at most 32 bits, "
                         "found ")
           << type << ": compute them as f32";
  bool isKnown = element.isF32() || element.isIndex() ||
                 (element.isInteger() && element.getIntOrFloatBitWidth() <= 64);
  // A narrow float is a word in buffers that no host looks into; one of 16 bits
  // is an f32 for the host, too.
  isKnown |= isHalf(element);
  if (isPacked(base) || base.getDefiningOp<memref::AllocOp>() || isState(base))
    isKnown |= isNarrowFloat(element);
  if (!isKnown)
    return op->emitError("GPU kernels require elements of 32 bits, integers, "
                         "f16 or bf16, or weights of 8 bits, found ")
           << type;
  if (isWritten) {
    read.remove(base);
    written.insert(base);
  } else if (!written.contains(base)) {
    read.insert(base);
  }
  return success();
}

LogicalResult LinalgKernel::addBuffer(Value buffer, bool isWritten) {
  if (!hasKnownPlace(buffer))
    return op->emitError("GPU kernels require buffers whose shape and place "
                         "are known when the model is compiled, found ")
           << buffer.getType() << ": fix dynamic dimensions with --shape";
  auto [strides, offset] =
      cast<MemRefType>(buffer.getType()).getStridesAndOffset();
  if (ShapedType::isDynamic(offset))
    places.insert({buffer, Index()});
  for (Value view = buffer; view && ShapedType::isDynamic(offset);
       view = getPlacedSource(view))
    if (auto slice = view.getDefiningOp<memref::SubViewOp>())
      for (Value value : slice.getOffsets())
        if (failed(addScalar(value)))
          return failure();
  return addBase(getBaseBuffer(buffer), isWritten);
}

/// Scalars that the host computes are computed by each thread instead.
LogicalResult LinalgKernel::addScalar(Value value) {
  if (isa<MemRefType>(value.getType()))
    return addBuffer(value, false);
  if (Operation *definition = value.getDefiningOp())
    for (Value operand : definition->getOperands())
      if (failed(addScalar(operand)))
        return failure();
  return success();
}

LogicalResult LinalgKernel::addCaptured(Region &region) {
  LogicalResult result = success();
  visitUsedValuesDefinedAbove(region, [&](OpOperand *use) {
    if (succeeded(result))
      result = addScalar(use->get());
  });
  return result;
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

/// A function of the buffers, and a builder in it.
void LinalgKernel::makeFunction(StringRef name) {
  SmallVector<Type> types;
  SmallVector<Value> bases(read.begin(), read.end());
  bases.append(written.begin(), written.end());
  for (Value base : bases) {
    auto type = cast<MemRefType>(base.getType());
    int64_t elements = std::max<int64_t>(type.getNumElements(), 1);
    Type word = getWordType(type.getElementType());
    // Bits of numbers that are not words are read as integers.
    if (isPacked(base)) {
      elements = llvm::divideCeil(elements * type.getElementTypeBitWidth(), 32);
      word = b.getI32Type();
    }
    types.push_back(MemRefType::get({elements}, word));
  }
  kernel = module.begin(name, types, {kGPUWorkgroupSize, 1, 1}, b);
  for (auto [base, argument] : llvm::zip_equal(bases, kernel.getArguments()))
    arguments[base] = argument;
  // Letters say nothing of what tells apart nodes that share a kernel.
  for (unsigned i = 0; i < read.size(); ++i)
    describeBuffer(kernel, i,
                   read.size() == 1 ? "input"
                                    : StringRef("abcdefgh").substr(i, 1));
  for (unsigned i = 0; i < written.size(); ++i)
    describeBuffer(kernel, read.size() + i, "result");
  gpu::ReturnOp::create(b);
  b.setInsertionPointToStart(&kernel.getBody().front());
}

/// The coordinates of this thread's element; threads beyond the last one skip
/// what follows.
SmallVector<Index> LinalgKernel::findPoint(ArrayRef<int64_t> extents,
                                           ArrayRef<StringRef> names) {
  Index thread =
      named(buildGPUThreadNumber(b, indices, kernel, threads), "thread");
  Value inside;
  if (hasGPUThreadsBeyond(threads))
    inside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                   indices.materialize(thread),
                                   arith::ConstantIndexOp::create(b, threads));
  if (lanes > 1) {
    // All threads of a workgroup meet later on: those beyond repeat the last.
    lane = named(indices.remainder(thread, lanes), "lane");
    exists = inside;
    if (inside)
      thread =
          indices.value(arith::MinUIOp::create(
                            b, indices.materialize(thread),
                            arith::ConstantIndexOp::create(b, threads - 1)),
                        threads);
    thread = indices.divide(thread, lanes);
  } else if (inside) {
    guard = scf::IfOp::create(b, inside, /*withElseRegion=*/false);
    b.setInsertionPointToStart(guard.thenBlock());
  }
  thread.limit = threads / lanes;
  const Index all = thread;
  SmallVector<Index> point(extents.size(), indices.constant(0));
  for (int64_t i = extents.size() - 1; i >= 0; --i) {
    point[i] = i == 0 ? thread : indices.remainder(thread, extents[i]);
    thread = indices.divide(thread, extents[i]);
  }
  if (!point.empty())
    point[0].limit = extents[0];
  // The thread's own number stays that where it is one of them.
  for (auto [index, name] : llvm::zip_equal(point, names))
    if (index.value != all.value && !name.empty())
      named(index, name);
  return point;
}

Value LinalgKernel::reduceLanes(Value value, bool isMax) {
  return ReduceLanesOp::create(b, value.getType(), isMax, value, lanes)
      .getResult(0);
}

void LinalgKernel::beginFirstLane() {
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                        indices.materialize(lane),
                                        arith::ConstantIndexOp::create(b, 0));
  if (exists)
    isFirst = arith::AndIOp::create(b, isFirst, exists);
  auto writes = scf::IfOp::create(b, isFirst, /*withElseRegion=*/false);
  b.setInsertionPointToStart(writes.thenBlock());
}

FailureOr<SmallVector<Index>> LinalgKernel::begin(StringRef name,
                                                  ArrayRef<int64_t> extents,
                                                  int64_t lanes,
                                                  ArrayRef<StringRef> names) {
  unsigned count = read.size() + written.size();
  if (count > kMostGPUBindings)
    return op->emitError("GPU kernels bind at most 8 buffers, found an "
                         "operation on ")
           << count;
  this->lanes = threads = lanes;
  for (int64_t extent : extents)
    threads *= extent;
  makeFunction(name);
  SmallVector<Index> point =
      findPoint(extents, names.empty() ? nameCoordinates(extents)
                                       : SmallVector<StringRef>(names));
  // Before loops, so that what they leave behind is known there.
  for (auto &[buffer, place] : places) {
    FailureOr<Index> found = findOffset(buffer);
    if (failed(found))
      return failure();
    place = *found;
  }
  return point;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// The element of the base buffer at which a view begins.
FailureOr<Index> LinalgKernel::findOffset(Value buffer) {
  auto [strides, offset] =
      cast<MemRefType>(buffer.getType()).getStridesAndOffset();
  if (ShapedType::isStatic(offset))
    return indices.constant(offset);
  Value source = getPlacedSource(buffer);
  FailureOr<Index> place = findOffset(source);
  auto slice = buffer.getDefiningOp<memref::SubViewOp>();
  if (failed(place) || !slice)
    return place;
  auto [sourceStrides, unused] =
      cast<MemRefType>(source.getType()).getStridesAndOffset();
  for (auto [first, stride] :
       llvm::zip_equal(slice.getMixedOffsets(), sourceStrides)) {
    Index index;
    if (auto value = dyn_cast<Value>(first)) {
      if (failed(copyFromHost(value)))
        return failure();
      index = indices.value(mapping.lookup(value));
    } else {
      index = indices.constant(*getConstantIntValue(first));
    }
    place = indices.add(*place, indices.multiply(index, stride));
  }
  return place;
}

/// The element of the base buffer at `at` of a view.
Index LinalgKernel::getAddress(Value buffer, ArrayRef<Index> at) {
  auto type = cast<MemRefType>(buffer.getType());
  auto [strides, offset] = type.getStridesAndOffset();
  Index address = ShapedType::isDynamic(offset) ? places.lookup(buffer)
                                                : indices.constant(offset);
  for (auto [index, stride, extent] :
       llvm::zip_equal(at, strides, type.getShape()))
    if (extent != 1)
      address = indices.add(address, indices.multiply(index, stride));
  return address;
}

Value LinalgKernel::load(Value buffer, ArrayRef<Index> at) {
  Value base = getBaseBuffer(buffer);
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  Index address = getAddress(buffer, at);
  if (!isPacked(base)) {
    Value number =
        words.fromElement(memref::LoadOp::create(b, arguments.lookup(base),
                                                 indices.materialize(address)),
                          element);
    // The host may give any f32, and numbers with a sign.
    bool isGiven = isa<BlockArgument>(base) && !isState(base);
    return isGiven ? words.fromHost(number, element) : number;
  }
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
  return words.fromBits(number, element);
}

void LinalgKernel::store(Value value, Value buffer, ArrayRef<Index> at) {
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  Index address = getAddress(buffer, at);
  memref::StoreOp::create(b, words.toElement(value, element),
                          arguments.lookup(getBaseBuffer(buffer)),
                          indices.materialize(address));
}

int64_t LinalgKernel::getElementsPerWord(Value buffer) {
  Value base = getBaseBuffer(buffer);
  return isPacked(base)
             ? 32 / cast<MemRefType>(base.getType()).getElementTypeBitWidth()
             : 1;
}

void LinalgKernel::storeWord(ArrayRef<Value> elements, Value buffer,
                             ArrayRef<Index> at) {
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  int64_t bits = element.getIntOrFloatBitWidth();
  Value word;
  for (auto [i, value] : llvm::enumerate(elements)) {
    Value code = element.isF16() ? buildEncodeHalf(b, value) : value;
    if (i == 0) {
      word = code;
      continue;
    }
    Value shift = arith::ConstantIntOp::create(b, i * bits, 32);
    word = arith::OrIOp::create(b, word, arith::ShLIOp::create(b, code, shift));
  }
  memref::StoreOp::create(b, word, arguments.lookup(getBaseBuffer(buffer)),
                          indices.materialize(indices.divide(
                              getAddress(buffer, at), elements.size())));
}

void LinalgKernel::finish() {
  SymbolRefAttr symbol = module.finish(kernel);
  OpBuilder host(op);
  DispatchOp::create(host, op->getLoc(), TypeRange{}, symbol,
                     host.getDenseI64ArrayAttr(getGPUGrid(
                         llvm::divideCeil(threads, kGPUWorkgroupSize))),
                     read.takeVector(), written.takeVector());
  op->erase();
}
