//===- LoweredModuleTest.cpp - what is in compiled modules ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerProgram.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/Tools/Registration.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace lowbit;
using namespace lowbit::test;

namespace {

LayerSpec createLayer(int64_t rows, int64_t columns) {
  LayerSpec layer;
  layer.encoding.element = {4, numerics::IntegerKind::Signed};
  layer.encoding.granularity = numerics::Granularity::Group;
  layer.encoding.groupSize = 32;
  layer.rows = rows;
  layer.columns = columns;
  return layer;
}

/// Elements of `type`, an LLVM array or a tensor, if they are floats.
int64_t getFloatBytes(mlir::Type type) {
  int64_t count = 1;
  while (auto array = mlir::dyn_cast<mlir::LLVM::LLVMArrayType>(type)) {
    count *= array.getNumElements();
    type = array.getElementType();
  }
  if (auto shaped = mlir::dyn_cast<mlir::ShapedType>(type)) {
    count *= shaped.getNumElements();
    type = shaped.getElementType();
  }
  return mlir::isa<mlir::FloatType>(type)
             ? count * type.getIntOrFloatBitWidth() / 8
             : 0;
}

/// Bytes of float data that a lowered module holds: its weights, its globals,
/// and constants that are more than one repeated number.
int64_t countFloatBytes(mlir::ModuleOp module) {
  int64_t bytes = 0;
  if (auto weights =
          module->getAttrOfType<mlir::DictionaryAttr>(kWeightsAttrName))
    for (mlir::NamedAttribute weight : weights)
      bytes += getFloatBytes(
          mlir::cast<mlir::ElementsAttr>(weight.getValue()).getType());
  module.walk([&](mlir::LLVM::GlobalOp global) {
    bytes += getFloatBytes(global.getType());
  });
  module.walk([&](mlir::LLVM::ConstantOp constant) {
    auto elements = mlir::dyn_cast<mlir::ElementsAttr>(constant.getValue());
    if (elements && !elements.isSplat())
      bytes += getFloatBytes(elements.getType());
  });
  return bytes;
}

TEST(LoweredModule, HoldsNoFloatWeight) {
  LayerSpec fused = createLayer(64, 96), minimum = createLayer(33, 130);
  fused.hasBias = fused.hasResidual = true;
  fused.activation = "gelu";
  minimum.encoding.element = {4, numerics::IntegerKind::Unsigned};
  minimum.encoding.hasMinimum = true;
  LayerProgram program({fused, minimum});
  for (bool floatActivations : {false, true}) {
    CompileOptions options;
    options.floatActivations = floatActivations;
    auto module = program.build(Phase::Lower, options);
    ASSERT_TRUE(module);
    EXPECT_EQ(countFloatBytes(*module), 0);
    auto weights =
        (*module)->getAttrOfType<mlir::DictionaryAttr>(kWeightsAttrName);
    ASSERT_TRUE(weights);
    EXPECT_EQ(weights.size(), 2u);
  }
}

/// The count above does see floats.
TEST(LoweredModule, OfFloatsHoldsThem) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"mlir(
    lowbit.global @w : tensor<33x96xf32> {data = dense<0.5> : tensor<33x96xf32>}
    func.func @main(%x: tensor<?x96xf32>) -> tensor<?x33xf32> {
      %w = lowbit.weight @w : tensor<33x96xf32>
      %y = lowbit.linear %x, %w : tensor<?x96xf32>, tensor<33x96xf32> -> tensor<?x33xf32>
      return %y : tensor<?x33xf32>
    })mlir",
                                                        &context);
  ASSERT_TRUE(module);
  llvm::Error error = compileModule(*module, Phase::Lower, {});
  ASSERT_FALSE(error) << llvm::toString(std::move(error));
  EXPECT_GE(countFloatBytes(*module), 33 * 96 * 4);
}

/// Layers that differ in shape alone share a kernel.
TEST(LoweredModule, HasOneKernelForAllShapes) {
  LayerSpec last = createLayer(15, 333);
  last.leading = {2, -1};
  LayerProgram program({createLayer(64, 96), createLayer(33, 130), last});
  auto module = program.build(Phase::Lower, {});
  ASSERT_TRUE(module);
  int64_t kernels = 0;
  for (auto function : module->getOps<mlir::LLVM::LLVMFuncOp>())
    kernels += function.getName().starts_with("lowbit_linear");
  EXPECT_EQ(kernels, 1);
}

/// Enough work for both threads to have some, with an odd number of rows.
TEST(LoweredModule, GivesTheSameBytesOnTwoThreads) {
  LayerProgram program({createLayer(257, 333), createLayer(64, 4000)});
  program.compile({});
  program.check(41, 1e-4);
}

} // namespace
