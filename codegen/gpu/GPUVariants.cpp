//===- GPUVariants.cpp - kernels for devices that have more ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/GPUVariants.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace lowbit;

/// The kernel that a variant is of; empty for others.
static StringRef getOriginal(gpu::GPUFuncOp kernel) {
  auto symbol = kernel->getAttrOfType<FlatSymbolRefAttr>(kGPUVariantOfAttrName);
  return symbol ? symbol.getValue() : StringRef();
}

void lowbit::setGPUVariant(gpu::GPUFuncOp kernel, StringAttr original,
                           ArrayRef<StringRef> features) {
  Builder b(kernel.getContext());
  kernel->setAttr(kGPUFeaturesAttrName, b.getStrArrayAttr(features));
  kernel->setAttr(kGPUVariantOfAttrName, FlatSymbolRefAttr::get(original));
}

/// How much a kernel with `features` makes of them: first what a device is,
/// then what was asked for.
static size_t rank(ArrayRef<StringRef> features) {
  return features.size() + (llvm::is_contained(features, kGPUHalf) ? 100 : 0) +
         (llvm::is_contained(features, kGPUSoftware) ? 1000 : 0);
}

/// For each kernel its variant that makes the most of `features`.
static std::map<std::string, std::string>
chooseKernels(ModuleOp module, ArrayRef<std::string> features) {
  std::map<std::string, std::string> chosen;
  std::map<std::string, size_t> used;
  module.walk([&](gpu::GPUFuncOp kernel) {
    std::string original = getOriginal(kernel).str();
    SmallVector<StringRef> needed = getGPUFeatures(kernel);
    bool runs = llvm::all_of(needed, [&](StringRef feature) {
      return llvm::is_contained(features, feature.str());
    });
    if (original.empty() || !runs || rank(needed) <= used[original])
      return;
    chosen[original] = kernel.getName().str();
    used[original] = rank(needed);
  });
  return chosen;
}

std::vector<GPUVariant> lowbit::readGPUVariants(ModuleOp module) {
  llvm::StringSet<> seen;
  module.walk([&](gpu::GPUFuncOp kernel) {
    for (StringRef feature : getGPUFeatures(kernel))
      seen.insert(feature);
  });
  SmallVector<std::string> all;
  for (StringRef feature : seen.keys())
    all.push_back(feature.str());
  llvm::sort(all);
  std::vector<GPUVariant> variants;
  for (uint64_t set = 0; set < uint64_t(1) << all.size(); ++set) {
    GPUVariant variant;
    for (auto [i, feature] : llvm::enumerate(all))
      if (set >> i & 1)
        variant.features.push_back(feature);
    variant.name = set ? llvm::join(variant.features, "+") : "base";
    if (llvm::is_contained(variant.features, kGPUHalf))
      variant.onRequest.push_back(kGPUHalf.str());
    variant.kernels = chooseKernels(module, variant.features);
    variants.push_back(std::move(variant));
  }
  llvm::stable_sort(variants, [](const GPUVariant &lhs, const GPUVariant &rhs) {
    if (lhs.onRequest.size() != rhs.onRequest.size())
      return lhs.onRequest.size() < rhs.onRequest.size();
    return lhs.features.size() > rhs.features.size();
  });
  // One that chooses nothing but what fewer features choose is of no use.
  std::vector<GPUVariant> useful;
  for (const GPUVariant &variant : variants)
    if (llvm::none_of(variants, [&](const GPUVariant &other) {
          return other.features.size() < variant.features.size() &&
                 other.kernels == variant.kernels;
        }))
      useful.push_back(variant);
  return useful;
}

llvm::json::Array lowbit::toJSON(ArrayRef<GPUVariant> variants) {
  llvm::json::Array result;
  for (const GPUVariant &variant : variants) {
    llvm::json::Object kernels;
    for (const auto &[from, to] : variant.kernels)
      kernels[from] = to;
    llvm::json::Object object{{"name", variant.name},
                              {"features", llvm::json::Array(variant.features)},
                              {"kernels", std::move(kernels)}};
    if (!variant.onRequest.empty())
      object["onRequest"] = llvm::json::Array(variant.onRequest);
    result.push_back(std::move(object));
  }
  return result;
}
