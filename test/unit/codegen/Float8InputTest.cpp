//===- Float8InputTest.cpp - linear layers of FP8 activations -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inputs in E4M3 and E5M2, a scale for each group or each token: the numbers
// that kernels multiply are those of `lowbit.quantize`, so that results differ
// by the order of sums alone.
//
//===----------------------------------------------------------------------===//

#include "LayerCheck.h"
#include "OtherTarget.h"
#include "gtest/gtest.h"

using namespace lowbit;
using namespace lowbit::test;
using numerics::Granularity;

namespace {

/// Both formats and both kinds of scales, with weights of a few kinds:
/// integers, with a minimum, FP8 itself.
std::vector<LayerSpec> createLayers(unsigned first, unsigned count) {
  constexpr struct {
    int64_t rows, columns, group;
  } shapes[] = {{33, 130, 32}, {1, 67, 0}, {64, 96, 16}, {7, 1, 0}};
  std::vector<LayerSpec> layers;
  for (unsigned i = first; i < first + count; ++i) {
    LayerSpec &layer = layers.emplace_back();
    auto [rows, columns, group] = shapes[i % std::size(shapes)];
    layer.rows = rows;
    layer.columns = columns;
    layer.encoding.granularity =
        group ? Granularity::Group : Granularity::Channel;
    layer.encoding.groupSize = group;
    layer.encoding.element = {i % 2 ? 8u : 4u,
                              i % 3 ? numerics::IntegerKind::Signed
                                    : numerics::IntegerKind::Unsigned};
    layer.encoding.hasMinimum = i % 3 == 0;
    layer.quantizesInput = true;
    layer.float8 = i / 2 % 2 ? "f8E5M2" : "f8E4M3FN";
    layer.scalesPerToken = i % 2;
    layer.hasBias = i % 2;
  }
  return layers;
}

constexpr double kTolerance = 2e-5, kHalfTolerance = 1e-3;

void check(std::vector<LayerSpec> layers, const CompileOptions &options,
           double tolerance = kTolerance) {
  checkLayers(std::move(layers), options, tolerance);
}

TEST(Float8Input, EveryFormatAndScale) { check(createLayers(0, 4), {}); }

TEST(Float8Input, OtherLeadingDimensions) {
  std::vector<LayerSpec> layers = createLayers(4, 3);
  layers[0].leading = {2, -1};
  layers[1].leading = {};
  layers[2].activation = "silu";
  check(layers, {});
}

/// Results are rounded to the layer's type.
TEST(Float8Input, HalfPrecision) {
  std::vector<LayerSpec> layers = createLayers(6, 1);
  layers[0].element = "f16";
  check(layers, {}, kHalfTolerance);
}

TEST(Float8Input, AmongGuardPages) {
  LayerProgram(createLayers(0, 4)).checkGuarded({}, {1, 7}, kTolerance);
}

class Float8Target : public OtherTarget {};

INSTANTIATE_TEST_SUITE_P(Targets, Float8Target,
                         testing::ValuesIn(getOtherTargets()),
                         [](const auto &info) {
                           return info.param->name.str();
                         });

TEST_P(Float8Target, EveryFormatAndScale) {
  check(createLayers(2, 4), options());
}

} // namespace
