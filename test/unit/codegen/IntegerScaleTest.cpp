//===- IntegerScaleTest.cpp - sums times scales that are integers ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Weights whose groups' scales are integers under a scale that several have,
// and activations with one scale for a row: on every target, whose sums stay
// integers for a run of groups or are floats. Of tiles: TileKernelTest.cpp.
//
//===----------------------------------------------------------------------===//

#include "LayerCheck.h"
#include "OtherTarget.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "gtest/gtest.h"

using namespace lowbit;
using namespace lowbit::test;

namespace {

/// Single rows, a few with one left over, and as many as keep what they decode.
constexpr int64_t kExtents[] = {0, 1, 2, 5, 37, 64};

class IntegerScale : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Widths, IntegerScale, testing::Range(1u, 9u));

TEST_P(IntegerScale, Exactly) {
  checkLayers(createExactIntegers(GetParam(), 5 * GetParam(), 3), {}, 0,
              kExtents);
}

TEST_P(IntegerScale, PerToken) {
  checkLayers(createScaledIntegers(GetParam(), 3 * GetParam(), 2), {}, 1e-5,
              kExtents);
}

TEST_P(IntegerScale, AmongGuardPages) {
  LayerProgram(createScaledIntegers(GetParam(), GetParam(), 1))
      .checkGuarded({}, {0, 1, 7, 33}, kTolerance16);
}

/// Tables whose numbers are a byte each, lattices, and formats by name.
std::vector<LayerSpec> createFormats() {
  std::vector<LayerSpec> layers;
  mlir::MLIRContext context;
  for (llvm::StringRef method :
       {"fp4-g32-dq4", "ternary-dq4", "nf4-dq4", "int7-g32-dq4",
        "#lowbit.encoding<lattice<8 in 16>, group = 32, scale = f32 as "
        "<uint<4>, group = 8, scale = f16>>"}) {
    auto parsed = parseQuantizationMethod(method, &context);
    EXPECT_TRUE(bool(parsed)) << llvm::toString(parsed.takeError());
    LayerSpec &layer = layers.emplace_back();
    layer.encoding = parsed->weights.getNumerics();
    layer.rows = 70;
    layer.columns = layers.size() % 2 ? 1024 : 1000;
    layer.quantizesInput = true;
    layer.scalesPerToken = true;
  }
  return layers;
}

TEST(IntegerScaleFormats, PerToken) {
  checkLayers(createFormats(), {}, kTolerance8, kExtents);
}

class IntegerScaleTarget : public OtherTarget {};

INSTANTIATE_TEST_SUITE_P(Targets, IntegerScaleTarget,
                         testing::ValuesIn(getOtherTargets()),
                         [](const auto &info) {
                           return info.param->name.str();
                         });

TEST_P(IntegerScaleTarget, Exactly) {
  std::vector<LayerSpec> layers = createExactIntegers(4, 0, 3);
  llvm::append_range(layers, createExactIntegers(8, 6, 2));
  layers.push_back(createExactIntegers(2, 12, 1).front());
  checkLayers(layers, options(), 0, {1, 2, 7, 33});
}

TEST_P(IntegerScaleTarget, PerToken) {
  checkLayers({createScaledIntegers(4, 9, 1).front(), createFormats()[3]},
              options(), kTolerance8, {1, 5});
}

} // namespace
