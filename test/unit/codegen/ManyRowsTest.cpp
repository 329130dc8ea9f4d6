//===- ManyRowsTest.cpp - rows that share decoded codes -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From 32 rows of activations on, codes that take long to decode are decoded
// once, a chunk of columns at a time. Layers here have several chunks, and
// columns behind the last one: of a group, of a segment, or of neither. A row's
// result must not tell how many rows there were.
//
//===----------------------------------------------------------------------===//

#include "LayerCheck.h"
#include "OtherTarget.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "gtest/gtest.h"

using namespace lowbit;
using namespace lowbit::test;

namespace {

constexpr struct {
  const char *method;
  int64_t rows, columns;
} kLayers[] = {
    {"int3-g128", 70, 1300},
    {"int3", 33, 1300},
    {"uint3", 40, 1100},
    {"uint3-g32", 31, 1056},
    {"int7-g64", 64, 640},
    {"kmeans4", 50, 1100},
    {"kmeans3", 20, 1040},
    {"mxfp6-e3m2", 48, 1072},
    {"fp8-e4m3", 34, 1050},
    {"q3_k", 40, 1280},
    {"lattice2", 32, 1088},
    {"#lowbit.encoding<trellis<state = 8, rate = 4>, group = 64, scale = f16>",
     40, 1100},
    {"#lowbit.encoding<trellis<state = 12, rate = 2>, scale = f16>", 70, 1200}};

std::vector<LayerSpec> createLayers(unsigned first, unsigned stride) {
  std::vector<LayerSpec> layers;
  for (size_t i = first % stride; i < std::size(kLayers); i += stride) {
    mlir::MLIRContext context;
    auto parsed = parseQuantizationMethod(kLayers[i].method, &context);
    if (!parsed) {
      ADD_FAILURE() << llvm::toString(parsed.takeError());
      continue;
    }
    LayerSpec &layer = layers.emplace_back();
    layer.encoding = parsed->weights.getNumerics();
    layer.rows = kLayers[i].rows;
    layer.columns = kLayers[i].columns;
    layer.hasBias = i % 2;
    layer.hasResidual = i % 3 == 0;
    layer.activation = i % 4 ? "" : "silu";
  }
  return layers;
}

void check(std::vector<LayerSpec> layers, const CompileOptions &options,
           double tolerance) {
  LayerProgram program(std::move(layers));
  program.compile(options, /*optLevel=*/1);
  for (int64_t extent : {35, 64})
    program.check(extent, tolerance);
  // Threads have some rows of weights each, and rows of activations none.
  program.checkFirstRows({1, 7, 31, 32, 35, 66});
}

TEST(ManyRows, SixteenBitActivations) {
  check(createLayers(0, 2), {}, kTolerance16);
}

TEST(ManyRows, EightBitActivations) {
  check(quantizeInputs(createLayers(1, 2)), {}, kTolerance16);
}

TEST(ManyRows, ScalesOfTokens) {
  std::vector<LayerSpec> layers = quantizeInputs(createLayers(0, 4));
  for (LayerSpec &layer : layers)
    layer.scalesPerToken = true;
  check(std::move(layers), {}, kTolerance16);
}

TEST(ManyRows, AmongGuardPages) {
  LayerProgram program(createLayers(1, 3));
  program.checkGuarded({}, {32, 37}, kTolerance16);
}

/// Tiles keep nothing: they unpack more weights at once, and add up runs of
/// segments.
std::vector<const CPUDescription *> getTargetsWithoutTiles() {
  std::vector<const CPUDescription *> targets = getOtherTargets();
  llvm::erase_if(targets, [](auto *target) { return target->hasTiles; });
  return targets;
}

class ManyRowsTarget : public OtherTarget {};
INSTANTIATE_TEST_SUITE_P(Targets, ManyRowsTarget,
                         testing::ValuesIn(getTargetsWithoutTiles()),
                         [](const auto &info) {
                           return info.param->name.str();
                         });

TEST_P(ManyRowsTarget, SixteenBitActivations) {
  unsigned turn = static_cast<unsigned>(GetParam()->table);
  check(createLayers(turn, 4), options(), kTolerance16);
}

TEST_P(ManyRowsTarget, EightBitActivations) {
  unsigned turn = static_cast<unsigned>(GetParam()->table);
  check(quantizeInputs(createLayers(turn + 2, 4)), options(), kTolerance16);
}

} // namespace
