//===- TableTest.cpp - formats that are tables of numbers -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Codes of 1 to 16 bits, of one or several values, alone or in overlapping
// windows: packed and unpacked in every kind of layout, decoded by the
// definition, and rounded to the nearest code as brute force finds it.
//
//===----------------------------------------------------------------------===//

#include "TestMatrices.h"
#include "lowbit/Numerics/EffectiveBits.h"
#include "lowbit/Numerics/Packer.h"
#include "lowbit/Numerics/Quantizer.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

/// Random numbers for every window.
static CodeTable randomTable(unsigned codeBits, unsigned windowBits,
                             unsigned valuesPerCode) {
  CodeTable table{codeBits, windowBits, valuesPerCode, {}};
  Random random(codeBits * 131 + windowBits * 17 + valuesPerCode);
  table.values.resize(size_t(valuesPerCode) << windowBits);
  for (float &value : table.values)
    value = random.normal();
  return table;
}

static Encoding encodingOf(CodeTable table, int64_t groupSize) {
  Encoding encoding;
  encoding.element = std::make_shared<const CodeTable>(std::move(table));
  encoding.granularity = groupSize ? Granularity::Group : Granularity::Channel;
  encoding.groupSize = groupSize;
  return encoding;
}

/// Layouts that hold codes of any width, and planes where those may.
static std::vector<NamedLayout> tableLayouts(unsigned codeBits) {
  if (codeBits <= 8)
    return layoutsFor(codeBits);
  Layout odd = Layout::dense(codeBits);
  odd.parameters = ParameterPlacement::Inline;
  odd.columnPadding = 3;
  odd.rowAlignment = 5;
  return {{"dense", Layout::dense(codeBits)},
          {"gptq", gptq(codeBits)},
          {"odd inline stream", odd}};
}

TEST(Table, EveryWidthInEveryLayout) {
  for (unsigned codeBits = 1; codeBits <= 16; ++codeBits)
    for (unsigned values : {1u, 2u, 5u, 8u})
      for (int64_t groupSize : {0, 4}) {
        Encoding encoding = encodingOf(randomTable(codeBits, codeBits, values),
                                       groupSize * values);
        ASSERT_EQ(checkEncoding(encoding), "");
        int64_t rows = 19, columns = 23 * values;
        QuantizedMatrix matrix = randomMatrix(encoding, rows, columns, 7);
        for (const NamedLayout &named : tableLayouts(codeBits)) {
          std::string what = named.name + ", " + describe(encoding);
          ASSERT_EQ(checkLayout(named.layout, encoding), "") << what;
          BoundLayout bound(named.layout, encoding, rows, columns);
          PackedMatrix truth = packBitByBit(bound, matrix);
          PackedMatrix fast = pack(bound, matrix);
          for (unsigned buffer = 0; buffer < 4; ++buffer)
            ASSERT_EQ(truth.buffers[buffer], fast.buffers[buffer]) << what;
          ASSERT_EQ(matrix.codes, unpackBitByBit(bound, truth).codes) << what;
          ASSERT_EQ(matrix.codes, unpack(bound, truth).codes) << what;
          ASSERT_EQ(matrix.scales, unpack(bound, truth).scales) << what;
        }
      }
}

TEST(Table, CostsItsBitsSpreadOverItsValues) {
  // 16 bits for 8 columns and an f16 scale for 64.
  Encoding encoding = encodingOf(randomTable(16, 16, 8), 64);
  EXPECT_EQ(effectiveBits(encoding, 4, 256), 2.25);
  EXPECT_EQ(storedBytes(encoding, 4, 256), 4 * 256 * 9 / 32);
}

TEST(Table, OfIntegersIsTheIntegerFormat) {
  for (unsigned width = 1; width <= 8; ++width) {
    Encoding integers{{width, IntegerKind::Signed},
                      ZeroPointKind::None,
                      true,
                      Granularity::Group,
                      8,
                      ScaleFormat::F16};
    CodeTable table{width, width, 1, {}};
    for (uint32_t code = 0; code < integers.element.codeCount(); ++code)
      table.values.push_back(integers.element.decode(code));
    QuantizedMatrix matrix = randomMatrix(integers, 5, 300, width);
    std::vector<float> expected(5 * 300), found(5 * 300);
    dequantize(matrix, expected.data());
    matrix.encoding.element = std::make_shared<const CodeTable>(table);
    dequantize(matrix, found.data());
    EXPECT_EQ(expected, found);
  }
}

TEST(Table, WindowsRunDownTheColumns) {
  // Codes of 2 bits in windows of 5: a code, the one before and half of the one
  // before that.
  Encoding encoding = encodingOf(randomTable(2, 5, 1), 0);
  ASSERT_EQ(checkEncoding(encoding), "");
  constexpr int64_t rows = 3, columns = 4;
  QuantizedMatrix matrix = randomMatrix(encoding, rows, columns, 3);
  std::vector<float> found(rows * columns);
  dequantize(matrix, found.data());
  for (int64_t k = 0; k < columns; ++k) {
    uint64_t stream = 0;
    for (int64_t n = 0; n < rows; ++n) {
      stream = stream << 2 | matrix.codes[n * columns + k];
      EXPECT_EQ(matrix.window(n, k), stream & 31);
      float number = encoding.element.table()->values[stream & 31];
      EXPECT_EQ(found[n * columns + k], matrix.scales[n] * number);
    }
  }
}

/// The squared error of `matrix`.
static double errorOf(const QuantizedMatrix &matrix,
                      const std::vector<float> &weights) {
  std::vector<float> values(weights.size());
  dequantize(matrix, values.data());
  double error = 0;
  for (size_t i = 0; i < weights.size(); ++i)
    error +=
        (double(values[i]) - weights[i]) * (double(values[i]) - weights[i]);
  return error;
}

/// Whether no single code can be exchanged for a nearer one.
static void expectNearest(QuantizedMatrix matrix,
                          const std::vector<float> &weights) {
  const ElementFormat &element = matrix.encoding.element;
  int64_t codes = matrix.encoding.codesPerRow(matrix.columns);
  double error = errorOf(matrix, weights);
  for (int64_t n = 0; n < matrix.rows; ++n)
    for (int64_t k = 0; k < codes; ++k) {
      uint32_t kept = matrix.code(n, k);
      uint32_t first = element.integer() ? element.integer()->firstCode() : 0;
      for (uint32_t code = first; code < element.codeCount(); ++code) {
        matrix.setCode(n, k, code);
        double other = errorOf(matrix, weights);
        EXPECT_FALSE(other < error * (1 - 1e-6)) << n << ", " << k;
      }
      matrix.setCode(n, k, kept);
    }
}

TEST(Table, RoundsToTheNearestCode) {
  for (unsigned codeBits : {1, 2, 3, 4, 6})
    for (unsigned values : {1u, 2u, 4u}) {
      Encoding encoding =
          encodingOf(randomTable(codeBits, codeBits, values), 12);
      std::vector<float> weights = randomWeights(2 * 20, codeBits + values);
      QuantizedMatrix best, plain;
      QuantizeOptions options;
      ASSERT_TRUE(
          quantize(weights.data(), 2, 20, encoding, options, best).ok());
      options.search = ScaleSearch::AbsMax;
      ASSERT_TRUE(
          quantize(weights.data(), 2, 20, encoding, options, plain).ok());
      expectNearest(best, weights);
      expectNearest(plain, weights);
      EXPECT_LE(errorOf(best, weights), errorOf(plain, weights));
    }
}

TEST(Table, LargestWeightTakesTheLargestNumber) {
  Encoding encoding = encodingOf({2, 2, 1, {-1, 0, 0.5f, 1}}, 0);
  std::vector<float> weights{0.5f, -2, 1, 0};
  QuantizedMatrix matrix;
  QuantizeOptions options;
  options.search = ScaleSearch::AbsMax;
  ASSERT_TRUE(quantize(weights.data(), 1, 4, encoding, options, matrix).ok());
  EXPECT_EQ(matrix.scales[0], 2);
  EXPECT_EQ(matrix.codes, (std::vector<uint8_t>{1, 0, 2, 1}));
}

TEST(Table, NeverWritesWhatIsNotFinite) {
  Encoding encoding = encodingOf({2, 2, 1, {INFINITY, NAN, -1, 1}}, 0);
  std::vector<float> weights{3, -3, 0.1f, 2}, values(4);
  QuantizedMatrix matrix;
  ASSERT_TRUE(quantize(weights.data(), 1, 4, encoding, {}, matrix).ok());
  for (uint8_t code : matrix.codes)
    EXPECT_GE(code, 2);
}

TEST(Table, PowersOfTwoScaleIntegersOfEitherSign) {
  // The largest weight and the number of largest magnitude differ in sign.
  for (ScaleSearch search :
       {ScaleSearch::AbsMax, ScaleSearch::MeanSquaredError})
    for (float sign : {1.0f, -1.0f}) {
      Encoding encoding{{4, IntegerKind::Signed},
                        ZeroPointKind::None,
                        false,
                        Granularity::Channel,
                        0,
                        ScaleFormat::E8M0};
      std::vector<float> weights{7 * sign, 3, -2, 0.5f};
      QuantizedMatrix matrix;
      ASSERT_TRUE(
          quantize(weights.data(), 1, 4, encoding, {search, nullptr}, matrix)
              .ok());
      EXPECT_EQ(matrix.scales[0], 1);
    }
}

TEST(Table, ImportanceShiftsTheScale) {
  Encoding encoding = encodingOf({1, 1, 1, {-1, 1}}, 0);
  std::vector<float> weights{1, -3}, importance{1, 0};
  QuantizeOptions options;
  options.importance = importance.data();
  QuantizedMatrix matrix;
  ASSERT_TRUE(quantize(weights.data(), 1, 2, encoding, options, matrix).ok());
  EXPECT_EQ(std::fabs(matrix.scales[0]), 1);
}

TEST(Table, RefusesWhatItCannotRound) {
  std::vector<float> weights(8, 1);
  QuantizedMatrix matrix;
  auto problem = [&](Encoding encoding) {
    return quantize(weights.data(), 2, 4, encoding, {}, matrix).message;
  };
  EXPECT_EQ(problem(encodingOf(randomTable(2, 4, 1), 0)),
            "rounding to the nearest code needs windows of the code's 2 bits, "
            "found 4");
  Encoding minimum = encodingOf(randomTable(2, 2, 1), 0);
  minimum.hasMinimum = true;
  EXPECT_EQ(problem(minimum),
            "rounding with a zero point or minimum needs integer codes and "
            "scales of f32 or f16, found a table");
  Encoding small = encodingOf(randomTable(2, 2, 1), 0);
  weights[5] = NAN;
  EXPECT_EQ(problem(small),
            "row 1, column 1: weights must be finite, found nan");
  weights[5] = 1e9f;
  EXPECT_EQ(problem(small), "row 1, column 0: the scale must fit f16 (at most "
                            "65504), found a larger one");
}

TEST(Table, ScalesOfEightBits) {
  // As in MXINT8, MXFP4 and NVFP4 without its tensor scale.
  CodeTable e2m1{4, 4, 1, {}};
  for (float sign : {1.0f, -1.0f})
    for (float value : {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f})
      e2m1.values.push_back(sign * value);
  Encoding integers{{8, IntegerKind::SignedRestricted},
                    ZeroPointKind::None,
                    false,
                    Granularity::Group,
                    32,
                    ScaleFormat::E8M0};
  Encoding floats = encodingOf(e2m1, 32), blocks = encodingOf(e2m1, 16);
  floats.scale = ScaleFormat::E8M0;
  blocks.scale = ScaleFormat::E4M3;
  std::vector<float> weights = randomWeights(4 * 80, 5);
  for (const Encoding &encoding : {integers, floats, blocks}) {
    QuantizedMatrix matrix;
    ASSERT_TRUE(quantize(weights.data(), 4, 80, encoding, {}, matrix).ok());
    for (float scale : matrix.scales) {
      uint32_t bits = scaleToBits(encoding.scale, scale);
      EXPECT_EQ(scaleFromBits(encoding.scale, bits), scale);
    }
    expectNearest(matrix, weights);
    BoundLayout layout(Layout::dense(encoding.element.codeBits()), encoding, 4,
                       80);
    EXPECT_EQ(unpack(layout, pack(layout, matrix)).scales, matrix.scales);
  }
  EXPECT_EQ(effectiveBits(floats, 4, 96), 4.25);
  EXPECT_EQ(effectiveBits(blocks, 4, 96), 4.5);
}

TEST(Table, OuterScalesBringScalesIntoTheirRange) {
  // As in NVFP4: E4M3 alone is too coarse for scales of 0.003.
  CodeTable e2m1{4, 4, 1, {}};
  for (float sign : {1.0f, -1.0f})
    for (float value : {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f})
      e2m1.values.push_back(sign * value);
  Encoding plain = encodingOf(e2m1, 16);
  plain.scale = ScaleFormat::E4M3;
  std::vector<float> weights = randomWeights(8 * 64, 5);
  for (float &weight : weights)
    weight *= 0x1p-7f;
  QuantizedMatrix matrix, coarse;
  ASSERT_TRUE(quantize(weights.data(), 8, 64, plain, {}, coarse).ok());
  for (OuterScale outer : {OuterScale::Tensor, OuterScale::Channel}) {
    Encoding encoding = plain;
    encoding.outer = outer;
    ASSERT_TRUE(quantize(weights.data(), 8, 64, encoding, {}, matrix).ok());
    EXPECT_EQ(matrix.outerScales.size(), outer == OuterScale::Tensor ? 1u : 8u);
    EXPECT_LT(errorOf(matrix, weights), 0.9 * errorOf(coarse, weights));
    expectNearest(matrix, weights);
  }
  EXPECT_EQ(effectiveBits(matrix.encoding, 8, 64), 4.5 + 32. / 64);
  Status status = quantizeRows(weights.data(), 0, 4, {}, matrix);
  EXPECT_TRUE(status.ok()) << status.message;
  plain.outer = OuterScale::Tensor;
  matrix.reset(plain, 8, 64);
  EXPECT_EQ(quantizeRows(weights.data(), 0, 4, {}, matrix).message,
            "one scale per tensor needs all 8 rows at once, found rows 0 to 4");
  plain.granularity = Granularity::Tensor;
  EXPECT_EQ(checkEncoding(plain),
            "an outer scale needs scales of smaller parts, found one for each");
}

TEST(Table, ScalesRoundToTheNearestOfTheirFormat) {
  for (ScaleFormat format : {ScaleFormat::E8M0, ScaleFormat::E4M3})
    for (uint32_t bits = 0; bits < 256; ++bits) {
      float number = scaleFromBits(format, bits);
      if (std::isnan(number) || (number == 0 && bits))
        continue;
      EXPECT_EQ(scaleToBits(format, number), bits) << describeScale(format);
    }
  auto rounded = [](ScaleFormat format, float value) {
    return scaleFromBits(format, scaleToBits(format, value));
  };
  EXPECT_EQ(rounded(ScaleFormat::E8M0, 3), 2); // a tie, to the even code
  EXPECT_EQ(rounded(ScaleFormat::E8M0, 6), 8);
  EXPECT_EQ(rounded(ScaleFormat::E8M0, 3.1f), 4);
  EXPECT_EQ(rounded(ScaleFormat::E8M0, 0), std::ldexp(1.0f, -127));
  EXPECT_EQ(rounded(ScaleFormat::E4M3, 17), 16); // between 16 and 18, to even
  EXPECT_EQ(rounded(ScaleFormat::E4M3, -449), -448);
  EXPECT_TRUE(std::isnan(rounded(ScaleFormat::E4M3, 480)));
  EXPECT_EQ(rounded(ScaleFormat::BF16, 1 + 0x1p-8f), 1);
  EXPECT_EQ(rounded(ScaleFormat::BF16, 1 + 0x3p-8f), 1 + 0x4p-8f);
  EXPECT_TRUE(std::isinf(rounded(ScaleFormat::BF16, 3.4e38f)));
}

TEST(Table, ConstraintsOfTheFormat) {
  auto problem = [](CodeTable table, int64_t groupSize) {
    return checkEncoding(encodingOf(std::move(table), groupSize));
  };
  EXPECT_EQ(problem({17, 17, 1, {}}, 0),
            "a table needs codes of 1 to 16 bits, found 17");
  EXPECT_EQ(problem({4, 2, 1, {}}, 0),
            "a table needs windows of a code to 16 bits, found 2");
  EXPECT_EQ(problem({4, 4, 65, {}}, 0),
            "a table needs 1 to 64 values per code, found 65");
  EXPECT_EQ(problem({1, 1, 2, {1, 2, 3}}, 0),
            "the table needs 4 values, found 3");
  EXPECT_EQ(problem(randomTable(2, 2, 4), 6),
            "a group needs a multiple of 4 columns, the values per code, found "
            "6");
  Encoding coarse = encodingOf(randomTable(2, 2, 1), 0);
  coarse.hasMinimum = true;
  coarse.scale = ScaleFormat::E8M0;
  EXPECT_EQ(checkEncoding(coarse),
            "a fractional zero point or minimum needs 16 bits, found scales of "
            "f8E8M0FNU (at most 2^127)");
  Encoding shifted = encodingOf(randomTable(2, 2, 1), 0);
  shifted.zeroPoint = ZeroPointKind::Integer;
  EXPECT_EQ(checkEncoding(shifted),
            "an integer zero point needs integer codes, found a table");
}
