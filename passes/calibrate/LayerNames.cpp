//===- LayerNames.cpp - layers by name ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/WeightSource.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
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

llvm::DenseSet<int64_t> lowbit::getTableRows(ModuleOp module) {
  llvm::DenseSet<int64_t> rows;
  module.walk([&](EmbeddingOp op) {
    rows.insert(cast<ShapedType>(op.getWeight().getType()).getDimSize(0));
  });
  return rows;
}

bool lowbit::isHead(LinearOp layer, const llvm::DenseSet<int64_t> &tableRows) {
  if (!tableRows.contains(
          cast<ShapedType>(layer.getWeight().getType()).getDimSize(0)))
    return false;
  Value value = layer.getResult();
  while (value.hasOneUse()) {
    Operation *user = *value.user_begin();
    if (isa<func::ReturnOp>(user))
      return true;
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
            user))
      return false;
    value = user->getResult(0);
  }
  return false;
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
