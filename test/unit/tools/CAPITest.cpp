//===- CAPITest.cpp - the C API, and what it refuses ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The shared library through its own header alone, as a binding uses it.
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"
#include "lowbit-c/Compiler.h"
#include <vector>

using namespace lowbit::testing;

namespace {

constexpr llvm::StringLiteral kModel = R"(
lowbit.global @w : tensor<2x4xf32> {data = dense<[[1.0, 2.0, 3.0, 4.0], [-4.0, 3.0, -2.0, 1.0]]> : tensor<2x4xf32>}
func.func @main(%x: tensor<?x4xf32> {lowbit.name = "x"}, %r: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @w : tensor<2x4xf32>
  %y = lowbit.linear %x, %w residual %r : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
)";

/// Text of an error, "" for success.
std::string take(LowbitError *error) {
  std::string text = error ? lowbitErrorGetMessage(error) : "";
  lowbitErrorDestroy(error);
  return text;
}

class CAPITest : public ::testing::Test {
protected:
  void SetUp() override {
    path = folder / "model.mlir";
    writeBytes(path, kModel);
  }
  void TearDown() override { lowbitModelDestroy(model); }

  /// Runs the model on two rows; the second input's shape and data can be
  /// spoiled.
  std::string run(LowbitTensor second, size_t numInputs = 2) {
    LowbitTensor inputs[] = {{"", LowbitElementTypeF32, 2, shapeX, x}, second};
    LowbitResults *results = nullptr;
    std::string text = take(lowbitRun(model, inputs, numInputs, &results));
    if (results) {
      const LowbitTensor &y = lowbitResultsGetOutputs(results)[0];
      const float *values = static_cast<const float *>(y.data);
      outputs.assign(values, values + y.shape[0] * y.shape[1]);
    }
    lowbitResultsDestroy(results);
    return text;
  }

  TemporaryFolder folder;
  std::string path;
  LowbitModel *model = nullptr;
  int64_t shapeX[2] = {2, 4}, shapeR[2] = {2, 2};
  float x[8] = {1, 0, 0, 0, 0, 0, 0, 2}, r[4] = {10, 20, 30, 40};
  LowbitTensor residual = {nullptr, LowbitElementTypeF32, 2, shapeR, r};
  std::vector<float> outputs;
};

TEST_F(CAPITest, DescribesAndRuns) {
  ASSERT_EQ(take(lowbitModelLoad(path.c_str(), nullptr, &model)), "");
  ASSERT_EQ(lowbitModelGetNumInputs(model), 2u);
  const LowbitTensor *inputs = lowbitModelGetInputs(model);
  EXPECT_STREQ(inputs[0].name, "x");
  EXPECT_STREQ(inputs[1].name, "input1");
  EXPECT_EQ(inputs[0].rank, 2u);
  EXPECT_LT(inputs[0].shape[0], 0);
  EXPECT_EQ(inputs[0].shape[1], 4);
  EXPECT_EQ(inputs[0].data, nullptr);
  ASSERT_EQ(lowbitModelGetNumOutputs(model), 1u);
  EXPECT_STREQ(lowbitModelGetOutputs(model)[0].name, "output0");
  EXPECT_EQ(run(residual), "");
  EXPECT_EQ(outputs, (std::vector<float>{11, 16, 38, 42}));
}

TEST_F(CAPITest, RefusesInputs) {
  ASSERT_EQ(take(lowbitModelLoad(path.c_str(), nullptr, &model)), "");
  EXPECT_EQ(run(residual, 1), "the model requires 2 inputs, found 1");
  LowbitTensor spoiled = residual;
  spoiled.type = LowbitElementTypeI32;
  EXPECT_EQ(run(spoiled), "input 'input1': requires ?x2xf32, found 2x2xi32");
  spoiled.type = static_cast<LowbitElementType>(99);
  EXPECT_EQ(run(spoiled),
            "input 'input1' requires an element type, found the number 99");
  spoiled = residual;
  spoiled.data = nullptr;
  EXPECT_EQ(run(spoiled), "input 'input1' requires data aligned to 4 bytes, "
                          "found the address 0x0");
  spoiled.data = reinterpret_cast<const char *>(r) + 1;
  EXPECT_NE(run(spoiled).find("aligned to 4 bytes"), std::string::npos);
  shapeR[1] = -2;
  EXPECT_EQ(run(residual), "input 'input1' has no size: found 2x?xf32");
  EXPECT_TRUE(outputs.empty());
}

TEST_F(CAPITest, RefusesNull) {
  EXPECT_EQ(take(lowbitModelLoad(nullptr, nullptr, &model)),
            "lowbitModelLoad requires the argument 'path', found null");
  EXPECT_EQ(take(lowbitModelLoad(path.c_str(), nullptr, nullptr)),
            "lowbitModelLoad requires the argument 'model', found null");
  EXPECT_EQ(take(lowbitCompile(nullptr, path.c_str(), nullptr)),
            "lowbitCompile requires the argument 'input', found null");
  EXPECT_EQ(take(lowbitCompile(path.c_str(), nullptr, nullptr)),
            "lowbitCompile requires the argument 'output', found null");
  LowbitCompileOptions options = LOWBIT_COMPILE_OPTIONS_INIT;
  options.numDimensions = 1;
  EXPECT_EQ(take(lowbitModelLoad(path.c_str(), &options, &model)),
            "compile options require 1 dimensions, found null for number 0");
  ASSERT_EQ(take(lowbitModelLoad(path.c_str(), nullptr, &model)), "");
  LowbitResults *results = nullptr;
  EXPECT_EQ(take(lowbitRun(nullptr, &residual, 1, &results)),
            "lowbitRun requires the argument 'model', found null");
  EXPECT_EQ(take(lowbitRun(model, nullptr, 2, &results)),
            "lowbitRun requires the argument 'inputs', found null");
  EXPECT_EQ(take(lowbitRun(model, &residual, 1, nullptr)),
            "lowbitRun requires the argument 'results', found null");
  LowbitTensor spoiled = residual;
  spoiled.shape = nullptr;
  EXPECT_EQ(run(spoiled),
            "input 'input1' requires a shape of 2 extents, found null");
  EXPECT_EQ(lowbitModelGetNumInputs(nullptr), 0u);
  EXPECT_EQ(lowbitModelGetOutputs(nullptr), nullptr);
  EXPECT_EQ(lowbitResultsGetNumOutputs(nullptr), 0u);
  EXPECT_STREQ(lowbitErrorGetMessage(nullptr), "");
}

TEST_F(CAPITest, CompilesToFiles) {
  LowbitCompileOptions options = LOWBIT_COMPILE_OPTIONS_INIT;
  options.method = "int8";
  std::string dense = folder / "dense.mlir", packed = folder / "packed.mlirbc";
  EXPECT_EQ(take(lowbitCompile(path.c_str(), dense.c_str(), &options)), "");
  options.cpu = "portable";
  EXPECT_EQ(take(lowbitCompile(path.c_str(), packed.c_str(), &options)), "");
  EXPECT_NE(readBytes(dense).find("#lowbit.encoding<int<8>"),
            std::string::npos);
  EXPECT_TRUE(llvm::StringRef(readBytes(packed)).starts_with("ML\xefR"));
  for (const std::string &artefact : {dense, packed}) {
    lowbitModelDestroy(model);
    model = nullptr;
    ASSERT_EQ(take(lowbitModelLoad(artefact.c_str(), nullptr, &model)), "");
    ASSERT_EQ(run(residual), "");
    for (auto [found, wanted] :
         llvm::zip_equal(outputs, std::vector<float>{11, 16, 38, 42}))
      EXPECT_NEAR(found, wanted, 0.05);
  }
}

TEST_F(CAPITest, PassesRemarksOn) {
  std::vector<std::string> remarks;
  LowbitCompileOptions options = LOWBIT_COMPILE_OPTIONS_INIT;
  // No kernel reads codes of nine bits.
  std::string numbers = "0.0";
  for (int i = 1; i < 512; ++i)
    numbers += ", " + std::to_string(i) + ".0";
  std::string method =
      "#lowbit.encoding<codebook<dense<[" + numbers + "]> : tensor<512xf32>>>";
  options.method = method.c_str();
  options.remarkData = &remarks;
  options.remark = [](const char *text, void *data) {
    static_cast<std::vector<std::string> *>(data)->push_back(text);
  };
  ASSERT_EQ(take(lowbitModelLoad(path.c_str(), &options, &model)), "");
  ASSERT_FALSE(remarks.empty());
  EXPECT_EQ(remarks[0].find("model.mlir: remark: "), 0u);
  EXPECT_EQ(remarks[0].find('\n'), std::string::npos);
}

TEST_F(CAPITest, RefusesToCompile) {
  std::string output = folder / "out.mlir";
  LowbitCompileOptions options = LOWBIT_COMPILE_OPTIONS_INIT;
  options.method = "int12";
  EXPECT_NE(take(lowbitCompile(path.c_str(), output.c_str(), &options))
                .find("quantization method 'int12': requires"),
            std::string::npos);
  options.size += 8;
  EXPECT_NE(take(lowbitCompile(path.c_str(), output.c_str(), &options))
                .find("compile options require a size of at most"),
            std::string::npos);
  // An older program knows the first members only.
  options.size = offsetof(LowbitCompileOptions, scaleSearch);
  options.method = "int4";
  options.scaleSearch = "nonsense";
  EXPECT_EQ(take(lowbitCompile(path.c_str(), output.c_str(), &options)), "");
  size_t files = folder.countFiles();
  EXPECT_NE(
      take(lowbitModelLoad((folder / "none.onnx").c_str(), nullptr, &model)),
      "");
  EXPECT_EQ(folder.countFiles(), files);
}

TEST(CAPITypes, HaveSizes) {
  EXPECT_EQ(lowbitElementTypeGetSize(LowbitElementTypeBool), 1u);
  EXPECT_EQ(lowbitElementTypeGetSize(LowbitElementTypeBF16), 2u);
  EXPECT_EQ(lowbitElementTypeGetSize(LowbitElementTypeF64), 8u);
  EXPECT_EQ(lowbitElementTypeGetSize(static_cast<LowbitElementType>(16)), 0u);
}

TEST(CAPIOwnership, DestroysNull) {
  lowbitErrorDestroy(nullptr);
  lowbitModelDestroy(nullptr);
  lowbitResultsDestroy(nullptr);
}

} // namespace
