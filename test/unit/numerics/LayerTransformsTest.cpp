//===- LayerTransformsTest.cpp - what to quantize instead -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/LayerTransforms.h"
#include "TestMatrices.h"
#include "lowbit/Numerics/Feedback.h"
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

/// x^T y / samples for x [samples, a], y [samples, b].
static std::vector<float> moment(const std::vector<float> &x,
                                 const std::vector<float> &y, int64_t samples) {
  int64_t a = static_cast<int64_t>(x.size()) / samples;
  int64_t b = static_cast<int64_t>(y.size()) / samples;
  std::vector<float> result(a * b);
  for (int64_t i = 0; i < a; ++i)
    for (int64_t j = 0; j < b; ++j) {
      double sum = 0;
      for (int64_t s = 0; s < samples; ++s)
        sum += double(x[s * a + i]) * y[s * b + j];
      result[i * b + j] = static_cast<float>(sum / samples);
    }
  return result;
}

TEST(ColumnScales, ProtectColumnsThatMatter) {
  const int64_t rows = 64, columns = 64, samples = 200;
  std::vector<float> inputs = randomWeights(samples * columns, 1);
  for (int64_t i = 0; i < samples * columns; ++i)
    inputs[i] *= i % columns % 16 == 3 ? 30 : i % columns == 5 ? 0 : 1;
  std::vector<float> hessian = moment(inputs, inputs, samples);
  std::vector<float> weights = randomWeights(2 * rows * columns, 2);
  Encoding encoding{{3, IntegerKind::Unsigned},
                    ZeroPointKind::None,
                    true,
                    Granularity::Group,
                    32,
                    ScaleFormat::F16};
  std::vector<LayerWeights> layers{
      {weights.data(), rows, encoding},
      {weights.data() + rows * columns, rows, encoding}};
  ColumnScales found;
  ASSERT_TRUE(
      searchColumnScales(layers, columns, hessian.data(), 48, {}, found).ok());
  EXPECT_GT(found.exponent, 0);
  EXPECT_LT(found.error, 0.9 * found.plainError);
  EXPECT_GT(found.scales[3], 2 * found.scales[4]);
  EXPECT_EQ(found.scales[5], 1);
  for (float scale : found.scales)
    EXPECT_TRUE(std::isfinite(scale) && scale > 0);
}

TEST(ColumnScales, AreOneWhereAllColumnsMatterTheSame) {
  std::vector<float> hessian(16 * 16, 0), weights = randomWeights(16 * 16, 2);
  for (int k = 0; k < 16; ++k)
    hessian[k * 17] = 2;
  ColumnScales found;
  ASSERT_TRUE(searchColumnScales({{weights.data(), 16, Encoding()}}, 16,
                                 hessian.data(), 16, {}, found)
                  .ok());
  EXPECT_EQ(found.exponent, 0);
  EXPECT_EQ(found.scales, std::vector<float>(16, 1.0f));
}

TEST(ColumnScales, AreTheSameWithinAClass) {
  std::vector<float> hessian(16 * 16, 0), weights = randomWeights(64 * 16, 2);
  std::vector<int32_t> classes(16);
  for (int k = 0; k < 16; ++k) {
    hessian[k * 17] = k == 3 ? 900 : 1;
    classes[k] = k % 8;
  }
  ColumnScales found;
  ASSERT_TRUE(searchColumnScales(
                  {{weights.data(), 64, Encoding{{2, IntegerKind::Signed}}}},
                  16, hessian.data(), 64, classes, found)
                  .ok());
  EXPECT_GT(found.scales[3], found.scales[4]);
  for (int k = 0; k < 8; ++k)
    EXPECT_EQ(found.scales[k], found.scales[k + 8]);
}

TEST(CorrectedTarget, IsTheRegressionOnWhatArrives) {
  // What arrives is a linear function of what should have: the float weights
  // times its inverse restore the output.
  const int64_t rows = 5, columns = 40, samples = 400;
  std::vector<float> x = randomWeights(samples * columns, 1), y = x;
  for (int64_t s = 0; s < samples; ++s)
    for (int64_t k = 0; k < columns; ++k)
      y[s * columns + k] =
          0.8f * x[s * columns + k] + 0.3f * x[s * columns + (k + 1) % columns];
  std::vector<float> hessian = moment(y, y, samples);
  std::vector<float> cross = moment(x, y, samples);
  std::vector<float> weights = randomWeights(rows * columns, 3);
  std::vector<int32_t> order(columns);
  std::iota(order.begin(), order.end(), 0);
  FactoredHessian factors;
  ASSERT_TRUE(
      FactoredHessian::factor(hessian.data(), order, 1e-5, factors).ok());
  std::vector<float> target(rows * columns);
  correctTarget(weights.data(), rows, {hessian.data(), cross.data()}, factors,
                target.data());
  auto outputs = [&](const std::vector<float> &w, const std::vector<float> &in,
                     int64_t s, int64_t n) {
    double sum = 0;
    for (int64_t k = 0; k < columns; ++k)
      sum += double(w[n * columns + k]) * in[s * columns + k];
    return sum;
  };
  for (int64_t s = 0; s < samples; s += 37)
    for (int64_t n = 0; n < rows; ++n)
      EXPECT_NEAR(outputs(target, y, s, n), outputs(weights, x, s, n), 0.02);

  // With a share of 1 the layer also adds what is missing from the residual.
  std::vector<float> missing = randomWeights(rows * columns, 4);
  std::vector<float> gap(samples * rows), residual(rows * columns);
  for (int64_t s = 0; s < samples; ++s)
    for (int64_t n = 0; n < rows; ++n)
      gap[s * rows + n] = static_cast<float>(outputs(missing, y, s, n));
  residual = moment(gap, y, samples);
  correctTarget(weights.data(), rows,
                {hessian.data(), cross.data(), residual.data(), 1}, factors,
                target.data());
  for (int64_t s = 0; s < samples; s += 37)
    for (int64_t n = 0; n < rows; ++n)
      EXPECT_NEAR(outputs(target, y, s, n),
                  outputs(weights, x, s, n) + gap[s * rows + n], 0.02);
}
