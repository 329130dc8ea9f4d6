//===- RowPackerTest.cpp - float rows to packed bytes, a few at a time ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ranges of rows give the bytes of the whole weight, whatever the ranges; a
// recipe comes back from its numbers; and what can't be done by rows says so.
//
//===----------------------------------------------------------------------===//

#include "RowPackerCases.h"
#include <gtest/gtest.h>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

/// Packs by ranges of `step` units.
static void packByRows(const RowPackerCase &given, int64_t step,
                       const std::vector<float> &shared,
                       std::array<std::vector<uint8_t>, 5> &result) {
  std::vector<uint32_t> recipeWords = writeRecipe(given.recipe);
  PackRecipe recipe;
  Status read = readRecipe(recipeWords.data(), recipeWords.size(), recipe);
  ASSERT_TRUE(read.ok()) << read.message;
  RowPacker packer(recipe, given.rows, given.columns, shared);
  step *= packer.rowUnit();
  for (int64_t row = 0; row < given.rows; row += step) {
    int64_t end = std::min(given.rows, row + step);
    Status status =
        packer.pack(given.weights.data() + row * given.columns, row, end);
    ASSERT_TRUE(status.ok()) << status.message;
    for (unsigned i = 0; i < RowPacker::bufferCount; ++i) {
      if (!packer.isByRow(i))
        continue;
      // Where words of the last range end doesn't matter.
      if (end < given.rows)
        ASSERT_EQ(packer.bytes(i).size() % 4, 0u);
      ASSERT_EQ(packer.offset(i), static_cast<int64_t>(result[i].size()));
      result[i].insert(result[i].end(), packer.bytes(i).begin(),
                       packer.bytes(i).end());
    }
  }
}

TEST(RowPacker, GivesTheBytesOfTheWhole) {
  int count = 0;
  forEachRowPackerCase([&](const RowPackerCase &given, unsigned) {
    std::array<std::vector<uint8_t>, 5> expected;
    std::vector<float> shared;
    if (!packWhole(given, expected, shared))
      return;
    ++count;
    for (int64_t step : {1, 2, 1000}) {
      std::array<std::vector<uint8_t>, 5> found;
      ASSERT_NO_FATAL_FAILURE(packByRows(given, step, shared, found))
          << given.name;
      RowPacker packer(given.recipe, given.rows, given.columns, shared);
      for (unsigned i = 0; i < RowPacker::bufferCount; ++i)
        if (packer.isByRow(i))
          ASSERT_EQ(found[i], expected[i]) << given.name << ", buffer " << i;
    }
  });
  // All widths, kinds, zero points, granularities and formats of scales.
  EXPECT_GT(count, 1000);
}

static RowPackerCase makeCase(Encoding encoding, int64_t rows) {
  RowPackerCase given;
  given.recipe = {encoding, words(encoding.element.codeBits()),
                  ScaleSearch::AbsMax};
  given.rows = rows;
  given.columns = 32;
  given.weights = randomWeights(rows * 32, 3);
  return given;
}

TEST(RowPacker, NamesThePlaceOfWhatIsNoWeight) {
  RowPackerCase given = makeCase({}, 8);
  given.weights[5 * 32 + 7] = NAN;
  RowPacker packer(given.recipe, 8, 32, {});
  EXPECT_EQ(packer.pack(given.weights.data() + 4 * 32, 4, 8).message,
            "row 5, column 7: weights must be finite, found nan");
  EXPECT_TRUE(packer.pack(given.weights.data(), 0, 4).ok());
}

TEST(RowPacker, NamesTheRowsOfAParameterThatIsTooLarge) {
  RowPackerCase given = makeCase({}, 8);
  given.weights[6 * 32] = 3e38f;
  RowPacker packer(given.recipe, 8, 32, {});
  EXPECT_EQ(packer.pack(given.weights.data() + 4 * 32, 4, 8).message,
            "counted from row 4: row 2, columns 0 to 31: the scale must fit "
            "f16 (at most 65504), found a larger one");
}

TEST(RowPacker, TakesUnitsOfRows) {
  Encoding encoding;
  encoding.granularity = Granularity::Group;
  encoding.groupSize = 32;
  encoding.groupRows = 3;
  RowPackerCase given = makeCase(encoding, 24);
  RowPacker packer(given.recipe, 24, 32, {});
  // Three rows have one scale of 16 bits.
  EXPECT_EQ(packer.rowUnit(), 6);
  EXPECT_EQ(packer.pack(given.weights.data(), 0, 3).message,
            "rows are packed in multiples of 6 of 24, found rows 0 to 3");
}

TEST(RowPacker, SaysWhatRowsCannotDo) {
  auto explain = [](const Encoding &encoding, const Layout &layout) {
    return explainNoRowPacking({encoding, layout, ScaleSearch::AbsMax});
  };
  Encoding plain;
  EXPECT_EQ(explain(plain, words(8)), "");
  EXPECT_EQ(explain(plain, gptq(8)),
            "packing by rows needs rows one behind the other in each buffer, "
            "found another layout");
  Encoding learned = plain;
  CodeTable table;
  table.codeBits = table.windowBits = 2;
  table.owner = TableOwner::Row;
  learned.element = std::make_shared<const CodeTable>(table);
  EXPECT_EQ(explain(learned, words(2)),
            "rounding by rows needs a table of the format, found one that is "
            "learned from the weight");
  Encoding trellis = plain;
  trellis.element = std::make_shared<const CodeTable>(
      CodeTable{1, 2, 1, {-1, -0.5f, 0.5f, 1}});
  EXPECT_EQ(explain(trellis, Layout::dense(1)),
            "rounding by rows needs codes that stand for themselves, found a "
            "trellis");
  Encoding stored = plain;
  stored.stored = std::make_shared<const Encoding>();
  EXPECT_EQ(explain(stored, words(8)),
            "rounding by rows needs quantized scales in groups, found one "
            "group of all");
}

TEST(RowPacker, ReadsNoRecipeThatIsNone) {
  PackRecipe recipe;
  EXPECT_EQ(readRecipe(nullptr, 0, recipe).message,
            "a recipe begins with the number of its form, 1, found none");
  uint32_t other = 7;
  EXPECT_EQ(readRecipe(&other, 1, recipe).message,
            "a recipe begins with the number of its form, 1, found 7");
  std::vector<uint32_t> numbers =
      writeRecipe({Encoding(), words(8), ScaleSearch::AbsMax});
  for (size_t count = 1; count < numbers.size(); ++count)
    EXPECT_EQ(readRecipe(numbers.data(), count, recipe).message,
              "a recipe is a list of numbers, one behind the other, found less "
              "than one")
        << count;
  numbers.push_back(0);
  EXPECT_EQ(readRecipe(numbers.data(), numbers.size(), recipe).message,
            "a recipe is a list of numbers, one behind the other, found more "
            "than one");
}
