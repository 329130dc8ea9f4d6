//===- Statistics.cpp - what rows of numbers are like ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Statistics.h"
#include "OuterProduct.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace lowbit::numerics;

//===----------------------------------------------------------------------===//
// ColumnStatistics
//===----------------------------------------------------------------------===//

void ColumnStatistics::reset(int64_t columns) {
  minimum.assign(columns, std::numeric_limits<float>::infinity());
  maximum.assign(columns, -std::numeric_limits<float>::infinity());
  sum.assign(columns, 0);
  sumOfSquares.assign(columns, 0);
}

void ColumnStatistics::add(const float *values, int64_t rows, int64_t first,
                           int64_t end) {
  int64_t stride = columns();
  for (int64_t row = 0; row < rows; ++row, values += stride)
    for (int64_t k = first; k < end; ++k) {
      float value = values[k];
      minimum[k] = value < minimum[k] ? value : minimum[k];
      maximum[k] = value > maximum[k] ? value : maximum[k];
      sum[k] += value;
      sumOfSquares[k] += static_cast<double>(value) * value;
    }
}

//===----------------------------------------------------------------------===//
// Histogram
//===----------------------------------------------------------------------===//

double Histogram::limit() const { return std::ldexp(1.0, limitExponent); }

double Histogram::center(int64_t bin) const {
  return ((bin + 0.5) / (size() / 2) - 1) * limit();
}

/// Bins of twice the width hold the sums of pairs; the old range becomes the
/// middle half of the new one.
void Histogram::widen(int exponent) {
  if (finite == 0)
    limitExponent = std::max(limitExponent, exponent);
  for (; limitExponent < exponent; ++limitExponent) {
    std::vector<uint64_t> wide(bins.size());
    for (int64_t i = 0; i < size() / 2; ++i)
      wide[size() / 4 + i] = bins[2 * i] + bins[2 * i + 1];
    bins = std::move(wide);
  }
}

void Histogram::add(const float *values, int64_t count, int64_t stride) {
  float largest = 0;
  for (int64_t i = 0; i < count; ++i) {
    float magnitude = std::fabs(values[i * stride]);
    largest =
        magnitude > largest && std::isfinite(magnitude) ? magnitude : largest;
  }
  int exponent;
  std::frexp(largest, &exponent);
  if (largest != 0 && exponent > limitExponent)
    widen(exponent);
  int64_t half = size() / 2;
  double scale = half / limit();
  for (int64_t i = 0; i < count; ++i) {
    float value = values[i * stride];
    if (!std::isfinite(value)) {
      ++strays;
      continue;
    }
    auto bin = static_cast<int64_t>(std::floor(value * scale)) + half;
    ++bins[std::min(bin, 2 * half - 1)];
    ++finite;
  }
}

void Histogram::add(const Histogram &other) {
  Histogram copy = other;
  int exponent = std::max(limitExponent, other.limitExponent);
  widen(exponent);
  copy.widen(exponent);
  for (int64_t i = 0; i < size(); ++i)
    bins[i] += copy.bins[i];
  finite += copy.finite;
  strays += copy.strays;
}

Histogram Histogram::restore(int exponent, std::vector<uint64_t> counts,
                             uint64_t notFinite) {
  Histogram result;
  result.limitExponent = exponent;
  result.bins = std::move(counts);
  for (uint64_t count : result.bins)
    result.finite += count;
  result.strays = notFinite;
  return result;
}

//===----------------------------------------------------------------------===//
// Outer products
//===----------------------------------------------------------------------===//

void PackedRows::reset(int64_t newRows, int64_t newColumns) {
  rowCount = newRows;
  columnCount = newColumns;
  data.resize(panels() * rowCount * kPanelColumns);
}

void PackedRows::pack(const float *values, int64_t index) {
  int64_t first = index * kPanelColumns;
  int64_t width = std::min(kPanelColumns, columnCount - first);
  float *to = data.data() + first * rowCount;
  for (int64_t row = 0; row < rowCount; ++row, to += kPanelColumns) {
    const float *from = values + row * columnCount + first;
    std::copy(from, from + width, to);
    std::fill(to + width, to + kPanelColumns, 0.0f);
  }
}

void lowbit::numerics::addOuterProduct(const PackedRows &x, const PackedRows &y,
                                       int64_t i, int64_t j, float *sums) {
  constexpr int64_t kSize = PackedRows::kPanelColumns;
  float tile[kSize * kSize];
  outerProductKernel()(x.panel(i), y.panel(j), x.rows(), tile);
  int64_t height = std::min(kSize, x.columns() - i * kSize);
  int64_t width = std::min(kSize, y.columns() - j * kSize);
  for (int64_t row = 0; row < height; ++row) {
    float *to = sums + (i * kSize + row) * y.columns() + j * kSize;
    for (int64_t column = 0; column < width; ++column)
      to[column] += tile[row * kSize + column];
  }
}
