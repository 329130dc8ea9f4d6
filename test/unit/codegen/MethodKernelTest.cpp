//===- MethodKernelTest.cpp - each method by name, few rows and many ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `--quantize` names, against its definition, for rows of activations from
// none to many: 16 and 17 are around a tile, 128 is a prompt. Other tests deal
// out kinds of integers and tables; these are the encodings as users get them.
//
// This machine takes all methods; of each other row of the table of CPUs every
// eighth, others on each, or all with LOWBIT_TEST_ALL_KERNELS set.
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

namespace {

const std::vector<std::string> kMethods = {
    "int8",
    "int8-g32",
    "int8-g128",
    "int7-g32",
    "int6-g32",
    "int5-g32",
    "int4-g32",
    "int4-g128",
    "int3-g32",
    "int3-g128",
    "int2-g32",
    "int2-g128",
    "int1-g32",
    "int1-g128",
    "uint4-g32",
    "uint2-g16",
    "uint8",
    "nf4",
    "nf4-g32",
    "nf4-g128",
    "fp4-g32",
    "bnb-fp4",
    "mxfp4",
    "mxfp6-e2m3",
    "mxfp6-e3m2",
    "mxfp8-e4m3",
    "mxfp8-e5m2",
    "mxint8",
    "nvfp4",
    "fp8-e4m3",
    "fp8-e5m2",
    "ternary",
    "ternary-g128",
    "cb2",
    "cb2-uniform",
    "cb2-auto",
    "kmeans2",
    "kmeans3",
    "kmeans4",
    "kmeans6",
    "q2_k",
    "q3_k",
    "q4_k",
    "q5_k",
    "q6_k",
    "nf4-dq",
    "int4-g32-dq",
    "int4-g32-dq4",
    "int8-b128x128",
    "lattice2",
    "lattice3",
    "#lowbit.encoding<trellis<state = 8, rate = 2>, group = 64, scale = f16>",
    "#lowbit.encoding<trellis<state = 12, rate = 3>, scale = f16>"};

constexpr int64_t kRows[] = {0, 1, 2, 5, 16, 17, 128};

constexpr struct {
  int64_t rows, columns;
} kShapes[] = {{70, 136}, {33, 264}, {1, 512}, {130, 72}};

/// A layer of a method; `turn` deals shapes and epilogues.
LayerSpec createLayer(llvm::StringRef method, unsigned turn) {
  mlir::MLIRContext context;
  auto parsed = parseQuantizationMethod(method, &context);
  EXPECT_TRUE(bool(parsed)) << llvm::toString(parsed.takeError());
  LayerSpec layer;
  layer.encoding = parsed->weights.getNumerics();
  layer.rows = kShapes[turn % std::size(kShapes)].rows;
  layer.columns = kShapes[turn % std::size(kShapes)].columns;
  layer.hasBias = turn % 2;
  layer.hasResidual = turn / 2 % 2;
  layer.activation = turn % 5 ? "" : "silu";
  return layer;
}

std::vector<LayerSpec> createLayers(unsigned first, unsigned stride) {
  if (std::getenv("LOWBIT_TEST_ALL_KERNELS"))
    first = 0, stride = 1;
  std::vector<LayerSpec> layers;
  for (size_t i = first % stride; i < kMethods.size(); i += stride)
    layers.push_back(createLayer(kMethods[i], first + i));
  return layers;
}

/// Tables are rounded to bytes, or pairs of them: errors of 3e-5 of the largest
/// number add up. A program of all layers would have too many arguments.
void check(const std::vector<LayerSpec> &layers, const CompileOptions &options,
           double tolerance) {
  constexpr size_t most = 13;
  for (size_t i = 0; i < layers.size(); i += most)
    checkLayers({layers.begin() + i,
                 layers.begin() + std::min(i + most, layers.size())},
                options, tolerance, kRows);
}

TEST(MethodKernel, SixteenBitActivations) {
  check(createLayers(0, 1), {}, kTolerance16);
}

TEST(MethodKernel, EightBitActivations) {
  check(quantizeInputs(createLayers(1, 3)), {}, kTolerance16);
}

class MethodTarget : public OtherTarget {
protected:
  static unsigned turn() { return static_cast<unsigned>(GetParam()->table); }
};
INSTANTIATE_TEST_SUITE_P(Targets, MethodTarget,
                         testing::ValuesIn(getOtherTargets()),
                         [](const auto &info) {
                           return info.param->name.str();
                         });

TEST_P(MethodTarget, SixteenBitActivations) {
  check(createLayers(turn(), 8), options(), kTolerance16);
}

TEST_P(MethodTarget, EightBitActivations) {
  check(quantizeInputs(createLayers(turn() + 4, 8)), options(), kTolerance16);
}

} // namespace
