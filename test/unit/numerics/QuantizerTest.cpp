//===- QuantizerTest.cpp - codes and errors -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Codes are the nearest ones under the parameters as stored, for every encoding
// and over odd shapes; special groups; errors with their place.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Quantizer.h"
#include "GroupKernels.h"
#include "TestMatrices.h"
#include "lowbit/Numerics/Float16.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

static QuantizedMatrix quantized(const std::vector<float> &weights,
                                 int64_t rows, int64_t columns,
                                 const Encoding &encoding, ScaleSearch search) {
  QuantizedMatrix result;
  QuantizeOptions options;
  options.search = search;
  Status status =
      quantize(weights.data(), rows, columns, encoding, options, result);
  EXPECT_EQ(status.message, "") << describe(encoding);
  return result;
}

/// The parameters of element (n, k).
struct At {
  float scale, zeroPoint = 0, minimum = 0;

  At(const QuantizedMatrix &matrix, int64_t n, int64_t k) {
    const Encoding &encoding = matrix.encoding;
    int64_t index =
        encoding.parameterIndex(n, k / encoding.columnsPerGroup(matrix.columns),
                                encoding.groupCount(matrix.columns));
    scale = matrix.scales[index];
    if (!matrix.zeroPoints.empty())
      zeroPoint = matrix.zeroPoints[index];
    if (!matrix.minima.empty())
      minimum = matrix.minima[index];
  }
};

static void expectStorable(const QuantizedMatrix &matrix) {
  bool half = matrix.encoding.scale == ScaleFormat::F16;
  auto check = [&](const std::vector<float> &values, bool integer) {
    for (float value : values) {
      ASSERT_TRUE(std::isfinite(value));
      if (integer)
        ASSERT_TRUE(value == std::floor(value) && value >= 0 &&
                    value < matrix.encoding.element.codeCount());
      else if (half)
        ASSERT_EQ(value, roundToHalf(value));
    }
  };
  check(matrix.scales, false);
  check(matrix.minima, false);
  check(matrix.zeroPoints, matrix.encoding.zeroPoint == ZeroPointKind::Integer);
}

/// Inside the representable range the error is at most half a step, plus what
/// single precision loses.
static void expectNearest(const QuantizedMatrix &matrix,
                          const std::vector<float> &weights) {
  const Encoding &encoding = matrix.encoding;
  const IntegerFormat &element = *encoding.element.integer();
  std::vector<float> values(weights.size());
  dequantize(matrix, values.data());
  for (int64_t n = 0; n < matrix.rows; ++n)
    for (int64_t k = 0; k < matrix.columns; ++k) {
      int64_t i = n * matrix.columns + k;
      At at(matrix, n, k);
      uint32_t code = matrix.codes[i];
      ASSERT_LT(code, element.codeCount());
      ASSERT_GE(code, element.firstCode());
      ASSERT_EQ(code, nearestCode(encoding, weights[i], at.scale, at.zeroPoint,
                                  at.minimum));
      float ends[2] = {encoding.value(element.firstCode(), at.scale,
                                      at.zeroPoint, at.minimum),
                       encoding.value(element.codeCount() - 1, at.scale,
                                      at.zeroPoint, at.minimum)};
      float size = std::fabs(at.minimum) + std::fabs(weights[i]) +
                   std::fabs(at.scale * at.zeroPoint);
      if (weights[i] >= std::min(ends[0], ends[1]) &&
          weights[i] <= std::max(ends[0], ends[1]))
        ASSERT_LE(std::fabs(weights[i] - values[i]),
                  std::fabs(at.scale) * element.step() / 2 + 1e-6f * size)
            << describe(encoding) << " at " << n << ", " << k;
    }
}

TEST(Quantizer, NearestCodesForEveryEncodingAndShape) {
  const int64_t shapes[][2] = {{0, 0},  {0, 3},  {3, 0}, {1, 1},
                               {1, 75}, {41, 1}, {7, 45}};
  for (unsigned width = 1; width <= 8; ++width)
    for (const int64_t *shape : shapes)
      forEachEncoding(width, 20, [&](const Encoding &encoding) {
        int64_t rows = shape[0], columns = shape[1];
        for (float mean : {0.0f, 2.5f}) {
          std::vector<float> weights =
              randomWeights(rows * columns, width + rows, mean, 0.3f);
          for (ScaleSearch search :
               {ScaleSearch::AbsMax, ScaleSearch::MeanSquaredError}) {
            QuantizedMatrix matrix =
                quantized(weights, rows, columns, encoding, search);
            expectStorable(matrix);
            expectNearest(matrix, weights);
          }
        }
      });
}

static Encoding groupsOf(int64_t size, unsigned width = 4,
                         IntegerKind kind = IntegerKind::Signed) {
  return {{width, kind}, ZeroPointKind::None, false, Granularity::Group,
          size,          ScaleFormat::F16};
}

TEST(Quantizer, TiesGoToEven) {
  // The extreme makes the scale 1; every other weight is a tie.
  std::vector<float> weights = {-8,   -2.5f, -1.5f, -0.5f,
                                0.5f, 1.5f,  2.5f,  6.5f};
  QuantizedMatrix matrix =
      quantized(weights, 1, 8, groupsOf(8), ScaleSearch::AbsMax);
  EXPECT_EQ(matrix.scales[0], 1.0f);
  EXPECT_EQ(matrix.codes, (std::vector<uint8_t>{0, 6, 6, 8, 8, 10, 10, 14}));
}

TEST(Quantizer, FullRangeGivesTheExtremeTheExtremeCode) {
  std::vector<float> weights = {8, 1, -3, 0};
  QuantizedMatrix matrix =
      quantized(weights, 1, 4, groupsOf(4), ScaleSearch::AbsMax);
  EXPECT_EQ(matrix.scales[0], -1.0f);
  EXPECT_EQ(matrix.codes, (std::vector<uint8_t>{0, 7, 11, 8}));
  matrix =
      quantized(weights, 1, 4, groupsOf(4, 4, IntegerKind::SignedRestricted),
                ScaleSearch::AbsMax);
  EXPECT_EQ(matrix.scales[0], roundToHalf(8.0f / 7));
  EXPECT_EQ(matrix.codes[0], 15);
}

TEST(Quantizer, MinimumCoversTheRange) {
  Encoding encoding = groupsOf(4, 2, IntegerKind::Unsigned);
  encoding.hasMinimum = true;
  QuantizedMatrix matrix =
      quantized({1, 2, 3, 4}, 1, 4, encoding, ScaleSearch::AbsMax);
  EXPECT_EQ(matrix.scales[0], 1.0f);
  EXPECT_EQ(matrix.minima[0], 1.0f);
  EXPECT_EQ(matrix.codes, (std::vector<uint8_t>{0, 1, 2, 3}));
}

TEST(Quantizer, FractionalZeroPointHoldsThirds) {
  // {-1, -1/3, 1/3, 1} = (q - 1.5) * 2/3.
  Encoding encoding = groupsOf(4, 2, IntegerKind::Unsigned);
  encoding.zeroPoint = ZeroPointKind::Fractional;
  encoding.scale = ScaleFormat::F32;
  QuantizedMatrix matrix = quantized({-1, -1 / 3.0f, 1 / 3.0f, 1}, 1, 4,
                                     encoding, ScaleSearch::AbsMax);
  EXPECT_NEAR(matrix.scales[0], 2 / 3.0f, 1e-6f);
  EXPECT_NEAR(matrix.zeroPoints[0], 1.5f, 1e-6f);
  EXPECT_EQ(matrix.codes, (std::vector<uint8_t>{0, 1, 2, 3}));
}

TEST(Quantizer, OneBitScaleIsTheMeanMagnitude) {
  for (ScaleSearch search :
       {ScaleSearch::AbsMax, ScaleSearch::MeanSquaredError}) {
    QuantizedMatrix matrix =
        quantized({1, -2, 3, -6}, 1, 4, groupsOf(4, 1), search);
    EXPECT_EQ(matrix.scales[0], 3.0f);
    EXPECT_EQ(matrix.codes, (std::vector<uint8_t>{1, 0, 1, 0}));
  }
}

TEST(Quantizer, ConstantGroupsAreKept) {
  for (float constant : {0.0f, 0.75f, -3.0f})
    for (unsigned width = 1; width <= 8; ++width)
      forEachEncoding(width, 16, [&](const Encoding &encoding) {
        // An unsigned code without an offset has no negative numbers, but its
        // scale may be negative.
        std::vector<float> weights(32, constant), values(32);
        for (ScaleSearch search :
             {ScaleSearch::AbsMax, ScaleSearch::MeanSquaredError}) {
          dequantize(quantized(weights, 2, 16, encoding, search),
                     values.data());
          bool half = encoding.scale == ScaleFormat::F16;
          for (float value : values)
            ASSERT_NEAR(value, constant, half ? 2e-3f : 1e-5f)
                << describe(encoding);
        }
      });
}

TEST(Quantizer, TinyScalesUnderflowToSomethingSensible) {
  for (float size : {0x1p-21f, 0x1p-24f, 0x1p-30f, 0x1p-126f, 0x1p-149f})
    forEachEncoding(4, 16, [&](const Encoding &encoding) {
      std::vector<float> weights = randomWeights(32, 5, 0, size), values(32);
      for (ScaleSearch search :
           {ScaleSearch::AbsMax, ScaleSearch::MeanSquaredError}) {
        QuantizedMatrix matrix = quantized(weights, 2, 16, encoding, search);
        dequantize(matrix, values.data());
        for (int i = 0; i < 32; ++i)
          ASSERT_LE(std::fabs(values[i] - weights[i]), 4 * size + 0x1p-23f)
              << describe(encoding) << " " << size;
      }
    });
}

TEST(Quantizer, RejectsWithAPlace) {
  QuantizedMatrix result;
  QuantizeOptions options;
  auto message = [&](const std::vector<float> &weights, int64_t rows,
                     int64_t columns, const Encoding &encoding) {
    return quantize(weights.data(), rows, columns, encoding, options, result)
        .message;
  };
  for (ScaleSearch search :
       {ScaleSearch::AbsMax, ScaleSearch::MeanSquaredError}) {
    options.search = search;
    std::vector<float> weights = randomWeights(3 * 40, 1);
    weights[2 * 40 + 33] = NAN;
    EXPECT_EQ(message(weights, 3, 40, groupsOf(16)),
              "row 2, column 33: weights must be finite, found nan");
    weights[2 * 40 + 33] = 0;
    weights[40 + 39] = -INFINITY;
    EXPECT_EQ(message(weights, 3, 40, groupsOf(16)),
              "row 1, column 39: weights must be finite, found -inf");
    Encoding tensor = groupsOf(0);
    tensor.granularity = Granularity::Tensor;
    EXPECT_EQ(message(weights, 3, 40, tensor),
              "row 1, column 39: weights must be finite, found -inf");
    weights[40 + 39] = 1e7f;
    EXPECT_EQ(message(weights, 3, 40, groupsOf(16)),
              "row 1, columns 32 to 39: the scale must fit f16 (at most "
              "65504), found a larger one");
    EXPECT_EQ(message(weights, 3, 40, tensor),
              "tensor: the scale must fit f16 (at most 65504), found a larger "
              "one");
  }
  EXPECT_EQ(message({}, 0, 0, groupsOf(16, 9)),
            "weights need codes of 1 to 8 bits, found 9");
  EXPECT_EQ(message({}, 0, 0, groupsOf(16, 1, IntegerKind::SignedRestricted)),
            "a restricted range needs codes of at least 2 bits, found 1");
  EXPECT_EQ(message({}, 0, 0, groupsOf(0)),
            "a group needs at least 1 column, found 0");
}

TEST(Quantizer, RowRangesGiveTheWhole) {
  forEachEncoding(3, 20, [&](const Encoding &encoding) {
    if (encoding.granularity == Granularity::Tensor)
      return;
    std::vector<float> weights = randomWeights(37 * 50, 3);
    QuantizedMatrix whole =
        quantized(weights, 37, 50, encoding, ScaleSearch::MeanSquaredError);
    QuantizedMatrix parts;
    parts.reset(encoding, 37, 50);
    for (int64_t row : {17, 0, 5, 30}) {
      int64_t end = row == 0 ? 5 : row == 5 ? 17 : row == 17 ? 30 : 37;
      ASSERT_TRUE(quantizeRows(weights.data() + row * 50, row, end,
                               QuantizeOptions(), parts)
                      .ok());
    }
    EXPECT_EQ(whole.codes, parts.codes) << describe(encoding);
    EXPECT_EQ(whole.scales, parts.scales) << describe(encoding);
    EXPECT_EQ(whole.minima, parts.minima) << describe(encoding);
  });
}

TEST(Quantizer, TensorScaleNeedsAllRows) {
  Encoding tensor = groupsOf(0);
  tensor.granularity = Granularity::Tensor;
  QuantizedMatrix matrix;
  matrix.reset(tensor, 4, 1);
  float weights[4] = {};
  EXPECT_EQ(quantizeRows(weights, 0, 2, QuantizeOptions(), matrix).message,
            "one scale per tensor needs all 4 rows at once, found rows 0 to 2");
}
