//===- BindWeights.cpp - weights as external symbols ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Cache.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace lowbit {
#define GEN_PASS_DEF_CPUBINDWEIGHTSPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// Whether the data of `weight` are laid out as memory holds its elements: of
/// other widths than these, attributes pack bits. Booleans are bytes in memory,
/// and in resources, but bits in other attributes.
static bool isHeldAsInMemory(WeightOp weight, RankedTensorType type) {
  if (type.getElementType().isInteger(1))
    if (GlobalOp global = weight.getGlobalOp())
      return isa_and_nonnull<DenseResourceElementsAttr>(
          global.getComponent(component::kData));
  return llvm::is_contained({8u, 16u, 32u, 64u}, type.getElementTypeBitWidth());
}

namespace {
struct CPUBindWeightsPass
    : lowbit::impl::CPUBindWeightsPassBase<CPUBindWeightsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    // What a file says about data and signature is not to be trusted.
    for (NamedAttribute attr : llvm::to_vector(module->getAttrs()))
      if (attr.getName().strref().starts_with(kSignatureAttrName))
        module->removeAttr(attr.getName());
    module->removeAttr(kWeightsAttrName);
    llvm::MapVector<StringAttr, RankedTensorType> bound;
    SmallVector<WeightOp> weights;
    WalkResult result = module.walk([&](WeightOp weight) {
      auto type = dyn_cast<RankedTensorType>(weight.getResult().getType());
      if (!type || !type.hasStaticShape()) {
        weight.emitError(
            "requires a weight of static plain tensor type, found ")
            << weight.getResult().getType() << ": lower quantized ops first";
        return WalkResult::interrupt();
      }
      if (!isHeldAsInMemory(weight, type)) {
        weight.emitError("requires a weight of elements of 8, 16, 32 or 64 "
                         "bits, found ")
            << type << ": store it as wider elements";
        return WalkResult::interrupt();
      }
      auto [entry, isNew] =
          bound.insert({weight.getGlobalAttr().getAttr(), type});
      if (entry->second != type) {
        weight.emitError("is read as ")
            << type << " here and as " << entry->second << " elsewhere";
        return WalkResult::interrupt();
      }
      weights.push_back(weight);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    keepData(module, bound);
    keepSignature(module);
    declareSymbols(module, bound);
    for (WeightOp weight : weights)
      replaceWeight(weight);
    protectInputs(module);
    numBound += bound.size();
  }

  static StringAttr getSymbol(StringAttr weight) {
    return StringAttr::get(weight.getContext(),
                           kWeightSymbolPrefix + weight.getValue());
  }

  /// Moves the data of bound weights to the module's attribute.
  static void
  keepData(ModuleOp module,
           const llvm::MapVector<StringAttr, RankedTensorType> &bound) {
    SmallVector<NamedAttribute> data;
    for (GlobalOp global : llvm::to_vector(module.getOps<GlobalOp>())) {
      DictionaryAttr components = global.getComponents();
      if (bound.contains(global.getSymNameAttr()) && components.size() == 1)
        data.emplace_back(getSymbol(global.getSymNameAttr()),
                          components.begin()->getValue());
      global.erase();
    }
    if (!data.empty())
      module->setAttr(kWeightsAttrName,
                      DictionaryAttr::get(module.getContext(), data));
  }

  static void keepSignature(ModuleOp module) {
    for (auto function : module.getOps<func::FuncOp>()) {
      bool isMain = function.getSymName() == "main";
      bool hasStates = false;
      for (unsigned i = 0; i < function.getNumArguments(); ++i)
        hasStates |= bool(function.getArgAttr(i, kStateAttrName));
      if (isMain || hasStates)
        keepSignature(function, getSignatureAttrName(function.getSymName()));
    }
  }

  /// States are results only until they are updated in place.
  static void keepSignature(func::FuncOp function, StringRef attrName) {
    Builder builder(function.getContext());
    auto getName = [&](DictionaryAttr attrs, StringRef kind, unsigned index) {
      auto name = attrs ? attrs.getAs<StringAttr>(kNameAttrName) : StringAttr();
      return name ? Attribute(name)
                  : builder.getStringAttr(kind + Twine(index));
    };
    SmallVector<Attribute> inputs, outputs;
    SmallVector<Type> inputTypes, outputTypes;
    SmallVector<int64_t> states;
    llvm::SmallDenseSet<int64_t> updated;
    auto getType = [](DictionaryAttr attrs, Type type) {
      return attrs && attrs.get(kUnsignedAttrName) ? makeUnsigned(type) : type;
    };
    // The translation to LLVM IR would warn of attributes that it can't keep.
    StringRef names[] = {kNameAttrName, kDimensionsAttrName, kUnsignedAttrName};
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
      DictionaryAttr attrs = function.getArgAttrDict(i);
      if (auto state = attrs ? attrs.getAs<IntegerAttr>(kStateAttrName)
                             : IntegerAttr()) {
        states.push_back(i);
        updated.insert(state.getInt());
      }
      inputs.push_back(getName(attrs, "input", i));
      inputTypes.push_back(getType(attrs, type));
      for (StringRef name : names)
        function.removeArgAttr(i, name);
    }
    for (auto [i, type] : llvm::enumerate(function.getResultTypes())) {
      DictionaryAttr attrs = function.getResultAttrDict(i);
      if (!updated.contains(i)) {
        outputs.push_back(getName(attrs, "output", i));
        outputTypes.push_back(getType(attrs, type));
      }
      for (StringRef name : names)
        function.removeResultAttr(i, builder.getStringAttr(name));
    }
    NamedAttrList signature;
    signature.set("type", TypeAttr::get(builder.getFunctionType(inputTypes,
                                                                outputTypes)));
    signature.set("inputs", builder.getArrayAttr(inputs));
    signature.set("outputs", builder.getArrayAttr(outputs));
    if (!states.empty())
      signature.set("states", builder.getDenseI64ArrayAttr(states));
    function->getParentOp()->setAttr(
        attrName, signature.getDictionary(function.getContext()));
  }

  static MemRefType getBufferType(RankedTensorType type) {
    return MemRefType::get(type.getShape(), type.getElementType());
  }

  static void
  declareSymbols(ModuleOp module,
                 const llvm::MapVector<StringAttr, RankedTensorType> &bound) {
    auto builder = OpBuilder::atBlockBegin(module.getBody());
    for (auto [name, type] : bound) {
      // Data are bound where they lie, in a mapped file for example, so nothing
      // is known beyond what elements need.
      int64_t alignment = std::max(1u, type.getElementTypeBitWidth() / 8);
      memref::GlobalOp::create(builder, module.getLoc(), getSymbol(name),
                               /*sym_visibility=*/StringAttr(),
                               TypeAttr::get(getBufferType(type)),
                               /*initial_value=*/Attribute(),
                               /*constant=*/builder.getUnitAttr(),
                               builder.getI64IntegerAttr(alignment));
    }
  }

  static void replaceWeight(WeightOp weight) {
    OpBuilder builder(weight);
    auto type = cast<RankedTensorType>(weight.getResult().getType());
    Value buffer = memref::GetGlobalOp::create(
        builder, weight.getLoc(), getBufferType(type),
        getSymbol(weight.getGlobalAttr().getAttr()));
    Value tensor = bufferization::ToTensorOp::create(
        builder, weight.getLoc(), type, buffer, /*restrict=*/true,
        /*writable=*/false);
    weight.getResult().replaceAllUsesWith(tensor);
    weight.erase();
  }
};
} // namespace
