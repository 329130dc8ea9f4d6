//===- WasmCode.cpp - LLVM IR of a model for WebAssembly ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An engine refuses a module with an instruction that it doesn't know, so that
// each variant is a module of its own. What around the code checks arguments
// and binds weights is the host's part: it is written in its language, and
// reads safetensors, shapes and names without any help.
//
//===----------------------------------------------------------------------===//

#include "ProgramCode.h"
#include "RequirementCode.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/Analysis/VectorUtils.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsWebAssembly.h"
#include <numeric>

using namespace lowbit;

//===----------------------------------------------------------------------===//
// Larger and smaller numbers
//===----------------------------------------------------------------------===//

// With relaxed SIMD at hand, LLVM takes f32x4.relaxed_max for any selection of
// the larger of two numbers, and what that gives for NaN and for zeros of both
// signs is the engine's choice. The intrinsic stands for f32x4.pmax.

namespace {
/// Builds extrema of vectors, in registers of 128 bits.
class ExtremumBuilder {
public:
  explicit ExtremumBuilder(llvm::Instruction *at) : b(at) {}

  /// `y` where it is beyond `x`, else `x`: what pmax and pmin do.
  llvm::Value *choose(llvm::Value *x, llvm::Value *y, bool isMax) {
    auto *type = llvm::dyn_cast<llvm::FixedVectorType>(x->getType());
    unsigned lanes = 128 / x->getType()->getScalarSizeInBits();
    if (!type || type->getNumElements() % lanes != 0) {
      llvm::Value *isBeyond =
          isMax ? b.CreateFCmpOLT(x, y) : b.CreateFCmpOGT(x, y);
      llvm::Type *bits = b.getIntNTy(x->getType()->getScalarSizeInBits());
      if (type)
        bits = llvm::VectorType::getInteger(type);
      llvm::Value *chosen = b.CreateSelect(isBeyond, b.CreateBitCast(y, bits),
                                           b.CreateBitCast(x, bits));
      return b.CreateBitCast(chosen, x->getType());
    }
    llvm::SmallVector<llvm::Value *> parts;
    for (unsigned i = 0; i < type->getNumElements(); i += lanes)
      parts.push_back(b.CreateBinaryIntrinsic(
          isMax ? llvm::Intrinsic::wasm_pmax : llvm::Intrinsic::wasm_pmin,
          take(x, i, lanes), take(y, i, lanes)));
    return llvm::concatenateVectors(b, parts);
  }
  /// The one that is a number, of two numbers the larger or smaller.
  llvm::Value *chooseNumber(llvm::Value *x, llvm::Value *y, bool isMax) {
    return choose(b.CreateSelect(b.CreateFCmpUNO(x, x), y, x), y, isMax);
  }
  /// The same of all lanes: halves, and halves of these.
  llvm::Value *reduce(llvm::Value *x, bool isMax) {
    unsigned count =
        llvm::cast<llvm::FixedVectorType>(x->getType())->getNumElements();
    if (count == 1)
      return b.CreateExtractElement(x, uint64_t(0));
    unsigned half = count / 2;
    llvm::Value *result =
        chooseNumber(take(x, 0, half), take(x, half, half), isMax);
    llvm::Value *scalar = reduce(result, isMax);
    if (count % 2)
      scalar =
          chooseNumber(scalar, b.CreateExtractElement(x, count - 1), isMax);
    return scalar;
  }

private:
  llvm::Value *take(llvm::Value *x, unsigned first, unsigned count) {
    llvm::SmallVector<int> lanes(count);
    std::iota(lanes.begin(), lanes.end(), int(first));
    return b.CreateShuffleVector(x, lanes);
  }

  llvm::IRBuilder<> b;
};
} // namespace

/// The extremum that a selection between what it compares is, or null.
static llvm::Value *replaceSelect(llvm::SelectInst *select) {
  auto *compare = llvm::dyn_cast<llvm::FCmpInst>(select->getCondition());
  if (!compare || !select->getType()->isVectorTy())
    return nullptr;
  llvm::Value *x = compare->getOperand(0), *y = compare->getOperand(1);
  llvm::CmpInst::Predicate predicate = compare->getPredicate();
  if (select->getTrueValue() == x && select->getFalseValue() == y)
    predicate = llvm::CmpInst::getInversePredicate(predicate);
  else if (select->getTrueValue() != y || select->getFalseValue() != x)
    return nullptr;
  // Now it is y if the predicate holds of x and y.
  ExtremumBuilder builder(select);
  switch (predicate) {
  case llvm::CmpInst::FCMP_OLT:
  case llvm::CmpInst::FCMP_OLE:
    return builder.choose(x, y, /*isMax=*/true);
  case llvm::CmpInst::FCMP_OGT:
  case llvm::CmpInst::FCMP_OGE:
    return builder.choose(x, y, /*isMax=*/false);
  // Where they can't be compared it is y, too.
  case llvm::CmpInst::FCMP_ULT:
  case llvm::CmpInst::FCMP_ULE:
    return builder.choose(y, x, /*isMax=*/true);
  case llvm::CmpInst::FCMP_UGT:
  case llvm::CmpInst::FCMP_UGE:
    return builder.choose(y, x, /*isMax=*/false);
  default:
    return nullptr;
  }
}

static llvm::Value *replaceIntrinsic(llvm::IntrinsicInst *call) {
  ExtremumBuilder builder(call);
  bool isVector = call->getType()->isVectorTy();
  switch (call->getIntrinsicID()) {
  case llvm::Intrinsic::maxnum:
  case llvm::Intrinsic::maximumnum:
  case llvm::Intrinsic::minnum:
  case llvm::Intrinsic::minimumnum: {
    bool isMax = call->getIntrinsicID() == llvm::Intrinsic::maxnum ||
                 call->getIntrinsicID() == llvm::Intrinsic::maximumnum;
    return isVector ? builder.chooseNumber(call->getArgOperand(0),
                                           call->getArgOperand(1), isMax)
                    : nullptr;
  }
  case llvm::Intrinsic::vector_reduce_fmax:
    return builder.reduce(call->getArgOperand(0), /*isMax=*/true);
  case llvm::Intrinsic::vector_reduce_fmin:
    return builder.reduce(call->getArgOperand(0), /*isMax=*/false);
  default:
    return nullptr;
  }
}

//===----------------------------------------------------------------------===//
// Halves in memory
//===----------------------------------------------------------------------===//

// Code converts halves by their bits and does nothing else with them, but LLVM
// would carry them as f32 to where they are stored, and knows no way for bf16.

/// The integers in the place of 16-bit floats, or null for other types.
static llvm::Type *getBitsType(llvm::Type *type) {
  llvm::Type *element = type->getScalarType();
  if (!element->isHalfTy() && !element->isBFloatTy())
    return nullptr;
  return type->getWithNewType(llvm::Type::getInt16Ty(type->getContext()));
}

/// The bits of `value`, which are often what it was made of.
static llvm::Value *getBits(llvm::IRBuilder<> &b, llvm::Value *value,
                            llvm::Type *type) {
  auto *cast = llvm::dyn_cast<llvm::BitCastInst>(value);
  if (cast && cast->getSrcTy() == type)
    return cast->getOperand(0);
  return b.CreateBitCast(value, type);
}

/// What a load yields, loaded as bits; null for other instructions, of which
/// stores get bits.
static llvm::Value *moveBits(llvm::Instruction &instruction) {
  llvm::IRBuilder<> b(&instruction);
  if (auto *store = llvm::dyn_cast<llvm::StoreInst>(&instruction)) {
    if (llvm::Type *bits = getBitsType(store->getValueOperand()->getType()))
      store->setOperand(0, getBits(b, store->getValueOperand(), bits));
    return nullptr;
  }
  llvm::Type *bits = getBitsType(instruction.getType());
  if (auto *load = llvm::dyn_cast<llvm::LoadInst>(&instruction); load && bits)
    return b.CreateBitCast(
        b.CreateAlignedLoad(bits, load->getPointerOperand(), load->getAlign()),
        load->getType());
  auto *call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
  if (!call)
    return nullptr;
  if (call->getIntrinsicID() == llvm::Intrinsic::masked_load && bits) {
    llvm::Value *loaded = b.CreateMaskedLoad(
        bits, call->getArgOperand(0), call->getParamAlign(0).valueOrOne(),
        call->getArgOperand(1), getBits(b, call->getArgOperand(2), bits));
    return b.CreateBitCast(loaded, call->getType());
  }
  if (call->getIntrinsicID() != llvm::Intrinsic::masked_store)
    return nullptr;
  bits = getBitsType(call->getArgOperand(0)->getType());
  if (!bits)
    return nullptr;
  return b.CreateMaskedStore(
      getBits(b, call->getArgOperand(0), bits), call->getArgOperand(1),
      call->getParamAlign(1).valueOrOne(), call->getArgOperand(2));
}

/// Replaces what LLVM would make something else of.
static void prepare(llvm::Module &module) {
  for (llvm::Function &function : module)
    for (llvm::Instruction &instruction :
         llvm::make_early_inc_range(llvm::instructions(function))) {
      llvm::Value *value = moveBits(instruction);
      if (auto *select = llvm::dyn_cast<llvm::SelectInst>(&instruction))
        value = replaceSelect(select);
      else if (auto *call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
               call && !value)
        value = replaceIntrinsic(call);
      if (!value)
        continue;
      instruction.replaceAllUsesWith(value);
      instruction.eraseFromParent();
    }
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

/// What is known of a module's memory must fit into it.
static llvm::Error checkMemory(const ProgramInterface &program,
                               llvm::ArrayRef<EntryCode> entries) {
  constexpr uint64_t most = uint64_t(1) << 32;
  uint64_t cache = 0, workspace = 0;
  if (program.isDecoder())
    for (const ProgramTensor &state : llvm::drop_begin(program.inputs, 2))
      cache += *getByteSize(state.spec.type, state.spec.shape);
  for (const EntryCode &entry : entries)
    workspace += entry.workspace.value_or(0);
  if (program.weightsBytes + cache + workspace <= most)
    return llvm::Error::success();
  return makeError(
      "a module of WebAssembly has 4294967296 bytes of memory, the model "
      "requires " +
      llvm::Twine(program.weightsBytes) + " for weights, " +
      llvm::Twine(cache) + " for its cache and " + llvm::Twine(workspace) +
      " to compute in: quantize to fewer bits, or shorten --max-length");
}

llvm::Expected<ProgramCode>
lowbit::generateWasmCode(ProgramInterface &program,
                         const ProgramVariant &variant,
                         std::vector<EntryCode> &entries) {
  ProgramCode result;
  result.context = std::make_unique<llvm::LLVMContext>();
  auto code = compileVariant(
      variant, program, *result.context, [&](llvm::StringRef function) {
        return program.name + "_" +
               (function == kMainFunction ? "run" : function).str();
      });
  if (!code)
    return code.takeError();
  entries = code->entries;
  result.machine = std::move(code->machine);
  result.module = std::move(code->module);
  result.module->setModuleIdentifier(program.name);
  result.module->setSourceFileName(program.name);
  redirectAllocation(*result.module);
  prepare(*result.module);
  ProcessorName processor =
      getProcessorName(variant.cpu, result.machine->getTargetTriple());
  for (auto [i, requirement] : llvm::enumerate(program.requirements)) {
    llvm::Function *holds =
        addRequirement(*result.module, requirement,
                       program.name + "_holds_" + std::to_string(i));
    holds->setLinkage(llvm::GlobalValue::ExternalLinkage);
    holds->addFnAttr("target-cpu", processor.cpu);
    holds->addFnAttr("target-features", processor.features);
  }
  if (llvm::Error error = checkMemory(program, entries))
    return std::move(error);
  program.triple = result.machine->getTargetTriple().str();
  program.cpus.push_back(code->cpu);
  return std::move(result);
}
