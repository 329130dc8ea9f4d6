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

/// For each kernel its variant that makes the most of `variant.features`; of
/// those in f16, without a request, what devices take by themselves.
static void chooseKernels(ModuleOp module, GPUVariant &variant) {
  std::map<std::string, size_t> used;
  std::map<std::string, bool> isHalf;
  module.walk([&](gpu::GPUFuncOp kernel) {
    std::string original = getOriginal(kernel).str();
    SmallVector<StringRef> needed = getGPUFeatures(kernel);
    bool computesInHalf = llvm::is_contained(needed, kGPUHalf);
    bool isAllowed = !computesInHalf || !variant.onRequest.empty() ||
                     kernel->hasAttr(kGPUUnaskedAttrName);
    bool runs = llvm::all_of(needed, [&](StringRef feature) {
      return llvm::is_contained(variant.features, feature.str());
    });
    if (original.empty() || !isAllowed || !runs ||
        rank(needed) <= used[original])
      return;
    variant.kernels[original] = kernel.getName().str();
    used[original] = rank(needed);
    isHalf[original] = computesInHalf;
  });
  for (const auto &[original, computesInHalf] : isHalf)
    if (computesInHalf)
      variant.halves.push_back(original);
}

/// The features that some kernel makes use of.
static SmallVector<std::string> findFeatures(ModuleOp module) {
  llvm::StringSet<> seen;
  module.walk([&](gpu::GPUFuncOp kernel) {
    for (StringRef feature : getGPUFeatures(kernel))
      seen.insert(feature);
  });
  SmallVector<std::string> all;
  for (StringRef feature : seen.keys())
    all.push_back(feature.str());
  llvm::sort(all);
  return all;
}

/// Whether `variant` chooses nothing but what fewer features, or no request,
/// choose: then it is of no use.
static bool isNeedless(const GPUVariant &variant,
                       ArrayRef<GPUVariant> variants) {
  return llvm::any_of(variants, [&](const GPUVariant &other) {
    bool needsLess = other.features.size() < variant.features.size() ||
                     (other.features == variant.features &&
                      other.onRequest.size() < variant.onRequest.size());
    return needsLess && other.kernels == variant.kernels;
  });
}

/// Tells variants on request apart from those with the same features.
static void renameRequests(std::vector<GPUVariant> &variants) {
  for (GPUVariant &variant : variants) {
    bool isTaken = llvm::any_of(variants, [&](const GPUVariant &other) {
      return &other != &variant && other.name == variant.name;
    });
    if (variant.onRequest.empty() || !isTaken)
      continue;
    std::vector<std::string> words = variant.features;
    llvm::replace(words, kGPUHalf.str(), (kGPUHalf + "-all").str());
    variant.name = llvm::join(words, "+");
  }
}

std::vector<GPUVariant> lowbit::readGPUVariants(ModuleOp module) {
  SmallVector<std::string> all = findFeatures(module);
  std::vector<GPUVariant> variants;
  for (uint64_t set = 0; set < uint64_t(1) << all.size(); ++set) {
    GPUVariant variant;
    for (auto [i, feature] : llvm::enumerate(all))
      if (set >> i & 1)
        variant.features.push_back(feature);
    variant.name = set ? llvm::join(variant.features, "+") : "base";
    if (llvm::is_contained(variant.features, kGPUHalf)) {
      variants.push_back(variant);
      variants.back().onRequest.push_back(kGPUHalf.str());
    }
    variants.push_back(std::move(variant));
  }
  for (GPUVariant &variant : variants)
    chooseKernels(module, variant);
  llvm::stable_sort(variants, [](const GPUVariant &lhs, const GPUVariant &rhs) {
    auto order = [](const GPUVariant &variant) {
      return std::tuple(variant.onRequest.size(),
                        !llvm::is_contained(variant.features, kGPUSoftware),
                        -int64_t(variant.features.size()));
    };
    return order(lhs) < order(rhs);
  });
  std::vector<GPUVariant> useful;
  llvm::copy_if(variants, std::back_inserter(useful),
                [&](const GPUVariant &variant) {
                  return !isNeedless(variant, variants);
                });
  renameRequests(useful);
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
    if (!variant.halves.empty())
      object["f16"] = llvm::json::Array(variant.halves);
    result.push_back(std::move(object));
  }
  return result;
}
