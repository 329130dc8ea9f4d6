//===- WindowKernelTest.cpp - linear layers of codes that overlap ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Trellises of every rate and every number of state bits. Codes are random, so
// that every window occurs; shapes and what else there is are dealt out.
//
//===----------------------------------------------------------------------===//

#include "LayerCheck.h"
#include "OtherTarget.h"
#include "codegen/cpu/kernels/CodeFields.h"
#include "codegen/cpu/kernels/CodeWindows.h"
#include "codegen/cpu/kernels/FactoredTable.h"
#include "lowbit/Numerics/Layouts.h"
#include "lowbit/Numerics/Trellis.h"
#include "gtest/gtest.h"

using namespace lowbit;
using namespace lowbit::test;
using numerics::Granularity;

namespace {

struct Trellis {
  unsigned state, rate;
};

/// One row, one column, odd ones, just past a block, whole blocks.
constexpr struct {
  int64_t rows, columns;
} kShapes[] = {{1, 67},  {130, 1}, {33, 31}, {64, 96},
               {7, 131}, {65, 40}, {1, 1},   {200, 333}};

numerics::Encoding createEncoding(Trellis trellis) {
  numerics::Encoding encoding;
  encoding.element = std::make_shared<const numerics::CodeTable>(
      numerics::trellisTable(trellis.state, trellis.rate));
  return encoding;
}

std::vector<LayerSpec> createLayers(Trellis trellis, unsigned turn,
                                    unsigned count) {
  std::vector<LayerSpec> layers;
  for (unsigned i = turn; i < turn + count; ++i) {
    LayerSpec layer;
    layer.encoding = createEncoding(trellis);
    if (i % 4 == 2) {
      layer.encoding.granularity = Granularity::Group;
      layer.encoding.groupSize = 32;
    }
    layer.rows = kShapes[i % std::size(kShapes)].rows;
    layer.columns = kShapes[i % std::size(kShapes)].columns;
    layer.hasBias = i % 2;
    layer.hasResidual = i % 3 == 0;
    layers.push_back(std::move(layer));
  }
  return layers;
}

//===----------------------------------------------------------------------===//
// This machine
//===----------------------------------------------------------------------===//

class WindowKernel : public testing::TestWithParam<Trellis> {};

INSTANTIATE_TEST_SUITE_P(
    Trellises, WindowKernel,
    testing::Values(Trellis{8, 1}, Trellis{8, 2}, Trellis{8, 3}, Trellis{8, 4},
                    Trellis{8, 5}, Trellis{8, 6}, Trellis{9, 3}, Trellis{10, 1},
                    Trellis{11, 5}, Trellis{12, 1}, Trellis{12, 2},
                    Trellis{12, 4}, Trellis{12, 6}),
    [](const auto &info) {
      return "State" + std::to_string(info.param.state) + "Rate" +
             std::to_string(info.param.rate);
    });

TEST_P(WindowKernel, SixteenBitActivations) {
  checkLayers(
      createLayers(GetParam(), 3 * GetParam().rate + GetParam().state, 2), {},
      kTolerance16);
}

/// Rows that a block ends with are the next one's history, and nothing beyond
/// the blob is read.
TEST_P(WindowKernel, AmongGuardPages) {
  LayerProgram(createLayers(GetParam(), 4 + GetParam().rate, 1))
      .checkGuarded({}, {1, 7}, kTolerance16);
}

TEST(WindowKernel, EightBitActivations) {
  std::vector<LayerSpec> layers = createLayers({8, 2}, 2, 2);
  llvm::append_range(layers, createLayers({8, 5}, 4, 1));
  llvm::append_range(layers, createLayers({12, 3}, 7, 1));
  checkLayers(quantizeInputs(layers), {}, kTolerance8);
}

TEST(WindowKernel, FloatActivations) {
  CompileOptions floats;
  floats.floatActivations = true;
  std::vector<LayerSpec> layers = createLayers({8, 2}, 3, 1);
  llvm::append_range(layers, createLayers({12, 1}, 2, 1));
  checkLayers(layers, floats, kToleranceFloat);
}

//===----------------------------------------------------------------------===//
// Every other row of the table of CPUs
//===----------------------------------------------------------------------===//

class WindowTarget : public OtherTarget {};

INSTANTIATE_TEST_SUITE_P(Targets, WindowTarget,
                         testing::ValuesIn(getOtherTargets()),
                         [](const auto &info) {
                           return info.param->name.str();
                         });

TEST_P(WindowTarget, SixteenBitActivations) {
  std::vector<LayerSpec> layers = createLayers({8, 1}, 5, 1);
  llvm::append_range(layers, createLayers({8, 3}, 3, 1));
  llvm::append_range(layers, createLayers({12, 6}, 2, 1));
  checkLayers(layers, options(), kTolerance16);
}

TEST_P(WindowTarget, EightBitActivations) {
  checkLayers(quantizeInputs(createLayers({8, 2}, 5, 1)), options(),
              kTolerance8);
}

//===----------------------------------------------------------------------===//
// Where windows are
//===----------------------------------------------------------------------===//

TEST(CodeWindows, AreRunsOfBits) {
  // Six bits before the first row, so that its window begins at the third.
  auto windows = cpu::findCodeWindows(numerics::streams(2, 64, 3, 4),
                                      createEncoding({8, 2}));
  ASSERT_TRUE(windows.has_value());
  EXPECT_EQ(windows->subBlocks, 4);
  EXPECT_EQ(windows->first, 2);
  EXPECT_EQ(windows->vectorBytes(16), 32);
  cpu::WindowPlace place = windows->at(20, 4);
  EXPECT_EQ(place.byte, 4 * 5);
  EXPECT_EQ(place.starts, (std::vector<int32_t>{2, 4, 6, 8}));
  // Codes 1, 2, 3 and 0, the newest last, the top bit of each first.
  EXPECT_EQ(windows->windowOf(0b00110110 /* read from the right */),
            0b01101100u);
}

TEST(CodeWindows, NeedTheCodesBefore) {
  numerics::Encoding encoding = createEncoding({8, 2});
  EXPECT_FALSE(cpu::findCodeWindows(numerics::streams(2, 64, 2, 4), encoding));
  EXPECT_TRUE(cpu::findCodeWindows(numerics::streams(2, 64, 4, 4), encoding));
  EXPECT_FALSE(cpu::findCodeWindows(numerics::planes(2, 64), encoding));
  EXPECT_FALSE(cpu::findCodeFields(numerics::planes(2, 64), encoding));
  numerics::Layout layout = numerics::streams(2, 64, 3, 4);
  layout.tailBits = 0;
  EXPECT_FALSE(cpu::findCodeWindows(layout, encoding));
}

//===----------------------------------------------------------------------===//
// What is looked up
//===----------------------------------------------------------------------===//

/// The numbers of a trellis as a kernel's table has them, in 32nds.
std::vector<int8_t> getTable(unsigned state, unsigned rate) {
  std::vector<int8_t> bytes;
  for (float number : numerics::trellisTable(state, rate).values)
    bytes.push_back(static_cast<int8_t>(32 * number));
  return bytes;
}

void expectProduct(const FactoredTable &factored,
                   const std::vector<int8_t> &table) {
  ASSERT_EQ(size_t(1) << factored.images.size(), table.size());
  for (size_t i = 0; i < table.size(); ++i) {
    uint16_t hash = 0;
    for (auto [bit, image] : llvm::enumerate(factored.images))
      if (i >> bit & 1)
        hash ^= image;
    ASSERT_EQ(factored.entries[hash], table[i]) << i;
  }
}

TEST(FactoredTable, HasTheNumbersThatARateNeeds) {
  for (auto [state, rate, size] : {std::tuple(8u, 1u, 64u),
                                   {8u, 2u, 64u},
                                   {8u, 3u, 128u},
                                   {12u, 1u, 128u},
                                   {12u, 2u, 128u},
                                   {12u, 3u, 256u},
                                   {12u, 4u, 512u},
                                   {12u, 5u, 1024u},
                                   {12u, 6u, 2048u}}) {
    std::vector<int8_t> table = getTable(state, rate);
    FactoredTable factored = factorTable(table);
    ASSERT_LE(factored.entries.size(), size);
    expectProduct(factored, table);
    // Negative numbers need no table.
    size_t half = factored.entries.size() / 2;
    for (size_t i = 0; i < half; ++i)
      EXPECT_EQ(factored.entries[i + half], -factored.entries[i]);
  }
}

TEST(FactoredTable, LeavesATableWithoutAPattern) {
  // No number twice.
  std::vector<int8_t> table;
  for (int i = 0; i < 256; ++i)
    table.push_back(static_cast<int8_t>(167 * i + 13));
  FactoredTable factored = factorTable(table);
  EXPECT_EQ(factored.entries.size(), 256u);
  expectProduct(factored, table);
  std::vector<int8_t> same(64, 7);
  EXPECT_EQ(factorTable(same).entries, std::vector<int8_t>{7});
}

} // namespace
