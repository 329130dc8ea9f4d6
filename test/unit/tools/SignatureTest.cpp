//===- SignatureTest.cpp - What a module offers to its caller -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names, dynamic extents and the count of bits, scales included.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Signature.h"
#include "TestSupport.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

using namespace lowbit;
using namespace lowbit::testing;

namespace {

class SignatureTest : public ::testing::Test {
protected:
  SignatureTest() {
    context.loadDialect<LowbitDialect, mlir::func::FuncDialect>();
  }
  mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef text) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(bool(module));
    return module;
  }
  mlir::MLIRContext context;
};

} // namespace

TEST_F(SignatureTest, ReadsNamesAndShapes) {
  auto module = parse(R"mlir(
    func.func @main(%a: tensor<1x?xi64> {lowbit.name = "ids"}, %b: tensor<ui8>)
        -> (tensor<1x?xi64> {lowbit.name = "out"}, tensor<ui8>) {
      return %a, %b : tensor<1x?xi64>, tensor<ui8>
    })mlir");
  auto signature = getSignature(*module);
  ASSERT_TRUE(bool(signature));
  ASSERT_EQ(2u, signature->inputs.size());
  EXPECT_EQ("ids", signature->inputs[0].name);
  EXPECT_EQ("1x?xi64",
            describe(signature->inputs[0].type, signature->inputs[0].shape));
  EXPECT_EQ("input1", signature->inputs[1].name);
  EXPECT_EQ("out", signature->outputs[0].name);
  EXPECT_EQ("output1", signature->outputs[1].name);
}

TEST_F(SignatureTest, ExplainsErrors) {
  EXPECT_EQ("the module has no function '@main'",
            getText(getSignature(*parse("module {}"))));
  EXPECT_EQ("input 'input0' of '@main' must be a ranked tensor of whole bytes",
            getText(getSignature(
                *parse("func.func @main(%a: tensor<4xi4>) { return }"))));
}

TEST_F(SignatureTest, CountsQuantizedWeightsOnly) {
  auto module = parse(R"mlir(
    #int4 = #lowbit.encoding<int<4>, group = 32, scale = f16>
    lowbit.global @q : !lowbit.tensor<2x64xf32, #int4> {
      codes = dense<1> : tensor<64xi8>, scale = dense<1.0> : tensor<2x2xf16>}
    lowbit.global @f : tensor<4x4xf32> {data = dense<0.0> : tensor<4x4xf32>}
  )mlir");
  WeightSize size = getWeightSize(*module);
  EXPECT_EQ(128u, size.weights);
  EXPECT_EQ(72u, size.bytes);
  EXPECT_EQ(4.5, size.getBitsPerWeight());
}

TEST_F(SignatureTest, CountsMatricesOfFloatModels) {
  auto module = parse(R"mlir(
    lowbit.global @v : tensor<4xf32> {data = dense<0.0> : tensor<4xf32>}
    lowbit.global @f : tensor<4x4xf32> {data = dense<0.0> : tensor<4x4xf32>}
  )mlir");
  EXPECT_EQ(32.0, getWeightSize(*module).getBitsPerWeight());
}
