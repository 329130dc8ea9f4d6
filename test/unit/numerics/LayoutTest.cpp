//===- LayoutTest.cpp - addresses of named layouts ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Addresses against the tables that define each layout, written out here once
// more as plain arithmetic, and the properties that every layout must have.
//
//===----------------------------------------------------------------------===//

#include "TestMatrices.h"
#include <gtest/gtest.h>
#include <set>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

static Encoding intGroups(unsigned width, int64_t groupSize) {
  return {{width, IntegerKind::Signed}, ZeroPointKind::None, false,
          Granularity::Group,           groupSize,           ScaleFormat::F16};
}

static int64_t codeBit(const BoundLayout &layout, int64_t n, int64_t k,
                       int64_t bit) {
  BitAddress address = layout.code(n, k, bit);
  EXPECT_EQ(address.buffer, 0u);
  return address.bit;
}

TEST(Layout, DenseIsOneStream) {
  BoundLayout layout(Layout::dense(3), intGroups(3, 4), 5, 7);
  for (int64_t n = 0; n < 5; ++n)
    for (int64_t k = 0; k < 7; ++k)
      for (int64_t bit = 0; bit < 3; ++bit)
        EXPECT_EQ(codeBit(layout, n, k, bit), (n * 7 + k) * 3 + bit);
  EXPECT_EQ(layout.bufferBytes(0), (5 * 7 * 3 + 7) / 8);
  EXPECT_EQ(layout.bufferBytes(1), 5 * 2 * 2);
  EXPECT_EQ(layout.bufferBytes(2), 0);
  BitAddress scale = layout.parameter(Component::Scale, 3, 1);
  EXPECT_EQ(scale.buffer, 1u);
  EXPECT_EQ(scale.bit, (3 * 2 + 1) * 16);
}

TEST(Layout, FourBitPlanesAreNibblesOfTwoRowHalves) {
  BoundLayout layout(planes(4), intGroups(4, 32), 64, 96);
  int64_t groupBytes = 64 + 32 * 32 / 2;
  for (int64_t n = 0; n < 64; ++n)
    for (int64_t k = 0; k < 96; ++k) {
      int64_t step = k % 32 / 4, c = k % 4, j = n % 16;
      int64_t byte =
          (n / 32 * 3 + k / 32) * groupBytes + 64 + 64 * step + 4 * j + c;
      EXPECT_EQ(codeBit(layout, n, k, 1), 8 * byte + (n / 16 % 2 ? 4 : 0) + 1);
    }
  EXPECT_EQ(layout.parameter(Component::Scale, 33, 2).bit,
            8 * (5 * groupBytes + 2));
}

TEST(Layout, EightBitPlanesAlternateRowHalves) {
  BoundLayout layout(planes(8), intGroups(8, 32), 32, 64);
  int64_t groupBytes = 64 + 32 * 32;
  for (int64_t n = 0; n < 32; ++n)
    for (int64_t k = 0; k < 64; ++k)
      EXPECT_EQ(codeBit(layout, n, k, 7),
                8 * (k / 32 * groupBytes + 64 + 128 * (k % 32 / 4) +
                     64 * (n / 16) + 4 * (n % 16) + k % 4) +
                    7);
}

TEST(Layout, NarrowPlanesOfTallBlocksKeepOneStepPerVector) {
  for (unsigned width : {1u, 2u}) {
    int64_t rows = width == 1 ? 128 : 64;
    BoundLayout layout(planes(width, rows), intGroups(width, 32), rows, 32);
    for (int64_t n = 0; n < rows; ++n)
      for (int64_t k = 0; k < 32; ++k)
        EXPECT_EQ(codeBit(layout, n, k, 0),
                  8 * (2 * rows + 64 * (k / 4) + 4 * (n % 16) + k % 4) +
                      width * (n / 16));
  }
}

TEST(Layout, ThreeBitPlanesAreTwoBitsAndOne) {
  EXPECT_EQ(planeWidths(3), (std::vector<unsigned>{2, 1}));
  EXPECT_EQ(planeWidths(7), (std::vector<unsigned>{4, 2, 1}));
  Layout map = planes(3);
  EXPECT_EQ(map.atom.columns, 16);
  EXPECT_EQ(map.atom.bits, 3 * 512);
  for (int64_t n = 0; n < 32; ++n)
    for (int64_t k = 0; k < 16; ++k) {
      int64_t step = k / 4, place = 8 * (4 * (n % 16) + k % 4);
      EXPECT_EQ(map.atom.offsetOf(n, k, 1),
                512 * (step / 2) + place + 2 * (n / 16 + 2 * (step % 2)) + 1);
      EXPECT_EQ(map.atom.offsetOf(n, k, 2), 1024 + place + n / 16 + 2 * step);
    }
}

TEST(Layout, StreamsHaveTheOldestBitFirst) {
  for (unsigned width = 1; width <= 6; ++width) {
    constexpr int64_t rows = 32, overlap = 3;
    Atom atom = streams(width, rows, overlap, 4).atom;
    // Bits in front of the first code of the block, whole bytes.
    int64_t before = (overlap * width + 7) / 8 * 8;
    EXPECT_EQ(atom.bits, 4 * (before + rows * width));
    for (int64_t n = -overlap; n < rows; ++n)
      for (int64_t k = 0; k < 4; ++k)
        for (int64_t bit = 0; bit < width; ++bit) {
          int64_t place = before + n * width + (width - 1 - bit);
          EXPECT_EQ(atom.offsetOf(n, k, bit),
                    (place / 8 * 4 + k) * 8 + place % 8);
        }
  }
}

TEST(Layout, StreamsEndWithATail) {
  BoundLayout layout(streams(2, 64, 3, 4), intGroups(2, 32), 65, 32);
  EXPECT_EQ(layout.bufferBytes(0), 2 * (64 * 2 + 8 * 68) + 64);
  EXPECT_EQ(
      BoundLayout(streams(2, 64, 3, 4), intGroups(2, 32), 0, 32).bufferBytes(0),
      0);
}

TEST(Layout, Scattered3) {
  Atom atom = scattered3().atom;
  for (int64_t n = 0; n < 32; ++n)
    for (int64_t k = 0; k < 16; ++k)
      for (int64_t bit = 0; bit < 3; ++bit) {
        // Columns 12 and on: bits 2t and 2t + 1 of d = q[n] | q[16 + n] << 3.
        int64_t d = n / 16 * 3 + bit;
        int64_t t = k < 12 ? k / 4 : d / 2;
        int64_t within = k < 12 ? d : 6 + d % 2;
        int64_t byte = 64 * t + 4 * (n % 16) + k % 4;
        EXPECT_EQ(atom.offsetOf(n, k, bit), 8 * byte + within);
      }
}

TEST(Layout, GPTQInterleavesWords) {
  for (unsigned width : {2u, 3u, 4u, 8u}) {
    BoundLayout layout(gptq(width), intGroups(width, 64), 5, 128);
    for (int64_t n = 0; n < 5; ++n)
      for (int64_t k = 0; k < 128; ++k)
        for (int64_t bit = 0; bit < width; ++bit) {
          int64_t stream = k * width + bit;
          EXPECT_EQ(codeBit(layout, n, k, bit),
                    (stream / 32 * 5 + n) * 32 + stream % 32);
        }
    EXPECT_EQ(layout.bufferBytes(0), 128 * width / 32 * 5 * 4);
  }
}

TEST(Layout, TenPerWordStraddlesGroups) {
  BoundLayout layout(tenPerWord3(), intGroups(3, 128), 3, 256);
  for (int64_t n = 0; n < 3; ++n)
    for (int64_t k = 0; k < 256; ++k)
      EXPECT_EQ(codeBit(layout, n, k, 0), (n * 26 + k / 10) * 32 + k % 10 * 3);
}

TEST(Layout, SplitHalvesIsOneBlockOf18Bytes) {
  BoundLayout layout(splitHalves4(), intGroups(4, 32), 2, 64);
  EXPECT_EQ(layout.bufferBytes(0), 4 * 18);
  for (int64_t k = 0; k < 64; ++k)
    EXPECT_EQ(codeBit(layout, 1, k, 0),
              8 * ((2 + k / 32) * 18 + 2 + k % 16) + (k % 32 < 16 ? 0 : 4));
}

TEST(Layout, AWQOrdersNibbles) {
  const int64_t order[] = {0, 2, 4, 6, 1, 3, 5, 7};
  BoundLayout layout(awq(), intGroups(4, 32), 16, 32);
  for (int64_t k = 0; k < 32; ++k)
    for (int64_t word = 0; word < 2; ++word)
      for (int64_t i = 0; i < 8; ++i)
        EXPECT_EQ(codeBit(layout, word * 8 + order[i], k, 0),
                  (k * 2 + word) * 32 + 4 * i);
}

TEST(Layout, OnnxPadsTheLastBlock) {
  BoundLayout layout(onnxBlocks(4, 32), intGroups(4, 32), 3, 40);
  EXPECT_EQ(layout.bufferBytes(0), 3 * 2 * 16);
  EXPECT_EQ(codeBit(layout, 1, 33, 0), 8 * (2 * 16 + 16) + 4);
}

/// Every bit of every component, in place and alone.
static void expectInjective(const BoundLayout &layout,
                            const std::string &what) {
  std::set<std::pair<unsigned, int64_t>> taken;
  auto take = [&](BitAddress address) {
    ASSERT_GE(address.bit, 0) << what;
    ASSERT_LT(address.bit, 8 * layout.bufferBytes(address.buffer)) << what;
    ASSERT_TRUE(taken.insert({address.buffer, address.bit}).second) << what;
  };
  for (int64_t n = 0; n < layout.rows(); ++n)
    for (int64_t k = 0; k < layout.columns(); ++k)
      for (int64_t bit = 0; bit < layout.componentBits(Component::Code); ++bit)
        take(layout.code(n, k, bit));
  bool inlined = layout.layout().parameters == ParameterPlacement::Inline;
  int64_t rows =
      inlined ? layout.rows() : layout.encoding().parameterRows(layout.rows());
  for (Component component :
       {Component::Scale, Component::ZeroPoint, Component::Minimum})
    for (int64_t n = 0; n < rows; ++n)
      for (int64_t g = 0; g < layout.groupCount(); ++g)
        for (int64_t bit = 0; bit < layout.componentBits(component); ++bit) {
          BitAddress address = layout.parameter(component, n, g);
          take({address.buffer, address.bit + bit});
        }
}

TEST(Layout, NoTwoBitsShareAnAddress) {
  for (unsigned width = 1; width <= 8; ++width)
    for (const NamedLayout &named : layoutsFor(width)) {
      Encoding encoding = intGroups(width, 24);
      encoding.zeroPoint = ZeroPointKind::Integer;
      encoding.hasMinimum = true;
      ASSERT_EQ(checkLayout(named.layout, encoding), "") << named.name;
      for (Granularity granularity :
           {Granularity::Tensor, Granularity::Channel, Granularity::Group}) {
        encoding.granularity = granularity;
        expectInjective(BoundLayout(named.layout, encoding, 35, 61),
                        named.name);
      }
    }
}

TEST(Layout, ChecksRefuseWithAReason) {
  Encoding encoding = intGroups(4, 32);
  auto refused = [&](Layout layout) { return checkLayout(layout, encoding); };
  Layout layout = planes(4);
  EXPECT_EQ(refused(layout), "");
  layout.columnPadding = 6;
  EXPECT_EQ(refused(layout), "column padding must be a multiple of the atom's "
                             "4 columns, at most 4194304, found 6");
  layout = planes(4);
  layout.atom.pieces[0].modes.back().extent = 3;
  EXPECT_EQ(refused(layout), "the atom has no place for bit 3 of the code at "
                             "row 0, column 0");
  layout = planes(4);
  layout.atom.pieces[0].modes.back().stride = 0;
  EXPECT_NE(refused(layout).find("where it keeps another bit"),
            std::string::npos);
  layout = planes(4);
  layout.atom.pieces[0].offset = 8;
  EXPECT_NE(refused(layout).find("within 512 bits"), std::string::npos);
  for (int64_t huge : {INT64_MAX, INT64_MIN}) {
    layout = planes(4);
    layout.rowAlignment = huge;
    EXPECT_NE(refused(layout).find("row alignment"), std::string::npos);
    layout = planes(4);
    layout.atom.pieces[0].modes[0].stride = huge;
    EXPECT_NE(refused(layout).find("a stride within"), std::string::npos);
    for (int64_t Piece::*number :
         {&Piece::row, &Piece::column, &Piece::bit, &Piece::offset}) {
      layout = planes(4);
      layout.atom.pieces[0].*number = huge;
      EXPECT_NE(refused(layout).find("a box begins"), std::string::npos);
    }
  }
  layout = planes(4);
  layout.columnPadding = INT64_MAX - 3;
  EXPECT_NE(refused(layout).find("column padding"), std::string::npos);
  layout = planes(4);
  layout.atom.pieces.push_back(layout.atom.pieces[0]);
  EXPECT_NE(refused(layout).find("once each"), std::string::npos);
  layout = gptq(4);
  layout.wordBits = 48;
  EXPECT_NE(refused(layout).find("words must divide"), std::string::npos);
  layout = planes(4);
  layout.wordBits = 8;
  EXPECT_NE(refused(layout).find("row-major"), std::string::npos);
  layout = planes(4);
  layout.padRowEndOnly = true;
  EXPECT_EQ(refused(layout),
            "inline parameters need groups that are padded one by one");
  layout = planes(4);
  layout.atom.overlap = 16;
  EXPECT_EQ(refused(layout), "an atom repeats 0 to 15 rows, found 16");
  layout = planes(4);
  layout.atom.interleave = 128;
  EXPECT_EQ(refused(layout), "interleaved parts must be whole bytes of the "
                             "atom's 512 bits, found 128");
  layout = planes(4);
  layout.tailBits = -1;
  EXPECT_EQ(refused(layout), "a tail has 0 to 4194304 bits, found -1");
  layout = Layout::dense(4);
  layout.atom = {1, 3, 8, {{}}};
  layout.atom.pieces[0].modes = {{Axis::Column, 3, 1}};
  layout.columnPadding = 3;
  layout.atom.base = 2;
  EXPECT_EQ(refused(layout), "digits have a base of 3 to 16, found 2");
  layout.atom.base = 6;
  EXPECT_EQ(refused(layout), "digits to the base of 6 need codes that are less "
                             "when they are stored, found 6");
  layout.atom.base = 16;
  EXPECT_EQ(refused(layout),
            "a byte holds 2 digits to the base of 16, found 3");
  layout.wordBits = 4;
  layout.order = BlockOrder::ColumnMajor;
  EXPECT_EQ(refused(layout),
            "digits need atoms, words and rows of whole bytes, "
            "no rows that repeat and no inline parameters");
  EXPECT_NE(refused(planes(3)), "");
  EXPECT_NE(refused(Layout()), "");
}
