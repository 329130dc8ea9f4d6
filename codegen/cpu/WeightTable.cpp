//===- WeightTable.cpp - weights as arguments of compiled code ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A symbol has one address in a process, so code that names its weights serves
// one copy of one model. Through a table it serves any number of them, and
// objects of several models link into one program.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUWEIGHTTABLEPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
struct CPUWeightTablePass
    : lowbit::impl::CPUWeightTablePassBase<CPUWeightTablePass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    collect(module);
    if (failed(checkCalls()))
      return signalPassFailure();
    for (LLVM::LLVMFuncOp function : readers)
      addTable(function);
    for (LLVM::CallOp call : calls)
      call.getCalleeOperandsMutable().append(
          getTable(call->getParentOfType<LLVM::LLVMFuncOp>()));
    for (LLVM::AddressOfOp use : uses)
      replaceUse(use);
    for (auto [symbol, index] : indices)
      module.lookupSymbol(symbol)->erase();
    SmallVector<Attribute> names;
    for (auto [symbol, index] : indices)
      names.push_back(symbol);
    module->setAttr(kWeightTableAttrName, ArrayAttr::get(&getContext(), names));
    numWeights += indices.size();
  }

private:
  /// Weights by position in the table, the places that use them, and all
  /// functions that read a weight themselves or by a call.
  void collect(ModuleOp module) {
    indices.clear();
    readers.clear();
    calls.clear();
    uses.clear();
    for (auto global : module.getOps<LLVM::GlobalOp>())
      if (global.getSymName().starts_with(kWeightSymbolPrefix) &&
          !global.getValueAttr() && global.getInitializerRegion().empty())
        indices.insert({global.getSymNameAttr(), indices.size()});
    module.walk([&](LLVM::AddressOfOp use) {
      if (!indices.contains(use.getGlobalNameAttr().getAttr()))
        return;
      uses.push_back(use);
      readers.insert(use->getParentOfType<LLVM::LLVMFuncOp>());
    });
    SymbolTableCollection symbols;
    SymbolUserMap users(symbols, module);
    for (size_t i = 0; i < readers.size(); ++i)
      for (Operation *user : users.getUsers(readers[i]))
        if (auto caller = user->getParentOfType<LLVM::LLVMFuncOp>())
          readers.insert(caller);
    module.walk([&](LLVM::CallOp call) {
      if (auto callee = call.getCallee())
        if (readers.contains(module.lookupSymbol<LLVM::LLVMFuncOp>(*callee)))
          calls.push_back(call);
    });
  }

  /// A function that is called by address would not get the table.
  LogicalResult checkCalls() {
    for (LLVM::LLVMFuncOp function : readers) {
      auto users = SymbolTable::getSymbolUses(function, getOperation());
      for (SymbolTable::SymbolUse use : *users)
        if (!isa<LLVM::CallOp>(use.getUser()))
          return use.getUser()->emitError(
                     "requires direct calls of functions that read weights, "
                     "found another use of '@")
                 << function.getSymName() << "'";
    }
    return success();
  }

  static void addTable(LLVM::LLVMFuncOp function) {
    auto pointer = LLVM::LLVMPointerType::get(function.getContext());
    LLVM::LLVMFunctionType type = function.getFunctionType();
    SmallVector<Type> parameters(type.getParams());
    parameters.push_back(pointer);
    function.setFunctionType(LLVM::LLVMFunctionType::get(
        type.getReturnType(), parameters, type.isVarArg()));
    if (ArrayAttr attrs = function.getArgAttrsAttr()) {
      SmallVector<Attribute> extended(attrs.getValue());
      extended.push_back(DictionaryAttr::get(function.getContext()));
      function.setArgAttrsAttr(ArrayAttr::get(function.getContext(), extended));
    }
    function.getBody().addArgument(pointer, function.getLoc());
  }

  static Value getTable(LLVM::LLVMFuncOp function) {
    return function.getBody().getArguments().back();
  }

  /// In place, so that code in a parallel region captures the table and not
  /// every weight.
  void replaceUse(LLVM::AddressOfOp use) {
    OpBuilder b(use);
    auto pointer = LLVM::LLVMPointerType::get(&getContext());
    unsigned index = indices.lookup(use.getGlobalNameAttr().getAttr());
    Value slot = LLVM::GEPOp::create(
        b, use.getLoc(), pointer, pointer,
        getTable(use->getParentOfType<LLVM::LLVMFuncOp>()),
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
    auto address = LLVM::LoadOp::create(b, use.getLoc(), pointer, slot);
    address.setInvariant(true);
    use.replaceAllUsesWith(address.getResult());
    use.erase();
  }

  llvm::MapVector<StringAttr, unsigned> indices;
  llvm::SetVector<LLVM::LLVMFuncOp> readers;
  SmallVector<LLVM::CallOp> calls;
  SmallVector<LLVM::AddressOfOp> uses;
};
} // namespace
