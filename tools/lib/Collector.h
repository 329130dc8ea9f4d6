//===- Collector.h - sums over what layers read -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIB_COLLECTOR_H
#define LOWBIT_TOOLS_LIB_COLLECTOR_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/Statistics.h"
#include <array>
#include <limits>

namespace lowbit {

/// What the observers of ranges need to know of numbers: all that layers read,
/// or those of a column.
class ObservedRange {
public:
  explicit ObservedRange(int64_t bins = numerics::Histogram::kBins)
      : counts(bins) {}

  void add(const float *values, int64_t count, int64_t stride = 1);
  /// The next numbers are of another sample, `sample` being over.
  void endSample(uint64_t sample);
  const numerics::Histogram &histogram() const { return counts; }
  /// The extremes of a sample, averaged over samples.
  std::array<double, 2> movingRange() const {
    return {averageLow, averageHigh};
  }

private:
  numerics::Histogram counts;
  /// Extremes of the sample so far.
  float low = std::numeric_limits<float>::infinity(), high = -low;
  double averageLow = 0, averageHigh = 0;
};

/// One record in the making.
class Collector {
public:
  /// `keepsRows`: the mean square of each row is recorded, too.
  explicit Collector(ObserveOp observer, bool keepsRows = false);

  llvm::StringRef getName() const { return name; }
  /// Takes the layers of another observer of the same record.
  void addLayers(ObserveOp observer);
  /// Bytes of the sums, and of a batch of `rows` rows in the making.
  static uint64_t getBytes(ObserveOp observer, uint64_t rows);

  /// Adds a batch to all but the second moment; one thread for a record, any
  /// number of records at the same time. Numbers that are not finite are an
  /// error.
  llvm::Error addColumns(llvm::ArrayRef<float> values);
  /// Adds a batch to the second moment, if that is wanted; all threads of
  /// `context` work on it.
  void addSecondMoment(llvm::ArrayRef<float> values,
                       mlir::MLIRContext *context);
  /// The next batch is of another sample.
  void endSample();

  /// What was collected; the collector is empty afterwards.
  StatisticsRecord take();

private:
  bool wants(Statistics which) const {
    return static_cast<uint32_t>(wanted & which) != 0;
  }

  void addColumnRanges(std::map<std::string, HostTensor> &to);

  std::string name;
  std::vector<std::string> layers;
  Statistics wanted;
  bool keepsRows;
  int64_t columns = 0;
  uint64_t rows = 0, samples = 0;
  numerics::ColumnStatistics sums;
  /// Of all numbers, and of each column.
  ObservedRange all;
  std::vector<ObservedRange> ranges;
  numerics::PackedRows packed;
  std::vector<float> rowSquares;
  /// [columns, columns], panels on and above the diagonal.
  std::vector<float> moment;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIB_COLLECTOR_H
