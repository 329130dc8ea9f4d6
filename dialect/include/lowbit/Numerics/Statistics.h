//===- Statistics.h - what rows of numbers are like -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums over the rows that a layer reads. Rows come in batches; a result is the
// same for the same batches, whoever adds them: each sum is computed in the
// order of the rows by one thread, and threads divide columns or tiles.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_STATISTICS_H
#define LOWBIT_NUMERICS_STATISTICS_H

#include <cstdint>
#include <vector>

namespace lowbit::numerics {

/// Extremes and moments of each column.
struct ColumnStatistics {
  std::vector<float> minimum, maximum;
  std::vector<double> sum, sumOfSquares;

  void reset(int64_t columns);
  int64_t columns() const { return static_cast<int64_t>(sum.size()); }
  /// Adds columns [first, end) of `values` [rows, columns()].
  void add(const float *values, int64_t rows, int64_t first, int64_t end);
};

/// Counts of numbers in equal bins over [-limit, limit), limit a power of two.
/// A number beyond it doubles the limit: pairs of bins become one, so what is
/// counted does not depend on the order, and two histograms add up exactly.
class Histogram {
public:
  static constexpr int64_t kBins = 4096;
  /// Of a histogram of one column, of which a model has many.
  static constexpr int64_t kColumnBins = 512;

  /// An empty histogram of `size` bins, a multiple of 4.
  explicit Histogram(int64_t size = kBins) : bins(size) {}

  /// Counts `count` numbers, `stride` apart. Those that are not finite are
  /// counted apart.
  void add(const float *values, int64_t count, int64_t stride = 1);
  /// Adds the counts of a histogram of as many bins.
  void add(const Histogram &other);

  /// Limit 2^exponent() of the bins; without meaning when nothing is counted.
  int exponent() const { return limitExponent; }
  double limit() const;
  const std::vector<uint64_t> &counts() const { return bins; }
  int64_t size() const { return static_cast<int64_t>(bins.size()); }
  /// The width of a bin.
  double width() const { return 2 * limit() / static_cast<double>(size()); }
  uint64_t total() const { return finite; }
  uint64_t notFinite() const { return strays; }
  /// The number in the middle of a bin.
  double center(int64_t bin) const;

  /// A histogram that was stored.
  static Histogram restore(int exponent, std::vector<uint64_t> counts,
                           uint64_t notFinite);

private:
  void widen(int exponent);

  /// Below the smallest subnormal: the first number sets it.
  int limitExponent = -200;
  std::vector<uint64_t> bins;
  uint64_t finite = 0, strays = 0;
};

/// Rows in the order in which outer products read them: panels of
/// kPanelColumns columns, the last filled with zeros.
class PackedRows {
public:
  static constexpr int64_t kPanelColumns = 48;

  void reset(int64_t newRows, int64_t newColumns);
  int64_t rows() const { return rowCount; }
  int64_t columns() const { return columnCount; }
  int64_t panels() const {
    return (columnCount + kPanelColumns - 1) / kPanelColumns;
  }
  const float *panel(int64_t index) const {
    return data.data() + index * rowCount * kPanelColumns;
  }
  /// Copies the columns of one panel from `values` [rows(), columns()].
  void pack(const float *values, int64_t index);

private:
  int64_t rowCount = 0, columnCount = 0;
  std::vector<float> data;
};

/// Rows whose products are summed in one go: longer sums would lose digits of
/// single precision.
inline constexpr int64_t kOuterProductRows = 512;

/// Adds x^T y to `sums` [x.columns(), y.columns()], as far as panel `i` of x
/// and panel `j` of y reach. Both have the same number of rows.
void addOuterProduct(const PackedRows &x, const PackedRows &y, int64_t i,
                     int64_t j, float *sums);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_STATISTICS_H
