//===- BindWeights.cpp - weights as buffers of a GPU ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/CodeGen/GPU/Pipelines.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Cache.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace lowbit {
#define GEN_PASS_DEF_GPUBINDWEIGHTSPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
struct GPUBindWeightsPass
    : lowbit::impl::GPUBindWeightsPassBase<GPUBindWeightsPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<WeightOp> weights;
    module.walk([&](WeightOp weight) { weights.push_back(weight); });
    NamedAttrList data;
    auto builder = OpBuilder::atBlockBegin(module.getBody());
    llvm::StringMap<RankedTensorType> bound;
    for (WeightOp weight : weights) {
      auto type = dyn_cast<RankedTensorType>(weight.getType());
      GlobalOp global = weight.getGlobalOp();
      ElementsAttr elements =
          global ? global.getComponent(component::kData) : ElementsAttr();
      if (!type || !type.hasStaticShape() || !elements) {
        weight.emitError("GPU code requires weights that are plain static "
                         "tensors of the module, found ")
            << weight.getType() << ": lower quantized ops first";
        return signalPassFailure();
      }
      std::string symbol =
          (kGPUWeightPrefix + weight.getGlobalAttr().getValue()).str();
      if (bound.try_emplace(symbol, type).second) {
        data.set(symbol, elements);
        memref::GlobalOp::create(
            builder, weight.getLoc(), symbol, builder.getStringAttr("private"),
            MemRefType::get(type.getShape(), type.getElementType()),
            /*initial_value=*/Attribute(), /*constant=*/true,
            /*alignment=*/IntegerAttr());
      }
      OpBuilder b(weight);
      Value buffer = memref::GetGlobalOp::create(
          b, weight.getLoc(),
          MemRefType::get(type.getShape(), type.getElementType()), symbol);
      weight.replaceAllUsesWith(
          bufferization::ToTensorOp::create(b, weight.getLoc(), type, buffer,
                                            /*restrict=*/true,
                                            /*writable=*/false)
              .getResult());
      weight.erase();
    }
    for (GlobalOp global :
         llvm::make_early_inc_range(module.getOps<GlobalOp>()))
      global.erase();
    protectInputs(module);
    module->setAttr(kGPUWeightsAttrName, data.getDictionary(&getContext()));
    numBound += bound.size();
  }
};
} // namespace
