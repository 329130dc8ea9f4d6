//===- TileKernelTest.cpp - many rows in tiles against their definition ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tiles are emulated, so that these run on every machine with the rest of what
// such processors have. Rows of activations are around where tiles begin to be
// used (8 of 16, or 12 where segments are short), around whole tiles and pairs
// of them, and beyond the 64 rows that are computed together.
//
//===----------------------------------------------------------------------===//

#include "LayerCheck.h"
#include "OtherTarget.h"
#include "lowbit/Runtime/Tiles.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "gtest/gtest.h"

using namespace lowbit;
using namespace lowbit::test;
using numerics::ScaleFormat;

namespace {

/// Columns of a group: parts of a tile, one, two, two short ones; longer
/// than what is unrolled; a channel's.
constexpr int64_t kGroups[] = {32, 16, 48, 80, 64, 96, 128, 1000, 0};

constexpr struct {
  int64_t rows, columns;
} kShapes[] = {{70, 300}, {1, 128}, {33, 1}, {130, 67}, {64, 256}, {15, 1100}};

constexpr int64_t kExtents[] = {0, 1, 7, 8, 9, 11, 12, 16, 17, 31, 33, 79};

/// Layers of six groups each; the rest is dealt out, too.
std::vector<LayerSpec> createLayers(unsigned width, bool quantizesInput) {
  std::vector<LayerSpec> layers;
  unsigned i = width;
  for (int n = 0; n < 6; ++n) {
    int64_t group = kGroups[i % std::size(kGroups)];
    LayerSpec &layer = layers.emplace_back();
    layer.encoding = getIntegers(width, group, i,
                                 i % 2 ? ScaleFormat::F16 : ScaleFormat::F32);
    layer.rows = kShapes[i % 6].rows;
    layer.columns = kShapes[i % 6].columns;
    if (group == 1000)
      layer.columns = 1100;
    layer.hasBias = i % 2;
    layer.hasResidual = i / 2 % 2;
    layer.activation = i % 5 ? "" : "silu";
    layer.quantizesInput = quantizesInput;
    layer.scalesPerToken = quantizesInput && i % 3 == 0;
    layer.isPermuted = !quantizesInput && i % 4 == 0;
    ++i;
  }
  return layers;
}

class TileKernel : public testing::TestWithParam<unsigned> {
public:
  static CompileOptions options() {
    CompileOptions options =
        getOptionsFor(getCPUDescription(CPUTable::AVX512AMX));
    options.machine.choices.tileRows = CPUTuning().tileRows;
    // Several panels of weights.
    options.machine.choices.unpackedRows = 32;
    return options;
  }

protected:
  static void check(std::vector<LayerSpec> layers, double tolerance) {
    if (!isRunnableHere(getCPUDescription(CPUTable::AVX512AMX)))
      GTEST_SKIP() << "this machine has no AVX-512 BF16";
    checkLayers(std::move(layers), options(), tolerance, kExtents);
  }
};
INSTANTIATE_TEST_SUITE_P(Widths, TileKernel, testing::Range(1u, 9u));

TEST_P(TileKernel, SixteenBitActivations) {
  check(createLayers(GetParam(), false), kTolerance16);
}

TEST_P(TileKernel, EightBitActivations) {
  check(createLayers(GetParam(), true), 1e-5);
}

/// Layers whose sums stay integers over several segments: one scale for a row
/// of weights or a long group, and for a token or all activations, of 8 bits
/// or, where it is given, of 16; the last has more columns than 32 bits have
/// room for.
std::vector<LayerSpec> createRuns(unsigned width) {
  std::vector<LayerSpec> layers;
  // The last one for codes of three bits, and of eight.
  unsigned count = width % 5 == 3 ? 5 : 4;
  for (unsigned i = width; i < width + count; ++i) {
    bool isLast = i == width + 4;
    int64_t group = !isLast && i % 4 == 1 ? 512 : 0;
    LayerSpec &layer = layers.emplace_back();
    layer.encoding = getIntegers(width, group, i, ScaleFormat::F32);
    layer.rows = isLast ? 3 : kShapes[i % 6].rows;
    layer.columns = isLast  ? 33000
                    : group ? 1100
                            : kShapes[(i + 1) % 6].columns;
    layer.hasBias = i % 2;
    layer.quantizesInput = true;
    layer.scalesPerToken = i % 3;
    layer.inputBits = i % 3 || i % 2 ? 8 : 16;
    layer.inputScale = i % 3 ? 0 : std::ldexp(1.0f, 1 - int(layer.inputBits));
  }
  return layers;
}

TEST_P(TileKernel, IntegersOfSeveralSegments) {
  // Floats of 33000 columns less those of their zero points.
  check(createRuns(GetParam()), 5e-5);
}

constexpr int64_t kFewExtents[] = {0, 1, 7, 8, 13, 16, 48, 64, 131};

/// Bit by bit: sums of 16 bits of activations would need more than an f32 has.
TEST_P(TileKernel, ScaledIntegersExactly) {
  if (!isRunnableHere(getCPUDescription(CPUTable::AVX512AMX)))
    GTEST_SKIP() << "this machine has no AVX-512 VBMI";
  unsigned count = GetParam() > 4 ? 2 : 6;
  std::vector<LayerSpec> layers =
      createExactIntegers(GetParam(), 6 * GetParam(), count);
  checkLayers(std::move(layers), options(), 0, kFewExtents);
}

TEST_P(TileKernel, ScaledIntegers) {
  if (!isRunnableHere(getCPUDescription(CPUTable::AVX512AMX)))
    GTEST_SKIP() << "this machine has no AVX-512 VBMI";
  unsigned count = GetParam() > 4 ? 2 : 4;
  checkLayers(createScaledIntegers(GetParam(), 5 * GetParam(), count),
              options(), 1e-5, kFewExtents);
}

/// Tables whose numbers are a byte each, lattices, and formats by name.
TEST(TileFormats, ScaledIntegers) {
  if (!isRunnableHere(getCPUDescription(CPUTable::AVX512AMX)))
    GTEST_SKIP() << "this machine has no AVX-512 VBMI";
  std::vector<LayerSpec> layers;
  mlir::MLIRContext context;
  for (llvm::StringRef method :
       {"fp4-g32-dq4", "ternary-dq4", "nf4-dq4", "int4-g32-dq4",
        "#lowbit.encoding<lattice<8 in 16>, group = 32, scale = f32 as "
        "<uint<4>, group = 8, scale = f16>>"}) {
    auto parsed = parseQuantizationMethod(method, &context);
    ASSERT_TRUE(bool(parsed)) << llvm::toString(parsed.takeError());
    LayerSpec &layer = layers.emplace_back();
    layer.encoding = parsed->weights.getNumerics();
    layer.rows = 70;
    layer.columns = 1024;
    layer.quantizesInput = true;
    layer.scalesPerToken = true;
  }
  checkLayers(std::move(layers), TileKernel::options(), kTolerance8,
              kFewExtents);
}

/// No byte outside of any buffer.
TEST_P(TileKernel, AmongGuardPages) {
  if (!isRunnableHere(getCPUDescription(CPUTable::AVX512AMX)))
    GTEST_SKIP() << "this machine has no AVX-512 BF16";
  std::vector<LayerSpec> layers = createLayers(GetParam(), GetParam() % 2);
  layers.resize(2);
  layers.push_back(createRuns(GetParam()).front());
  layers.push_back(createScaledIntegers(4, GetParam(), 1).front());
  LayerProgram(layers).checkGuarded(options(), {0, 8, 13, 33}, kTolerance16);
}

/// Linux has tile registers for processes that ask for them. Where there are
/// none, code that needs them is refused before it runs.
TEST(TileProgram, AsksForTiles) {
  CompileOptions options;
  options.cpu = getCPUDescription(CPUTable::AVX512AMX).exampleCPU.str();
  LayerProgram program({createLayers(4, true).front()});
  auto module = program.build(Phase::Lower, options);
  ASSERT_TRUE(module);
  auto executable = Executable::create(*module, {});
  if (lowbit_request_tiles()) {
    EXPECT_TRUE(bool(executable)) << llvm::toString(executable.takeError());
    return;
  }
  ASSERT_FALSE(bool(executable));
  EXPECT_EQ(llvm::toString(executable.takeError()),
            "the code requires tiles (AMX), which this system refuses; compile "
            "for another CPU, such as x86-64-v4");
}

} // namespace
