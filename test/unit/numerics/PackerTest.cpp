//===- PackerTest.cpp - bytes and back ------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For every width, encoding, layout and odd shape: the table-driven packer
// gives the bytes of the bit-by-bit one, and both are inverted by both
// unpackers.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Packer.h"
#include "TestMatrices.h"
#include <gtest/gtest.h>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

static void expectSame(const QuantizedMatrix &a, const QuantizedMatrix &b,
                       const std::string &what) {
  EXPECT_EQ(a.codes, b.codes) << what;
  EXPECT_EQ(a.scales, b.scales) << what;
  EXPECT_EQ(a.zeroPoints, b.zeroPoints) << what;
  EXPECT_EQ(a.minima, b.minima) << what;
}

static void checkRoundTrip(const Layout &layout, const Encoding &encoding,
                           int64_t rows, int64_t columns,
                           const std::string &what) {
  QuantizedMatrix matrix =
      randomMatrix(encoding, rows, columns, rows + columns);
  BoundLayout bound(layout, encoding, rows, columns);
  PackedMatrix truth = packBitByBit(bound, matrix), fast = pack(bound, matrix);
  for (unsigned buffer = 0; buffer < 4; ++buffer) {
    ASSERT_EQ(static_cast<int64_t>(truth.buffers[buffer].size()),
              bound.bufferBytes(buffer))
        << what;
    ASSERT_EQ(truth.buffers[buffer], fast.buffers[buffer])
        << what << " buffer " << buffer;
  }
  expectSame(matrix, unpackBitByBit(bound, truth), what);
  expectSame(matrix, unpack(bound, truth), what);
}

TEST(Packer, EveryEncodingInEveryLayout) {
  for (unsigned width = 1; width <= 8; ++width)
    for (const NamedLayout &named : layoutsFor(width))
      forEachEncoding(width, 20, [&](const Encoding &encoding) {
        checkRoundTrip(named.layout, encoding, 19, 45,
                       named.name + ", " + describe(encoding));
      });
}

TEST(Packer, OddShapes) {
  const int64_t shapes[][2] = {{0, 0},  {0, 5},  {5, 0},   {1, 1},  {1, 37},
                               {37, 1}, {33, 7}, {130, 3}, {2, 300}};
  for (unsigned width = 1; width <= 8; ++width)
    for (const NamedLayout &named : layoutsFor(width))
      for (auto [rows, columns] : shapes)
        for (int64_t groupSize : {1, 7, 32, 128}) {
          Encoding encoding{{width, IntegerKind::Signed},
                            ZeroPointKind::Integer,
                            true,
                            Granularity::Group,
                            groupSize,
                            ScaleFormat::F16};
          checkRoundTrip(named.layout, encoding, rows, columns,
                         named.name + " " + std::to_string(rows) + "x" +
                             std::to_string(columns) + ", " +
                             describe(encoding));
        }
}

static const Encoding int4{{4, IntegerKind::Signed},
                           ZeroPointKind::None,
                           false,
                           Granularity::Group,
                           32,
                           ScaleFormat::F16};

TEST(Packer, PiecesOfAMatrixMakeTheWhole) {
  BoundLayout layout(planes(4), int4, 100, 70);
  Packer packer(layout);
  ASSERT_TRUE(packer.blocksAreIndependent());
  QuantizedMatrix matrix = randomMatrix(int4, 100, 70, 1);
  PackedMatrix parts(layout);
  uint8_t *buffers[4];
  for (unsigned buffer = 0; buffer < 4; ++buffer)
    buffers[buffer] = parts.buffers[buffer].data();
  for (int64_t block = layout.rowBlockCount(); block-- > 0;)
    packer.packBlocks(matrix, block, block + 1, buffers);
  EXPECT_EQ(parts.buffers[0], packer.pack(matrix).buffers[0]);
  EXPECT_FALSE(
      Packer(BoundLayout(Layout::dense(3), int4, 9, 9)).blocksAreIndependent());
}

TEST(Packer, RepackingIsUnpackingAndPacking) {
  QuantizedMatrix matrix = randomMatrix(int4, 50, 96, 2);
  std::vector<NamedLayout> layouts = layoutsFor(4);
  for (const NamedLayout &from : layouts)
    for (const NamedLayout &to : layouts) {
      BoundLayout source(from.layout, int4, 50, 96);
      BoundLayout target(to.layout, int4, 50, 96);
      PackedMatrix packed = pack(source, matrix), result;
      const uint8_t *buffers[4];
      for (unsigned buffer = 0; buffer < 4; ++buffer)
        buffers[buffer] = packed.buffers[buffer].data();
      ASSERT_EQ(repack(source, buffers, target, result).message, "");
      PackedMatrix expected = pack(target, matrix);
      for (unsigned buffer = 0; buffer < 4; ++buffer)
        EXPECT_EQ(result.buffers[buffer], expected.buffers[buffer])
            << from.name << " to " << to.name;
    }
}

/// A row block of streams begins with the end of the one before, as it is
/// stored: with `added` on top.
static void checkRepeated(uint32_t added) {
  constexpr int64_t rows = 40, columns = 9, overlap = 5;
  Layout map = streams(4, 16, overlap, 4);
  map.added[0] = added;
  BoundLayout layout(map, int4, rows, columns);
  QuantizedMatrix matrix = randomMatrix(int4, rows, columns, 3);
  PackedMatrix packed = pack(layout, matrix);
  EXPECT_EQ(packed.buffers[0], packBitByBit(layout, matrix).buffers[0]);
  EXPECT_EQ(unpack(layout, packed).codes, matrix.codes);
  for (int64_t block = 0; block < layout.rowBlockCount(); ++block)
    for (int64_t before = 1; before <= overlap; ++before)
      for (int64_t k = 0; k < columns; ++k) {
        uint32_t code = 0;
        for (int64_t bit = 0; bit < 4; ++bit) {
          int64_t address = layout.repeatedCode(block, before, k, bit).bit;
          code |= (packed.buffers[0][address / 8] >> address % 8 & 1) << bit;
        }
        uint32_t wanted =
            block ? matrix.code(16 * block - before, k) + added : 0;
        EXPECT_EQ(code, wanted % 16);
      }
}

TEST(Packer, StreamsRepeatTheCodesBefore) {
  checkRepeated(0);
  checkRepeated(11);
}

TEST(Packer, RepackingNeedsOneMeaning) {
  Encoding other = int4;
  other.groupSize = 64;
  PackedMatrix result;
  const uint8_t *none[4] = {};
  BoundLayout source(planes(4), int4, 0, 0);
  EXPECT_FALSE(
      repack(source, none, BoundLayout(planes(4), other, 0, 0), result).ok());
  EXPECT_EQ(
      repack(source, none, BoundLayout(planes(4), int4, 1, 2), result).message,
      "repacking needs one shape on both sides, found 0x0 and 1x2 codes");
}

TEST(Packer, ParametersAreRoundedAndClamped) {
  Encoding encoding = int4;
  encoding.zeroPoint = ZeroPointKind::Integer;
  QuantizedMatrix matrix;
  matrix.reset(encoding, 1, 1);
  matrix.scales[0] = 1 + 0x1p-11f; // Halfway: to even.
  matrix.zeroPoints[0] = 300;
  BoundLayout layout(Layout::dense(4), encoding, 1, 1);
  QuantizedMatrix back = unpack(layout, pack(layout, matrix));
  EXPECT_EQ(back.scales[0], 1.0f);
  EXPECT_EQ(back.zeroPoints[0], 15.0f);
}
