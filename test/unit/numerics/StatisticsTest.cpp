//===- StatisticsTest.cpp - sums over rows --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Statistics.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace lowbit::numerics;

namespace {

std::vector<float> makeNumbers(size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<float> numbers(count);
  for (float &number : numbers)
    number = static_cast<float>(generator()) / 2147483648.0f - 1;
  return numbers;
}

TEST(Statistics, ColumnsAreThoseOfAllRows) {
  ColumnStatistics statistics;
  statistics.reset(3);
  float first[] = {1, -2, 0, 3, 4, 0}, second[] = {-5, 0, 0.5f};
  statistics.add(first, 2, 0, 3);
  // Threads may divide the columns.
  statistics.add(second, 1, 2, 3);
  statistics.add(second, 1, 0, 2);
  EXPECT_EQ(statistics.minimum, (std::vector<float>{-5, -2, 0}));
  EXPECT_EQ(statistics.maximum, (std::vector<float>{3, 4, 0.5f}));
  EXPECT_EQ(statistics.sum, (std::vector<double>{-1, 2, 0.5}));
  EXPECT_EQ(statistics.sumOfSquares, (std::vector<double>{35, 20, 0.25}));
}

TEST(Histogram, CountsDoNotDependOnTheOrder) {
  std::vector<float> numbers = makeNumbers(10000, 1);
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] *= static_cast<float>(i % 97);
  Histogram forwards, backwards, parts, part;
  forwards.add(numbers.data(), numbers.size());
  for (size_t i = numbers.size(); i-- > 0;)
    backwards.add(&numbers[i], 1);
  part.add(numbers.data(), 3000);
  parts.add(part);
  part = Histogram();
  part.add(numbers.data() + 3000, 7000);
  parts.add(part);
  EXPECT_EQ(forwards.counts(), backwards.counts());
  EXPECT_EQ(forwards.counts(), parts.counts());
  EXPECT_EQ(forwards.exponent(), 7);
  EXPECT_EQ(parts.exponent(), 7);
  EXPECT_EQ(parts.total(), 10000u);
}

TEST(Histogram, NumbersAreInTheirBins) {
  Histogram histogram;
  float numbers[] = {
      -1, -0.25f, 0, 0.999f, 0, NAN, std::numeric_limits<float>::infinity()};
  histogram.add(numbers, 7);
  EXPECT_EQ(histogram.total(), 5u);
  EXPECT_EQ(histogram.notFinite(), 2u);
  // -1 needs the limit 2: 1 is not below the limit 1.
  EXPECT_EQ(histogram.limit(), 2);
  EXPECT_EQ(histogram.counts()[Histogram::kBins / 4], 1u);
  EXPECT_EQ(histogram.counts()[Histogram::kBins / 2], 2u);
  EXPECT_NEAR(histogram.center(Histogram::kBins / 2), 0, 1e-3);
  Histogram restored = Histogram::restore(
      histogram.exponent(), histogram.counts(), histogram.notFinite());
  EXPECT_EQ(restored.total(), 5u);
  EXPECT_EQ(restored.limit(), 2);
}

TEST(Histogram, OfOneColumn) {
  std::vector<float> rows = {1, 8, -1, 7, 3, -6};
  Histogram column(Histogram::kColumnBins);
  column.add(rows.data() + 1, 3, /*stride=*/2);
  EXPECT_EQ(column.size(), Histogram::kColumnBins);
  EXPECT_EQ(column.total(), 3u);
  EXPECT_EQ(column.limit(), 16);
  EXPECT_EQ(column.width(), 32.0 / Histogram::kColumnBins);
  Histogram other(Histogram::kColumnBins);
  other.add(rows.data(), 3, /*stride=*/2);
  other.add(column);
  EXPECT_EQ(other.total(), 6u);
  EXPECT_EQ(other.limit(), 16);
}

TEST(Histogram, ZerosAloneHaveABin) {
  Histogram histogram;
  float zero = 0, one = 1;
  histogram.add(&zero, 1);
  histogram.add(&one, 1);
  EXPECT_EQ(histogram.counts()[Histogram::kBins / 2], 1u);
  EXPECT_EQ(histogram.total(), 2u);
}

/// Sums of x^T y over all rows, in double.
std::vector<double> multiply(const std::vector<float> &x, int64_t m,
                             const std::vector<float> &y, int64_t n,
                             int64_t rows) {
  std::vector<double> result(m * n);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j)
        result[i * n + j] += double(x[row * m + i]) * y[row * n + j];
  return result;
}

void checkOuterProduct(int64_t rows, int64_t m, int64_t n) {
  std::vector<float> x = makeNumbers(rows * m, 2), y = makeNumbers(rows * n, 3);
  std::vector<double> expected = multiply(x, m, y, n, rows);
  PackedRows left, right;
  left.reset(rows, m);
  right.reset(rows, n);
  for (int64_t i = 0; i < left.panels(); ++i)
    left.pack(x.data(), i);
  for (int64_t j = 0; j < right.panels(); ++j)
    right.pack(y.data(), j);
  std::vector<float> sums(m * n, 1);
  for (int64_t i = 0; i < left.panels(); ++i)
    for (int64_t j = 0; j < right.panels(); ++j)
      addOuterProduct(left, right, i, j, sums.data());
  for (int64_t i = 0; i < m * n; ++i)
    ASSERT_NEAR(sums[i], 1 + expected[i], 1e-4) << i;
}

TEST(OuterProduct, IsAdded) {
  checkOuterProduct(1, 1, 1);
  checkOuterProduct(7, 48, 49);
  checkOuterProduct(100, 47, 130);
  checkOuterProduct(kOuterProductRows, 96, 5);
}

} // namespace
