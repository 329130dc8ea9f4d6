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
