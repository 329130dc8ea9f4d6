//===- WebModelTest.cpp - web modules of builds without the numerics ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// This program has no numerics as WebAssembly, as builds without a libc++ for
// it.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/WebModel.h"
#include "TestSupport.h"
#include "codegen/web/FallbackSignature.h"
#include "codegen/web/ModuleFiles.h"
#include "lowbit/Compiler.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Registration.h"
#include "mlir/IR/MLIRContext.h"

using namespace lowbit;
using namespace lowbit::testing;

// In the place of the library's.
llvm::StringRef lowbit::getWebQuantizer() { return {}; }

namespace {

constexpr llvm::StringLiteral kModel = R"(
lowbit.global @w : tensor<64x32xf32> {data = dense<0.5> : tensor<64x32xf32>}
func.func @main(%x: tensor<8x32xf32>) -> tensor<8x64xf32> {
  %w = lowbit.weight @w : tensor<64x32xf32>
  %y = lowbit.linear %x, %w : tensor<8x32xf32>, tensor<64x32xf32> -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}
)";

/// Writes a web module; the error's text, or nothing.
std::string write(const TemporaryFolder &folder, bool roundsInPage) {
  std::string input = folder / "model.mlir";
  writeBytes(input, kModel);
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  CompileOptions options;
  options.method = "int8";
  // Web modules have the kernels of GPUs, in another language.
  options.target = "spirv";
  options.keepSources = roundsInPage;
  auto module = loadModule(input, context, {});
  if (!module)
    return getText(module.takeError());
  if (llvm::Error error = compileModule(**module, Phase::Pack, options))
    return getText(std::move(error));
  WebOutput files;
  WebModelOptions web;
  web.fallback = false;
  if (llvm::Error error =
          writeWebModel(**module, folder / "model.js", options, files, web))
    return getText(std::move(error));
  return getText(files.commit());
}

TEST(WebModel, RoundsInPagesWithNumericsAlone) {
  TemporaryFolder folder;
  std::string error = write(folder, /*roundsInPage=*/true);
  EXPECT_NE(error.find("weights that the page rounds require a quant-opt with "
                       "the numerics as WebAssembly, found one without; build "
                       "it with libc++-22-dev-wasm32"),
            std::string::npos)
      << error;
  EXPECT_EQ(folder.countFiles(), 1u);
}

TEST(WebModel, NeedsNoneOtherwise) {
  TemporaryFolder folder;
  EXPECT_EQ(write(folder, /*roundsInPage=*/false), "");
  EXPECT_FALSE(llvm::sys::fs::exists(folder / "model.wasm"));
}

/// What is wrong with functions of WebAssembly that are to go with shaders for
/// a token, a cache and logits; nothing if they fit.
std::string compare(const WebFallback &fallback) {
  GPUSchedule schedule;
  schedule.function = "decode";
  schedule.buffers = {{"token", GPUBufferKind::Input, 16, "i64", {1, 1}},
                      {"keys", GPUBufferKind::State, 64, "f16", {1, 8, 4}},
                      {"w", GPUBufferKind::Weight, 64},
                      {"logits", GPUBufferKind::Output, 64, "f32", {1, 12}},
                      {"best", GPUBufferKind::Token, 16, "i32", {1}}};
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  DiagnosticText errors(context);
  if (succeeded(checkFallbackSignature(*module, schedule, fallback)))
    return "";
  return getText(errors.takeError("failed without a reason"));
}

TEST(WebModel, WebAssemblyTakesWhatShadersTake) {
  using Tensors = std::vector<WebFallback::Tensor>;
  const Tensors inputs = {{"i64", {1, 1}}, {"f16", {1, 8, 4}}};
  const Tensors outputs = {{"f32", {1, 12}}};
  auto check = [](Tensors inputs, Tensors outputs) {
    WebFallback fallback;
    fallback.functions["decode"] = {std::move(inputs), std::move(outputs)};
    return compare(fallback);
  };
  auto expect = [](const std::string &found, llvm::StringRef wanted) {
    EXPECT_NE(found.find(wanted.str()), std::string::npos) << found;
  };
  EXPECT_EQ(check(inputs, outputs), "");
  // Schedules have no signs.
  EXPECT_EQ(check({{"u64", {1, 1}}, inputs[1]}, outputs), "");
  expect(check(inputs, {{"f16", {1, 12}}}),
         "the WebAssembly of a web module requires the types of its shaders, "
         "found tensor<1x12xf16> in place of tensor<1x12xf32> for output "
         "'logits' of '@decode'; --fallback=none leaves it out");
  expect(check({inputs[0], {"bf16", {1, 8, 4}}}, outputs),
         "found tensor<1x8x4xbf16> in place of tensor<1x8x4xf16> for input "
         "'keys'");
  expect(check({{"i64", {1, 2}}, inputs[1]}, outputs),
         "found tensor<1x2xi64> in place of tensor<1x1xi64> for input 'token'");
  expect(check({{"f64", {1, 1}}, inputs[1]}, outputs),
         "found tensor<1x1xf64> in place of tensor<1x1xi64>");
  expect(check({inputs[0]}, outputs),
         "the WebAssembly of a web module requires the inputs of its shaders, "
         "found 1 in place of 2 in '@decode'");
  expect(check(inputs, {}), "requires the outputs of its shaders, found 0 in "
                            "place of 1 in '@decode'");
  expect(compare({}),
         "the WebAssembly of a web module requires the functions of its "
         "shaders, found none for '@decode'");
}

} // namespace
