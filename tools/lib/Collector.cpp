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
#include <limits>

using namespace lowbit;
using numerics::PackedRows;

/// What a new sample counts in moving averages; the value is customary.
static constexpr double kAveragingConstant = 0.01;
static constexpr float kInfinity = std::numeric_limits<float>::infinity();

Collector::Collector(ObserveOp observer, bool keepsRows)
    : name(observer.getName()), wanted(observer.getStatistics()),
      keepsRows(keepsRows),
      columns(observer.getInput().getType().getShape().back()) {
  addLayers(observer);
  sums.reset(columns);
  if (wants(Statistics::SecondMoment))
    moment.assign(columns * columns, 0);
  low = kInfinity;
  high = -kInfinity;
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
  uint64_t bytes = sizeof(numerics::Histogram) + columns * 24;
  // The activation, and a copy of it for whatever the model still does with it.
  bytes += 2 * rows * columns * sizeof(float);
  if (static_cast<uint32_t>(observer.getStatistics() &
                            Statistics::SecondMoment))
    bytes += (columns + numerics::kOuterProductRows) * columns * sizeof(float);
  return bytes;
}

llvm::Error Collector::addColumns(llvm::ArrayRef<float> values) {
  int64_t count = columns ? values.size() / columns : 0;
  sums.add(values.data(), count, 0, columns);
  for (int64_t k = 0; k < columns; ++k) {
    if (!std::isfinite(sums.sum[k]))
      return makeError("layer '" + layers.front() +
                       "' reads numbers that are not finite, in column " +
                       llvm::Twine(k));
    low = std::min(low, sums.minimum[k]);
    high = std::max(high, sums.maximum[k]);
  }
  if (wants(Statistics::Histogram))
    histogram.add(values.data(), values.size());
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
  double weight = samples ? kAveragingConstant : 1;
  averageLow += weight * (low - averageLow);
  averageHigh += weight * (high - averageHigh);
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
    parts[statistic::kMovingRange.str()] = makeTensor<double>(
        ElementType::F64, llvm::ArrayRef<double>{averageLow, averageHigh});
  }
  if (wants(Statistics::Histogram)) {
    parts[statistic::kHistogram.str()] =
        makeTensor<uint64_t>(ElementType::U64, histogram.counts());
    parts[statistic::kHistogramLimit.str()] = makeTensor<double>(
        ElementType::F64, llvm::ArrayRef<double>{histogram.limit()});
  }
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
