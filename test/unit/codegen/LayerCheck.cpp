//===- LayerCheck.cpp - layers compared with their truth ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerCheck.h"

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
  LayerProgram program(std::move(layers));
  program.compile(options);
  for (int64_t extent : extents)
    program.check(extent, tolerance);
}
