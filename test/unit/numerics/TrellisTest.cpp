//===- TrellisTest.cpp - codes that overlap, found by a path search -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The path search finds what trying every path finds, on every instruction set;
// decoding is that of the encodings' windows; distortion of Gaussian weights is
// what theory and the literature promise; and rates go where they pay.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Trellis.h"
#include "GroupKernels.h"
#include "TestMatrices.h"
#include "lowbit/Numerics/Feedback.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

TEST(TrellisTable, FollowsAGaussianFromEveryState) {
  for (unsigned stateBits : {8u, 10u, 12u})
    for (unsigned rate = 1; rate <= maxTrellisRate; ++rate) {
      CodeTable table = trellisTable(stateBits, rate);
      ASSERT_EQ(table.values.size(), size_t(1) << stateBits);
      double square = 0;
      for (float value : table.values) {
        square += value * value;
        ASSERT_EQ(value * 32, std::nearbyint(value * 32));
        ASSERT_LT(std::fabs(value), 4);
      }
      EXPECT_NEAR(square / table.values.size(), 1, 0.02);
      // At most half of the successors of each state lie on a side of 0.
      for (size_t p = 0; p < table.values.size(); p += size_t(1) << rate) {
        auto first = table.values.begin() + p;
        auto count = [&](auto isMeant) {
          return std::count_if(first, first + (1 << rate), isMeant);
        };
        EXPECT_LE(count([](float value) { return value > 0; }),
                  1 << (rate - 1));
        EXPECT_LE(count([](float value) { return value < 0; }),
                  1 << (rate - 1));
      }
    }
}

//===----------------------------------------------------------------------===//
// Path search
//===----------------------------------------------------------------------===//

static std::vector<uint8_t> search(const GroupKernels &kernels,
                                   const CodeTable &table,
                                   const std::vector<float> &values,
                                   const float *weights) {
  auto count = static_cast<int64_t>(values.size());
  std::vector<float> costs(size_t(2) << table.windowBits);
  std::vector<uint8_t> choices(count << (table.windowBits - table.codeBits));
  std::vector<uint8_t> codes(count);
  kernels.findPath({table.values.data(), table.windowBits, table.codeBits,
                    values.data(), weights, count, costs.data(),
                    choices.data()},
                   codes.data());
  return codes;
}

/// The cost of a path.
static double costOf(const CodeTable &table, const std::vector<uint8_t> &codes,
                     const std::vector<float> &values, const float *weights) {
  double cost = 0;
  uint32_t window = 0;
  for (size_t i = 0; i < codes.size(); ++i) {
    window =
        (window << table.codeBits | codes[i]) & ((1u << table.windowBits) - 1);
    double difference = values[i] - table.values[window];
    cost += difference * difference * (weights ? weights[i] : 1);
  }
  return cost;
}

TEST(TrellisPath, FindsWhatTryingEveryPathFinds) {
  for (unsigned rate = 1; rate <= 3; ++rate) {
    CodeTable table = trellisTable(8, rate);
    const unsigned steps = 6 / rate + 1;
    std::vector<float> values = randomWeights(steps, rate);
    std::vector<float> weights{1, 0.5f, 3, 0.1f, 2, 1, 1};
    double cost =
        costOf(table, search(groupKernels(), table, values, weights.data()),
               values, weights.data());
    for (uint32_t all = 0; all < 1u << (rate * steps); ++all) {
      std::vector<uint8_t> codes(steps);
      for (unsigned i = 0; i < steps; ++i)
        codes[i] = all >> (rate * i) & ((1u << rate) - 1);
      ASSERT_GE(costOf(table, codes, values, weights.data()), cost - 1e-5);
    }
  }
}

TEST(TrellisPath, EveryInstructionSetGivesTheSameCodes) {
  const GroupKernels *kernels[8];
  int64_t count = allGroupKernels(kernels, 8);
  std::vector<float> values = randomWeights(300, 5);
  for (unsigned stateBits : {8u, 12u})
    for (unsigned rate = 1; rate <= maxTrellisRate; ++rate) {
      CodeTable table = trellisTable(stateBits, rate);
      std::vector<uint8_t> expected =
          search(*kernels[0], table, values, nullptr);
      for (int64_t i = 1; i < count; ++i)
        EXPECT_EQ(search(*kernels[i], table, values, nullptr), expected)
            << kernels[i]->name;
    }
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

static std::vector<float> diagonal(int64_t columns) {
  std::vector<float> hessian(columns * columns, 0);
  for (int64_t k = 0; k < columns; ++k)
    hessian[k * columns + k] = 1;
  return hessian;
}

static double squaredError(const std::vector<float> &weights,
                           const TrellisWeights &quantized,
                           const float *rowWeights = nullptr) {
  std::vector<float> values(weights.size());
  dequantize(quantized, values.data());
  double error = 0;
  for (size_t i = 0; i < weights.size(); ++i)
    error += std::pow(double(values[i]) - weights[i], 2) *
             (rowWeights ? rowWeights[i / quantized.columns] : 1);
  return error / weights.size();
}

TEST(Trellis, DistortionOfGaussianWeights) {
  const int64_t rows = 256, columns = 12;
  std::vector<float> weights = randomWeights(rows * columns, 1);
  std::vector<float> hessian = diagonal(columns);
  for (auto [stateBits, rate, bound] :
       {std::tuple{8u, 2, 0.083}, std::tuple{8u, 3, 0.0245},
        std::tuple{12u, 1, 0.29}, std::tuple{12u, 2, 0.077},
        std::tuple{12u, 4, 0.0054}}) {
    TrellisOptions options;
    options.stateBits = stateBits;
    TrellisWeights result;
    ASSERT_TRUE(quantizeTrellis(weights.data(), rows, columns, hessian.data(),
                                std::vector<uint8_t>(columns, rate), options,
                                result)
                    .ok());
    EXPECT_LT(squaredError(weights, result), bound)
        << stateBits << ", " << rate;
  }
}

TEST(Trellis, DecodesAsItsEncodingSays) {
  const int64_t rows = 70, columns = 9;
  std::vector<float> weights = randomWeights(rows * columns, 2, 0, 0.02f);
  std::vector<float> hessian = diagonal(columns);
  std::vector<uint8_t> rates{2, 3, 2, 1, 1, 2, 4, 3, 2};
  TrellisOptions options;
  options.stateBits = 8;
  TrellisWeights result;
  ASSERT_TRUE(quantizeTrellis(weights.data(), rows, columns, hessian.data(),
                              rates, options, result)
                  .ok());
  ASSERT_EQ(result.parts.size(), 4u);
  EXPECT_EQ(result.storedBits(), rows * 20 + 2 * 16 + rows * 8 + columns * 8);
  std::vector<float> values(rows * columns);
  dequantize(result, values.data());
  for (const TrellisPart &part : result.parts) {
    ASSERT_EQ(checkEncoding(part.matrix.encoding), "");
    auto count = static_cast<int64_t>(part.columns.size());
    std::vector<float> numbers(rows * count);
    dequantize(part.matrix, numbers.data());
    for (int64_t i = 0; i < count; ++i) {
      int64_t k = part.columns[i];
      EXPECT_EQ(part.matrix.encoding.element.codeBits(), rates[k]);
      for (int64_t n = 0; n < rows; ++n)
        EXPECT_EQ(values[n * columns + k],
                  numbers[n * count + i] * (result.rowScales.value(n) *
                                            result.columnScales.value(k)));
    }
  }
}

TEST(Trellis, OrderOfColumns) {
  std::vector<float> weights = randomWeights(6 * 5, 2), hessian = diagonal(6);
  for (int64_t k = 0; k < 6; ++k)
    hessian[k * 7] = static_cast<float>(k + 1);
  for (bool isNatural : {true, false}) {
    TrellisOptions options;
    options.stateBits = 8;
    options.hasNaturalOrder = isNatural;
    TrellisWeights result;
    ASSERT_TRUE(quantizeTrellis(weights.data(), 5, 6, hessian.data(),
                                {2, 1, 2, 1, 3, 2}, options, result)
                    .ok());
    ASSERT_EQ(result.parts.size(), 3u);
    EXPECT_EQ(result.parts[0].columns, (std::vector<int32_t>{4}));
    EXPECT_EQ(result.parts[1].columns, isNatural
                                           ? (std::vector<int32_t>{0, 2, 5})
                                           : (std::vector<int32_t>{5, 2, 0}));
    EXPECT_EQ(result.parts[2].columns, isNatural
                                           ? (std::vector<int32_t>{1, 3})
                                           : (std::vector<int32_t>{3, 1}));
  }
}

/// E[x^T x] of inputs with a common part.
static std::vector<float> correlated(int64_t columns) {
  std::vector<float> hessian = diagonal(columns);
  std::vector<float> loads = randomWeights(columns * 3, 7, 0, 1.5f);
  for (int64_t i = 0; i < columns; ++i)
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t c = 0; c < 3; ++c)
        hessian[i * columns + j] += loads[i * 3 + c] * loads[j * 3 + c];
  return hessian;
}

TEST(Trellis, FeedbackAndSweepsLowerTheOutputError) {
  const int64_t rows = 130, columns = 140;
  std::vector<float> weights = randomWeights(rows * columns, 3, 0, 0.02f);
  std::vector<float> hessian = correlated(columns), plain = diagonal(columns);
  std::vector<uint8_t> rates(columns, 2);
  auto errorOf = [&](const std::vector<float> &assumed, int sweeps) {
    TrellisOptions options;
    options.stateBits = 8;
    options.sweeps = sweeps;
    TrellisWeights result;
    EXPECT_TRUE(quantizeTrellis(weights.data(), rows, columns, assumed.data(),
                                rates, options, result)
                    .ok());
    std::vector<float> values(weights.size());
    dequantize(result, values.data());
    return outputError(weights.data(), values.data(), rows, columns,
                       hessian.data());
  };
  double without = errorOf(plain, 0), once = errorOf(hessian, 0);
  EXPECT_LT(once, 0.5 * without);
  EXPECT_LT(errorOf(hessian, 1), once);
}

TEST(Trellis, RowsThatCountAreCloser) {
  const int64_t rows = 64, columns = 16;
  std::vector<float> weights = randomWeights(rows * columns, 4);
  std::vector<float> hessian = diagonal(columns), rowWeights(rows, 0.05f);
  for (int64_t n = 0; n < rows; n += 4)
    rowWeights[n] = 5;
  TrellisOptions options;
  options.stateBits = 8;
  TrellisWeights equal, weighted;
  std::vector<uint8_t> rates(columns, 2);
  ASSERT_TRUE(quantizeTrellis(weights.data(), rows, columns, hessian.data(),
                              rates, options, equal)
                  .ok());
  options.rowWeights = rowWeights.data();
  ASSERT_TRUE(quantizeTrellis(weights.data(), rows, columns, hessian.data(),
                              rates, options, weighted)
                  .ok());
  EXPECT_LT(squaredError(weights, weighted, rowWeights.data()),
            0.8 * squaredError(weights, equal, rowWeights.data()));
}

TEST(Trellis, LayersOfZeros) {
  std::vector<float> weights(20, 0), hessian(25, 0), values(20, 1);
  TrellisWeights result;
  ASSERT_TRUE(quantizeTrellis(weights.data(), 4, 5, hessian.data(),
                              std::vector<uint8_t>(5, 2), {}, result)
                  .ok());
  dequantize(result, values.data());
  EXPECT_EQ(values, weights);
}

TEST(Trellis, Refusals) {
  std::vector<float> weights{1, NAN}, hessian = diagonal(2);
  auto message = [&](std::vector<uint8_t> rates, unsigned stateBits) {
    TrellisOptions options;
    options.stateBits = stateBits;
    TrellisWeights result;
    return quantizeTrellis(weights.data(), 1, 2, hessian.data(), rates, options,
                           result)
        .message;
  };
  EXPECT_EQ(message({1, 7}, 8), "column 1: rates must be 1 to 6, found 7");
  EXPECT_EQ(message({1, 1}, 13), "states must have 8 to 12 bits, found 13");
  EXPECT_EQ(message({1, 1}, 8),
            "row 0, column 1: weights must be finite, found nan");
}

//===----------------------------------------------------------------------===//
// Rates
//===----------------------------------------------------------------------===//

TEST(TrellisRates, BitsGoWhereTheyPay) {
  std::vector<double> distortions = trellisDistortions(), gains;
  for (unsigned b = 0; b < maxTrellisRate; ++b)
    gains.push_back(distortions[b] - distortions[b + 1]);
  std::vector<double> louder = gains;
  for (double &gain : louder)
    gain *= 16;
  std::vector<RatedLayer> layers{{100, std::vector<double>(8, 0.125), gains},
                                 {100, std::vector<double>(8, 0.125), louder},
                                 {50, {0.9, 0.05, 0.05, 0}, gains}};
  std::vector<std::vector<uint8_t>> rates = allocateRates(layers, 3);
  double bits = 0, weights = 0;
  for (size_t i = 0; i < layers.size(); ++i)
    for (uint8_t rate : rates[i]) {
      bits += double(rate) * layers[i].rows;
      weights += layers[i].rows;
      EXPECT_GE(rate, 1);
      EXPECT_LE(rate, maxTrellisRate);
    }
  EXPECT_LE(bits, 3 * weights);
  EXPECT_GT(bits, 2.9 * weights);
  // 16 times the loss is two bits.
  EXPECT_NEAR(std::accumulate(rates[1].begin(), rates[1].end(), 0) -
                  std::accumulate(rates[0].begin(), rates[0].end(), 0),
              16, 1);
  EXPECT_GT(rates[2][0], rates[2][1]);
  EXPECT_EQ(rates[2][3], 1);
}

TEST(TrellisRates, CostsAreThoseOfTheFactors) {
  const int64_t rows = 7, columns = 30;
  std::vector<float> weights = randomWeights(rows * columns, 5);
  std::vector<float> hessian = diagonal(columns), rowWeights(rows, 2);
  hessian[3 * columns + 3] = 9;
  std::vector<double> costs;
  ASSERT_TRUE(columnCosts(weights.data(), rows, columns, hessian.data(), 1e-6,
                          rowWeights.data(), costs)
                  .ok());
  for (int64_t k = 0; k < columns; ++k) {
    double expected = 0;
    for (int64_t n = 0; n < rows; ++n)
      expected += 2 * std::pow(weights[n * columns + k], 2);
    EXPECT_NEAR(costs[k], expected * (k == 3 ? 9 : 1), 1e-3 * costs[k]);
  }
}
