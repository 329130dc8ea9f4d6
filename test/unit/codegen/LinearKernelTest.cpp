//===- LinearKernelTest.cpp - every kernel against its definition ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels differ by encoding, form of the activations, epilogue and table of
// instructions; shapes are arguments. One test is one width and form: all kinds
// of integers and offsets times all granularities, with the rest (shapes, scale
// formats, epilogues, ranks) dealt out so that every value meets every width.
//
// Compiling takes about a third of a second per kernel, so a test takes every
// third layer, or fewer where the form shares most code with one that has more;
// widths take different ones. With the environment variable
// LOWBIT_TEST_ALL_KERNELS set, tests take all (several minutes).
//
//===----------------------------------------------------------------------===//

#include "LayerProgram.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <tuple>

using namespace lowbit;
using namespace lowbit::test;
using namespace lowbit::numerics;

namespace {

/// Kinds of integers and what is subtracted from or added to them.
constexpr struct {
  IntegerKind integer;
  ZeroPointKind zeroPoint;
  bool hasMinimum;
} kKinds[] = {
    {IntegerKind::Signed, ZeroPointKind::None, false},
    {IntegerKind::SignedRestricted, ZeroPointKind::None, false},
    {IntegerKind::Unsigned, ZeroPointKind::None, true},
    {IntegerKind::Unsigned, ZeroPointKind::Integer, false},
    {IntegerKind::Unsigned, ZeroPointKind::Fractional, false},
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

/// Width, and the CPU that the kernels' instructions are chosen for.
class LinearKernel
    : public testing::TestWithParam<std::tuple<unsigned, const char *>> {
protected:
  unsigned width() const { return std::get<0>(GetParam()); }
  bool isPortable() const {
    return std::get<1>(GetParam()) == std::string("portable");
  }
  CompileOptions options() const {
    CompileOptions options;
    options.cpu = std::get<1>(GetParam());
    return options;
  }
  /// Every `stride`-th layer of a width.
  std::vector<LayerSpec> layers(unsigned turn, unsigned stride) const {
    std::vector<LayerSpec> every = createLayers(width(), turn + width()), some;
    if (std::getenv("LOWBIT_TEST_ALL_KERNELS"))
      return every;
    for (size_t i = (turn + width()) % stride; i < every.size(); i += stride)
      some.push_back(every[i]);
    return some;
  }
  void check(const std::vector<LayerSpec> &specs, const CompileOptions &options,
             double tolerance) {
    LayerProgram program(specs);
    program.compile(options);
    for (int64_t extent : {0, 1, 3, 4, 7})
      program.check(extent, tolerance);
  }
};

/// Float activations don't use the byte dot product that tables differ in.
class FloatLinearKernel : public LinearKernel {};

std::string
getName(const testing::TestParamInfo<LinearKernel::ParamType> &info) {
  auto [width, cpu] = info.param;
  return "w" + std::to_string(width) + "_" + cpu;
}

INSTANTIATE_TEST_SUITE_P(Widths, LinearKernel,
                         testing::Combine(testing::Range(1u, 9u),
                                          testing::Values("native",
                                                          "portable")),
                         getName);
INSTANTIATE_TEST_SUITE_P(Widths, FloatLinearKernel,
                         testing::Combine(testing::Range(1u, 9u),
                                          testing::Values("native")),
                         getName);

TEST_P(LinearKernel, SixteenBitActivations) {
  check(layers(0, isPortable() ? 11 : 3), options(), 1e-4);
}

TEST_P(LinearKernel, EightBitActivations) {
  std::vector<LayerSpec> specs = layers(1, isPortable() ? 13 : 9);
  for (LayerSpec &spec : specs)
    spec.quantizesInput = true;
  check(specs, options(), 1e-5);
}

/// Sums of f32, from which a zero point's share is subtracted at the end.
TEST_P(FloatLinearKernel, FloatActivations) {
  CompileOptions floats = options();
  floats.floatActivations = true;
  check(layers(2, 9), floats, 2e-5);
}

} // namespace
