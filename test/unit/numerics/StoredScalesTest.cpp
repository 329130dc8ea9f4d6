//===- StoredScalesTest.cpp - quantized scales and own tables -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scales that are codes themselves, and tables that belong to a matrix: what
// they cost in bits and in error, and that kernels' forms of them hold the same
// numbers.
//
//===----------------------------------------------------------------------===//

#include "TestMatrices.h"
#include "lowbit/Numerics/EffectiveBits.h"
#include "lowbit/Numerics/Feedback.h"
#include "lowbit/Numerics/FileFormats.h"
#include "lowbit/Numerics/Packer.h"
#include "lowbit/Numerics/Quantizer.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

namespace {
constexpr int64_t rows = 64, columns = 512;

Encoding inGroups(ElementFormat element, int64_t group) {
  Encoding encoding;
  encoding.element = std::move(element);
  encoding.granularity = Granularity::Group;
  encoding.groupSize = group;
  return encoding;
}

/// `encoding` with scales of `element`, one of `scale` for `block` of them.
Encoding withStored(Encoding encoding, ElementFormat element, int64_t block,
                    ScaleFormat scale = ScaleFormat::F16) {
  Encoding stored = inGroups(std::move(element), block);
  stored.scale = scale;
  encoding.stored = std::make_shared<const Encoding>(stored);
  return encoding;
}

Encoding q4k() {
  Encoding encoding = inGroups({4, IntegerKind::Unsigned}, 32);
  encoding.hasMinimum = true;
  return withStored(encoding, {6, IntegerKind::Unsigned}, 8);
}

Encoding learned(unsigned bits, TableOwner owner) {
  CodeTable table;
  table.codeBits = table.windowBits = bits;
  table.owner = owner;
  Encoding encoding;
  encoding.element = std::make_shared<const CodeTable>(table);
  return encoding;
}

/// Weights whose rows differ in size.
std::vector<float> testWeights(uint64_t seed = 1) {
  std::vector<float> weights = randomWeights(rows * columns, seed);
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t k = 0; k < columns; ++k)
      weights[n * columns + k] *= 0.01f * static_cast<float>(1 + n % 5);
  return weights;
}

QuantizedMatrix quantized(const std::vector<float> &weights,
                          const Encoding &encoding) {
  QuantizedMatrix result;
  EXPECT_EQ(
      quantize(weights.data(), rows, columns, encoding, {}, result).message,
      "");
  return result;
}

double errorOf(const std::vector<float> &weights,
               const QuantizedMatrix &matrix) {
  std::vector<float> values(weights.size());
  dequantize(matrix, values.data());
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i)
    sum += std::pow(weights[i] - values[i], 2);
  return sum;
}
} // namespace

TEST(StoredScales, CostWhatTheyAreStoredAs) {
  EXPECT_EQ(effectiveBits(q4k(), rows, columns), 4.5);
  Encoding nested = withStored(inGroups({4, IntegerKind::Signed}, 64),
                               {8, IntegerKind::Signed}, 256, ScaleFormat::F32);
  EXPECT_EQ(effectiveBits(nested, rows, columns), 4 + 8 / 64. + 32 / 16384.);
  for (const char *name : {"Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"}) {
    FileFormat format = getFileFormat(std::string("GGUF ") + name);
    EXPECT_EQ(
        storedBytes(format.encoding, rows, columns),
        storedBytes(BoundLayout(format.layout, format.encoding, rows, columns)))
        << name;
  }
}

TEST(StoredScales, AreNearlyAsGoodAsPlainOnes) {
  std::vector<float> weights = testWeights();
  for (Encoding encoding :
       {q4k(),
        withStored(inGroups({4, IntegerKind::Signed}, 64),
                   {8, IntegerKind::Signed}, 256, ScaleFormat::F32),
        withStored(inGroups({3, IntegerKind::Signed}, 16),
                   {6, IntegerKind::Signed}, 16)}) {
    QuantizedMatrix matrix = quantized(weights, encoding);
    Encoding plain = encoding;
    plain.stored = nullptr;
    EXPECT_LT(errorOf(weights, matrix),
              1.03 * errorOf(weights, quantized(weights, plain)))
        << describe(encoding);
    // What is stored stands for the scales, in f16.
    QuantizedMatrix read = matrix;
    read.readStored();
    EXPECT_EQ(read.scales, matrix.scales);
    EXPECT_EQ(read.minima, matrix.minima);
    for (float scale : matrix.scales)
      EXPECT_EQ(scale, scaleFromBits(ScaleFormat::F16,
                                     scaleToBits(ScaleFormat::F16, scale)));
  }
}

/// Half of all groups would have a negative scale, whose sign is a choice.
TEST(StoredScales, WithoutASignAreChosenSo) {
  std::vector<float> weights = testWeights();
  CodeTable lopsided;
  lopsided.codeBits = lopsided.windowBits = 3;
  lopsided.values = {-4, -2.5f, -1.5f, -0.5f, 0.5f, 1, 2, 3};
  for (const ElementFormat &element :
       {ElementFormat(4, IntegerKind::Signed),
        ElementFormat(3, IntegerKind::Signed),
        ElementFormat(4, IntegerKind::SignedRestricted),
        ElementFormat(std::make_shared<const CodeTable>(lopsided))})
    for (ScaleSearch search :
         {ScaleSearch::AbsMax, ScaleSearch::MeanSquaredError}) {
      Encoding plain = inGroups(element, 32);
      Encoding encoding = withStored(plain, {6, IntegerKind::Unsigned}, 8);
      QuantizeOptions options;
      options.search = search;
      QuantizedMatrix matrix, reference;
      ASSERT_TRUE(
          quantize(weights.data(), rows, columns, encoding, options, matrix)
              .ok());
      ASSERT_TRUE(
          quantize(weights.data(), rows, columns, plain, options, reference)
              .ok());
      EXPECT_GT(*std::min_element(matrix.scales.begin(), matrix.scales.end()),
                0);
      // Without clipping, steps are a third wider where the extreme of 3 bits
      // would take -4.
      double factor = search == ScaleSearch::AbsMax ? 1.78 : 1.25;
      EXPECT_LT(errorOf(weights, matrix), factor * errorOf(weights, reference))
          << describe(encoding);
    }
}

/// Groups on one side of 0 beside others: a minimum is 0 or less, and a zero
/// point not below the first code.
TEST(StoredScales, WithoutASignKeepZeroInRange) {
  std::vector<float> weights = testWeights();
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t k = 64; k < 128; ++k)
      weights[n * columns + k] = std::copysign(1.0f, k < 96 ? 1.0f : -1.0f) +
                                 0.01f * static_cast<float>((n + k) % 5);
  Encoding minimum = q4k();
  Encoding zeroPoint = inGroups({4, IntegerKind::Unsigned}, 32);
  zeroPoint.zeroPoint = ZeroPointKind::Fractional;
  zeroPoint = withStored(zeroPoint, {8, IntegerKind::Unsigned}, 8);
  std::vector<float> values(weights.size());
  for (const Encoding &encoding : {minimum, zeroPoint}) {
    QuantizedMatrix matrix = quantized(weights, encoding);
    dequantize(matrix, values.data());
    for (int64_t n = 0; n < rows; ++n)
      for (int64_t k = 64; k < 96; ++k)
        ASSERT_NEAR(values[n * columns + k], weights[n * columns + k], 0.06)
            << describe(encoding) << " row " << n << ", column " << k;
    for (float value : encoding.hasMinimum ? matrix.minima : matrix.scales)
      ASSERT_TRUE(encoding.hasMinimum ? value <= 0 : value >= 0);
  }
}

TEST(StoredScales, RangesOfRowsMakeTheWhole) {
  std::vector<float> weights = testWeights();
  Encoding encoding = withStored(inGroups({4, IntegerKind::Signed}, 64),
                                 {8, IntegerKind::Signed}, 32);
  ASSERT_EQ(rowsTogether(encoding, rows, columns), 4);
  QuantizedMatrix whole = quantized(weights, encoding), parts;
  parts.reset(encoding, rows, columns);
  for (int64_t n = 0; n < rows; n += 16)
    ASSERT_TRUE(
        quantizeRows(weights.data() + n * columns, n, n + 16, {}, parts).ok());
  EXPECT_EQ(whole.codes, parts.codes);
  EXPECT_EQ(whole.stored[0].codes, parts.stored[0].codes);
  EXPECT_EQ(whole.stored[0].scales, parts.stored[0].scales);
  EXPECT_EQ(quantizeRows(weights.data(), 1, 5, {}, parts).message,
            "scales that are quantized need blocks of 4 rows at once, found "
            "rows 1 to 5");
}

TEST(StoredScales, WorkWithFeedback) {
  std::vector<float> weights = testWeights();
  std::vector<float> hessian(columns * columns, 0);
  for (int64_t i = 0; i < columns; ++i)
    for (int64_t k = 0; k < columns; ++k)
      hessian[i * columns + k] =
          std::pow(0.9f, static_cast<float>(std::abs(i - k)));
  std::vector<float> values(rows * columns);
  for (const Encoding &encoding : {q4k(), learned(3, TableOwner::Row)}) {
    QuantizedMatrix nearest = quantized(weights, encoding), result;
    std::vector<int32_t> permutation;
    ASSERT_EQ(quantizeWithFeedback(weights.data(), rows, columns, encoding,
                                   hessian.data(), {}, 2, result, permutation)
                  .message,
              "");
    dequantize(nearest, values.data());
    double before = outputError(weights.data(), values.data(), rows, columns,
                                hessian.data());
    dequantize(result, values.data());
    EXPECT_LT(outputError(weights.data(), values.data(), rows, columns,
                          hessian.data()),
              0.5 * before);
  }
}

TEST(StoredScales, ExpandToTheSameNumbers) {
  std::vector<float> weights = testWeights(), a(rows * columns), b(a);
  for (const Encoding &encoding :
       {q4k(), learned(3, TableOwner::Row), learned(2, TableOwner::Tensor)}) {
    QuantizedMatrix matrix = quantized(weights, encoding);
    dequantize(matrix, a.data());
    QuantizedMatrix plain = expand(matrix);
    EXPECT_EQ(plain.encoding.stored, nullptr);
    EXPECT_EQ(plain.encoding.element.tableOwner(), TableOwner::Format);
    dequantize(plain, b.data());
    EXPECT_EQ(a, b);
  }
}

TEST(StoredScales, Refusals) {
  Encoding encoding = learned(3, TableOwner::Row);
  encoding.hasMinimum = true;
  EXPECT_EQ(checkEncoding(encoding),
            "beside a matrix' own table there are plain scales, found others");
  std::vector<float> weights = testWeights(), hessian(columns * columns, 0);
  Encoding oneSign = inGroups({4, IntegerKind::Signed}, 32);
  oneSign.hasMinimum = true;
  oneSign = withStored(oneSign, {6, IntegerKind::Unsigned}, 8);
  QuantizedMatrix refused;
  EXPECT_EQ(
      quantize(weights.data(), rows, columns, oneSign, {}, refused).message,
      "minima of signed codes need to be stored as codes of both signs, found "
      "codes of one");
  oneSign.hasMinimum = false;
  oneSign.zeroPoint = ZeroPointKind::Fractional;
  EXPECT_EQ(
      quantize(weights.data(), rows, columns, oneSign, {}, refused).message,
      "zero points of signed codes need to be stored as codes of both signs, "
      "found codes of one");
  for (int64_t k = 0; k < columns; ++k)
    hessian[k * columns + k] = 1;
  QuantizedMatrix result;
  std::vector<int32_t> permutation;
  FeedbackOptions options;
  options.order = ColumnOrder::Natural;
  EXPECT_EQ(quantizeWithFeedback(weights.data(), rows, columns, q4k(),
                                 hessian.data(), options, 2, result,
                                 permutation)
                .message,
            "quantized scales are chosen before the first column is rounded, "
            "which a permuted or natural order doesn't do");
  FileFormat format = getFileFormat("GGUF Q4_K");
  PackedMatrix packed;
  const uint8_t *none[4] = {};
  EXPECT_EQ(
      repack(BoundLayout(format.layout, format.encoding, 1, columns), none,
             BoundLayout(Layout::dense(4), format.encoding, 1, columns), packed)
          .message,
      "repacking needs the scales of quantized scales in both layouts or "
      "in none, found them in one");
}

TEST(LearnedTables, SuitTheWeights) {
  std::vector<float> weights = testWeights();
  // Two bits per weight of a Gaussian leave 0.1175 of its square, three 0.0345;
  // tables of finite rows suit them a little better.
  double square = 0;
  for (float weight : weights)
    square += weight * weight;
  double two =
      errorOf(weights, quantized(weights, learned(2, TableOwner::Row)));
  double three =
      errorOf(weights, quantized(weights, learned(3, TableOwner::Row)));
  EXPECT_NEAR(two / square, 0.1125, 0.005);
  EXPECT_NEAR(three / square, 0.032, 0.0025);
  EXPECT_EQ(effectiveBits(learned(3, TableOwner::Row), rows, columns),
            3 + (8 * 8 + 16) / 512.);
}

TEST(LearnedTables, AreChosenAmongGivenOnes) {
  const std::vector<std::vector<int8_t>> sets = {{-126, -42, 42, 126},
                                                 {-126, 0, 63, 126}};
  std::vector<float> weights(2 * 6);
  const float even[] = {3, 1, -1, -3, 1, -1}, odd[] = {-4, 0, 2, 4, 2, 0};
  std::copy(even, even + 6, weights.begin());
  std::copy(odd, odd + 6, weights.begin() + 6);
  QuantizeOptions options;
  options.tables = &sets;
  QuantizedMatrix matrix;
  ASSERT_EQ(quantize(weights.data(), 2, 6, learned(2, TableOwner::Row), options,
                     matrix)
                .message,
            "");
  EXPECT_EQ(matrix.tables,
            (std::vector<int8_t>{-126, -42, 42, 126, -126, 0, 63, 126}));
}
