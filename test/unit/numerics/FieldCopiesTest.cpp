//===- FieldCopiesTest.cpp - repacking as data ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the copies between two layouts make is what packing into the second one
// makes: for every width, encoding, pair of layouts and odd shape, and from
// several parts of the rows.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/FieldCopies.h"
#include "TestMatrices.h"
#include "lowbit/Numerics/Packer.h"
#include <gtest/gtest.h>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

/// The rows [first, first + count) of `matrix`.
static QuantizedMatrix takeRows(const QuantizedMatrix &matrix, int64_t first,
                                int64_t count) {
  const Encoding &encoding = matrix.encoding;
  QuantizedMatrix part;
  part.reset(encoding, count, matrix.columns);
  for (int64_t n = 0; n < count; ++n)
    for (int64_t k = 0; k < encoding.codesPerRow(matrix.columns); ++k)
      part.setCode(n, k, matrix.code(first + n, k));
  int64_t groups = encoding.groupCount(matrix.columns);
  for (int64_t n = 0; n < count; ++n)
    for (int64_t g = 0; g < groups; ++g) {
      int64_t to = encoding.parameterIndex(n, g, groups);
      int64_t from = encoding.parameterIndex(first + n, g, groups);
      part.scales[to] = matrix.scales[from];
      if (!part.zeroPoints.empty())
        part.zeroPoints[to] = matrix.zeroPoints[from];
      if (!part.minima.empty())
        part.minima[to] = matrix.minima[from];
    }
  return part;
}

/// The bytes of `to` that copies from parts of `size` rows make.
static PackedMatrix copyParts(const QuantizedMatrix &matrix, const Layout &from,
                              const BoundLayout &to, int64_t size,
                              std::string &reason) {
  PackedMatrix result(to);
  uint8_t *target[4];
  for (unsigned buffer = 0; buffer < 4; ++buffer)
    target[buffer] = result.buffers[buffer].data();
  for (int64_t first = 0; first < matrix.rows; first += size) {
    int64_t count = std::min(size, matrix.rows - first);
    BoundLayout bound(from, matrix.encoding, count, matrix.columns);
    PackedMatrix part = pack(bound, takeRows(matrix, first, count));
    const uint8_t *source[4];
    for (unsigned buffer = 0; buffer < 4; ++buffer)
      source[buffer] = part.buffers[buffer].data();
    std::vector<FieldCopy> copies;
    reason = planFieldCopies(bound, to, first, copies).message;
    for (const FieldCopy &copy : copies)
      runFieldCopy(copy, source, target);
  }
  return result;
}

/// Whether copies can be made; checks their result where they can.
static bool checkCopies(const NamedLayout &from, const NamedLayout &to,
                        const Encoding &encoding, int64_t rows, int64_t columns,
                        int64_t size) {
  QuantizedMatrix matrix =
      randomMatrix(encoding, rows, columns, rows + columns);
  BoundLayout target(to.layout, encoding, rows, columns);
  std::string reason;
  PackedMatrix made = copyParts(matrix, from.layout, target, size, reason);
  if (!reason.empty())
    return false;
  PackedMatrix expected = pack(target, matrix);
  for (unsigned buffer = 0; buffer < 4; ++buffer)
    EXPECT_EQ(made.buffers[buffer], expected.buffers[buffer])
        << from.name << " to " << to.name << ", " << describe(encoding) << ", "
        << rows << "x" << columns << " in parts of " << size << ", buffer "
        << buffer;
  return true;
}

static NamedLayout gpuLayout(unsigned width) { return {"words", words(width)}; }

static std::vector<NamedLayout> cpuLayouts(unsigned width) {
  return {{"planes", planes(width)},
          {"planes padded to 4", planes(width, 32, 4)},
          {"planes padded to 16", planes(width, 32, 16)}};
}

/// Whether kernels can have the layout.
static bool isValid(const NamedLayout &named, const Encoding &encoding) {
  return checkLayout(named.layout, encoding).empty();
}

TEST(FieldCopies, EveryEncodingFromGPUToCPU) {
  unsigned made = 0;
  for (unsigned width = 1; width <= 8; ++width)
    for (int64_t groupSize : {4, 20, 32, 7})
      forEachEncoding(width, groupSize, [&](const Encoding &encoding) {
        for (const NamedLayout &to : cpuLayouts(width))
          if (isValid(to, encoding)) {
            EXPECT_TRUE(
                checkCopies(gpuLayout(width), to, encoding, 70, 45, 70));
            ++made;
          }
      });
  EXPECT_GT(made, 5000u);
}

TEST(FieldCopies, OddShapesInParts) {
  const int64_t shapes[][2] = {{0, 0},   {0, 5},   {5, 0},    {1, 1},
                               {1, 37},  {37, 1},  {33, 7},   {130, 3},
                               {2, 300}, {64, 64}, {97, 129}, {32, 32}};
  for (unsigned width = 1; width <= 8; ++width)
    for (auto [rows, columns] : shapes)
      for (int64_t groupSize : {1, 6, 32, 128}) {
        Encoding encoding{{width, IntegerKind::Signed},
                          ZeroPointKind::Integer,
                          true,
                          Granularity::Group,
                          groupSize,
                          ScaleFormat::F16};
        for (const NamedLayout &to : cpuLayouts(width))
          for (int64_t size : {130, 32, 19})
            if (isValid(to, encoding))
              EXPECT_TRUE(checkCopies(gpuLayout(width), to, encoding, rows,
                                      columns, size));
      }
}

TEST(FieldCopies, BlocksOfRowsAndScalesOfEightBits) {
  for (unsigned width : {3u, 8u})
    for (ScaleFormat scale :
         {ScaleFormat::F32, ScaleFormat::BF16, ScaleFormat::E4M3}) {
      Encoding encoding{{width, IntegerKind::Signed},
                        ZeroPointKind::None,
                        false,
                        Granularity::Group,
                        32,
                        scale};
      encoding.groupRows = 24;
      for (int64_t size : {100, 48})
        EXPECT_TRUE(checkCopies(gpuLayout(width), cpuLayouts(width)[0],
                                encoding, 100, 70, size));
    }
}

TEST(FieldCopies, CodesOfManyBits) {
  auto table = std::make_shared<CodeTable>();
  table->codeBits = table->windowBits = 12;
  table->valuesPerCode = 8;
  table->values.resize(8 << 12);
  Encoding encoding;
  encoding.element = ElementFormat(std::shared_ptr<const CodeTable>(table));
  encoding.granularity = Granularity::Group;
  encoding.groupSize = 32;
  for (int64_t size : {150, 64})
    EXPECT_TRUE(checkCopies({"dense", Layout::dense(12)},
                            {"planes", planes(12, 64, 4)}, encoding, 150, 96,
                            size));
}

TEST(FieldCopies, EveryPairOfLayouts) {
  unsigned made = 0;
  for (unsigned width = 1; width <= 8; ++width) {
    Encoding encoding{{width, IntegerKind::Signed},
                      ZeroPointKind::Integer,
                      false,
                      Granularity::Group,
                      32,
                      ScaleFormat::F16};
    std::vector<NamedLayout> layouts = layoutsFor(width);
    layouts.push_back(gpuLayout(width));
    for (const NamedLayout &from : layouts)
      for (const NamedLayout &to : layouts)
        made += checkCopies(from, to, encoding, 50, 96, 50);
  }
  // All but those whose blocks of rows alternate or overlap.
  EXPECT_GE(made, 8u * 8u * 8u);
}

static std::string explain(const Layout &from, const Layout &to, int64_t rows,
                           int64_t first) {
  Encoding encoding;
  encoding.element = {3, IntegerKind::Signed};
  std::vector<FieldCopy> copies;
  return planFieldCopies(BoundLayout(from, encoding, rows, 32),
                         BoundLayout(to, encoding, 64, 32), first, copies)
      .message;
}

TEST(FieldCopies, SaysWhatHasNone) {
  EXPECT_EQ(explain(words(3), planes(3), 64, 0), "");
  EXPECT_EQ(explain(words(3), planes(3), 64, 1),
            "repacking needs rows of the matrix, of 64x32 codes, found 64x32 "
            "from row 1");
  for (const Layout &layout : {gptq(3), scattered3(), streams(3, 32, 3, 4)})
    EXPECT_EQ(explain(words(3), layout, 64, 0),
              "repacking by rows and columns needs blocks of rows one behind "
              "the other, and places of codes that are sums of digits of row "
              "and column");
  Encoding three, four;
  three.element = {3, IntegerKind::Signed};
  four.element = {4, IntegerKind::Signed};
  std::vector<FieldCopy> copies;
  EXPECT_EQ(planFieldCopies(BoundLayout(words(3), three, 2, 32),
                            BoundLayout(words(4), four, 2, 32), 0, copies)
                .message,
            "repacking needs one encoding on both sides, found two");
}

/// Four codes move at once where groups are whole words.
TEST(FieldCopies, TakeFourColumnsAtOnce) {
  for (int64_t groupSize : {32, 36, 6})
    for (unsigned width = 1; width <= 8; ++width) {
      Encoding encoding{
          {width, IntegerKind::Signed}, ZeroPointKind::None, false,
          Granularity::Group,           groupSize,           ScaleFormat::F16};
      std::vector<FieldCopy> copies;
      BoundLayout from(words(width), encoding, 64, 108);
      BoundLayout to(planes(width), encoding, 64, 108);
      ASSERT_TRUE(planFieldCopies(from, to, 0, copies).ok());
      ASSERT_EQ(copies.size(), planeWidths(width).size() + 1);
      for (size_t i = 0; i + 1 < copies.size(); ++i) {
        EXPECT_EQ(copies[i].lanes, groupSize % 4 ? 1u : 4u);
        EXPECT_EQ(copies[i].bits, planeWidths(width)[i]);
      }
    }
}
