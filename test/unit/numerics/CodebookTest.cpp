//===- CodebookTest.cpp - tables of numbers learned from weights ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The optimum on a line is what trying every division finds; learned tables
// beat even ones, and importance moves them.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Codebook.h"
#include "TestMatrices.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

/// The weighted squared distance of points to the nearest number.
static double distance(const std::vector<WeightedPoint> &points,
                       const std::vector<float> &numbers) {
  double total = 0;
  for (auto [value, weight] : points) {
    double least = INFINITY;
    for (float number : numbers)
      least = std::min(least, (value - number) * (value - number));
    total += weight * least;
  }
  return total;
}

/// The least distance over all divisions of points from `begin` into runs.
static double leastDistance(const std::vector<WeightedPoint> &points,
                            size_t begin, unsigned runs) {
  if (begin == points.size())
    return 0;
  if (runs == 0)
    return INFINITY;
  double least = INFINITY, weight = 0, first = 0, second = 0;
  for (size_t end = begin; end < points.size(); ++end) {
    weight += points[end].weight;
    first += points[end].weight * points[end].value;
    second += points[end].weight * points[end].value * points[end].value;
    least = std::min(least, second - first * first / weight +
                                leastDistance(points, end + 1, runs - 1));
  }
  return least;
}

TEST(Codebook, OptimumOnALine) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Random random(seed);
    std::vector<WeightedPoint> points;
    for (uint64_t i = 0; i < 6 + seed % 7; ++i)
      points.push_back({random.normal(), 0.1 + random.uniform()});
    std::sort(points.begin(), points.end(),
              [](auto a, auto b) { return a.value < b.value; });
    for (unsigned count : {1u, 2u, 4u}) {
      std::vector<float> numbers = optimalNumbers(points, count);
      ASSERT_EQ(numbers.size(), count);
      EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
      EXPECT_NEAR(distance(points, numbers), leastDistance(points, 0, count),
                  1e-5);
    }
  }
}

TEST(Codebook, FewerPointsThanNumbers) {
  EXPECT_EQ(optimalNumbers({{-1, 1}, {2, 3}}, 4),
            (std::vector<float>{-1, 2, 2, 2}));
  EXPECT_EQ(optimalNumbers({}, 2), (std::vector<float>{0, 0}));
  EXPECT_EQ(optimalNumbers({{5, 0}}, 2), (std::vector<float>{0, 0}));
}

static double errorWith(const std::vector<float> &weights, int64_t columns,
                        Encoding encoding, const CodeTable &table,
                        const float *importance) {
  encoding.element = std::make_shared<const CodeTable>(table);
  QuantizedMatrix matrix;
  QuantizeOptions options;
  options.importance = importance;
  int64_t rows = static_cast<int64_t>(weights.size()) / columns;
  EXPECT_TRUE(
      quantize(weights.data(), rows, columns, encoding, options, matrix).ok());
  std::vector<float> values(weights.size());
  dequantize(matrix, values.data());
  double error = 0;
  for (size_t i = 0; i < weights.size(); ++i)
    error += std::pow(double(values[i]) - weights[i], 2) *
             (importance ? importance[i % columns] : 1);
  return error;
}

TEST(Codebook, LearnedTablesBeatEvenOnes) {
  const int64_t rows = 64, columns = 128;
  std::vector<float> weights = randomWeights(rows * columns, 3, 0, 0.02f);
  std::vector<float> importance(columns, 0.01f);
  std::fill_n(importance.begin(), 16, 4.0f);
  // The columns that count have another distribution.
  for (int64_t i = 0; i < rows * columns; ++i)
    if (i % columns < 16)
      weights[i] = std::copysign(0.03f, weights[i]) + 0.1f * weights[i];
  for (int64_t group : {0, 32})
    for (unsigned bits : {2u, 3u, 4u}) {
      Encoding encoding;
      encoding.granularity = group ? Granularity::Group : Granularity::Channel;
      encoding.groupSize = group;
      CodeTable even{bits, bits, 1, {}}, plain, weighted;
      for (int i = 0; i < 1 << bits; ++i)
        even.values.push_back(2.0f * i / ((1 << bits) - 1) - 1);
      ASSERT_TRUE(learnCodebook(weights.data(), rows, columns, encoding, bits,
                                nullptr, plain)
                      .ok());
      ASSERT_TRUE(learnCodebook(weights.data(), rows, columns, encoding, bits,
                                importance.data(), weighted)
                      .ok());
      EXPECT_LT(errorWith(weights, columns, encoding, plain, nullptr),
                errorWith(weights, columns, encoding, even, nullptr));
      EXPECT_LT(
          errorWith(weights, columns, encoding, weighted, importance.data()),
          errorWith(weights, columns, encoding, plain, importance.data()));
    }
}

TEST(Codebook, RefusesWeightsThatAreNotFinite) {
  std::vector<float> weights{1, NAN};
  CodeTable table;
  EXPECT_EQ(learnCodebook(weights.data(), 1, 2, Encoding(), 2, nullptr, table)
                .message,
            "row 0, column 1: weights must be finite, found nan");
}
