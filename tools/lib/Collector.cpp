//===- Collector.cpp - sums over what layers read -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Collector.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "mlir/IR/Threading.h"
#include <cmath>

using namespace lowbit;
using numerics::PackedRows;

/// What a new sample counts in moving averages; the value is customary.
static constexpr double kAveragingConstant = 0.01;

//===----------------------------------------------------------------------===//
// ObservedRange
//===----------------------------------------------------------------------===//

void ObservedRange::add(const float *values, int64_t count, int64_t stride) {
  counts.add(values, count, stride);
  for (int64_t i = 0; i < count; ++i) {
    low = std::min(low, values[i * stride]);
    high = std::max(high, values[i * stride]);
  }
}

void ObservedRange::endSample(uint64_t sample) {
  double weight = sample ? kAveragingConstant : 1;
  averageLow += weight * (low - averageLow);
  averageHigh += weight * (high - averageHigh);
  low = std::numeric_limits<float>::infinity();
  high = -low;
}

//===----------------------------------------------------------------------===//
// Collector
//===----------------------------------------------------------------------===//

Collector::Collector(ObserveOp observer, bool keepsRows)
    : name(observer.getName()), wanted(observer.getStatistics()),
      keepsRows(keepsRows),
      columns(observer.getInput().getType().getShape().back()) {
  addLayers(observer);
  sums.reset(columns);
  if (wants(Statistics::SecondMoment))
    moment.assign(columns * columns, 0);
  if (wants(Statistics::ColumnRanges))
    ranges.assign(columns, ObservedRange(numerics::Histogram::kColumnBins));
}

void Collector::addLayers(ObserveOp observer) {
  for (mlir::Attribute layer : observer.getLayers()) {
    std::string text = mlir::cast<mlir::StringAttr>(layer).str();
    if (!llvm::is_contained(layers, text))
      layers.push_back(std::move(text));
  }
}

uint64_t Collector::getBytes(ObserveOp observer, uint64_t rows) {
  uint64_t columns = observer.getInput().getType().getShape().back();
  constexpr uint64_t kCount = sizeof(uint64_t);
  uint64_t bytes = numerics::Histogram::kBins * kCount + columns * 24;
  // The activation, and a copy of it for whatever the model still does with it.
  bytes += 2 * rows * columns * sizeof(float);
  auto wants = [&](Statistics which) {
    return static_cast<uint32_t>(observer.getStatistics() & which) != 0;
  };
  if (wants(Statistics::ColumnRanges))
    bytes += columns * numerics::Histogram::kColumnBins * kCount;
  if (wants(Statistics::SecondMoment))
    bytes += (columns + numerics::kOuterProductRows) * columns * sizeof(float);
  return bytes;
}

llvm::Error Collector::addColumns(llvm::ArrayRef<float> values) {
  int64_t count = columns ? values.size() / columns : 0;
  sums.add(values.data(), count, 0, columns);
  for (int64_t k = 0; k < columns; ++k)
    if (!std::isfinite(sums.sum[k]))
      return makeError("layer '" + layers.front() +
                       "' reads numbers that are not finite, in column " +
                       llvm::Twine(k));
  if (wants(Statistics::Histogram) || wants(Statistics::Columns))
    all.add(values.data(), values.size());
  for (auto [k, range] : llvm::enumerate(ranges))
    range.add(values.data() + k, count, columns);
  for (int64_t n = 0; keepsRows && n < count; ++n) {
    double sum = 0;
    for (float value : values.slice(n * columns, columns))
      sum += double(value) * value;
    rowSquares.push_back(float(sum / double(columns)));
  }
  rows += count;
  return llvm::Error::success();
}

void Collector::addSecondMoment(llvm::ArrayRef<float> values,
                                mlir::MLIRContext *context) {
  if (!wants(Statistics::SecondMoment) || columns == 0)
    return;
  int64_t count = values.size() / columns;
  for (int64_t first = 0; first < count; first += numerics::kOuterProductRows) {
    int64_t batch = std::min(numerics::kOuterProductRows, count - first);
    const float *from = values.data() + first * columns;
    packed.reset(batch, columns);
    mlir::parallelFor(context, 0, packed.panels(),
                      [&](size_t panel) { packed.pack(from, panel); });
    // From the long rows of tiles to the short ones, so that threads end
    // together.
    mlir::parallelFor(context, 0, packed.panels(), [&](size_t i) {
      for (int64_t j = i; j < packed.panels(); ++j)
        numerics::addOuterProduct(packed, packed, i, j, moment.data());
    });
  }
}

void Collector::endSample() {
  all.endSample(samples);
  for (ObservedRange &range : ranges)
    range.endSample(samples);
  ++samples;
}

template <typename T, typename Range>
static HostTensor makeTensor(ElementType type, const Range &values,
                             double scale = 1) {
  HostTensor tensor =
      HostTensor::allocate(type, {static_cast<int64_t>(values.size())});
  llvm::transform(values, tensor.getMutableAs<T>().begin(),
                  [&](auto value) { return static_cast<T>(value * scale); });
  return tensor;
}

void Collector::addColumnRanges(std::map<std::string, HostTensor> &to) {
  HostTensor counts = HostTensor::allocate(
      ElementType::U64, {columns, numerics::Histogram::kColumnBins});
  HostTensor limits = HostTensor::allocate(ElementType::F64, {columns});
  HostTensor moving = HostTensor::allocate(ElementType::F64, {columns, 2});
  auto count = counts.getMutableAs<uint64_t>().begin();
  auto average = moving.getMutableAs<double>().begin();
  for (auto [range, limit] :
       llvm::zip_equal(ranges, limits.getMutableAs<double>())) {
    count = llvm::copy(range.histogram().counts(), count);
    limit = range.histogram().limit();
    average = llvm::copy(range.movingRange(), average);
  }
  to[statistic::kColumnHistogram.str()] = std::move(counts);
  to[statistic::kColumnHistogramLimit.str()] = std::move(limits);
  to[statistic::kColumnMovingRange.str()] = std::move(moving);
  ranges = {};
}

StatisticsRecord Collector::take() {
  StatisticsRecord record;
  record.name = name;
  record.layers = std::move(layers);
  record.rows = rows;
  record.samples = samples;
  record.columns = columns;
  auto &parts = record.components;
  double scale = rows ? 1.0 / static_cast<double>(rows) : 0;
  if (wants(Statistics::Columns)) {
    parts[statistic::kMinimum.str()] =
        makeTensor<float>(ElementType::F32, sums.minimum);
    parts[statistic::kMaximum.str()] =
        makeTensor<float>(ElementType::F32, sums.maximum);
    parts[statistic::kMean.str()] =
        makeTensor<double>(ElementType::F64, sums.sum, scale);
    parts[statistic::kMeanSquare.str()] =
        makeTensor<double>(ElementType::F64, sums.sumOfSquares, scale);
    parts[statistic::kMovingRange.str()] =
        makeTensor<double>(ElementType::F64, all.movingRange());
  }
  if (wants(Statistics::Histogram)) {
    parts[statistic::kHistogram.str()] =
        makeTensor<uint64_t>(ElementType::U64, all.histogram().counts());
    parts[statistic::kHistogramLimit.str()] = makeTensor<double>(
        ElementType::F64, llvm::ArrayRef<double>{all.histogram().limit()});
  }
  if (wants(Statistics::ColumnRanges))
    addColumnRanges(parts);
  if (keepsRows) {
    HostTensor tensor =
        HostTensor::allocate(ElementType::F32, {int64_t(rows), 1});
    llvm::copy(rowSquares, tensor.getMutableAs<float>().begin());
    parts[statistic::kGradientRows.str()] = std::move(tensor);
    rowSquares = {};
  }
  if (wants(Statistics::SecondMoment)) {
    HostTensor tensor =
        HostTensor::allocate(ElementType::F32, {columns, columns});
    llvm::MutableArrayRef<float> to = tensor.getMutableAs<float>();
    for (int64_t i = 0; i < columns; ++i)
      for (int64_t j = i; j < columns; ++j)
        to[i * columns + j] = to[j * columns + i] =
            static_cast<float>(moment[i * columns + j] * scale);
    parts[statistic::kSecondMoment.str()] = std::move(tensor);
    moment = {};
  }
  return record;
}
