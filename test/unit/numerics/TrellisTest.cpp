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
#include "lowbit/Numerics/EffectiveBits.h"
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
      EXPECT_NEAR(square / table.values.size(), 1, 0.03);
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

static Status quantizeAs(const std::vector<float> &weights, int64_t rows,
                         const std::vector<float> &hessian, unsigned stateBits,
                         const std::vector<uint8_t> &rates,
                         const TrellisOptions &options,
                         QuantizedMatrix &result) {
  result.reset(trellisEncoding(stateBits, rates), rows,
               static_cast<int64_t>(rates.size()));
  if (result.encoding.element.parts())
    result.columnParts = trellisParts(rates);
  return quantizeTrellis(weights.data(), hessian.data(), options, result);
}

static double squaredError(const std::vector<float> &weights,
                           const QuantizedMatrix &quantized,
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
    QuantizedMatrix result;
    ASSERT_TRUE(quantizeAs(weights, rows, hessian, stateBits,
                           std::vector<uint8_t>(columns, rate), {}, result)
                    .ok());
    EXPECT_LT(squaredError(weights, result), bound)
        << stateBits << ", " << rate;
  }
}

TEST(Trellis, DecodesAsItsEncodingSays) {
  const int64_t rows = 70, columns = 9;
  std::vector<float> weights = randomWeights(rows * columns, 2, 0, 0.02f);
  std::vector<float> hessian = diagonal(columns);
  for (int64_t k = 0; k < columns; ++k)
    hessian[k * (columns + 1)] = static_cast<float>(k + 1);
  std::vector<uint8_t> rates{2, 3, 2, 1, 1, 2, 4, 3, 2};
  QuantizedMatrix result;
  ASSERT_TRUE(quantizeAs(weights, rows, hessian, 8, rates, {}, result).ok());
  ASSERT_EQ(checkEncoding(result.encoding), "");
  ASSERT_EQ(result.encoding.element.parts()->size(), 4u);
  EXPECT_EQ(result.columnParts,
            (std::vector<uint8_t>{2, 1, 2, 3, 3, 2, 0, 1, 2}));
  EXPECT_EQ(result.storedPlaces(),
            (std::vector<int32_t>{3, 1, 4, 7, 8, 5, 0, 2, 6}));
  // Each part ends with a byte: 4, 3 + 3, 2 * 4 and 1 + 1 bits of 70 rows; 9
  // columns have 5 bits of scale, 2 of part and an f16; the tensor an f32.
  EXPECT_EQ(storedBytes(result.encoding, rows, columns),
            35 + 53 + 70 + 18 + rows + 6 + 3 + 2 + 4);
  std::vector<float> values(rows * columns), columnScales(columns);
  dequantize(result, values.data());
  dequantize(*result.columnScale, columnScales.data());
  for (size_t i = 0; i < 4; ++i) {
    QuantizedMatrix part = result.part(i);
    std::vector<float> numbers(rows * part.columns);
    dequantize(part, numbers.data());
    int64_t place = 0;
    for (int64_t k = 0; k < columns; ++k) {
      if (result.columnParts[k] != i)
        continue;
      EXPECT_EQ(part.encoding.element.codeBits(), rates[k]);
      for (int64_t n = 0; n < rows; ++n)
        EXPECT_EQ(values[n * columns + k],
                  numbers[n * part.columns + place] * columnScales[k]);
      ++place;
    }
    // A part goes back to where it came from.
    QuantizedMatrix copy = result;
    copy.codes.assign(copy.codes.size(), 0);
    for (size_t j = 0; j < 4; ++j)
      copy.setPart(j, result.part(j));
    EXPECT_EQ(copy.codes, result.codes);
  }
}

TEST(Trellis, StreamsOfNumbers) {
  std::vector<uint8_t> numbers{5, 0, 7, 3, 1, 6};
  std::vector<uint8_t> bytes = writeStream(numbers, 3);
  EXPECT_EQ(bytes.size(), 3u);
  for (size_t i = 0; i < numbers.size(); ++i)
    EXPECT_EQ(readStream(bytes.data(), static_cast<int64_t>(i), 3), numbers[i]);
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
    options.sweeps = sweeps;
    QuantizedMatrix result;
    EXPECT_TRUE(
        quantizeAs(weights, rows, assumed, 8, rates, options, result).ok());
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
  QuantizedMatrix equal, weighted;
  std::vector<uint8_t> rates(columns, 2);
  ASSERT_TRUE(quantizeAs(weights, rows, hessian, 8, rates, {}, equal).ok());
  options.rowWeights = rowWeights.data();
  ASSERT_TRUE(
      quantizeAs(weights, rows, hessian, 8, rates, options, weighted).ok());
  EXPECT_LT(squaredError(weights, weighted, rowWeights.data()),
            0.8 * squaredError(weights, equal, rowWeights.data()));
}

TEST(Trellis, LayersOfZeros) {
  std::vector<float> weights(20, 0), hessian(25, 0), values(20, 1);
  QuantizedMatrix result;
  ASSERT_TRUE(quantizeAs(weights, 4, hessian, 12, std::vector<uint8_t>(5, 2),
                         {}, result)
                  .ok());
  dequantize(result, values.data());
  EXPECT_EQ(values, weights);
}

TEST(Trellis, WithoutColumnScales) {
  const int64_t rows = 128, columns = 10;
  std::vector<float> weights = randomWeights(rows * columns, 1);
  std::vector<float> hessian = diagonal(columns);
  Encoding encoding = trellisEncoding(8, std::vector<uint8_t>(columns, 2));
  encoding.columnScale = nullptr;
  QuantizedMatrix result;
  result.reset(encoding, rows, columns);
  ASSERT_TRUE(quantizeTrellis(weights.data(), hessian.data(), {}, result).ok());
  EXPECT_LT(squaredError(weights, result), 0.09);
}

TEST(Trellis, Refusals) {
  std::vector<float> weights{1, NAN}, hessian = diagonal(2);
  auto message = [&](const Encoding &encoding) {
    QuantizedMatrix result;
    result.reset(encoding, 1, 2);
    return quantizeTrellis(weights.data(), hessian.data(), {}, result).message;
  };
  Encoding encoding = trellisEncoding(8, {1, 1});
  EXPECT_EQ(message(encoding),
            "row 0, column 1: weights must be finite, found nan");
  encoding.outer = OuterScale::None;
  encoding.granularity = Granularity::Tensor;
  EXPECT_EQ(message(encoding),
            "a path search needs one scale for each row and nothing else but "
            "scales of columns and of the tensor, found other parameters");
  encoding = {};
  EXPECT_EQ(message(encoding), "a path search needs codes of at most 6 bits "
                               "that overlap, found others");
}

TEST(ColumnParts, Refusals) {
  using Parts = std::vector<ColumnPart>;
  auto problem = [](Parts parts) {
    Encoding encoding;
    encoding.element = std::make_shared<const Parts>(std::move(parts));
    return checkEncoding(encoding);
  };
  ElementFormat four(4, IntegerKind::Signed), two(2, IntegerKind::Signed);
  EXPECT_EQ(problem({{four, 3}, {two, 5}}), "");
  EXPECT_EQ(problem({{four, 3}}),
            "parts of columns need at least 2 formats, found 1");
  EXPECT_EQ(problem({{four, 3}, {two, 0}}),
            "a part needs at least 1 column, found 0");
  EXPECT_EQ(problem({{four, 3}, {{16, IntegerKind::Signed}, 5}}),
            "a part needs codes of at most 8 bits for one number that the "
            "format gives, found others");
  CodeTable own;
  own.codeBits = own.windowBits = 4;
  own.owner = TableOwner::Tensor;
  EXPECT_EQ(problem({{four, 3}, {std::make_shared<const CodeTable>(own), 5}}),
            "a part needs codes of at most 8 bits for one number that the "
            "format gives, found others");
  Encoding encoding;
  encoding.element = std::make_shared<const Parts>(Parts{{four, 3}, {two, 5}});
  encoding.granularity = Granularity::Group;
  encoding.groupSize = 4;
  EXPECT_EQ(checkEncoding(encoding),
            "parts of columns need one scale for each row and nothing else, "
            "found groups, zero points or minima");
  encoding.granularity = Granularity::Channel;
  encoding.stored = std::make_shared<const Encoding>();
  EXPECT_EQ(checkEncoding(encoding), "codes that overlap and parts of columns "
                                     "need plain scales, found quantized ones");
}

TEST(ColumnParts, RoundingRefusesWhatIsNotItsToChoose) {
  std::vector<float> weights(8, 1);
  QuantizedMatrix result;
  Encoding encoding;
  encoding.columnScale = trellisEncoding(8, {2}).columnScale;
  EXPECT_EQ(quantize(weights.data(), 1, 8, encoding, {}, result).message,
            "rounding needs an encoding without column scales, which it "
            "doesn't choose; found some");
  EXPECT_EQ(
      quantize(weights.data(), 1, 2, trellisEncoding(8, {2, 3}), {}, result)
          .ok(),
      false);
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
