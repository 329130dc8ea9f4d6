//===- SmoothInputs.cpp - outliers of inputs move to weights --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerGroups.h"
#include "RangeObserver.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

namespace lowbit {
#define GEN_PASS_DEF_SMOOTHINPUTSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
struct SmoothInputsPass : lowbit::impl::SmoothInputsPassBase<SmoothInputsPass> {
  using SmoothInputsPassBase::SmoothInputsPassBase;

  void runOnOperation() override {
    if (!(strength >= 0 && strength <= 1)) {
      emitError(getOperation().getLoc())
          << "smoothing requires a strength of 0 to 1, found "
          << double(strength);
      return signalPassFailure();
    }
    if (failed(RangeObserver(observer, percentile)
                   .check(getOperation().getLoc(), "smoothing")))
      return signalPassFailure();
    llvm::DenseSet<int64_t> tableRows = getTableRows(getOperation());
    ColumnScaler scaler(getOperation(), releaseData);
    for (LayerGroup &group : collectLayerGroups(getOperation())) {
      bool isHeadAlone = llvm::all_of(group.layers, [&](LinearOp layer) {
        return isHead(layer, tableRows) || layer->hasAttr(kKeepFloatAttrName);
      });
      if (isHeadAlone)
        continue;
      auto outcome = scaler.scale(group, /*mayMultiply=*/!onlyFolds,
                                  [&](const LayerGroup &group,
                                      ArrayRef<std::vector<float>> weights,
                                      ArrayRef<int32_t> classes) {
                                    return balance(group, weights, classes);
                                  });
      if (failed(outcome))
        return signalPassFailure();
      numFolded += *outcome == GroupOutcome::Folded;
      numMultiplied += *outcome == GroupOutcome::Multiplied;
      numLeft += *outcome == GroupOutcome::Left;
    }
  }

private:
  FailureOr<std::vector<float>> measure(const LayerGroup &group);
  FailureOr<std::vector<float>> balance(const LayerGroup &group,
                                        ArrayRef<std::vector<float>> weights,
                                        ArrayRef<int32_t> classes);
};
} // namespace

/// The largest of each class, for all of its columns.
static void spreadMaxima(std::vector<float> &values,
                         ArrayRef<int32_t> classes) {
  for (auto [k, first] : llvm::enumerate(classes))
    values[first] = std::max(values[first], values[k]);
  for (auto [k, first] : llvm::enumerate(classes))
    values[k] = values[first];
}

/// How far each column of the input reaches, by the observer.
FailureOr<std::vector<float>>
SmoothInputsPass::measure(const LayerGroup &group) {
  FailureOr<std::vector<float>> magnitudes =
      readMagnitudes(getOperation(), group, "smoothing");
  if (failed(magnitudes) || observer == "minmax")
    return magnitudes;
  auto ranges = RangeObserver(observer, percentile)
                    .findColumns(group.layers.front(),
                                 LayerStatistics(getOperation()), group.name());
  if (failed(ranges))
    return failure();
  for (auto [magnitude, range] : llvm::zip_equal(*magnitudes, *ranges))
    magnitude = static_cast<float>(std::max(-range.low, range.high));
  return magnitudes;
}

FailureOr<std::vector<float>>
SmoothInputsPass::balance(const LayerGroup &group,
                          ArrayRef<std::vector<float>> weights,
                          ArrayRef<int32_t> classes) {
  LinearOp first = group.layers.front();
  std::string name = getLayerName(first).value_or("a layer");
  auto read = measure(group);
  if (failed(read))
    return failure();
  std::vector<float> &inputs = *read;
  size_t columns = inputs.size();
  std::vector<float> largest(columns);
  for (const std::vector<float> &values : weights)
    for (auto [i, value] : llvm::enumerate(values))
      largest[i % columns] = std::max(largest[i % columns], std::abs(value));
  spreadMaxima(inputs, classes);
  spreadMaxima(largest, classes);
  std::vector<float> factors(columns, 1);
  double share = strength;
  for (size_t k = 0; k < columns; ++k)
    if (inputs[k] > 0 && largest[k] > 0)
      factors[k] = static_cast<float>(std::pow(double(inputs[k]), share) /
                                      std::pow(double(largest[k]), 1 - share));
  if (!llvm::all_of(factors, [](float factor) {
        return std::isfinite(factor) && std::isfinite(1 / factor);
      }))
    return first.emitOpError()
           << "weight '" << name
           << "': requires extremes that are finite and not all but zero";
  return factors;
}
