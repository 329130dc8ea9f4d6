//===- Variants.cpp - which kernels a device runs -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Variants.h"
#include "lowbit/Tools/Errors.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace lowbit;

/// The first feature of a variant that the device lacks; null where it runs.
static const std::string *findMissing(const ManifestVariant &variant,
                                      const Device &device) {
  auto missing = llvm::find_if(variant.features, [&](llvm::StringRef feature) {
    return !device.hasFeature(feature);
  });
  return missing == variant.features.end() ? nullptr : &*missing;
}

/// Whether `wish` asks for a variant. Features that change numbers must be
/// named, and so must processors.
static bool isWanted(const ManifestVariant &variant, llvm::StringRef wish) {
  if (!wish.empty() && !wish.consume_back("+"))
    return variant.name == wish;
  llvm::SmallVector<llvm::StringRef> wanted;
  wish.split(wanted, '+', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  auto isNamed = [&](llvm::StringRef feature) {
    return llvm::is_contained(wanted, feature);
  };
  return (isNamed("software") ||
          !llvm::is_contained(variant.features, "software")) &&
         llvm::all_of(variant.onRequest, isNamed) &&
         llvm::all_of(wanted, [&](llvm::StringRef feature) {
           return llvm::is_contained(variant.features, feature);
         });
}

/// The variants that `wish` asks for; what only a request gives comes first.
static llvm::SmallVector<const ManifestVariant *>
findWanted(const Manifest &manifest, llvm::StringRef wish) {
  llvm::SmallVector<const ManifestVariant *> wanted;
  for (const ManifestVariant &variant : manifest.variants)
    if (isWanted(variant, wish))
      wanted.push_back(&variant);
  llvm::stable_sort(wanted, [](const auto *lhs, const auto *rhs) {
    return lhs->onRequest.size() > rhs->onRequest.size();
  });
  return wanted;
}

llvm::Expected<const ManifestVariant *>
lowbit::chooseVariant(const Manifest &manifest, llvm::StringRef wish,
                      const Device &device) {
  const std::string *missing = nullptr;
  for (const ManifestVariant *variant : findWanted(manifest, wish)) {
    missing = findMissing(*variant, device);
    if (!missing)
      return variant;
  }
  if (missing)
    return makeError("--variant=" + wish + " requires the feature '" +
                     *missing + "', which '" + device.getName() +
                     "' lacks; leave --variant out for what it has");
  llvm::SmallVector<llvm::StringRef> names;
  for (const ManifestVariant &variant : manifest.variants)
    names.push_back(variant.name);
  return makeError("--variant: the model has no variant '" + wish +
                   "'; it has '" + llvm::join(names, "', '") + "'");
}

/// The kernels that some variant computes in f16; all, or those that devices
/// take by themselves.
static llvm::StringSet<> findHalves(const Manifest &manifest, bool onRequest) {
  llvm::StringSet<> halves;
  for (const ManifestVariant &variant : manifest.variants)
    if (onRequest || variant.onRequest.empty())
      halves.insert(variant.halves.begin(), variant.halves.end());
  return halves;
}

static unsigned countDispatches(const Manifest &manifest,
                                const llvm::StringSet<> &kernels) {
  unsigned count = 0;
  for (const ManifestFunction &function : manifest.functions)
    for (const ManifestDispatch &dispatch : function.dispatches)
      count += kernels.contains(dispatch.kernel);
  return count;
}

/// Why `chosen` leaves products in f32.
static std::string explainFloats(const llvm::StringSet<> &taken,
                                 const llvm::StringSet<> &unasked,
                                 const ManifestVariant &chosen,
                                 llvm::StringRef wish, const Device &device) {
  if (llvm::all_of(unasked.keys(), [&](llvm::StringRef kernel) {
        return taken.contains(kernel);
      }))
    return "their activations are f32, and f16 would change results: "
           "--variant=f16+ asks for it";
  if (!device.hasFeature("f16"))
    return "'" + device.getName() + "' lacks the feature 'f16'";
  if (llvm::is_contained(chosen.features, "software"))
    return "for processors, which compute faster in f32";
  return ("--variant=" + wish + " asks for them").str();
}

std::string lowbit::describeHalves(const Manifest &manifest,
                                   const ManifestVariant &chosen,
                                   llvm::StringRef wish, const Device &device) {
  llvm::StringSet<> taken, all = findHalves(manifest, /*onRequest=*/true);
  taken.insert(chosen.halves.begin(), chosen.halves.end());
  unsigned offered = countDispatches(manifest, all);
  if (offered == 0)
    return "";
  unsigned count = countDispatches(manifest, taken);
  std::string text =
      std::to_string(count) + " of " + std::to_string(offered) + " products";
  if (count < offered)
    text += "; f32 for the others: " +
            explainFloats(taken, findHalves(manifest, /*onRequest=*/false),
                          chosen, wish, device);
  return text;
}
