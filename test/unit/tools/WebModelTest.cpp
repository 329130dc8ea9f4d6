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
#include "codegen/web/ModuleFiles.h"
#include "lowbit/Compiler.h"
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

} // namespace
