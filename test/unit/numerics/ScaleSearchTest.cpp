//===- ScaleSearchTest.cpp - least squares and its vector code ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The search is never worse than the extremes, close to an exhaustive search,
// respects importance, and gives the same bits on every instruction set.
//
//===----------------------------------------------------------------------===//

#include "GroupKernels.h"
#include "TestMatrices.h"
#include "lowbit/Numerics/Float16.h"
#include "lowbit/Numerics/Quantizer.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

/// Squared error of each parameter group.
static std::vector<double> groupErrors(const QuantizedMatrix &matrix,
                                       const std::vector<float> &weights,
                                       const float *importance) {
  const Encoding &encoding = matrix.encoding;
  int64_t groups = encoding.groupCount(matrix.columns);
  std::vector<float> values(weights.size());
  dequantize(matrix, values.data());
  std::vector<double> errors(matrix.scales.size());
  for (int64_t i = 0; i < static_cast<int64_t>(weights.size()); ++i) {
    int64_t n = i / matrix.columns, k = i % matrix.columns;
    double error = static_cast<double>(weights[i]) - values[i];
    errors[encoding.parameterIndex(
        n, k / encoding.columnsPerGroup(matrix.columns), groups)] +=
        error * error * (importance ? importance[k] : 1);
  }
  return errors;
}

static QuantizedMatrix quantized(const std::vector<float> &weights,
                                 int64_t rows, int64_t columns,
                                 const Encoding &encoding, ScaleSearch search,
                                 const float *importance = nullptr) {
  QuantizedMatrix result;
  EXPECT_EQ(quantize(weights.data(), rows, columns, encoding,
                     {search, importance}, result)
                .message,
            "");
  return result;
}

static double sum(const std::vector<double> &values) {
  double total = 0;
  for (double value : values)
    total += value;
  return total;
}

TEST(ScaleSearch, NeverWorseThanTheExtremes) {
  const int64_t rows = 18, columns = 75;
  std::vector<float> importance(columns);
  Random random(1);
  for (float &weight : importance)
    weight = random.uniform() * 4;
  for (unsigned width = 1; width <= 8; ++width)
    forEachEncoding(width, 32, [&](const Encoding &encoding) {
      for (float mean : {0.0f, 1.0f})
        for (const float *weighting :
             {(const float *)nullptr, (const float *)importance.data()}) {
          std::vector<float> weights =
              randomWeights(rows * columns, width, mean, 0.02f);
          weights[100] = 1;
          QuantizedMatrix plain =
              quantized(weights, rows, columns, encoding, ScaleSearch::AbsMax);
          QuantizedMatrix searched =
              quantized(weights, rows, columns, encoding,
                        ScaleSearch::MeanSquaredError, weighting);
          // The one-bit scale is itself weighted, so it isn't comparable.
          if (encoding.element.integer()->step() != 1 && weighting)
            continue;
          std::vector<double> before = groupErrors(plain, weights, weighting);
          std::vector<double> after = groupErrors(searched, weights, weighting);
          for (size_t i = 0; i < before.size(); ++i)
            ASSERT_LE(after[i], before[i] * (1 + 1e-5) + 1e-12)
                << describe(encoding) << " group " << i;
        }
    });
}

/// The least error of a group over a dense grid of scales, refined by the
/// closed-form scale for the codes of each.
static double exhaustiveSymmetric(const float *weights, int64_t count,
                                  unsigned width) {
  double first = -std::ldexp(1, width - 1), last = -first - 1, size = 0;
  for (int64_t i = 0; i < count; ++i)
    size = std::max<double>(size, std::fabs(weights[i]));
  double best = INFINITY;
  for (int step = 1; step <= 4000; ++step)
    for (int sign : {-1, 1}) {
      double scale = sign * 2 * size / -first * step / 4000;
      double xx = 0, wx = 0, ww = 0;
      for (int64_t i = 0; i < count; ++i) {
        double x =
            std::nearbyint(std::min(std::max(weights[i] / scale, first), last));
        xx += x * x;
        wx += x * weights[i];
        ww += static_cast<double>(weights[i]) * weights[i];
      }
      best = std::min(best, xx > 0 ? ww - wx * wx / xx : ww);
    }
  return best;
}

TEST(ScaleSearch, SymmetricIsCloseToTheBestScale) {
  const int64_t rows = 40, columns = 32;
  for (unsigned width : {2u, 3u, 4u, 5u}) {
    std::vector<float> weights = randomWeights(rows * columns, 77);
    Encoding encoding{{width, IntegerKind::Signed},
                      ZeroPointKind::None,
                      false,
                      Granularity::Group,
                      32,
                      ScaleFormat::F32};
    QuantizedMatrix matrix = quantized(weights, rows, columns, encoding,
                                       ScaleSearch::MeanSquaredError);
    double best = 0;
    for (int64_t row = 0; row < rows; ++row)
      best += exhaustiveSymmetric(&weights[row * columns], columns, width);
    EXPECT_LE(sum(groupErrors(matrix, weights, nullptr)), best * 1.03)
        << width << " bits";
  }
}

/// The residual of the best line through (code, weight) when codes are chosen
/// with `scale` and `offset`, which become that line's.
static double lineResidual(const float *weights, int64_t count, double last,
                           double &scale, double &offset) {
  double u1 = 0, uu = 0, w1 = 0, ww = 0, uw = 0;
  for (int64_t i = 0; i < count; ++i) {
    double w = weights[i];
    double u =
        std::nearbyint(std::min(std::max((w - offset) / scale, 0.0), last));
    u1 += u;
    uu += u * u;
    w1 += w;
    ww += w * w;
    uw += u * w;
  }
  double spread = uu - u1 * u1 / count, joint = uw - u1 * w1 / count;
  if (spread <= 0)
    return INFINITY;
  scale = joint / spread;
  offset = (w1 - scale * u1) / count;
  return ww - w1 * w1 / count - joint * joint / spread;
}

/// The least error over a dense grid of ranges, each refitted three times.
static double exhaustiveAffine(const float *weights, int64_t count,
                               unsigned width) {
  double last = std::ldexp(1, width) - 1, best = INFINITY;
  auto [low, high] = std::minmax_element(weights, weights + count);
  double range = *high - *low;
  for (int below = -3; below < 30; ++below)
    for (int above = -3; above < 30; ++above) {
      double scale = range * (1 - (below + above) * 0.0125) / last;
      double offset = *low + range * below * 0.0125;
      for (int refit = 0; refit < 4; ++refit)
        best =
            std::min(best, lineResidual(weights, count, last, scale, offset));
    }
  return best;
}

TEST(ScaleSearch, AffineIsCloseToTheBestRange) {
  for (int64_t columns : {32, 512})
    for (unsigned width : {2u, 3u, 4u}) {
      const int64_t rows = 640 / columns + 1;
      std::vector<float> weights = randomWeights(rows * columns, 78, 0.1f);
      for (bool hasMinimum : {false, true}) {
        Encoding encoding{{width, IntegerKind::Unsigned},
                          hasMinimum ? ZeroPointKind::None
                                     : ZeroPointKind::Fractional,
                          hasMinimum,
                          Granularity::Channel,
                          0,
                          ScaleFormat::F32};
        QuantizedMatrix matrix = quantized(weights, rows, columns, encoding,
                                           ScaleSearch::MeanSquaredError);
        double best = 0;
        for (int64_t row = 0; row < rows; ++row)
          best += exhaustiveAffine(&weights[row * columns], columns, width);
        EXPECT_LE(sum(groupErrors(matrix, weights, nullptr)), best * 1.03)
            << describe(encoding) << " " << columns;
      }
    }
}

TEST(ScaleSearch, ImportanceMovesTheError) {
  const int64_t rows = 64, columns = 64;
  std::vector<float> weights = randomWeights(rows * columns, 9);
  std::vector<float> importance(columns, 0.01f);
  for (int64_t k = 0; k < columns; k += 4)
    importance[k] = 10;
  forEachEncoding(3, 32, [&](const Encoding &encoding) {
    if (encoding.granularity == Granularity::Tensor)
      return;
    double plain = sum(groupErrors(quantized(weights, rows, columns, encoding,
                                             ScaleSearch::MeanSquaredError),
                                   weights, importance.data()));
    double weighted = sum(
        groupErrors(quantized(weights, rows, columns, encoding,
                              ScaleSearch::MeanSquaredError, importance.data()),
                    weights, importance.data()));
    EXPECT_LT(weighted, plain) << describe(encoding);
  });
}

TEST(ScaleSearch, ImportanceOfZeroIsHarmless) {
  std::vector<float> weights = randomWeights(64, 4), importance(32, 0.0f);
  for (unsigned width = 1; width <= 8; ++width)
    forEachEncoding(width, 16, [&](const Encoding &encoding) {
      quantized(weights, 2, 32, encoding, ScaleSearch::MeanSquaredError,
                importance.data());
    });
}

TEST(ScaleSearch, EveryInstructionSetGivesTheSameBits) {
  const GroupKernels *kernels[8];
  int64_t count = allGroupKernels(kernels, 8);
  std::vector<float> values = randomWeights(groupLanes * 100, 6);
  std::vector<float> importance = randomWeights(groupLanes * 100, 7, 4, 0.3f);
  for (GroupModel model :
       {GroupModel::Symmetric, GroupModel::IntegerZeroPoint,
        GroupModel::FractionalZeroPoint, GroupModel::Minimum})
    for (unsigned width = 1; width <= 8; ++width)
      for (const float *weighting :
           {(const float *)nullptr, (const float *)importance.data()})
        for (bool shared : {false, true})
          for (bool half : {false, true}) {
            float last = static_cast<float>((1 << width) - 1);
            bool isSymmetric = model == GroupModel::Symmetric;
            float first = isSymmetric ? -(last + 1) / 2 : 0;
            GroupProblem problem{model, first, last + first, 1,
                                 width, last,  half,         true};
            Segment segment{values.data(), weighting, 100};
            LaneParameters expected, found;
            std::vector<uint8_t> expectedCodes(1600), codes(1600);
            for (int64_t i = 0; i < count; ++i) {
              LaneParameters &to = i ? found : expected;
              kernels[i]->findParameters(problem, {&segment, 1, shared}, to);
              (i ? codes : expectedCodes).assign(1600, 0);
              kernels[i]->assignCodes(problem, values.data(), 1597, to.scale[3],
                                      to.zeroPoint[3], to.minimum[3], 0,
                                      (i ? codes : expectedCodes).data());
              if (!i)
                continue;
              ASSERT_EQ(std::memcmp(&expected, &found, sizeof(found)), 0)
                  << kernels[i]->name;
              ASSERT_EQ(expectedCodes, codes) << kernels[i]->name;
            }
          }
}
