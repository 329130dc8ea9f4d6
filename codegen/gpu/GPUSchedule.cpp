//===- GPUSchedule.cpp - what a host does to run a model on a GPU ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/GPUSchedule.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/IR/LowbitWordOps.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace lowbit;

int64_t GPUSchedule::getBytes(GPUBufferKind kind) const {
  int64_t bytes = 0;
  for (const GPUBuffer &buffer : buffers)
    if (buffer.kind == kind)
      bytes += buffer.bytes;
  return bytes;
}

StringRef lowbit::getName(GPUBufferKind kind) {
  static constexpr StringLiteral names[] = {"weight", "input",   "output",
                                            "state",  "scratch", "token"};
  return names[static_cast<unsigned>(kind)];
}

StringRef lowbit::getName(GPUAccess access) {
  static constexpr StringLiteral names[] = {"read", "write", "read_write"};
  return names[static_cast<unsigned>(access)];
}

bool lowbit::isGPUHostFunction(func::FuncOp function) {
  return function
      .walk([](mlir::gpu::LaunchFuncOp) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

/// What a kernel does to an argument: loads, stores or both. What else uses it
/// may do either.
static GPUAccess getAccess(BlockArgument argument) {
  bool reads = false, writes = false;
  for (Operation *user : argument.getUsers()) {
    reads |= !isa<memref::StoreOp>(user);
    writes |= !isa<memref::LoadOp>(user);
  }
  return !writes ? GPUAccess::Read
         : reads ? GPUAccess::ReadWrite
                 : GPUAccess::Write;
}

/// Bytes of a static buffer of words or vectors of words.
static int64_t getBytes(MemRefType type) {
  Type element = type.getElementType();
  int64_t bits = isa<VectorType>(element)
                     ? cast<VectorType>(element).getNumElements() * 32
                     : element.getIntOrFloatBitWidth();
  return type.getNumElements() * bits / 8;
}

namespace {
class Reader {
public:
  explicit Reader(func::FuncOp function) : function(function) {}
  FailureOr<GPUSchedule> read();

private:
  LogicalResult addArgument(BlockArgument argument);
  LogicalResult add(Operation &op);
  LogicalResult addBuffer(Operation &op, std::string name, GPUBufferKind kind);
  LogicalResult addDispatch(mlir::gpu::LaunchFuncOp launch);
  FailureOr<GPUBinding> bind(mlir::gpu::LaunchFuncOp launch, unsigned operand,
                             mlir::gpu::GPUFuncOp kernel);

  func::FuncOp function;
  GPUSchedule schedule;
  DenseMap<Value, unsigned> numbers;
};
} // namespace

LogicalResult Reader::addArgument(BlockArgument argument) {
  DictionaryAttr attrs = function.getArgAttrDict(argument.getArgNumber());
  auto get = [&](StringRef name) { return attrs ? attrs.get(name) : nullptr; };
  auto kind = dyn_cast_or_null<StringAttr>(get(kGPUKindAttrName));
  auto name = dyn_cast_or_null<StringAttr>(get(kNameAttrName));
  auto held = dyn_cast_or_null<TypeAttr>(get(kGPUTensorAttrName));
  auto tensor = held ? dyn_cast<RankedTensorType>(held.getValue()) : nullptr;
  auto type = dyn_cast<MemRefType>(argument.getType());
  std::optional<GPUBufferKind> known;
  for (GPUBufferKind candidate : {GPUBufferKind::Input, GPUBufferKind::Output,
                                  GPUBufferKind::State, GPUBufferKind::Token})
    if (kind && kind.getValue() == lowbit::getName(candidate))
      known = candidate;
  if (!known || !name || !tensor || !tensor.hasStaticShape() || !type ||
      !type.hasStaticShape() || type.getRank() != 1 ||
      !type.getElementType().isInteger(8))
    return function.emitError("a schedule requires arguments that are bytes "
                              "with a kind, a name and a static tensor type, "
                              "found argument ")
           << argument.getArgNumber() << " of type " << argument.getType()
           << (attrs ? " with " : "") << attrs;
  // Hosts know buffers of a kind by their names alone.
  if (llvm::any_of(schedule.buffers, [&](const GPUBuffer &other) {
        return other.kind == *known && other.name == name.getValue();
      }))
    return function.emitError("a schedule requires arguments of a kind to have "
                              "names of their own, found '")
           << name.getValue() << "' for more than one " << kind.getValue();
  std::string element;
  llvm::raw_string_ostream(element) << tensor.getElementType();
  // Hosts say u8 where MLIR says ui8.
  if (tensor.getElementType().isUnsignedInteger())
    element.erase(1, 1);
  numbers[argument] = schedule.buffers.size();
  schedule.buffers.push_back({name.str(), *known, type.getNumElements(),
                              element, tensor.getShape().vec()});
  if (auto rows = dyn_cast_or_null<IntegerAttr>(get(kGPUTableRowsAttrName)))
    schedule.buffers.back().tableRows = rows.getInt();
  return success();
}

LogicalResult Reader::addBuffer(Operation &op, std::string name,
                                GPUBufferKind kind) {
  auto type = cast<MemRefType>(op.getResult(0).getType());
  if (!type.hasStaticShape() || !type.getElementType().isInteger(8))
    return op.emitError("a schedule requires buffers of bytes, found ") << type;
  numbers[op.getResult(0)] = schedule.buffers.size();
  schedule.buffers.push_back({std::move(name), kind, type.getNumElements()});
  return success();
}

FailureOr<GPUBinding> Reader::bind(mlir::gpu::LaunchFuncOp launch,
                                   unsigned operand,
                                   mlir::gpu::GPUFuncOp kernel) {
  auto view = launch.getKernelOperand(operand).getDefiningOp<memref::ViewOp>();
  std::optional<int64_t> offset;
  if (view)
    offset = getConstantIntValue(view.getByteShift());
  auto number = view ? numbers.find(view.getSource()) : numbers.end();
  if (!offset || number == numbers.end())
    return launch.emitError("a schedule requires operands that are views of "
                            "buffers at constant offsets, found operand ")
           << operand << " of type "
           << launch.getKernelOperand(operand).getType();
  return GPUBinding{number->second, *offset, ::getBytes(view.getType()),
                    getAccess(kernel.getArgument(operand))};
}

LogicalResult Reader::addDispatch(mlir::gpu::LaunchFuncOp launch) {
  // Launches are verified to name a kernel.
  auto kernel = SymbolTable::lookupNearestSymbolFrom<mlir::gpu::GPUFuncOp>(
      launch, launch.getKernelAttr());
  GPUDispatch dispatch{kernel.getName().str()};
  if (auto count = kernel->getAttrOfType<IntegerAttr>(kGPUInvocationsAttrName))
    dispatch.invocations = count.getInt();
  auto setSizes = [&](std::array<int64_t, 3> &sizes,
                      mlir::gpu::KernelDim3 values) {
    Value each[] = {values.x, values.y, values.z};
    for (auto [size, value] : llvm::zip_equal(sizes, each)) {
      std::optional<int64_t> constant = getConstantIntValue(value);
      if (!constant)
        return failure();
      size = *constant;
    }
    return success();
  };
  if (failed(
          setSizes(dispatch.workgroups, launch.getGridSizeOperandValues())) ||
      failed(
          setSizes(dispatch.workgroupSize, launch.getBlockSizeOperandValues())))
    return launch.emitError("a schedule requires launches of constant sizes, "
                            "found sizes that are computed");
  int64_t index = schedule.dispatches.size();
  for (unsigned i = 0; i < launch.getNumKernelOperands(); ++i) {
    FailureOr<GPUBinding> binding = bind(launch, i, kernel);
    if (failed(binding))
      return failure();
    GPUBuffer &buffer = schedule.buffers[binding->buffer];
    for (const GPUBinding &other : dispatch.bindings)
      if (other.buffer == binding->buffer &&
          (other.access != GPUAccess::Read ||
           binding->access != GPUAccess::Read))
        return launch.emitError("a dispatch that writes a buffer binds it "
                                "once, found '")
               << buffer.name << "' again as operand " << i;
    if (buffer.firstUse < 0)
      buffer.firstUse = index;
    buffer.lastUse = index;
    dispatch.bindings.push_back(*binding);
  }
  schedule.dispatches.push_back(std::move(dispatch));
  return success();
}

LogicalResult Reader::add(Operation &op) {
  if (auto alloc = dyn_cast<memref::AllocOp>(op))
    return addBuffer(op, ("scratch" + Twine(schedule.buffers.size())).str(),
                     GPUBufferKind::Scratch);
  if (auto global = dyn_cast<memref::GetGlobalOp>(op))
    return addBuffer(op, global.getName().str(), GPUBufferKind::Weight);
  if (auto launch = dyn_cast<mlir::gpu::LaunchFuncOp>(op))
    return addDispatch(launch);
  if (isa<memref::ViewOp, memref::DeallocOp, func::ReturnOp>(op) ||
      isMemoryEffectFree(&op))
    return success();
  return op.emitError("a schedule consists of buffers, their views and "
                      "launches, found '")
         << op.getName() << "': lower it to a kernel first";
}

FailureOr<GPUSchedule> Reader::read() {
  schedule.function = function.getSymName().str();
  if (function.getNumResults() != 0 || !function.getBody().hasOneBlock())
    return function.emitError("a schedule requires a function of one block "
                              "without results, found ")
           << function.getFunctionType();
  for (BlockArgument argument : function.getArguments())
    if (failed(addArgument(argument)))
      return failure();
  for (Operation &op : function.getBody().front())
    if (failed(add(op)))
      return failure();
  return std::move(schedule);
}

FailureOr<GPUSchedule> lowbit::readGPUSchedule(func::FuncOp function) {
  return Reader(function).read();
}

llvm::json::Object lowbit::toJSON(const GPUSchedule &schedule) {
  using llvm::json::Array;
  using llvm::json::Object;
  Array buffers, dispatches;
  for (const GPUBuffer &buffer : schedule.buffers) {
    Object object{{"name", buffer.name},
                  {"kind", lowbit::getName(buffer.kind)},
                  {"bytes", buffer.bytes},
                  {"first", buffer.firstUse},
                  {"last", buffer.lastUse}};
    if (!buffer.elementType.empty()) {
      object["type"] = buffer.elementType;
      object["shape"] = Array(buffer.shape);
      if (buffer.tableRows)
        object["tableRows"] = buffer.tableRows;
    }
    buffers.push_back(std::move(object));
  }
  for (const GPUDispatch &dispatch : schedule.dispatches) {
    Array bindings;
    for (const GPUBinding &binding : dispatch.bindings)
      bindings.push_back(Object{{"buffer", binding.buffer},
                                {"offset", binding.offset},
                                {"bytes", binding.bytes},
                                {"access", lowbit::getName(binding.access)}});
    Object object{{"kernel", dispatch.kernel},
                  {"workgroups", Array(dispatch.workgroups)},
                  {"workgroupSize", Array(dispatch.workgroupSize)},
                  {"bindings", std::move(bindings)}};
    if (dispatch.invocations)
      object["invocations"] = dispatch.invocations;
    dispatches.push_back(std::move(object));
  }
  return Object{{"function", schedule.function},
                {"buffers", std::move(buffers)},
                {"dispatches", std::move(dispatches)}};
}
