//===- ImportGlobals.cpp - weights of other dialects as globals -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exporters keep weights in `ml_program.global` or in constants of resources.
// As `lowbit.global` they have names, are shared by functions, and go to the
// sidecar of an artefact.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/DialectResourceBlobManager.h"

namespace lowbit {
#define GEN_PASS_DEF_IMPORTGLOBALSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// Whether a `lowbit.global` can hold `type`: floats or integers of whole
/// bytes.
static bool canHold(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() &&
         tensor.getElementType().isIntOrFloat() &&
         tensor.getElementTypeBitWidth() % 8 == 0 &&
         !llvm::is_contained(tensor.getShape(), 0);
}

static DictionaryAttr dataComponent(Attribute data) {
  Builder builder(data.getContext());
  return builder.getDictionaryAttr(
      builder.getNamedAttr(component::kData, data));
}

namespace {
struct ImportGlobalsPass
    : lowbit::impl::ImportGlobalsPassBase<ImportGlobalsPass> {
  using ImportGlobalsPassBase::ImportGlobalsPassBase;

  void runOnOperation() override {
    SmallVector<ml_program::GlobalOp> globals;
    getOperation().walk(
        [&](ml_program::GlobalOp op) { globals.push_back(op); });
    for (ml_program::GlobalOp global : globals)
      importGlobal(global);
    getOperation().walk([&](arith::ConstantOp op) { importConstant(op); });
  }

private:
  /// Replaces a global and its loads, if nothing writes it.
  void importGlobal(ml_program::GlobalOp global) {
    auto uses = SymbolTable::getSymbolUses(global, getOperation());
    auto isLoad = [](SymbolTable::SymbolUse use) {
      return isa<ml_program::GlobalLoadConstOp, ml_program::GlobalLoadOp>(
          use.getUser());
    };
    auto data =
        dyn_cast_or_null<ElementsAttr>(global.getValue().value_or(Attribute()));
    StringRef reason;
    if (!data)
      reason = "it has no initial value";
    else if (!canHold(global.getType()) || data.getType() != global.getType())
      reason = "its type isn't a static tensor of whole bytes";
    else if (!uses || !llvm::all_of(*uses, isLoad))
      reason = "it is written, or used by more than loads";
    if (!reason.empty()) {
      global.emitRemark() << "@" << global.getSymName()
                          << " stays an ml_program.global: " << reason;
      ++numLeft;
      return;
    }
    for (SymbolTable::SymbolUse use : *uses) {
      OpBuilder builder(use.getUser());
      Value weight = WeightOp::create(builder, use.getUser()->getLoc(),
                                      global.getType(), global.getSymName());
      use.getUser()->getResult(0).replaceAllUsesWith(weight);
      use.getUser()->erase();
    }
    OpBuilder builder(global);
    GlobalOp::create(builder, global.getLoc(), global.getSymName(),
                     global.getType(), dataComponent(data));
    global.erase();
    ++numImported;
  }

  /// Moves a constant of a resource to a global of the resource's name.
  void importConstant(arith::ConstantOp op) {
    auto resource = dyn_cast<DenseResourceElementsAttr>(op.getValue());
    if (!resource || !canHold(op.getType()))
      return;
    GlobalOp &global = made[resource];
    if (!global) {
      StringRef key = resource.getRawHandle().getKey();
      std::string name = key.str();
      for (unsigned i = 0; getOperation().lookupSymbol(name); ++i)
        name = (key + "." + Twine(i)).str();
      OpBuilder builder = OpBuilder::atBlockBegin(getOperation().getBody());
      if (last)
        builder.setInsertionPointAfter(last);
      global = GlobalOp::create(builder, op.getLoc(), name, op.getType(),
                                dataComponent(resource));
      last = global;
      ++numImported;
    }
    OpBuilder builder(op);
    op.getResult().replaceAllUsesWith(WeightOp::create(builder, op.getLoc(),
                                                       op.getType(),
                                                       global.getSymName())
                                          .getResult());
    op.erase();
  }

  llvm::DenseMap<Attribute, GlobalOp> made;
  GlobalOp last;
};
} // namespace
