//===- ScaleColumns.cpp - columns that matter get finer steps -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerGroups.h"
#include "lowbit/Numerics/LayerTransforms.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace lowbit {
#define GEN_PASS_DEF_SCALECOLUMNSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
struct ScaleColumnsPass : lowbit::impl::ScaleColumnsPassBase<ScaleColumnsPass> {
  using ScaleColumnsPassBase::ScaleColumnsPassBase;

  void runOnOperation() override {
    auto parsed = parseQuantizationMethod(method, &getContext());
    if (!parsed) {
      emitError(getOperation().getLoc()) << llvm::toString(parsed.takeError());
      return signalPassFailure();
    }
    WantedEncodings wanted(getOperation(), parsed->weights, includeEmbeddings);
    ColumnScaler scaler(getOperation(), releaseData);
    for (LayerGroup &group : collectLayerGroups(getOperation())) {
      if (!wanted.any(group))
        continue;
      auto outcome = scaler.scale(
          group, /*mayMultiply=*/!onlyFolds,
          [&](const LayerGroup &group, ArrayRef<std::vector<float>> weights,
              ArrayRef<int32_t> classes) {
            return search(group, weights, classes, wanted);
          });
      if (failed(outcome))
        return signalPassFailure();
      numFolded += *outcome == GroupOutcome::Folded;
      numMultiplied += *outcome == GroupOutcome::Multiplied;
      numLeft += *outcome == GroupOutcome::Left;
    }
  }

private:
  FailureOr<std::vector<float>> search(const LayerGroup &group,
                                       ArrayRef<std::vector<float>> weights,
                                       ArrayRef<int32_t> classes,
                                       const WantedEncodings &wanted);
};
} // namespace

/// The factors with which the layers' outputs come out best.
FailureOr<std::vector<float>> ScaleColumnsPass::search(
    const LayerGroup &group, ArrayRef<std::vector<float>> weights,
    ArrayRef<int32_t> classes, const WantedEncodings &wanted) {
  LinearOp first = group.layers.front();
  std::string name = getLayerName(first).value_or("a layer");
  int64_t columns = group.columns();
  std::vector<float> moment =
      LayerStatistics(getOperation()).read(name, statistic::kSecondMoment);
  if (static_cast<int64_t>(moment.size()) != columns * columns)
    return first.emitOpError()
           << "weight '" << name << "': requires the second moment of "
           << columns << " columns for scaling them, found " << moment.size()
           << " numbers; calibrate with second moments";
  // Layers of one encoding are tried together.
  std::vector<numerics::LayerWeights> layers;
  for (auto [layer, values] : llvm::zip_equal(group.layers, weights))
    if (EncodingAttr encoding = wanted.get(layer))
      layers.push_back({values.data(),
                        static_cast<int64_t>(values.size()) / columns,
                        encoding.getNumerics()});
  numerics::ColumnScales result;
  numerics::Status status = numerics::searchColumnScales(
      layers, columns, moment.data(), rows, classes.vec(), result);
  if (!status.ok())
    return first.emitOpError() << "weight '" << name << "': " << status.message;
  return result.scales;
}
