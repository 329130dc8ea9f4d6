//===- LinearKernelTest.cpp - every kernel against its definition ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels differ by encoding, form of the activations, epilogue and table of
// instructions; shapes are arguments. One test is one width and form: all kinds
// of integers and offsets times all granularities, with the rest (shapes, scale
// formats, epilogues, ranks) dealt out so that every value meets every width.
//
// Compiling takes about a tenth of a second per kernel, so a test takes every
// third layer, or fewer where the form shares most code with one that has more;
// widths take different ones. With the environment variable
// LOWBIT_TEST_ALL_KERNELS set, tests take all (several minutes).
//
//===----------------------------------------------------------------------===//

#include "LayerCheck.h"
#include "OtherTarget.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <tuple>

using namespace lowbit;
using namespace lowbit::test;
using numerics::Granularity;
using numerics::IntegerKind;
using numerics::ScaleFormat;

namespace {

/// Kinds of integers and what is subtracted from or added to them.
constexpr struct {
  IntegerKind integer;
  numerics::ZeroPointKind zeroPoint;
  bool hasMinimum;
} kKinds[] = {
    {IntegerKind::Signed, numerics::ZeroPointKind::None, false},
    {IntegerKind::SignedRestricted, numerics::ZeroPointKind::None, false},
    {IntegerKind::Unsigned, numerics::ZeroPointKind::None, true},
    {IntegerKind::Unsigned, numerics::ZeroPointKind::Integer, false},
    {IntegerKind::Unsigned, numerics::ZeroPointKind::Fractional, false},
};

/// Columns of a group; 0 is one channel, -1 one tensor. 300 is cut into
/// segments of 60, 1000 is longer than any row below.
constexpr int64_t kGroups[] = {-1, 0, 32, 20, 300, 1000};

constexpr int64_t kRows[] = {64, 33, 1, 15};
constexpr int64_t kColumns[] = {130, 333, 96, 1, 31};

const std::vector<std::string> kActivations = {
    "",          "relu",           "gelu", "gelu_tanh",
    "silu",      "sigmoid",        "tanh", "hardsigmoid(0.2, 0.5)",
    "hardswish", "leaky_relu(0.1)"};

const std::vector<std::vector<int64_t>> kLeading = {{-1}, {-1}, {2, -1},   {},
                                                    {-1}, {3},  {-1, 1, 2}};

/// The layers of a width: every kind and granularity once. `turn` deals the
/// other properties differently.
std::vector<LayerSpec> createLayers(unsigned width, unsigned turn) {
  std::vector<LayerSpec> layers;
  unsigned i = turn;
  for (auto [integer, zeroPoint, hasMinimum] : kKinds)
    for (int64_t group : kGroups) {
      // Strides without common factors reach all combinations in the end.
      ++i;
      if (integer == IntegerKind::SignedRestricted && width == 1)
        continue;
      LayerSpec layer;
      layer.encoding = {{width, integer},
                        zeroPoint,
                        hasMinimum,
                        group < 0    ? Granularity::Tensor
                        : group == 0 ? Granularity::Channel
                                     : Granularity::Group,
                        std::max<int64_t>(group, 0),
                        (i + i / 6) % 2 ? ScaleFormat::F16 : ScaleFormat::F32};
      layer.rows = kRows[i % 4];
      layer.columns = kColumns[(i + i / 5) % 5];
      layer.leading = kLeading[i % kLeading.size()];
      layer.activation = kActivations[i % 3 ? 0 : (i / 3) % 10];
      layer.hasBias = i % 2;
      layer.hasResidual = i / 2 % 2;
      layers.push_back(std::move(layer));
    }
  return layers;
}

bool wantsAll() { return std::getenv("LOWBIT_TEST_ALL_KERNELS"); }

/// Every `stride`-th layer of a width.
std::vector<LayerSpec> sampleLayers(unsigned width, unsigned turn,
                                    unsigned stride) {
  std::vector<LayerSpec> every = createLayers(width, turn + width), some;
  if (wantsAll())
    return every;
  for (size_t i = (turn + width) % stride; i < every.size(); i += stride)
    some.push_back(every[i]);
  return some;
}

void check(const std::vector<LayerSpec> &layers, const CompileOptions &options,
           double tolerance) {
  checkLayers(layers, options, tolerance, {0, 1, 3, 4, 7});
}

/// Integers are exact, where tables are rounded to bytes.
constexpr double kIntegerTolerance8 = 1e-5;

//===----------------------------------------------------------------------===//
// This machine
//===----------------------------------------------------------------------===//

class WidthKernel : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Widths, WidthKernel, testing::Range(1u, 9u));

TEST_P(WidthKernel, SixteenBitActivations) {
  check(sampleLayers(GetParam(), 0, 3), {}, kTolerance16);
}

TEST_P(WidthKernel, EightBitActivations) {
  check(quantizeInputs(sampleLayers(GetParam(), 1, 9)), {}, kIntegerTolerance8);
}

/// Sums of f32, from which a zero point's share is subtracted at the end.
TEST_P(WidthKernel, FloatActivations) {
  CompileOptions floats;
  floats.floatActivations = true;
  check(sampleLayers(GetParam(), 2, 9), floats, kToleranceFloat);
}

/// Columns stored in another order meet activations in that order.
TEST(LinearKernel, PermutedWeights) {
  std::vector<LayerSpec> layers;
  for (unsigned width : {3, 4, 8})
    llvm::append_range(layers, sampleLayers(width, 3, 7));
  for (LayerSpec &layer : layers)
    layer.isPermuted = true;
  check(layers, {}, kTolerance16);
}

/// Inputs of 8 bits may have one scale for all of a row, which is applied to
/// the sums of all groups, zero points and minima included.
TEST(LinearKernel, ScalesOfTokens) {
  std::vector<LayerSpec> layers;
  for (unsigned width : {1, 3, 4, 8})
    llvm::append_range(layers, quantizeInputs(sampleLayers(width, 2, 7)));
  for (LayerSpec &layer : layers)
    layer.scalesPerToken = true;
  check(layers, {}, kIntegerTolerance8);
}

/// Numbers of 16 bits are widened before the kernel and rounded after it.
TEST(LinearKernel, HalfActivations) {
  std::vector<LayerSpec> layers;
  for (unsigned width : {2, 4, 5})
    llvm::append_range(layers, sampleLayers(width, 4, 9));
  for (auto [index, layer] : llvm::enumerate(layers)) {
    layer.element = index % 2 ? "f16" : "bf16";
    layer.quantizesInput = index % 3 == 0;
    layer.isPermuted = !layer.quantizesInput && index % 4 == 1;
  }
  check(layers, {}, 5e-3);
}

//===----------------------------------------------------------------------===//
// Every other row of the table of CPUs
//===----------------------------------------------------------------------===//

/// They differ in the micro-step alone, which is a matter of the width: a layer
/// of each is enough, and for floats, which need no dot product, a single one.
class TargetKernel : public OtherTarget {
protected:
  /// One layer of each of these widths, or all.
  static std::vector<LayerSpec> layers(unsigned turn,
                                       std::vector<unsigned> widths) {
    std::vector<LayerSpec> some;
    if (wantsAll())
      widths = {1, 2, 3, 4, 5, 6, 7, 8};
    for (unsigned width : widths)
      llvm::append_range(some, sampleLayers(width, turn + 11 * width, 27));
    return some;
  }
  void check(std::vector<LayerSpec> layers, const CompileOptions &options,
             double tolerance) {
    // A program of all layers would have too many arguments.
    constexpr size_t most = 40;
    for (size_t i = 0; i < layers.size(); i += most)
      ::check({layers.begin() + i,
               layers.begin() + std::min(i + most, layers.size())},
              options, tolerance);
  }
};

INSTANTIATE_TEST_SUITE_P(Targets, TargetKernel,
                         testing::ValuesIn(getOtherTargets()),
                         [](const auto &info) {
                           return info.param->name.str();
                         });

TEST_P(TargetKernel, SixteenBitActivations) {
  check(layers(0, {2, 4, 6, 8}), options(), kTolerance16);
}

TEST_P(TargetKernel, EightBitActivations) {
  check(quantizeInputs(layers(1, {1, 3, 5, 7, 8})), options(),
        kIntegerTolerance8);
}

TEST_P(TargetKernel, FloatActivations) {
  CompileOptions floats = options();
  floats.floatActivations = true;
  check(layers(2, {3}), floats, kToleranceFloat);
}

} // namespace
