//===- LatticeKernelTest.cpp - linear layers of lattice codes -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lattices of every number of bits, and scales of blocks of rows and columns,
// against the numerics over odd shapes, on every target.
//
//===----------------------------------------------------------------------===//

#include "LayerCheck.h"
#include "OtherTarget.h"
#include "lowbit/Numerics/Lattice.h"
#include "gtest/gtest.h"

using namespace lowbit;
using namespace lowbit::test;
using numerics::Granularity;
using numerics::LatticeFormat;

namespace {

/// One row, a single code, odd and prime ones, just past a block, whole blocks.
constexpr struct {
  int64_t rows, columns;
} kShapes[] = {{1, 64},  {130, 8},  {33, 136}, {128, 256},
               {7, 104}, {129, 40}, {1, 8},    {61, 328}};
constexpr int64_t kGroups[] = {32, 0, 64, 32};

std::vector<LayerSpec> createLayers(LatticeFormat format, unsigned turn,
                                    unsigned count) {
  std::vector<LayerSpec> layers;
  for (unsigned i = turn; i < turn + count; ++i) {
    LayerSpec layer;
    layer.encoding.element = numerics::latticeTable(format);
    int64_t group = kGroups[i % std::size(kGroups)];
    if (group) {
      layer.encoding.granularity = Granularity::Group;
      layer.encoding.groupSize = group;
    }
    layer.rows = kShapes[i % std::size(kShapes)].rows;
    layer.columns = kShapes[i % std::size(kShapes)].columns;
    layer.hasBias = i % 2;
    layer.hasResidual = i % 3 == 0;
    layers.push_back(std::move(layer));
  }
  return layers;
}

class LatticeKernel : public testing::TestWithParam<LatticeFormat> {};

INSTANTIATE_TEST_SUITE_P(
    Lattices, LatticeKernel,
    testing::Values(LatticeFormat{8, 11}, LatticeFormat{8, 12},
                    LatticeFormat{8, 15}, LatticeFormat{8, 16},
                    LatticeFormat{4, 7}, LatticeFormat{4, 10},
                    LatticeFormat{4, 13}, LatticeFormat{4, 14}),
    [](const auto &info) {
      return std::to_string(info.param.values) + "in" +
             std::to_string(info.param.codeBits);
    });

TEST_P(LatticeKernel, SixteenBitActivations) {
  checkLayers(createLayers(GetParam(), GetParam().codeBits, 2), {},
              kTolerance16);
}

TEST_P(LatticeKernel, AmongGuardPages) {
  LayerProgram(createLayers(GetParam(), 4 + GetParam().codeBits, 1))
      .checkGuarded({}, {1, 7}, kTolerance16);
}

TEST(LatticeKernel, EightBitActivations) {
  std::vector<LayerSpec> layers = createLayers({8, 15}, 2, 2);
  llvm::append_range(layers, createLayers({4, 11}, 5, 2));
  checkLayers(quantizeInputs(layers), {}, kTolerance8);
}

TEST(LatticeKernel, FloatActivations) {
  CompileOptions floats;
  floats.floatActivations = true;
  std::vector<LayerSpec> layers = createLayers({8, 16}, 3, 1);
  llvm::append_range(layers, createLayers({4, 13}, 6, 1));
  checkLayers(layers, floats, kToleranceFloat);
}

//===----------------------------------------------------------------------===//
// Blocks of rows and columns
//===----------------------------------------------------------------------===//

/// Blocks that end at the edge, before it and beyond it.
std::vector<LayerSpec> createBlocks(numerics::ElementFormat element) {
  constexpr struct {
    int64_t rows, columns, blockRows, blockColumns;
  } shapes[] = {{64, 256, 32, 128},
                {33, 131, 8, 48},
                {1, 67, 128, 128},
                {70, 31, 2, 16},
                {13, 1, 5, 7}};
  std::vector<LayerSpec> layers;
  for (auto [rows, columns, blockRows, blockColumns] : shapes) {
    LayerSpec &layer = layers.emplace_back();
    layer.encoding.element = element;
    layer.encoding.granularity = Granularity::Group;
    layer.encoding.groupRows = blockRows;
    layer.encoding.groupSize = blockColumns;
    layer.rows = rows;
    layer.columns = columns;
    layer.hasBias = layers.size() % 2;
  }
  return layers;
}

TEST(BlockKernel, SixteenBitActivations) {
  std::vector<LayerSpec> layers =
      createBlocks({4, numerics::IntegerKind::Unsigned});
  for (LayerSpec &layer : layers)
    layer.encoding.hasMinimum = true;
  checkLayers(layers, {}, kTolerance16);
}

TEST(BlockKernel, EightBitActivations) {
  checkLayers(quantizeInputs(createBlocks({8, numerics::IntegerKind::Signed})),
              {}, kTolerance8);
}

TEST(BlockKernel, AmongGuardPages) {
  LayerProgram(createBlocks({3, numerics::IntegerKind::Signed}))
      .checkGuarded({}, {1, 5}, kTolerance16);
}

//===----------------------------------------------------------------------===//
// Every other row of the table of CPUs
//===----------------------------------------------------------------------===//

class LatticeTarget : public OtherTarget {};

INSTANTIATE_TEST_SUITE_P(Targets, LatticeTarget,
                         testing::ValuesIn(getOtherTargets()),
                         [](const auto &info) {
                           return info.param->name.str();
                         });

TEST_P(LatticeTarget, SixteenBitActivations) {
  std::vector<LayerSpec> layers = createLayers({8, 15}, 5, 1);
  llvm::append_range(layers, createLayers({4, 13}, 4, 1));
  layers.push_back(createBlocks({4, numerics::IntegerKind::Signed})[1]);
  checkLayers(layers, options(), kTolerance16);
}

TEST_P(LatticeTarget, EightBitActivations) {
  checkLayers(quantizeInputs(createLayers({8, 12}, 2, 1)), options(),
              kTolerance8);
}

} // namespace
