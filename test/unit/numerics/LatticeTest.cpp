//===- LatticeTest.cpp - codes for several numbers at once ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All codes of all lattices: which points they stand for, that no other points
// of the lattice are shorter, that the search finds the nearest one, and what
// comes of Gaussian weights.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Lattice.h"
#include "GroupKernels.h"
#include "LaneTables.h"
#include "TestMatrices.h"
#include "lowbit/Numerics/EffectiveBits.h"
#include "lowbit/Numerics/Feedback.h"
#include "lowbit/Numerics/Packer.h"
#include "lowbit/Numerics/Quantizer.h"
#include <cmath>
#include <gtest/gtest.h>
#include <set>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

namespace {

/// Every format, 4 numbers in 7 to 14 bits and 8 in 11 to 16.
class Lattice : public testing::TestWithParam<LatticeFormat> {
protected:
  LatticeFormat format = GetParam();
  const CodeTable &table = *latticeTable(format);

  const float *point(uint32_t code) const {
    return table.values.data() + size_t(code) * format.values;
  }
  Encoding encoding(int64_t group) const {
    Encoding result;
    result.element = latticeTable(format);
    result.granularity = Granularity::Group;
    result.groupSize = group;
    return result;
  }
};

std::vector<LatticeFormat> allFormats() {
  std::vector<LatticeFormat> formats;
  for (unsigned values : {4u, 8u})
    for (unsigned bits = 1; bits <= 16; ++bits)
      if (LatticeFormat{values, bits}.isValid())
        formats.push_back({values, bits});
  return formats;
}

INSTANTIATE_TEST_SUITE_P(Formats, Lattice, testing::ValuesIn(allFormats()),
                         [](const auto &info) {
                           return std::to_string(info.param.values) + "in" +
                                  std::to_string(info.param.codeBits);
                         });

int length(const float *point, unsigned values) {
  float sum = 0;
  for (unsigned i = 0; i < values; ++i)
    sum += point[i] * point[i];
  return static_cast<int>(sum);
}

TEST_P(Lattice, HasDistinctPoints) {
  std::set<std::vector<int>> points;
  for (uint32_t code = 0; code < 1u << format.codeBits; ++code) {
    std::vector<int> numbers(point(code), point(code) + format.values);
    int sum = 0;
    for (int number : numbers) {
      ASSERT_TRUE(number % 2) << code;
      sum += number;
    }
    ASSERT_EQ(sum % 4, 0) << code;
    ASSERT_TRUE(points.insert(numbers).second) << code;
  }
}

/// The number of vectors of `values` positive odd numbers of each length, by
/// induction on their count.
std::vector<size_t> countByLength(unsigned values, int most) {
  std::vector<size_t> counts(most + 1);
  counts[0] = 1;
  for (unsigned i = 0; i < values; ++i) {
    std::vector<size_t> next(most + 1);
    for (int sum = 0; sum <= most; ++sum)
      for (int number = 1; sum + number * number <= most; number += 2)
        next[sum + number * number] += counts[sum];
    counts = std::move(next);
  }
  return counts;
}

TEST_P(Lattice, HasNoShorterPoints) {
  uint32_t count = 1u << format.indexBits();
  int most = 0;
  std::vector<size_t> found(4096);
  for (uint32_t index = 0; index < count; ++index) {
    int here = length(point(index), format.values);
    EXPECT_GE(here, most) << index;
    most = here;
    ++found[here];
  }
  // All vectors of magnitudes that are shorter than the longest are there.
  std::vector<size_t> all = countByLength(format.values, most);
  for (int i = 0; i < most; ++i)
    EXPECT_EQ(found[i], all[i]) << i;
}

TEST_P(Lattice, SignsAndTheirBitsAreInverse) {
  std::set<uint32_t> patterns;
  for (uint32_t bits = 0; bits < 1u << (format.values - 1); ++bits) {
    uint32_t code = bits << format.indexBits();
    uint32_t signs = latticeSigns(format, code);
    EXPECT_EQ(__builtin_popcount(signs) % 2, 0);
    EXPECT_TRUE(patterns.insert(signs).second);
    EXPECT_EQ(latticeSignBits(format, signs), code);
  }
}

TEST_P(Lattice, IsAnEncoding) {
  EXPECT_EQ(checkEncoding(encoding(32)), "");
  EXPECT_NE(checkEncoding(encoding(format.values + 1)), "");
  EXPECT_TRUE(encoding(32).element.isLattice());
  EXPECT_EQ(effectiveBits(encoding(32), 4, 256),
            double(format.codeBits) / format.values + 0.5);
}

/// Every code goes through every layout and back.
TEST_P(Lattice, EveryCodeIsPacked) {
  Encoding meaning = encoding(16);
  int64_t codes = int64_t(1) << std::min(format.codeBits, 11u);
  int64_t rows = (int64_t(1) << format.codeBits) / codes;
  QuantizedMatrix matrix;
  matrix.reset(meaning, rows, codes * format.values);
  for (int64_t i = 0; i < rows * codes; ++i)
    matrix.setCode(i / codes, i % codes, static_cast<uint32_t>(i));
  for (float &scale : matrix.scales)
    scale = 0.5f;
  for (const auto &[name, layout] :
       {NamedLayout{"dense", Layout::dense(format.codeBits)},
        NamedLayout{"planes", planes(format.codeBits)},
        NamedLayout{"planes of 64 rows", planes(format.codeBits, 64)},
        NamedLayout{"planes of 128 rows", planes(format.codeBits, 128)}}) {
    ASSERT_EQ(checkLayout(layout, meaning), "") << name;
    BoundLayout bound(layout, meaning, matrix.rows, matrix.columns);
    PackedMatrix packed = pack(bound, matrix);
    EXPECT_EQ(unpack(bound, packed).codes, matrix.codes) << name;
  }
}

/// The nearest of all codes to each of 16 points, by looking at all.
TEST_P(Lattice, SearchFindsTheNearest) {
  LaneTables tables{ElementFormat(latticeTable(format))};
  unsigned values = format.values;
  for (float deviation : {0.3f, 1.7f, 6.0f, 30.0f}) {
    std::vector<float> points =
        randomWeights(values * groupLanes, format.codeBits, 0, deviation);
    std::vector<float> scales(groupLanes, 0.75f);
    for (float &number : points)
      number *= 0.75f;
    const GroupKernels *kernels[8];
    int64_t count = allGroupKernels(kernels, 8);
    std::vector<uint16_t> first(groupLanes), codes(groupLanes);
    for (int64_t i = 0; i < count; ++i) {
      kernels[i]->assignTable(tables.table(), points.data(), values,
                              scales.data(), codes.data());
      if (i == 0)
        first = codes;
      EXPECT_EQ(first, codes) << kernels[i]->name;
    }
    for (int64_t lane = 0; lane < groupLanes; ++lane) {
      auto distance = [&](uint32_t code) {
        double sum = 0;
        for (unsigned k = 0; k < values; ++k) {
          double away = points[k * groupLanes + lane] / 0.75 - point(code)[k];
          sum += away * away;
        }
        return sum;
      };
      double least = INFINITY;
      for (uint32_t code = 0; code < 1u << format.codeBits; ++code)
        least = std::min(least, distance(code));
      EXPECT_LE(distance(first[lane]), least * (1 + 1e-5) + 1e-5)
          << "lane " << lane << ", deviation " << deviation;
    }
  }
}

double meanSquaredError(const std::vector<float> &weights,
                        const QuantizedMatrix &matrix) {
  std::vector<float> values(weights.size());
  dequantize(matrix, values.data());
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i)
    sum += std::pow(double(weights[i]) - values[i], 2);
  return sum / static_cast<double>(weights.size());
}

/// Closer to what no code of the rate can go below, 4^-rate, than the best
/// single numbers at 2 bits (0.1175, 2.7 dB) and 3 (0.0345, 3.4 dB).
TEST_P(Lattice, GaussianWeights) {
  constexpr int64_t rows = 16, columns = 1024;
  std::vector<float> weights = randomWeights(rows * columns, 5, 0, 0.02f);
  QuantizedMatrix matrix;
  Encoding meaning = encoding(columns);
  ASSERT_EQ(
      quantize(weights.data(), rows, columns, meaning, {}, matrix).message, "");
  double rate = double(format.codeBits) / format.values;
  double bound = 0.02 * 0.02 * std::pow(4, -rate);
  double decibels = 10 * std::log10(meanSquaredError(weights, matrix) / bound);
  EXPECT_LT(decibels, format.values == 8 ? 2.0 : 2.2 + 0.45 * (rate - 1.75));
  EXPECT_GT(decibels, 0);
}

/// Feedback rounds the columns of a code together; the error of the outputs is
/// less than that of rounding to nearest.
TEST(LatticeFeedback, LowersTheError) {
  constexpr int64_t rows = 24, columns = 96;
  std::vector<float> weights = randomWeights(rows * columns, 3, 0, 0.02f);
  std::vector<float> inputs = randomWeights(4 * columns * columns, 9);
  for (int64_t i = 0; i < 4 * columns; ++i)
    for (int64_t k = 1; k < columns; ++k)
      inputs[i * columns + k] += 0.9f * inputs[i * columns + k - 1];
  std::vector<float> moment(columns * columns);
  for (int64_t i = 0; i < 4 * columns; ++i)
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t k = 0; k < columns; ++k)
        moment[j * columns + k] +=
            inputs[i * columns + j] * inputs[i * columns + k];
  for (LatticeFormat format : {LatticeFormat{8, 12}, LatticeFormat{4, 10}}) {
    Encoding encoding;
    encoding.element = latticeTable(format);
    encoding.granularity = Granularity::Group;
    encoding.groupSize = 32;
    auto errorOf = [&](const QuantizedMatrix &matrix) {
      std::vector<float> values(weights.size());
      dequantize(matrix, values.data());
      return outputError(weights.data(), values.data(), rows, columns,
                         moment.data());
    };
    QuantizedMatrix nearest, corrected;
    ASSERT_EQ(
        quantize(weights.data(), rows, columns, encoding, {}, nearest).message,
        "");
    std::vector<int32_t> permutation;
    FeedbackOptions options;
    options.order = ColumnOrder::ByDiagonal;
    ASSERT_EQ(quantizeWithFeedback(weights.data(), rows, columns, encoding,
                                   moment.data(), options, 1, corrected,
                                   permutation)
                  .message,
              "");
    EXPECT_LT(errorOf(corrected), 0.7 * errorOf(nearest));
  }
}

/// Scales of 4 bits are chosen by the weights that they scale.
TEST(LatticeScales, ArePartOfTheSearch) {
  constexpr int64_t rows = 8, columns = 512;
  std::vector<float> weights = randomWeights(rows * columns, 11, 0, 0.02f);
  for (int64_t i = 0; i < rows * columns; ++i)
    weights[i] *= 0.5f + static_cast<float>(i / 32 % 7) * 0.2f;
  Encoding plain, stored;
  plain.element = latticeTable({8, 15});
  plain.granularity = Granularity::Group;
  plain.groupSize = 32;
  stored = plain;
  Encoding scales;
  scales.element = {4, IntegerKind::Unsigned};
  scales.granularity = Granularity::Group;
  scales.groupSize = 8;
  stored.stored = std::make_shared<const Encoding>(scales);
  QuantizedMatrix with, without;
  ASSERT_EQ(quantize(weights.data(), rows, columns, plain, {}, without).message,
            "");
  ASSERT_EQ(quantize(weights.data(), rows, columns, stored, {}, with).message,
            "");
  EXPECT_EQ(effectiveBits(stored, rows, columns), 2.0625);
  EXPECT_LT(meanSquaredError(weights, with),
            1.04 * meanSquaredError(weights, without));
}

} // namespace
