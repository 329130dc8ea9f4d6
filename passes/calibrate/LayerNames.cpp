//===- LayerNames.cpp - layers by name ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/WeightSource.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace lowbit;

std::optional<std::string> lowbit::getLayerName(LinearOp layer) {
  if (std::optional<ConstantMatrix> matrix =
          matchConstantMatrix(layer.getWeight()))
    return matrix->name();
  auto weight = dyn_cast_or_null<WeightOp>(getWeightSource(layer.getWeight()));
  if (!weight)
    return std::nullopt;
  return weight.getGlobal().str();
}

std::string lowbit::describeNearest(StringRef wanted,
                                    ArrayRef<std::string> names) {
  SmallVector<StringRef> sorted(names.begin(), names.end());
  llvm::stable_sort(sorted, [&](StringRef a, StringRef b) {
    return wanted.edit_distance(a) < wanted.edit_distance(b);
  });
  sorted.truncate(std::min<size_t>(sorted.size(), 3));
  std::string text;
  for (auto [i, name] : llvm::enumerate(sorted))
    text += (i == 0                   ? "'"
             : i + 1 == sorted.size() ? " or '"
                                      : ", '") +
            name.str() + "'";
  return text.empty() ? "none" : text;
}

FailureOr<LayerGlobs> LayerGlobs::create(Location loc, StringRef what,
                                         ArrayRef<std::string> globs,
                                         ArrayRef<std::string> names) {
  LayerGlobs result;
  for (const std::string &glob : globs) {
    llvm::Expected<llvm::GlobPattern> pattern =
        llvm::GlobPattern::create(glob, /*MaxSubPatterns=*/1024);
    if (!pattern) {
      emitError(loc) << what << ": '" << glob
                     << "' is no glob: " << llvm::toString(pattern.takeError());
      return failure();
    }
    if (llvm::none_of(names, [&](const std::string &name) {
          return pattern->match(name);
        })) {
      emitError(loc) << what << ": no layer matches '" << glob
                     << "'; the nearest are " << describeNearest(glob, names);
      return failure();
    }
    result.patterns.push_back(std::move(*pattern));
  }
  return result;
}

bool LayerGlobs::match(StringRef name) const {
  return llvm::any_of(patterns, [&](const llvm::GlobPattern &pattern) {
    return pattern.match(name);
  });
}
