//===- FeedbackTest.cpp - rounding that makes up for its errors -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Feedback beats rounding to the nearest code in what the layer computes, for
// every encoding and order; sweeps never do harm; and the bytes depend neither
// on threads nor on how rows are divided.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Feedback.h"
#include "TestMatrices.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

/// E[x^T x] of inputs with a common part: every tenth column is zero, and
/// there are fewer samples than columns.
static std::vector<float> correlatedHessian(int64_t columns, uint64_t seed) {
  int64_t samples = columns / 2;
  std::vector<float> inputs = randomWeights(samples * columns, seed, 0, 1);
  std::vector<float> common = randomWeights(samples * 3, seed + 1, 0, 1);
  std::vector<float> hessian(columns * columns, 0);
  for (int64_t s = 0; s < samples; ++s) {
    float *x = &inputs[s * columns];
    for (int64_t k = 0; k < columns; ++k) {
      x[k] += 2 * common[s * 3 + k % 3];
      x[k] *= k % 10 == 7 ? 0 : 1.0f + k % 5;
    }
    for (int64_t i = 0; i < columns; ++i)
      for (int64_t j = 0; j < columns; ++j)
        hessian[i * columns + j] += x[i] * x[j] / samples;
  }
  return hessian;
}

static std::vector<int32_t> naturalOrder(int64_t columns) {
  std::vector<int32_t> order;
  for (int64_t k = 0; k < columns; ++k)
    order.push_back(static_cast<int32_t>(k));
  return order;
}

TEST(FactoredHessian, ProductOfTheFactors) {
  for (int64_t columns : {1, 5, 64, 150}) {
    std::vector<float> hessian = correlatedHessian(columns, 3);
    std::vector<int32_t> order = orderByDiagonal(hessian.data(), columns);
    FactoredHessian factors;
    ASSERT_TRUE(
        FactoredHessian::factor(hessian.data(), order, 0.01, factors).ok());
    for (int64_t i = 0; i < columns; ++i)
      for (int64_t j = i; j < columns; ++j) {
        double sum = 0;
        for (int64_t t = j; t < columns; ++t)
          sum += (t == i ? 1.0 : factors.row(i)[t]) *
                 (t == j ? 1.0 : factors.row(j)[t]) * factors.pivots()[t];
        double expected = hessian[order[i] * columns + order[j]];
        if (i == j)
          expected += factors.dampingAdded();
        ASSERT_NEAR(sum, expected, 1e-3) << i << ", " << j;
      }
  }
}

TEST(FactoredHessian, SolvesForRows) {
  const int64_t columns = 130, rows = 67;
  std::vector<float> hessian = correlatedHessian(columns, 5);
  FactoredHessian factors;
  ASSERT_TRUE(FactoredHessian::factor(hessian.data(), naturalOrder(columns),
                                      0.05, factors)
                  .ok());
  std::vector<float> expected = randomWeights(rows * columns, 8, 0, 1);
  std::vector<float> products(rows * columns);
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t k = 0; k < columns; ++k) {
      double sum = factors.dampingAdded() * expected[n * columns + k];
      for (int64_t j = 0; j < columns; ++j)
        sum += double(expected[n * columns + j]) * hessian[j * columns + k];
      products[n * columns + k] = static_cast<float>(sum);
    }
  factors.solve(products.data(), rows);
  for (size_t i = 0; i < products.size(); ++i)
    ASSERT_NEAR(products[i], expected[i], 2e-3) << i;
}

TEST(FactoredHessian, LayersWithoutInputAreNoTrouble) {
  std::vector<float> hessian(9, 0);
  FactoredHessian factors;
  ASSERT_TRUE(
      FactoredHessian::factor(hessian.data(), naturalOrder(3), 0.01, factors)
          .ok());
  for (float pivot : factors.pivots())
    EXPECT_EQ(pivot, 1);
}

TEST(FactoredHessian, RefusesWhatIsNoSecondMoment) {
  std::vector<float> hessian = {1, 0, NAN, 1}, negative = {1, 0, 0, -2};
  FactoredHessian factors;
  EXPECT_EQ(
      FactoredHessian::factor(hessian.data(), naturalOrder(2), 0.01, factors)
          .message,
      "second moment, row 1, column 0: must be finite, found nan");
  EXPECT_EQ(
      FactoredHessian::factor(negative.data(), naturalOrder(2), 0.01, factors)
          .message,
      "second moment, row 1, column 1: must be finite and not negative, found "
      "-2.000000");
}

TEST(FactoredHessian, UnitsStayTogether) {
  std::vector<float> hessian(16, 0);
  for (int i = 0; i < 4; ++i)
    hessian[i * 5] = static_cast<float>(i);
  EXPECT_EQ(orderByDiagonal(hessian.data(), 4),
            (std::vector<int32_t>{3, 2, 1, 0}));
  EXPECT_EQ(orderByDiagonal(hessian.data(), 4, 2),
            (std::vector<int32_t>{2, 3, 0, 1}));
}

//===----------------------------------------------------------------------===//
// Quantization
//===----------------------------------------------------------------------===//

namespace {

struct Layer {
  int64_t rows, columns;
  std::vector<float> weights, hessian;

  Layer(int64_t rows, int64_t columns, uint64_t seed)
      : rows(rows), columns(columns),
        weights(randomWeights(rows * columns, seed, 0.002f)),
        hessian(correlatedHessian(columns, seed)) {}

  /// The output's error with `matrix` in place of the weights, whose columns
  /// are stored by `permutation`.
  double error(const QuantizedMatrix &matrix,
               const std::vector<int32_t> &permutation = {}) const {
    std::vector<float> stored(rows * columns), values(rows * columns);
    dequantize(matrix, stored.data());
    for (int64_t n = 0; n < rows; ++n)
      for (int64_t k = 0; k < columns; ++k)
        values[n * columns + k] =
            stored[n * columns + (permutation.empty() ? k : permutation[k])];
    return outputError(weights.data(), values.data(), rows, columns,
                       hessian.data());
  }

  double nearestError(const Encoding &encoding) const {
    QuantizedMatrix matrix;
    EXPECT_EQ(
        quantize(weights.data(), rows, columns, encoding, {}, matrix).message,
        "");
    return error(matrix);
  }

  double feedbackError(const Encoding &encoding,
                       const FeedbackOptions &options) const {
    QuantizedMatrix matrix;
    std::vector<int32_t> permutation;
    EXPECT_EQ(quantizeWithFeedback(weights.data(), rows, columns, encoding,
                                   hessian.data(), options, 1, matrix,
                                   permutation)
                  .message,
              "");
    return error(matrix, permutation);
  }
};

} // namespace

TEST(Feedback, OutputErrorIsThatOfTheOutput) {
  std::vector<float> weights{1, 2}, values{0.5f, 3}, hessian{4, 1, 1, 2};
  EXPECT_EQ(outputError(weights.data(), values.data(), 1, 2, hessian.data()),
            0.25 * 4 - 2 * 0.5 * 1 + 2);
}

TEST(Feedback, BeatsTheNearestCodeForEveryEncoding) {
  Layer layer(40, 90, 21);
  for (unsigned width : {1u, 2u, 4u, 8u})
    forEachEncoding(width, 32, [&](const Encoding &encoding) {
      // Where half of the weights are out of reach, there is nothing to gain.
      bool hasOneSign =
          encoding.element.integer()->kind == IntegerKind::Unsigned &&
          (encoding.zeroPoint == ZeroPointKind::None ||
           (encoding.zeroPoint == ZeroPointKind::Integer && width == 1));
      if (hasOneSign && !encoding.hasMinimum)
        return;
      double nearest = layer.nearestError(encoding);
      for (ColumnOrder order : {ColumnOrder::Natural, ColumnOrder::ByDiagonal,
                                ColumnOrder::Permuted}) {
        bool isTensor = encoding.granularity == Granularity::Tensor;
        if (isTensor && order == ColumnOrder::Permuted)
          continue;
        FeedbackOptions options;
        options.order = order;
        double once = layer.feedbackError(encoding, options);
        options.sweeps = 2;
        double swept = layer.feedbackError(encoding, options);
        EXPECT_LT(once, 0.95 * nearest) << describe(encoding);
        EXPECT_LE(swept, once * 1.02) << describe(encoding);
      }
    });
}

TEST(Feedback, TablesOfNumbersAndOfVectors) {
  Layer layer(70, 120, 22);
  for (unsigned values : {1u, 2u, 4u})
    for (ScaleFormat scale : {ScaleFormat::F16, ScaleFormat::E4M3}) {
      CodeTable table{5, 5, values, randomWeights(values << 5, 9, 0, 1)};
      Encoding encoding;
      encoding.element = std::make_shared<const CodeTable>(table);
      encoding.granularity = Granularity::Group;
      encoding.groupSize = 24;
      encoding.scale = scale;
      if (scale == ScaleFormat::E4M3)
        for (float &weight : layer.weights)
          weight *= 16;
      double nearest = layer.nearestError(encoding);
      for (ColumnOrder order : {ColumnOrder::Natural, ColumnOrder::ByDiagonal,
                                ColumnOrder::Permuted}) {
        FeedbackOptions options;
        options.order = order;
        double once = layer.feedbackError(encoding, options);
        EXPECT_LT(once, 0.95 * nearest) << describe(encoding);
        options.sweeps = 2;
        EXPECT_LT(layer.feedbackError(encoding, options), 0.98 * once)
            << describe(encoding);
      }
    }
}

TEST(Feedback, WithoutCorrelationItIsTheNearestCode) {
  Layer layer(9, 64, 23);
  std::fill(layer.hessian.begin(), layer.hessian.end(), 0.0f);
  for (int64_t k = 0; k < layer.columns; ++k)
    layer.hessian[k * layer.columns + k] = 1;
  Encoding encoding{{3, IntegerKind::Unsigned},
                    ZeroPointKind::None,
                    true,
                    Granularity::Group,
                    16,
                    ScaleFormat::F16};
  QuantizedMatrix nearest, found;
  std::vector<int32_t> permutation;
  ASSERT_TRUE(
      quantize(layer.weights.data(), 9, 64, encoding, {}, nearest).ok());
  FeedbackOptions options;
  options.importance = ColumnImportance::Equal;
  for (ColumnOrder order : {ColumnOrder::Natural, ColumnOrder::ByDiagonal}) {
    options.order = order;
    ASSERT_TRUE(quantizeWithFeedback(layer.weights.data(), 9, 64, encoding,
                                     layer.hessian.data(), options, 1, found,
                                     permutation)
                    .ok());
    EXPECT_EQ(nearest.codes, found.codes);
    EXPECT_EQ(nearest.scales, found.scales);
    EXPECT_EQ(nearest.minima, found.minima);
  }
}

TEST(Feedback, SweepsNeverDoHarm) {
  Layer layer(40, 300, 24);
  // The error that sweeps lower has the damping in it; with next to none, it is
  // the output's.
  for (int64_t group : {int64_t(32), int64_t(300)}) {
    Encoding encoding{{2, IntegerKind::Unsigned},
                      ZeroPointKind::None,
                      true,
                      Granularity::Group,
                      group,
                      ScaleFormat::F16};
    FeedbackOptions options;
    options.damping = 1e-5;
    double last = INFINITY;
    for (options.sweeps = 0; options.sweeps < 4; ++options.sweeps) {
      double error = layer.feedbackError(encoding, options);
      EXPECT_LE(error, last * 1.001);
      last = error;
    }
  }
}

TEST(Feedback, BytesDependOnNeitherThreadsNorDivision) {
  Layer layer(150, 96, 25);
  Encoding encoding{{4, IntegerKind::Signed},
                    ZeroPointKind::None,
                    false,
                    Granularity::Group,
                    40,
                    ScaleFormat::F16};
  FeedbackOptions options;
  options.sweeps = 1;
  FeedbackPlan plan;
  ASSERT_TRUE(FeedbackPlan::make(layer.hessian.data(), layer.columns, encoding,
                                 options, plan)
                  .ok());
  QuantizedMatrix one, three, pieces;
  std::vector<int32_t> permutation;
  for (auto [threads, result] : {std::pair{1u, &one}, std::pair{3u, &three}})
    ASSERT_TRUE(quantizeWithFeedback(layer.weights.data(), layer.rows,
                                     layer.columns, encoding,
                                     layer.hessian.data(), options, threads,
                                     *result, permutation)
                    .ok());
  pieces.reset(encoding, layer.rows, layer.columns);
  for (int64_t first = 0; first < layer.rows; first += 37) {
    int64_t end = std::min<int64_t>(first + 37, layer.rows);
    ASSERT_TRUE(quantizeRowsWithFeedback(&layer.weights[first * layer.columns],
                                         first, end, plan, pieces)
                    .ok());
  }
  for (const QuantizedMatrix *other : {&three, &pieces}) {
    EXPECT_EQ(one.codes, other->codes);
    EXPECT_EQ(one.scales, other->scales);
  }
}

TEST(Feedback, PermutedColumnsAreStoredByTheirDiagonal) {
  Layer layer(3, 50, 26);
  Encoding encoding;
  FeedbackOptions options;
  options.order = ColumnOrder::Permuted;
  FeedbackPlan plan;
  ASSERT_TRUE(FeedbackPlan::make(layer.hessian.data(), layer.columns, encoding,
                                 options, plan)
                  .ok());
  for (int64_t i = 0; i < layer.columns; ++i)
    EXPECT_EQ(plan.permutation()[plan.order()[i]], i);
}

TEST(Feedback, Refusals) {
  Layer layer(4, 32, 27);
  QuantizedMatrix matrix;
  std::vector<int32_t> permutation;
  auto message = [&](const Encoding &encoding, FeedbackOptions options) {
    return quantizeWithFeedback(layer.weights.data(), layer.rows, layer.columns,
                                encoding, layer.hessian.data(), options, 1,
                                matrix, permutation)
        .message;
  };
  FeedbackOptions permuted;
  permuted.order = ColumnOrder::Permuted;
  Encoding tensor;
  tensor.granularity = Granularity::Tensor;
  EXPECT_EQ(message(tensor, permuted),
            "a permuted order needs parameters per channel or group, found one "
            "set per tensor");
  Encoding outer;
  outer.outer = OuterScale::Tensor;
  EXPECT_EQ(message(outer, {}),
            "error feedback needs scales without an outer one, found one");
  Encoding trellis;
  trellis.element = std::make_shared<const CodeTable>(
      CodeTable{2, 4, 1, std::vector<float>(16, 1.0f)});
  EXPECT_EQ(message(trellis, {}), "rounding to the nearest code needs windows "
                                  "of the code's 2 bits, found 4");
  layer.weights[40] = INFINITY;
  EXPECT_EQ(message({}, {}),
            "row 1, column 8: weights must be finite, found inf");
  layer.weights[40] = 1e9f;
  for (FeedbackOptions options : {FeedbackOptions(), permuted})
    EXPECT_NE(message({}, options).find("must fit f16 (at most 65504)"),
              std::string::npos);
}
