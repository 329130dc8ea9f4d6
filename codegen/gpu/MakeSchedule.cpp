//===- MakeSchedule.cpp - dispatches on buffers to a host's schedule ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scratch buffers take turns: each gets a place that is free while it lives,
// the largest first. Places are buffers of their own and not parts of one,
// because a buffer that a dispatch writes can't be read by it elsewhere
// (WebGPU). Kernels are serial on a queue, so that a place is free after the
// last dispatch that uses it.
//
//===----------------------------------------------------------------------===//

#include "BufferBytes.h"
#include "Fills.h"
#include "KernelModule.h"
#include "LinalgKernel.h"
#include "lowbit/CodeGen/GPU/GPUSchedule.h"
#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/CodeGen/GPU/Pipelines.h"
#include "lowbit/IR/LowbitGPUOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace lowbit {
#define GEN_PASS_DEF_GPUMAKESCHEDULEPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {

struct Scratch {
  memref::AllocOp alloc;
  int64_t bytes, first, last, place;
};

class Scheduler {
public:
  Scheduler(func::FuncOp function)
      : function(function), b(function.getLoc(), function.getContext()) {}
  LogicalResult run();
  int64_t scratchBytes = 0, numPlaces = 0;

private:
  LogicalResult collect();
  void plan();
  MemRefType describeArgument(unsigned number, MemRefType type);
  LogicalResult addArguments();
  void launch(DispatchOp dispatch);

  func::FuncOp function;
  ImplicitLocOpBuilder b;
  SmallVector<DispatchOp> dispatches;
  SmallVector<Scratch> scratch;
  /// Bytes in place of each buffer.
  DenseMap<Value, Value> bytes;
  llvm::StringMap<Value> weights;
};

} // namespace

/// Finds the dispatches, and when scratch buffers live.
LogicalResult Scheduler::collect() {
  llvm::MapVector<Value, std::pair<int64_t, int64_t>> lives;
  for (Operation &op : function.getBody().front()) {
    if (auto dispatch = dyn_cast<DispatchOp>(op)) {
      for (Value operand : dispatch->getOperands()) {
        int64_t now = dispatches.size();
        Value base = getBaseBuffer(operand);
        auto [life, isNew] = lives.insert({base, std::make_pair(now, now)});
        if (isNew && failed(checkSize(dispatch, base)))
          return failure();
        life->second.second = now;
      }
      if (failed(checkPacking(dispatch)))
        return failure();
      dispatches.push_back(dispatch);
      continue;
    }
    bool isBuffer = isa<memref::AllocOp, memref::GetGlobalOp, memref::DeallocOp,
                        func::ReturnOp>(op) ||
                    isa<ViewLikeOpInterface>(op);
    if (!isBuffer && !isMemoryEffectFree(&op))
      return op.emitError("the GPU has no kernel for '")
             << op.getName()
             << "', and the host of a schedule computes nothing: lower it to "
                "linalg on buffers of static shape first";
  }
  if (function.getNumResults())
    return function.emitError("a schedule requires results to be written to "
                              "arguments, found ")
           << function.getFunctionType()
           << ": a result that is an input needs a copy";
  for (auto &[base, life] : lives)
    if (auto alloc = base.getDefiningOp<memref::AllocOp>())
      scratch.push_back({alloc, getBufferBytes(alloc.getType(), false),
                         life.first, life.second, -1});
  return success();
}

/// Gives each scratch buffer the first place that is free all its life.
void Scheduler::plan() {
  SmallVector<Scratch *> order;
  for (Scratch &buffer : scratch)
    order.push_back(&buffer);
  // Of buffers of one size, the first in the program.
  llvm::sort(order, [](const Scratch *lhs, const Scratch *rhs) {
    return lhs->bytes != rhs->bytes ? lhs->bytes > rhs->bytes : lhs < rhs;
  });
  SmallVector<int64_t> sizes;
  for (Scratch *buffer : order) {
    auto isFree = [&](int64_t place) {
      return llvm::none_of(scratch, [&](const Scratch &other) {
        return other.place == place && other.first <= buffer->last &&
               buffer->first <= other.last;
      });
    };
    int64_t place = 0;
    while (place < static_cast<int64_t>(sizes.size()) && !isFree(place))
      ++place;
    if (place == static_cast<int64_t>(sizes.size()))
      sizes.push_back(buffer->bytes);
    buffer->place = place;
  }
  SmallVector<Value> places;
  for (int64_t size : sizes) {
    places.push_back(
        memref::AllocOp::create(b, MemRefType::get({size}, b.getI8Type())));
    scratchBytes += size;
  }
  numPlaces += sizes.size();
  for (Scratch &buffer : scratch)
    bytes[buffer.alloc] = places[buffer.place];
}

/// Says what argument `number` is; returns the type of its bytes.
MemRefType Scheduler::describeArgument(unsigned number, MemRefType type) {
  auto isKind = [&](GPUBufferKind kind) {
    return function.getArgAttr(number, kGPUKindAttrName) ==
           b.getStringAttr(lowbit::getName(kind));
  };
  bool isState = isKind(GPUBufferKind::State);
  bool isOutput = function.removeArgAttr(
                      number, b.getStringAttr("bufferize.result")) != nullptr;
  GPUBufferKind kind = isState ? GPUBufferKind::State : GPUBufferKind::Input;
  if (isKind(GPUBufferKind::Token))
    kind = GPUBufferKind::Token;
  else if (isOutput)
    kind = GPUBufferKind::Output;
  StringRef kindName = lowbit::getName(kind);
  function.setArgAttr(number, kGPUKindAttrName, b.getStringAttr(kindName));
  if (!function.getArgAttr(number, kNameAttrName))
    function.setArgAttr(number, kNameAttrName,
                        b.getStringAttr(kindName + Twine(number)));
  // Floats of 16 bits are words to the host, too.
  Type element = type.getElementType();
  if (!isState && (element.isF16() || element.isBF16()))
    element = b.getF32Type();
  Type tensor = RankedTensorType::get(type.getShape(), element);
  if (function.getArgAttr(number, kUnsignedAttrName))
    tensor = makeUnsigned(tensor);
  function.setArgAttr(number, kGPUTensorAttrName, TypeAttr::get(tensor));
  bool isPacked = function.removeArgAttr(
                      number, b.getStringAttr(kGPUPackedAttrName)) != nullptr;
  return MemRefType::get({getBufferBytes(type, isPacked)}, b.getI8Type());
}

/// Arguments become bytes; attributes say what they are.
LogicalResult Scheduler::addArguments() {
  Block &body = function.getBody().front();
  SmallVector<Type> types;
  for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type || !type.hasStaticShape() || !type.getLayout().isIdentity())
      return function.emitError("a schedule requires arguments that are "
                                "tensors of static shape, found argument ")
             << i << " of type " << argument.getType();
    types.push_back(describeArgument(i, type));
  }
  unsigned count = types.size();
  for (unsigned i = 0; i < count; ++i)
    bytes[body.getArgument(i)] =
        body.addArgument(types[i], body.getArgument(i).getLoc());
  function.setFunctionType(b.getFunctionType(types, {}));
  return success();
}

void Scheduler::launch(DispatchOp dispatch) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<gpu::GPUFuncOp>(
      dispatch, dispatch.getKernelAttr());
  SmallVector<Value> operands;
  Value zero = arith::ConstantIndexOp::create(b, 0);
  for (auto [operand, type] :
       llvm::zip_equal(dispatch->getOperands(), kernel.getArgumentTypes())) {
    Value base = getBaseBuffer(operand);
    auto global = base.getDefiningOp<memref::GetGlobalOp>();
    Value &source = global ? weights[global.getName()] : bytes[base];
    if (!source) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(&function.getBody().front());
      auto buffer = MemRefType::get({getBufferBytes(global.getType(), true)},
                                    b.getI8Type());
      source = memref::GetGlobalOp::create(b, buffer, global.getName());
    }
    operands.push_back(memref::ViewOp::create(b, cast<MemRefType>(type), source,
                                              zero, ValueRange{}));
  }
  auto size = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  ArrayRef<int64_t> grid = dispatch.getWorkgroups();
  ArrayRef<int32_t> block = *kernel.getKnownBlockSize();
  gpu::LaunchFuncOp::create(
      b, kernel, gpu::KernelDim3{size(grid[0]), size(grid[1]), size(grid[2])},
      gpu::KernelDim3{size(block[0]), size(block[1]), size(block[2])},
      /*dynamicSharedMemorySize=*/Value(), operands);
}

LogicalResult Scheduler::run() {
  if (!function.getBody().hasOneBlock())
    return function.emitError("a schedule requires a function without "
                              "branches: the GPU runs every dispatch");
  if (failed(collect()) || failed(addArguments()))
    return failure();
  Block &body = function.getBody().front();
  b.setInsertionPointToStart(&body);
  plan();
  b.setInsertionPoint(body.getTerminator());
  for (DispatchOp dispatch : dispatches)
    launch(dispatch);
  // What dispatches used, last first.
  unsigned added = function.getNumArguments();
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (isa<DispatchOp, memref::DeallocOp>(op) || isOpTriviallyDead(&op) ||
        (isa<memref::AllocOp>(op) && op.use_empty()))
      op.erase();
  body.eraseArguments(0, added);
  return success();
}

namespace {
struct GPUMakeSchedulePass
    : lowbit::impl::GPUMakeSchedulePassBase<GPUMakeSchedulePass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      Scheduler scheduler(function);
      if (failed(scheduler.run()))
        return signalPassFailure();
      numScratchBytes += scheduler.scratchBytes;
      numPlaces += scheduler.numPlaces;
    }
    if (failed(convertGlobals(getOperation())))
      return signalPassFailure();
  }
};
} // namespace
