//===- MakeVariants.cpp - kernels for devices that have more --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/GPUVariants.h"
#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/IR/LowbitWordOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

namespace lowbit {
#define GEN_PASS_DEF_GPUMAKEVARIANTSPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// The features that a kernel can make use of, in a fixed order.
static SmallVector<StringRef> findFeatures(gpu::GPUFuncOp kernel) {
  llvm::SetVector<StringRef> features;
  kernel.walk([&](DeviceFeatureInterface op) {
    if (!op.getDeviceFeature().empty())
      features.insert(op.getDeviceFeature());
  });
  SmallVector<StringRef> sorted = features.takeVector();
  llvm::sort(sorted);
  return sorted;
}

/// Replaces what devices with `features` alone don't have, and what those with
/// them have several instructions for.
static void lowerFor(gpu::GPUFuncOp kernel, ArrayRef<StringRef> features) {
  SmallVector<DeviceFeatureInterface> ops;
  kernel.walk([&](DeviceFeatureInterface op) { ops.push_back(op); });
  for (DeviceFeatureInterface op : ops) {
    OpBuilder b(op);
    bool isNative = llvm::is_contained(features, op.getDeviceFeature());
    SmallVector<Value> results =
        isNative ? op.buildNative(b) : op.buildPortable(b);
    if (isNative && results.empty())
      continue;
    op->replaceAllUsesWith(results);
    op->erase();
  }
}

/// Puts a copy that relies on `more` features behind `kernel`.
static void addVariant(gpu::GPUFuncOp kernel, ArrayRef<StringRef> more) {
  SmallVector<StringRef> features = getGPUFeatures(kernel);
  llvm::append_range(features, more);
  llvm::sort(features);
  OpBuilder b(kernel->getContext());
  b.setInsertionPointAfter(kernel);
  auto variant = cast<gpu::GPUFuncOp>(b.clone(*kernel));
  std::string base = (kernel.getName() + "_" + llvm::join(more, "_")).str(),
              name = base;
  Operation *table = SymbolTable::getNearestSymbolTable(kernel);
  for (unsigned i = 1; SymbolTable::lookupSymbolIn(table, name); ++i)
    name = base + "_" + std::to_string(i);
  variant.setName(name);
  auto original =
      kernel->getAttrOfType<FlatSymbolRefAttr>(kGPUVariantOfAttrName);
  setGPUVariant(variant, original ? original.getAttr() : kernel.getNameAttr(),
                features);
  lowerFor(variant, features);
}

namespace {
struct GPUMakeVariantsPass
    : lowbit::impl::GPUMakeVariantsPassBase<GPUMakeVariantsPass> {
  void runOnOperation() override {
    SmallVector<gpu::GPUFuncOp> kernels;
    getOperation().walk(
        [&](gpu::GPUFuncOp kernel) { kernels.push_back(kernel); });
    for (gpu::GPUFuncOp kernel : kernels) {
      // One that is a variant already comes in further ones.
      SmallVector<StringRef> own = getGPUFeatures(kernel);
      SmallVector<StringRef> all = findFeatures(kernel);
      llvm::erase_if(all, [&](StringRef feature) {
        return llvm::is_contained(own, feature);
      });
      for (uint64_t set = (uint64_t(1) << all.size()) - 1; set > 0; --set) {
        SmallVector<StringRef> features;
        for (auto [i, feature] : llvm::enumerate(all))
          if (set >> i & 1)
            features.push_back(feature);
        addVariant(kernel, features);
        ++numVariants;
      }
      lowerFor(kernel, own);
    }
  }
};
} // namespace
