//===- BlockTest.cpp - parameters of blocks of rows and columns -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestMatrices.h"
#include "lowbit/Numerics/EffectiveBits.h"
#include "lowbit/Numerics/Feedback.h"
#include "lowbit/Numerics/Packer.h"
#include "lowbit/Numerics/Quantizer.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

namespace {

Encoding inBlocks(ElementFormat element, int64_t rows, int64_t columns) {
  Encoding encoding;
  encoding.element = std::move(element);
  encoding.granularity = Granularity::Group;
  encoding.groupRows = rows;
  encoding.groupSize = columns;
  return encoding;
}

struct Shape {
  int64_t rows, columns, blockRows, blockColumns;
};
/// Whole blocks, short ones at either edge, more rows than there are.
constexpr Shape shapes[] = {{8, 12, 4, 6}, {7, 13, 4, 6},   {1, 5, 2, 2},
                            {5, 1, 2, 3},  {3, 40, 16, 16}, {33, 17, 2, 17}};

TEST(Blocks, HaveParametersOfTheirOwn) {
  Encoding encoding = inBlocks({4, IntegerKind::Signed}, 4, 6);
  EXPECT_EQ(checkEncoding(encoding), "");
  EXPECT_EQ(encoding.parameterRows(7), 2);
  EXPECT_EQ(encoding.parameterCount(7, 13), 6);
  EXPECT_EQ(encoding.parameterIndex(3, 2, 3), 2);
  EXPECT_EQ(encoding.parameterIndex(4, 0, 3), 3);
  // 4 bits and, for 128 x 128 numbers, an f16.
  EXPECT_EQ(storedBytes(inBlocks({4, IntegerKind::Signed}, 128, 128), 256, 256),
            256 * 256 / 2 + 4 * 2);
}

/// The scales of a block are those of a group that holds the block's numbers.
TEST(Blocks, AreSearchedAsGroups) {
  for (ScaleSearch search :
       {ScaleSearch::AbsMax, ScaleSearch::MeanSquaredError})
    for (const Shape &shape : shapes) {
      std::vector<float> weights =
          randomWeights(shape.rows * shape.columns, shape.rows);
      Encoding encoding = inBlocks({3, IntegerKind::Signed}, shape.blockRows,
                                   shape.blockColumns);
      QuantizedMatrix matrix, group;
      ASSERT_EQ(quantize(weights.data(), shape.rows, shape.columns, encoding,
                         {search, nullptr}, matrix)
                    .message,
                "");
      for (int64_t n = 0; n < shape.rows; n += shape.blockRows)
        for (int64_t k = 0; k < shape.columns; k += shape.blockColumns) {
          std::vector<float> part;
          for (int64_t i = n; i < std::min(shape.rows, n + shape.blockRows);
               ++i)
            for (int64_t j = k;
                 j < std::min(shape.columns, k + shape.blockColumns); ++j)
              part.push_back(weights[i * shape.columns + j]);
          Encoding one = encoding;
          one.groupRows = 1;
          one.groupSize = static_cast<int64_t>(part.size());
          ASSERT_EQ(quantize(part.data(), 1, one.groupSize, one,
                             {search, nullptr}, group)
                        .message,
                    "");
          int64_t groups = encoding.groupCount(shape.columns);
          EXPECT_EQ(matrix.scales[encoding.parameterIndex(
                        n, k / shape.blockColumns, groups)],
                    group.scales[0]);
        }
    }
}

TEST(Blocks, AreDequantized) {
  for (const Shape &shape : shapes) {
    Encoding encoding = inBlocks({4, IntegerKind::Unsigned}, shape.blockRows,
                                 shape.blockColumns);
    encoding.hasMinimum = true;
    QuantizedMatrix matrix =
        randomMatrix(encoding, shape.rows, shape.columns, 3);
    std::vector<float> values(shape.rows * shape.columns);
    dequantize(matrix, values.data());
    int64_t groups = encoding.groupCount(shape.columns);
    for (int64_t n = 0; n < shape.rows; ++n)
      for (int64_t k = 0; k < shape.columns; ++k) {
        int64_t index = n / shape.blockRows * groups + k / shape.blockColumns;
        EXPECT_EQ(values[n * shape.columns + k],
                  matrix.scales[index] * static_cast<float>(matrix.code(n, k)) +
                      matrix.minima[index]);
      }
  }
}

/// Inline, each row has a copy; in buffers of their own, there is one.
TEST(Blocks, ArePackedAndUnpacked) {
  for (const Shape &shape : shapes) {
    Encoding encoding =
        inBlocks({4, IntegerKind::Signed}, shape.blockRows, shape.blockColumns);
    QuantizedMatrix matrix =
        randomMatrix(encoding, shape.rows, shape.columns, 5);
    for (const NamedLayout &named : layoutsFor(4)) {
      if (!checkLayout(named.layout, encoding).empty())
        continue;
      BoundLayout bound(named.layout, encoding, shape.rows, shape.columns);
      PackedMatrix truth = packBitByBit(bound, matrix);
      PackedMatrix fast = pack(bound, matrix);
      for (unsigned buffer = 0; buffer < 4; ++buffer)
        ASSERT_EQ(truth.buffers[buffer], fast.buffers[buffer]) << named.name;
      for (const QuantizedMatrix &back :
           {unpack(bound, truth), unpackBitByBit(bound, truth)}) {
        EXPECT_EQ(matrix.codes, back.codes) << named.name;
        EXPECT_EQ(matrix.scales, back.scales) << named.name;
      }
    }
  }
}

TEST(Blocks, AreRoundedWithFeedback) {
  constexpr int64_t rows = 70, columns = 40;
  std::vector<float> weights = randomWeights(rows * columns, 7);
  std::vector<float> moment(columns * columns, 0.5f);
  for (int64_t k = 0; k < columns; ++k)
    moment[k * columns + k] = 2;
  Encoding encoding = inBlocks({3, IntegerKind::Signed}, 32, 16);
  FeedbackOptions options;
  options.order = ColumnOrder::ByDiagonal;
  QuantizedMatrix nearest, one, two;
  std::vector<int32_t> permutation;
  ASSERT_EQ(
      quantize(weights.data(), rows, columns, encoding, {}, nearest).message,
      "");
  auto round = [&](unsigned threads, QuantizedMatrix &result) {
    return quantizeWithFeedback(weights.data(), rows, columns, encoding,
                                moment.data(), options, threads, result,
                                permutation)
        .message;
  };
  ASSERT_EQ(round(1, one), "");
  ASSERT_EQ(round(2, two), "");
  EXPECT_EQ(one.codes, two.codes);
  EXPECT_EQ(one.scales, two.scales);
  auto errorOf = [&](const QuantizedMatrix &matrix) {
    std::vector<float> values(weights.size());
    dequantize(matrix, values.data());
    return outputError(weights.data(), values.data(), rows, columns,
                       moment.data());
  };
  EXPECT_LT(errorOf(one), errorOf(nearest));
  options.order = ColumnOrder::Natural;
  EXPECT_NE(round(1, one).find("parameters of several rows are chosen before"),
            std::string::npos);
}

TEST(Blocks, RefuseWhatTheyCannotHold) {
  Encoding encoding = inBlocks({4, IntegerKind::Signed}, 0, 4);
  EXPECT_EQ(checkEncoding(encoding), "a group needs at least 1 row, found 0");
  encoding.groupRows = 2;
  encoding.granularity = Granularity::Channel;
  EXPECT_EQ(checkEncoding(encoding),
            "parameters for several rows need groups, found one set for each "
            "row or for all");
  encoding.granularity = Granularity::Group;
  encoding.outer = OuterScale::Tensor;
  EXPECT_EQ(checkEncoding(encoding),
            "parameters for several rows need plain scales, found quantized "
            "ones or an outer one");
  encoding.outer = OuterScale::None;
  QuantizedMatrix matrix;
  matrix.reset(encoding, 4, 4);
  std::vector<float> weights(16, 1);
  EXPECT_EQ(
      quantizeRows(weights.data(), 1, 3, {}, matrix).message,
      "parameters of several rows need blocks of 2 rows at once, found rows 1 "
      "to 3");
  weights[5] = INFINITY;
  EXPECT_EQ(quantizeRows(weights.data(), 0, 4, {}, matrix).message,
            "row 1, column 1: weights must be finite, found inf");
  weights.assign(16, 1e9f);
  EXPECT_NE(quantizeRows(weights.data(), 0, 4, {}, matrix)
                .message.find("in the blocks of row 0, taken as one row: row "
                              "0, columns 0 to 7: the scale must fit"),
            std::string::npos);
}

} // namespace
