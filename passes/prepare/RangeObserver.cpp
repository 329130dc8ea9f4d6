//===- RangeObserver.cpp - how ranges of activations are chosen -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RangeObserver.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;
using numerics::ActivationRange;
using numerics::Histogram;

static constexpr unsigned kBits = 8;

LogicalResult RangeObserver::check(Location loc, StringRef purpose) const {
  if (!llvm::is_contained(
          {"minmax", "moving_average", "percentile", "mse", "entropy"}, rule))
    return emitError(loc) << purpose
                          << ": requires the observer minmax, moving_average, "
                             "percentile, mse or entropy, found '"
                          << rule << "'";
  if (!(percentile > 0 && percentile <= 100))
    return emitError(loc)
           << purpose << ": requires a percentile above 0 and up to 100, found "
           << percentile;
  return success();
}

LogicalResult RangeObserver::reportMissing(Operation *user, StringRef layer,
                                           StringRef what) const {
  return user->emitOpError()
         << "weight '" << layer << "': requires statistics with " << what
         << " for the observer " << rule << ", found none; calibrate the model";
}

ActivationRange RangeObserver::choose(const Histogram &histogram) const {
  if (rule == "percentile")
    return numerics::findPercentile(histogram, percentile);
  if (rule == "mse")
    return numerics::findLeastSquares(histogram, kBits);
  return numerics::findLeastDivergence(histogram, kBits);
}

/// A histogram whose counts and limit a module has as floats, if they can be
/// those of one.
static std::optional<Histogram> restore(ArrayRef<float> counts, float limit) {
  if (!(limit > 0) || !std::isfinite(limit) ||
      !llvm::all_of(counts, [](float count) { return count >= 0; }))
    return std::nullopt;
  return Histogram::restore(std::ilogb(limit), {counts.begin(), counts.end()},
                            /*notFinite=*/0);
}

/// No codes for what was never seen.
static ActivationRange limit(ActivationRange range, ActivationRange seen) {
  return {std::max(range.low, seen.low), std::min(range.high, seen.high)};
}

FailureOr<std::vector<ActivationRange>>
RangeObserver::readExtremes(Operation *user, const LayerStatistics &statistics,
                            StringRef layer) const {
  std::vector<float> low = statistics.read(layer, statistic::kMinimum),
                     high = statistics.read(layer, statistic::kMaximum);
  if (low.empty() || low.size() != high.size())
    return reportMissing(user, layer, "the extremes of columns");
  std::vector<ActivationRange> extremes;
  for (auto [least, largest] : llvm::zip(low, high))
    extremes.push_back({least, largest});
  return extremes;
}

FailureOr<ActivationRange>
RangeObserver::find(Operation *user, const LayerStatistics &statistics,
                    StringRef layer) const {
  auto read = [&](StringRef component) {
    return statistics.read(layer, component);
  };
  auto extremes = readExtremes(user, statistics, layer);
  if (failed(extremes))
    return failure();
  ActivationRange seen = extremes->front();
  for (const ActivationRange &column : *extremes)
    seen = {std::min(seen.low, column.low), std::max(seen.high, column.high)};
  if (rule == "minmax")
    return seen;
  if (rule == "moving_average") {
    std::vector<float> range = read(statistic::kMovingRange);
    if (range.size() != 2)
      return reportMissing(user, layer, "a moving range");
    return ActivationRange{range[0], range[1]};
  }
  std::vector<float> counts = read(statistic::kHistogram),
                     limits = read(statistic::kHistogramLimit);
  std::optional<Histogram> histogram;
  if (counts.size() == Histogram::kBins && limits.size() == 1)
    histogram = restore(counts, limits[0]);
  if (!histogram)
    return reportMissing(user, layer, "a histogram");
  return limit(choose(*histogram), seen);
}

FailureOr<std::vector<ActivationRange>>
RangeObserver::findColumns(Operation *user, const LayerStatistics &statistics,
                           StringRef layer) const {
  auto read = [&](StringRef component) {
    return statistics.read(layer, component);
  };
  auto seen = readExtremes(user, statistics, layer);
  if (failed(seen) || rule == "minmax")
    return seen;
  size_t columns = seen->size();
  std::vector<ActivationRange> result(columns);
  if (rule == "moving_average") {
    std::vector<float> ranges = read(statistic::kColumnMovingRange);
    if (ranges.size() != 2 * columns)
      return reportMissing(user, layer, "moving ranges of columns");
    for (size_t k = 0; k < columns; ++k)
      result[k] = {ranges[2 * k], ranges[2 * k + 1]};
    return result;
  }
  std::vector<float> counts = read(statistic::kColumnHistogram),
                     limits = read(statistic::kColumnHistogramLimit);
  constexpr size_t kBins = Histogram::kColumnBins;
  bool hasHistograms =
      counts.size() == columns * kBins && limits.size() == columns;
  for (size_t k = 0; hasHistograms && k < columns; ++k) {
    auto histogram =
        restore(ArrayRef<float>(counts).slice(k * kBins, kBins), limits[k]);
    hasHistograms = histogram.has_value();
    if (hasHistograms)
      result[k] = limit(choose(*histogram), (*seen)[k]);
  }
  if (!hasHistograms)
    return reportMissing(user, layer, "histograms of columns");
  return result;
}
