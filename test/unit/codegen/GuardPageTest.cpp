//===- GuardPageTest.cpp - layers touch their buffers alone ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shapes are the odd ones: a single row or column, rows that end within a
// group, a step or a vector, primes. What kernels may assume of buffers is in
// codegen/cpu/kernels/KernelSpec.h.
//
//===----------------------------------------------------------------------===//

#include "GuardedProgram.h"
#include "LayerCheck.h"
#include "LayerProgram.h"
#include "OtherTarget.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/Numerics/Layout.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/Compiler.h"
#include "gtest/gtest.h"
#include <cstdlib>
#if LLVM_ADDRESS_SANITIZER_BUILD
#include <sanitizer/lsan_interface.h>
#endif

using namespace lowbit;
using namespace lowbit::test;
using numerics::Granularity;
using numerics::IntegerKind;
using numerics::ScaleFormat;

namespace {

struct Shape {
  int64_t rows, columns;
};
/// One, primes, just past a block, full blocks.
constexpr Shape kShapes[] = {{1, 1},   {1, 67},  {13, 1},
                             {33, 31}, {64, 96}, {7, 131}};

/// Columns of a group; 0 is one channel, -1 one tensor. A row of 67 or 131
/// columns ends within a group of 32 or 20.
constexpr int64_t kGroups[] = {32, 0, 20, -1};

/// A layer of a width for each `stride`-th shape, or for all with
/// LOWBIT_TEST_ALL_KERNELS set; what else there is, is dealt out.
std::vector<LayerSpec> createLayers(unsigned width, unsigned turn,
                                    unsigned stride) {
  if (std::getenv("LOWBIT_TEST_ALL_KERNELS"))
    stride = 1;
  std::vector<LayerSpec> layers;
  for (unsigned s = turn % stride; s < std::size(kShapes); s += stride) {
    unsigned i = width + turn + 5 * s;
    auto [integer, zeroPoint, hasMinimum] = kIntegerForms[i % 4];
    int64_t group = kGroups[(i / 4 + s) % 4];
    LayerSpec &layer = layers.emplace_back();
    layer.encoding = {{width, integer},
                      zeroPoint,
                      hasMinimum,
                      group < 0    ? Granularity::Tensor
                      : group == 0 ? Granularity::Channel
                                   : Granularity::Group,
                      std::max<int64_t>(group, 0),
                      i % 3 ? ScaleFormat::F16 : ScaleFormat::F32};
    layer.rows = kShapes[s].rows;
    layer.columns = kShapes[s].columns;
    layer.hasBias = i % 2;
    layer.hasResidual = i / 2 % 2;
    layer.isPermuted = i % 5 == 0;
    layer.quantizesInput = !layer.isPermuted && i % 3 == 0;
  }
  return layers;
}

/// No rows of activations, one, a prime; with and without whole tiles of rows.
constexpr int64_t kExtents[] = {0, 1, 7, 8};
constexpr double kTolerance = 1e-4;

class GuardedWidth : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Widths, GuardedWidth, testing::Range(1u, 9u));

TEST_P(GuardedWidth, QuantizedActivations) {
  LayerProgram(createLayers(GetParam(), GetParam(), 2))
      .checkGuarded({}, kExtents, kTolerance);
}

TEST_P(GuardedWidth, FloatActivations) {
  CompileOptions floats;
  floats.floatActivations = true;
  std::vector<LayerSpec> layers = createLayers(GetParam(), GetParam(), 6);
  for (LayerSpec &layer : layers)
    layer.quantizesInput = false;
  LayerProgram(layers).checkGuarded(floats, kExtents, kTolerance);
}

/// Other tables that this machine can run: their loads and stores differ.
TEST(GuardedTargets, OfThisMachine) {
  const CPUDescription *native = *findCPUDescription("native", "");
  for (const CPUDescription &target : getCPUDescriptions()) {
    if (&target == native || target.arch == llvm::Triple::aarch64 ||
        !isRunnableHere(target))
      continue;
    SCOPED_TRACE(target.name.str());
    CompileOptions options = getOptionsFor(target);
    std::vector<LayerSpec> layers = createLayers(3, 0, 6);
    llvm::append_range(layers, createLayers(8, 1, 6));
    LayerProgram(layers).checkGuarded(options, kExtents, kTolerance);
  }
}

//===----------------------------------------------------------------------===//
// What kernels assume
//===----------------------------------------------------------------------===//

/// A blob has the size that the layout says, no byte after it, and kernels read
/// all of it: a blob that lacks its last byte is too short.
TEST(GuardedBlob, HasNoByteToSpare) {
  for (unsigned width : {3u, 4u}) {
    SCOPED_TRACE("width " + std::to_string(width));
    LayerSpec spec;
    spec.encoding = {{width, IntegerKind::Signed},
                     numerics::ZeroPointKind::None,
                     false,
                     Granularity::Group,
                     32,
                     ScaleFormat::F16};
    spec.rows = 5;
    spec.columns = 37;
    LayerProgram program({spec});
    auto module = program.build(Phase::Lower, guarded({}));
    ASSERT_TRUE(module);
    auto weights =
        (*module)->getAttrOfType<mlir::DictionaryAttr>(kWeightsAttrName);
    ASSERT_EQ(weights.size(), 1u);
    // 32 rows: of each group, half-precision scales and codes of columns padded
    // to 4, or to 16 where a plane has one bit of them.
    int64_t padded = width % 2 ? 16 : 8;
    int64_t size = 32 * (2 + 32 * width / 8 + 2 + padded * width / 8);
    EXPECT_EQ(mlir::cast<mlir::ElementsAttr>(weights.begin()->getValue())
                  .getNumElements(),
              size);
    auto complete = GuardedProgram::create(*module, "native", GuardedEnd::Last);
    ASSERT_TRUE(bool(complete)) << llvm::toString(complete.takeError());
    std::vector<HostTensor> inputs{
        HostTensor::allocate(ElementType::F32, {1, spec.columns})};
    auto results = (*complete)->run(inputs);
    EXPECT_TRUE(bool(results)) << llvm::toString(results.takeError());
    complete->reset();
    auto shorter = GuardedProgram::create(*module, "native", GuardedEnd::Last,
                                          /*missingBytes=*/1);
    ASSERT_TRUE(bool(shorter)) << llvm::toString(shorter.takeError());
#if LLVM_ADDRESS_SANITIZER_BUILD
    // The fault is left by a jump, and what its callers hold is lost.
    __lsan::ScopedDisabler disabler;
#endif
    results = (*shorter)->run(inputs);
    ASSERT_FALSE(bool(results));
    std::string message = llvm::toString(results.takeError());
    EXPECT_NE(message.find("generated code accesses byte " +
                           std::to_string(size - 1) + " of weight '"),
              std::string::npos)
        << message;
  }
}

} // namespace
