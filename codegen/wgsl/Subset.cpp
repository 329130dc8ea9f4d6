//===- Subset.cpp - what of MLIR has a form in WGSL -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Subset.h"
#include "lowbit/IR/LowbitWordOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace lowbit;

static const llvm::StringMap<ExpressionForm> &getForms() {
  using Form = ExpressionForm;
  static const llvm::StringMap<Form> forms = [] {
    llvm::StringMap<Form> forms;
    auto infix = [&](StringRef op, StringRef text, bool isSigned = false) {
      forms["arith." + op.str()] = {Form::Infix, text, isSigned};
    };
    auto call = [&](StringRef op, StringRef text, bool isSigned = false) {
      forms[op] = {Form::Call, text, isSigned};
    };
    auto special = [&](StringRef op) { forms[op] = {}; };
    infix("addi", "+"), infix("addf", "+");
    infix("subi", "-"), infix("subf", "-");
    infix("muli", "*"), infix("mulf", "*");
    infix("divui", "/"), infix("divf", "/"), infix("divsi", "/", true);
    infix("remui", "%"), infix("remf", "%"), infix("remsi", "%", true);
    infix("andi", "&"), infix("ori", "|"), infix("xori", "^");
    infix("shli", "<<"), infix("shrui", ">>"), infix("shrsi", ">>", true);
    call("arith.maxui", "max"), call("arith.minui", "min");
    call("arith.maxsi", "max", true), call("arith.minsi", "min", true);
    call("arith.maximumf", "max"), call("arith.minimumf", "min");
    call("arith.maxnumf", "max"), call("arith.minnumf", "min");
    for (StringRef name :
         {"ceil",  "floor", "trunc", "exp",   "exp2",  "log",  "log2", "sqrt",
          "tanh",  "fma",   "sin",   "cos",   "tan",   "asin", "acos", "atan",
          "atan2", "sinh",  "cosh",  "asinh", "acosh", "atanh"})
      call("math." + name.str(), name);
    call("math.absf", "abs"), call("math.absi", "abs", true);
    call("math.rsqrt", "inverseSqrt"), call("math.roundeven", "round");
    call("math.clampf", "clamp"), call("math.ctpop", "countOneBits");
    call("vector.fma", "fma");
    call("lowbit.unpack_halves", "unpack2x16float");
    for (StringRef name :
         {"arith.constant",   "arith.negf",          "arith.cmpi",
          "arith.cmpf",       "arith.select",        "arith.sitofp",
          "arith.uitofp",     "arith.fptosi",        "arith.fptoui",
          "arith.index_cast", "arith.index_castui",  "arith.bitcast",
          "arith.extui",      "arith.extsi",         "arith.trunci",
          "arith.extf",       "arith.truncf",        "vector.broadcast",
          "vector.extract",   "vector.insert",       "vector.from_elements",
          "vector.shuffle",   "vector.reduction",    "vector.bitcast",
          "memref.load",      "gpu.subgroup_reduce", "lowbit.unpack_bytes",
          "lowbit.dot_bytes", "lowbit.subgroup_rank"})
      special(name);
    return forms;
  }();
  return forms;
}

std::optional<ExpressionForm> lowbit::getExpressionForm(Operation *op) {
  if (op->getNumResults() != 1)
    return std::nullopt;
  if (!getBuiltinText(op).empty())
    return ExpressionForm{};
  auto found = getForms().find(op->getName().getStringRef());
  if (found == getForms().end())
    return std::nullopt;
  return found->second;
}

bool lowbit::isStatement(Operation *op) {
  return isa<memref::StoreOp, memref::AllocaOp, gpu::BarrierOp, scf::ForOp,
             scf::IfOp, scf::WhileOp>(op);
}

bool lowbit::isKnownTerminator(Operation *op) {
  return isa<gpu::ReturnOp, scf::YieldOp, scf::ConditionOp>(op);
}

template <typename OpTy>
static std::string getPart(Operation *op, StringRef builtin) {
  if (auto part = dyn_cast<OpTy>(op))
    return (builtin + "." +
            Twine("xyz"[static_cast<unsigned>(part.getDimension())]))
        .str();
  return "";
}

std::string lowbit::getBuiltinText(Operation *op) {
  for (std::string text : {getPart<gpu::ThreadIdOp>(op, "local_id"),
                           getPart<gpu::BlockIdOp>(op, "workgroup_id"),
                           getPart<gpu::GlobalIdOp>(op, "global_id"),
                           getPart<gpu::GridDimOp>(op, "num_workgroups")})
    if (!text.empty())
      return text;
  if (auto size = dyn_cast<gpu::BlockDimOp>(op))
    return std::string("workgroup_size_") +
           "xyz"[static_cast<unsigned>(size.getDimension())];
  if (isa<gpu::SubgroupSizeOp>(op))
    return "subgroup_size";
  if (isa<gpu::LaneIdOp>(op))
    return "subgroup_invocation_id";
  return "";
}

static bool holdsHalf(Type type) {
  if (auto memref = dyn_cast<MemRefType>(type))
    type = memref.getElementType();
  return getElementTypeOrSelf(type).isF16();
}

StringRef lowbit::getRequiredFeature(Operation *op) {
  if (isa<gpu::SubgroupReduceOp, gpu::SubgroupSizeOp, gpu::LaneIdOp,
          SubgroupRankOp>(op))
    return "subgroups";
  if (auto device = dyn_cast<DeviceFeatureInterface>(op))
    return device.getDeviceFeature();
  if (llvm::any_of(op->getOperandTypes(), holdsHalf) ||
      llvm::any_of(op->getResultTypes(), holdsHalf))
    return "f16";
  return "";
}

static StringRef getScalarType(Type type, StringRef word) {
  if (type.isInteger(1))
    return "bool";
  if (type.isInteger(32) || type.isIndex())
    return word;
  if (type.isF32())
    return "f32";
  return type.isF16() ? "f16" : "";
}

static std::string getType(Type type, StringRef word) {
  StringRef scalar = getScalarType(getElementTypeOrSelf(type), word);
  auto vector = dyn_cast<VectorType>(type);
  if (scalar.empty() || !vector)
    return scalar.str();
  if (vector.getRank() != 1 || vector.isScalable() ||
      vector.getNumElements() < 2 || vector.getNumElements() > 4)
    return "";
  return ("vec" + Twine(vector.getNumElements()) + "<" + scalar + ">").str();
}

std::optional<std::string> lowbit::getWGSLType(Type type) {
  std::string text = getType(type, "u32");
  return text.empty() ? std::nullopt : std::optional(text);
}

std::string lowbit::getSignedWGSLType(Type type) {
  return getType(type, "i32");
}

std::optional<int64_t> lowbit::getElementBytes(Type element) {
  Type scalar = getElementTypeOrSelf(element);
  if (!scalar.isInteger(32) && !scalar.isF32() && !scalar.isF16())
    return std::nullopt;
  int64_t bytes = scalar.isF16() ? 2 : 4;
  auto vector = dyn_cast<VectorType>(element);
  if (!vector)
    return bytes;
  // Three words lie in the room of four, unlike what the host writes.
  if (!getWGSLType(element) || vector.getNumElements() == 3)
    return std::nullopt;
  return bytes * vector.getNumElements();
}

ArrayRef<BlockArgument> lowbit::getBuffers(gpu::GPUFuncOp kernel) {
  return kernel.getBody().getArguments().take_front(
      kernel.getFunctionType().getNumInputs());
}

bool lowbit::isWritten(Value buffer) {
  return llvm::any_of(buffer.getUsers(), [&](Operation *user) {
    auto store = dyn_cast<memref::StoreOp>(user);
    return store && store.getMemRef() == buffer;
  });
}

bool lowbit::isRead(Value buffer) {
  return llvm::any_of(buffer.getUsers(), llvm::IsaPred<memref::LoadOp>);
}

bool lowbit::isReservedWord(StringRef name) {
  // Keywords, reserved words, and predeclared names that the printer uses.
  static const llvm::StringSet<> words = {
#define WORD(name) #name,
#include "ReservedWords.inc"
#undef WORD
  };
  return words.contains(name);
}
