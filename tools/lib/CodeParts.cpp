//===- CodeParts.cpp - LLVM IR in parts for several threads ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodeParts.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Operator.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/raw_ostream.h"

using namespace lowbit;

/// More would gain little: one function is often a third of the code.
static constexpr size_t kMostParts = 8;
/// Instructions of a part, at least: about 10 ms of optimization.
static constexpr size_t kLeastInstructions = 1000;

//===----------------------------------------------------------------------===//
// Dealing out
//===----------------------------------------------------------------------===//

/// The function that calls `function`, if nothing else mentions it and LLVM may
/// inline it there.
static llvm::Function *getOnlyCaller(llvm::Function &function) {
  if (!function.hasLocalLinkage() || !function.hasOneUse() ||
      function.hasFnAttribute(llvm::Attribute::NoInline))
    return nullptr;
  auto *call = llvm::dyn_cast<llvm::CallBase>(*function.user_begin());
  if (!call || call->getCalledFunction() != &function)
    return nullptr;
  return call->getFunction();
}

namespace {
/// Functions that stay together, and how many instructions they are.
struct FunctionGroup {
  std::vector<llvm::Function *> functions;
  size_t instructions = 0;
};
} // namespace

/// Groups in the order of their first functions.
static llvm::SmallVector<FunctionGroup, 0> getGroups(llvm::Module &module) {
  llvm::EquivalenceClasses<llvm::Function *> together;
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    together.insert(&function);
    if (llvm::Function *caller = getOnlyCaller(function))
      together.unionSets(caller, &function);
  }
  llvm::MapVector<llvm::Function *, FunctionGroup> groups;
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    FunctionGroup &group = groups[together.getLeaderValue(&function)];
    group.functions.push_back(&function);
    group.instructions += function.getInstructionCount();
  }
  return llvm::to_vector<0>(llvm::make_second_range(groups));
}

CodeParts::CodeParts(llvm::Module &module) {
  llvm::SmallVector<FunctionGroup, 0> groups = getGroups(module);
  size_t instructions = 0;
  for (const FunctionGroup &group : groups)
    instructions += group.instructions;
  numParts =
      std::clamp<size_t>(instructions / kLeastInstructions, 1, kMostParts);
  // Lists that linkers append to, and aliases, can't be in several parts.
  if (!module.alias_empty() || !module.ifunc_empty() ||
      llvm::any_of(module.globals(), [](const llvm::GlobalVariable &variable) {
        return variable.hasAppendingLinkage();
      }))
    numParts = 1;
  // The largest first, each to whoever has least.
  llvm::stable_sort(groups, [](const auto &a, const auto &b) {
    return a.instructions > b.instructions;
  });
  std::vector<size_t> loads(numParts, 0);
  for (const FunctionGroup &group : groups) {
    size_t part = llvm::min_element(loads) - loads.begin();
    loads[part] += group.instructions;
    for (llvm::Function *function : group.functions)
      partOf[function->getName()] = part;
  }
  for (llvm::Function &function : module)
    if (!function.isDeclaration())
      order.push_back(function.getName().str());
  share(module);
  bitcode = writeBitcode(module);
}

/// Whether anything beyond a part's functions uses a value. What variables
/// begin with counts as such, since several parts see it.
static bool isUsedBeyond(const llvm::Value &value,
                         llvm::function_ref<bool(llvm::StringRef)> isInPart) {
  return llvm::any_of(value.users(), [&](const llvm::User *user) {
    if (auto *instruction = llvm::dyn_cast<llvm::Instruction>(user))
      return !isInPart(instruction->getFunction()->getName());
    return llvm::isa<llvm::GlobalValue>(user) || isUsedBeyond(*user, isInPart);
  });
}

/// Names that several parts use become public.
void CodeParts::share(llvm::Module &module) {
  if (numParts == 1)
    return;
  for (llvm::GlobalValue &value : module.global_values()) {
    if (!value.hasLocalLinkage())
      continue;
    if (!value.hasName())
      value.setName("lowbit_shared");
    auto own = partOf.find(value.getName());
    size_t part = own == partOf.end() ? 0 : own->second;
    if (!isUsedBeyond(value, [&](llvm::StringRef function) {
          return partOf.at(function) == part;
        }))
      continue;
    shared[value.getName()] = value.getLinkage();
    value.setLinkage(llvm::GlobalValue::ExternalLinkage);
    value.setDSOLocal(false);
  }
}

llvm::SmallVector<char, 0> lowbit::writeBitcode(const llvm::Module &module) {
  llvm::SmallVector<char, 0> bitcode;
  llvm::raw_svector_ostream stream(bitcode);
  llvm::WriteBitcodeToFile(module, stream);
  return bitcode;
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

static llvm::MemoryBufferRef getBuffer(llvm::ArrayRef<char> bitcode) {
  return {llvm::StringRef(bitcode.data(), bitcode.size()), "lowbit"};
}

/// Leaves the definitions of variables to the first part.
static void declareVariables(llvm::Module &module) {
  for (llvm::GlobalVariable &variable :
       llvm::make_early_inc_range(module.globals())) {
    if (!variable.hasInitializer())
      continue;
    // What nobody shares is the first part's own.
    if (variable.hasLocalLinkage() && variable.use_empty()) {
      variable.eraseFromParent();
    } else if (variable.isConstant()) {
      variable.setLinkage(llvm::GlobalValue::AvailableExternallyLinkage);
    } else {
      variable.setInitializer(nullptr);
      variable.setLinkage(llvm::GlobalValue::ExternalLinkage);
    }
  }
}

llvm::Expected<std::unique_ptr<llvm::Module>>
CodeParts::load(size_t part, llvm::LLVMContext &context) const {
  auto module = llvm::getLazyBitcodeModule(getBuffer(bitcode), context);
  if (!module)
    return module.takeError();
  for (llvm::Function &function : **module)
    if (!function.isDeclaration() && partOf.at(function.getName()) != part)
      function.deleteBody();
  if (llvm::Error error = (*module)->materializeAll())
    return std::move(error);
  for (llvm::Function &function : llvm::make_early_inc_range(**module))
    if (function.isDeclaration() && function.use_empty())
      function.eraseFromParent();
  if (part != 0)
    declareVariables(**module);
  return module;
}

//===----------------------------------------------------------------------===//
// Joining
//===----------------------------------------------------------------------===//

llvm::Expected<std::unique_ptr<llvm::Module>>
CodeParts::join(llvm::ArrayRef<llvm::SmallVector<char, 0>> parts,
                llvm::LLVMContext &context) const {
  std::unique_ptr<llvm::Module> whole;
  for (const llvm::SmallVector<char, 0> &part : parts) {
    auto module = llvm::parseBitcodeFile(getBuffer(part), context);
    if (!module)
      return module.takeError();
    if (!whole)
      whole = std::move(*module);
    else if (llvm::Linker::linkModules(*whole, std::move(*module)))
      return makeError("the parts of the code cannot be linked");
  }
  for (const auto &[name, linkage] : shared)
    if (llvm::GlobalValue *value = whole->getNamedValue(name))
      value->setLinkage(linkage);
  for (const std::string &name : order)
    if (llvm::Function *function = whole->getFunction(name)) {
      function->removeFromParent();
      whole->getFunctionList().push_back(function);
    }
  return whole;
}
