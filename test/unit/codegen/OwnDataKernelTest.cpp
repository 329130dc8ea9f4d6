//===- OwnDataKernelTest.cpp - tables and scales that are data ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights whose numbers are learned, by row or for the tensor, and weights
// whose scales are quantized: both are read as they are stored, and give what
// the numerics library says, in every form of activations and in every row of
// the table of CPUs. Where rows have so few groups that plain scales are no
// larger, it is these.
//
//===----------------------------------------------------------------------===//

#include "LayerCheck.h"
#include "OtherTarget.h"
#include "gtest/gtest.h"

using namespace lowbit;
using namespace lowbit::test;
using numerics::Granularity;
using numerics::IntegerKind;
using numerics::ScaleFormat;
using numerics::TableOwner;

namespace {

constexpr int64_t kRows[] = {64, 33, 1, 95};

void setGroup(numerics::Encoding &encoding, int64_t group) {
  encoding.granularity = group ? Granularity::Group : Granularity::Channel;
  encoding.groupSize = group;
}

LayerSpec createLayer(numerics::Encoding encoding, int64_t columns,
                      unsigned turn) {
  LayerSpec layer;
  layer.encoding = std::move(encoding);
  layer.rows = kRows[turn % std::size(kRows)];
  layer.columns = columns;
  layer.hasBias = turn % 2;
  layer.hasResidual = turn % 3 == 0;
  return layer;
}

LayerSpec createLearned(unsigned bits, TableOwner owner, int64_t group,
                        int64_t columns, unsigned turn) {
  numerics::CodeTable table;
  table.codeBits = table.windowBits = bits;
  table.owner = owner;
  numerics::Encoding encoding;
  encoding.element = std::make_shared<const numerics::CodeTable>(table);
  setGroup(encoding, group);
  return createLayer(encoding, columns, turn);
}

/// Scales of `element`, one number of `format` for `block` of them.
struct Scales {
  numerics::IntegerFormat element;
  int64_t block;
  ScaleFormat format = ScaleFormat::F16;
};

LayerSpec createStored(numerics::IntegerFormat element, bool hasMinimum,
                       int64_t group, const Scales &scales, int64_t columns,
                       unsigned turn) {
  numerics::Encoding encoding, stored;
  encoding.element = element;
  encoding.hasMinimum = hasMinimum;
  setGroup(encoding, group);
  stored.element = scales.element;
  stored.scale = scales.format;
  setGroup(stored, scales.block);
  encoding.stored = std::make_shared<const numerics::Encoding>(stored);
  return createLayer(encoding, columns, turn);
}

constexpr numerics::IntegerFormat kUnsigned2{2, IntegerKind::Unsigned},
    kUnsigned4{4, IntegerKind::Unsigned}, kUnsigned6{6, IntegerKind::Unsigned},
    kSigned3{3, IntegerKind::Signed}, kSigned4{4, IntegerKind::Signed},
    kSigned6{6, IntegerKind::Signed}, kSigned8{8, IntegerKind::Signed};

/// ggml's kinds and bitsandbytes', in whole rows, with a short last group, and
/// with blocks that begin within rows.
std::vector<LayerSpec> createStoredLayers(unsigned turn) {
  const Scales nested{kSigned8, 256, ScaleFormat::F32};
  return {createStored(kUnsigned2, true, 16, {kUnsigned4, 16}, 256, turn),
          createStored(kSigned3, false, 16, {kSigned6, 16}, 501, turn + 1),
          createStored(kUnsigned4, true, 32, {kUnsigned6, 8}, 256, turn + 2),
          createStored(kSigned6, false, 16, {kSigned8, 16}, 256, turn + 3),
          createStored(kSigned4, false, 16, nested, 24 * 16, turn + 1),
          createStored(kSigned4, false, 20, nested, 33, turn)};
}

//===----------------------------------------------------------------------===//
// This machine
//===----------------------------------------------------------------------===//

class LearnedKernel : public testing::TestWithParam<unsigned> {};

INSTANTIATE_TEST_SUITE_P(Widths, LearnedKernel, testing::Range(1u, 9u));

TEST_P(LearnedKernel, SixteenBitActivations) {
  unsigned bits = GetParam();
  checkLayers({createLearned(bits, TableOwner::Row, 0, 130, bits),
               createLearned(bits, TableOwner::Row, 32, 333, bits + 1),
               createLearned(bits, TableOwner::Tensor, 0, 96, bits + 2)},
              {}, kTolerance16);
}

TEST(LearnedKernel, EightBitActivations) {
  checkLayers(quantizeInputs({createLearned(3, TableOwner::Row, 0, 67, 1),
                              createLearned(4, TableOwner::Tensor, 20, 90, 2)}),
              {}, kTolerance8);
}

TEST(LearnedKernel, FloatActivations) {
  CompileOptions floats;
  floats.floatActivations = true;
  checkLayers({createLearned(4, TableOwner::Row, 0, 67, 1),
               createLearned(5, TableOwner::Row, 16, 31, 3)},
              floats, kToleranceFloat);
}

TEST(StoredScalesKernel, SixteenBitActivations) {
  checkLayers(createStoredLayers(0), {}, kTolerance16);
}

TEST(StoredScalesKernel, EightBitActivations) {
  checkLayers(quantizeInputs(createStoredLayers(1)), {}, kTolerance8);
}

TEST(StoredScalesKernel, FloatActivations) {
  CompileOptions floats;
  floats.floatActivations = true;
  checkLayers(createStoredLayers(2), floats, kToleranceFloat);
}

/// Nothing beyond tables and scales of scales is read.
TEST(OwnDataKernel, AmongGuardPages) {
  std::vector<LayerSpec> layers = createStoredLayers(3);
  layers.push_back(createLearned(3, TableOwner::Row, 0, 40, 3));
  layers.push_back(createLearned(4, TableOwner::Row, 0, 40, 1));
  layers.push_back(createLearned(2, TableOwner::Tensor, 0, 40, 2));
  LayerProgram(layers).checkGuarded({}, {1, 7}, kTolerance16);
}

//===----------------------------------------------------------------------===//
// Every other row of the table of CPUs
//===----------------------------------------------------------------------===//

class OwnDataTarget : public OtherTarget {};

INSTANTIATE_TEST_SUITE_P(Targets, OwnDataTarget,
                         testing::ValuesIn(getOtherTargets()),
                         [](const auto &info) {
                           return info.param->name.str();
                         });

TEST_P(OwnDataTarget, LearnedTables) {
  checkLayers({createLearned(3, TableOwner::Row, 32, 70, 1),
               createLearned(4, TableOwner::Row, 0, 67, 2),
               createLearned(5, TableOwner::Row, 0, 20, 1),
               createLearned(6, TableOwner::Tensor, 0, 50, 1)},
              options(), kTolerance16);
}

TEST_P(OwnDataTarget, StoredScales) {
  checkLayers(createStoredLayers(1), options(), kTolerance16);
}

} // namespace
