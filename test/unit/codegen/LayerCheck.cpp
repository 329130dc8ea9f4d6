//===- LayerCheck.cpp - layers compared with their truth ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerCheck.h"
#include "llvm/ADT/STLExtras.h"
#include <cstdlib>

using namespace lowbit;
using namespace lowbit::test;

std::vector<LayerSpec> test::quantizeInputs(std::vector<LayerSpec> layers) {
  for (LayerSpec &layer : layers)
    layer.quantizesInput = true;
  return layers;
}

void test::checkLayers(std::vector<LayerSpec> layers,
                       const CompileOptions &options, double tolerance,
                       llvm::ArrayRef<int64_t> extents) {
  // What LLVM makes of a kernel is not what is tested, and at its best takes
  // longer than making the kernel: all that quantize activations to 8 bits show
  // that it goes well, for every width, format and table of instructions.
  bool optimizes =
      std::getenv("LOWBIT_TEST_ALL_KERNELS") ||
      llvm::all_of(layers, [](auto &layer) { return layer.quantizesInput; });
  LayerProgram program(std::move(layers));
  program.compile(options, optimizes ? 3 : 0);
  for (int64_t extent : extents)
    program.check(extent, tolerance);
}

numerics::Encoding test::getIntegers(unsigned width, int64_t group,
                                     unsigned turn,
                                     numerics::ScaleFormat scale) {
  auto [integer, zeroPoint, hasMinimum] = kIntegerForms[(turn + turn / 4) % 4];
  auto granularity =
      group ? numerics::Granularity::Group : numerics::Granularity::Channel;
  return {{width, integer}, zeroPoint, hasMinimum, granularity, group, scale};
}

//===----------------------------------------------------------------------===//
// Scales that are integers
//===----------------------------------------------------------------------===//

namespace {

/// Scales of scales that are shared: by groups that fill a step or several, or
/// a part of one; by more than are multiplied at once; by an odd number of
/// groups of a row, or one, which then have no run; by groups of several
/// segments. The last group may be short.
constexpr struct {
  int64_t group, shared, columns;
} kShared[] = {{32, 8, 512},   {32, 8, 1000}, {16, 16, 500},  {32, 2, 300},
               {48, 4, 384},   {40, 8, 320},  {64, 64, 2048}, {8, 16, 120},
               {128, 2, 1000}, {32, 32, 992}, {512, 4, 2000}, {32, 64, 2048},
               {80, 4, 640},   {96, 2, 300},  {272, 2, 544},  {4, 64, 1024}};

constexpr int64_t kScaledRows[] = {70, 1, 33, 130, 64, 15};

} // namespace

/// Scales of 4 bits beside all widths, of 6 beside the narrowest.
static numerics::Encoding getScaledIntegers(unsigned width, unsigned turn) {
  using numerics::Granularity, numerics::IntegerKind;
  auto [group, shared, columns] = kShared[turn % std::size(kShared)];
  unsigned bits = width < 3 && turn % 2 ? 6 : 4;
  IntegerKind kind = turn % 5 || width == 1 ? IntegerKind::Signed
                                            : IntegerKind::SignedRestricted;
  numerics::Encoding scales{
      {bits, turn % 3 ? IntegerKind::Signed : IntegerKind::Unsigned}};
  scales.granularity = Granularity::Group;
  scales.groupSize = shared;
  numerics::Encoding encoding{{width, kind}};
  encoding.granularity = Granularity::Group;
  encoding.groupSize = group;
  encoding.scale = numerics::ScaleFormat::F32;
  encoding.stored = std::make_shared<const numerics::Encoding>(scales);
  return encoding;
}

std::vector<LayerSpec> test::createScaledIntegers(unsigned width, unsigned turn,
                                                  unsigned count) {
  std::vector<LayerSpec> layers;
  for (unsigned i = turn; i < turn + count; ++i) {
    LayerSpec &layer = layers.emplace_back();
    layer.encoding = getScaledIntegers(width, i);
    layer.rows = kScaledRows[i % std::size(kScaledRows)];
    layer.columns = kShared[i % std::size(kShared)].columns;
    layer.quantizesInput = true;
    layer.inputBits = i % 4 == 3 ? 16 : 8;
    layer.inputScale = layer.inputBits == 16 ? 0x1p-15f : 0;
    layer.scalesPerToken = layer.inputBits == 8;
    layer.hasBias = i % 2;
  }
  return layers;
}

/// Sums of 16 bits of activations would need more than an f32 has.
std::vector<LayerSpec> test::createExactIntegers(unsigned width, unsigned turn,
                                                 unsigned count) {
  std::vector<LayerSpec> layers = createScaledIntegers(width, turn, count);
  for (LayerSpec &layer : layers) {
    layer.hasExactSums = true;
    layer.inputBits = 8;
    layer.inputScale = 0x1p-7f;
    layer.scalesPerToken = layer.hasBias = false;
  }
  return layers;
}
