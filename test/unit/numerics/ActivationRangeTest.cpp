//===- ActivationRangeTest.cpp - ranges from histograms -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/ActivationRange.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace lowbit::numerics;

namespace {

/// Normal numbers, and a few that are twenty times as large.
Histogram makeHistogram(int outliers) {
  std::mt19937 generator(5);
  std::normal_distribution<float> normal;
  std::vector<float> numbers(100000);
  for (float &number : numbers)
    number = normal(generator);
  for (int i = 0; i < outliers; ++i)
    numbers[i] *= 20;
  Histogram histogram;
  histogram.add(numbers.data(), numbers.size());
  return histogram;
}

TEST(ActivationRange, Percentile) {
  ActivationRange all = findPercentile(makeHistogram(0), 100);
  EXPECT_NEAR(all.high, 4.4, 0.5);
  ActivationRange most = findPercentile(makeHistogram(20), 99);
  EXPECT_NEAR(most.high, 2.576, 0.05);
  EXPECT_NEAR(most.low, -2.576, 0.05);
}

TEST(ActivationRange, LeastSquaresClipsNormalNumbers) {
  // The optimum for 4 bits and a normal density is 2.83 standard deviations
  // (Banner et al., 2019, who approximate it so, too).
  EXPECT_NEAR(findLeastSquares(makeHistogram(0), 4).high, 2.7, 0.25);
  double wide = findLeastSquares(makeHistogram(0), 8).high;
  EXPECT_GT(wide, 3.5);
  EXPECT_LT(findLeastSquares(makeHistogram(10), 4).high, 8);
}

TEST(ActivationRange, LeastDivergenceIgnoresOutliers) {
  ActivationRange range = findLeastDivergence(makeHistogram(5), 8);
  EXPECT_GT(range.high, 2.5);
  EXPECT_LT(range.high, 10);
  EXPECT_EQ(range.low, -range.high);
}

TEST(ActivationRange, NothingCounted) {
  EXPECT_EQ(findPercentile(Histogram(), 99).high, 0);
  EXPECT_EQ(findLeastSquares(Histogram(), 8).high, 0);
  EXPECT_EQ(findLeastDivergence(Histogram(), 8).high, 0);
}

TEST(ActivationRange, ZerosAlone) {
  Histogram histogram;
  std::vector<float> zeros(10);
  histogram.add(zeros.data(), zeros.size());
  EXPECT_TRUE(std::isfinite(findPercentile(histogram, 99).high));
  EXPECT_TRUE(std::isfinite(findLeastSquares(histogram, 8).high));
  EXPECT_TRUE(std::isfinite(findLeastDivergence(histogram, 8).high));
}

} // namespace
