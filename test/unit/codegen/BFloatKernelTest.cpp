//===- BFloatKernelTest.cpp - linear layers computed in bf16 --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inputs and what weights stand for are rounded to bf16. Where the machine
// multiplies pairs of those, many rows differ from that by the order of sums
// alone; few rows, and other machines, multiply weights that aren't rounded.
// Rows are around how many are multiplied together: 6, 2 and 1 in registers; in
// tiles, which are emulated, 64, 32 and 16.
//
//===----------------------------------------------------------------------===//

#include "LayerCheck.h"
#include "OtherTarget.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "gtest/gtest.h"
#include <cctype>
#include <cstdlib>

using namespace lowbit;
using namespace lowbit::test;
using numerics::ScaleFormat;

namespace {

/// Of sums in f32; of weights that aren't rounded, or from tables whose numbers
/// differ in the last place: a unit of bf16 is 2^-8.
constexpr double kTolerance = 5e-6, kRoundingTolerance = 4e-3;

/// One with a chunk of columns of its own, and one whose segments end within a
/// line.
constexpr int64_t kGroups[] = {32, 64, 128, 80, 20, 1000, 0, 48};

constexpr struct {
  int64_t rows, columns;
} kShapes[] = {{70, 300},  {1, 128},   {33, 1},    {130, 67},
               {64, 1300}, {15, 1100}, {200, 1056}};

/// How many rows are multiplied in bf16, and how few aren't, or not in all
/// layers.
constexpr int64_t kManyRows[] = {4, 6, 7, 14, 23}, kFewRows[] = {0, 1, 3};
constexpr int64_t kManyTileRows[] = {17, 70}, kFewTileRows[] = {0, 3};

CompileOptions getOptions(bool hasTiles) {
  CompileOptions options;
  if (hasTiles)
    options = getOptionsFor(getCPUDescription(CPUTable::AVX512AMX));
  else
    options.cpu = getCPUDescription(CPUTable::AVX512BF16).exampleCPU.str();
  options.machine.choices.tileRows = 1;
  return options;
}

/// Whether such code runs here. Weights for tiles are rounded by an instruction
/// of AVX512_BF16, too.
bool isRunnable() {
  return isSupportedHere(getCPUDescription(CPUTable::AVX512BF16));
}

LayerSpec createLayer(numerics::Encoding encoding, unsigned turn) {
  LayerSpec layer;
  layer.encoding = std::move(encoding);
  layer.rows = kShapes[turn % std::size(kShapes)].rows;
  layer.columns = llvm::alignTo(kShapes[turn % std::size(kShapes)].columns,
                                layer.encoding.element.valuesPerCode());
  layer.hasBias = turn % 2;
  layer.hasResidual = turn / 2 % 2;
  layer.activation = turn % 5 ? "" : "silu";
  layer.computesInBFloat = true;
  return layer;
}

/// For each group a layer; the rest is dealt out.
std::vector<LayerSpec> createLayers(unsigned width) {
  std::vector<LayerSpec> layers;
  unsigned i = width;
  for (int64_t group : kGroups) {
    layers.push_back(
        createLayer(getIntegers(width, group, i,
                                i % 2 ? ScaleFormat::F16 : ScaleFormat::F32),
                    i));
    layers.back().isPermuted = i % 4 == 0;
    ++i;
  }
  return layers;
}

void check(const std::vector<LayerSpec> &layers, bool hasTiles,
           double tolerance) {
  if (!isRunnable())
    GTEST_SKIP() << "this machine has no AVX512_BF16";
  LayerProgram program(layers);
  program.compile(getOptions(hasTiles),
                  std::getenv("LOWBIT_TEST_ALL_KERNELS") ? 3 : 0);
  using Rows = llvm::ArrayRef<int64_t>;
  for (int64_t rows : hasTiles ? Rows(kManyTileRows) : Rows(kManyRows))
    program.check(rows, tolerance);
  for (int64_t rows : hasTiles ? Rows(kFewTileRows) : Rows(kFewRows))
    program.check(rows, kRoundingTolerance);
}

/// Widths, and whether in tiles.
class BFloatKernel : public testing::TestWithParam<std::tuple<unsigned, bool>> {
};
INSTANTIATE_TEST_SUITE_P(Widths, BFloatKernel,
                         testing::Combine(testing::Range(1u, 9u),
                                          testing::Bool()),
                         [](const auto &info) {
                           return std::to_string(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) ? "_tiles"
                                                           : "_registers");
                         });

TEST_P(BFloatKernel, Integers) {
  auto [width, hasTiles] = GetParam();
  check(createLayers(width), hasTiles, kTolerance);
}

/// No byte outside of any buffer.
TEST_P(BFloatKernel, AmongGuardPages) {
  auto [width, hasTiles] = GetParam();
  if (!isRunnable())
    GTEST_SKIP() << "this machine has no AVX512_BF16";
  std::vector<LayerSpec> layers = createLayers(width);
  layers.resize(6);
  LayerProgram(layers).checkGuarded(getOptions(hasTiles), {0, 1, 3, 9, 33},
                                    kRoundingTolerance);
}

/// What a method's name says of weights.
numerics::Encoding getEncoding(llvm::StringRef method) {
  mlir::MLIRContext context;
  auto parsed = parseQuantizationMethod(method, &context);
  EXPECT_TRUE(bool(parsed)) << llvm::toString(parsed.takeError());
  return parsed->weights.getNumerics();
}

class BFloatFormat
    : public testing::TestWithParam<std::tuple<const char *, bool>> {};
INSTANTIATE_TEST_SUITE_P(
    Methods, BFloatFormat,
    testing::Combine(
        testing::Values("nf4", "mxfp4", "nvfp4", "fp8-e4m3-g32", "fp8-e5m2",
                        "ternary", "cb2-g128", "kmeans4-g32", "kmeans3-tensor",
                        "q4_k", "q2_k", "int4-g32-dq", "int8-b16x32",
                        "lattice2",
                        "#lowbit.encoding<trellis<state = 12, rate = 2>, "
                        "group = 64, scale = f16>"),
        testing::Bool()),
    [](const auto &info) {
      std::string name;
      for (char c : llvm::StringRef(std::get<0>(info.param)))
        if (std::isalnum(c))
          name += c;
      return name + (std::get<1>(info.param) ? "_tiles" : "_registers");
    });

/// Numbers of every kind: by formula, from tables in one byte or two, learned,
/// computed, of codes that overlap; scales of scales.
TEST_P(BFloatFormat, Weights) {
  auto [method, hasTiles] = GetParam();
  std::vector<LayerSpec> layers;
  for (unsigned turn : {0, 4, 6}) {
    layers.push_back(createLayer(getEncoding(method), turn));
    layers.back().columns = llvm::alignTo(layers.back().columns, 8);
  }
  check(layers, hasTiles, kRoundingTolerance);
}

TEST(BFloatLayer, OtherLeadingDimensions) {
  std::vector<LayerSpec> layers = createLayers(4);
  layers.resize(3);
  layers[0].leading = {2, -1};
  layers[1].leading = {};
  layers[2].leading = {3, 5};
  for (bool hasTiles : {false, true})
    check(layers, hasTiles, kRoundingTolerance);
}

class BFloatTarget : public OtherTarget {};
INSTANTIATE_TEST_SUITE_P(Targets, BFloatTarget,
                         testing::ValuesIn(getOtherTargets()),
                         [](const auto &info) {
                           return info.param->name.str();
                         });

/// Every other row of the table of CPUs.
TEST_P(BFloatTarget, RoundsInputs) {
  if (GetParam()->hasTiles && !isRunnable())
    GTEST_SKIP() << "this machine has no AVX512_BF16";
  std::vector<LayerSpec> layers = createLayers(4);
  layers.resize(3);
  checkLayers(layers, options(), kRoundingTolerance);
}

} // namespace
