//===- CompileModelTest.cpp - models in, artefacts and programs out -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"
#include "lowbit/Compiler.h"
#include "mlir/IR/MLIRContext.h"

using namespace lowbit;
using namespace lowbit::testing;

namespace {

constexpr llvm::StringLiteral kModel = R"(
lowbit.global @w : tensor<2x4xf32> {data = dense<[[1.0, 2.0, 3.0, 4.0], [-4.0, 3.0, -2.0, 1.0]]> : tensor<2x4xf32>}
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x2xf32> {
  %w = lowbit.weight @w : tensor<2x4xf32>
  %y = lowbit.linear %x, %w : tensor<?x4xf32>, tensor<2x4xf32> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
)";

class CompileModel : public ::testing::Test {
protected:
  void SetUp() override {
    input = folder / "model.mlir";
    writeBytes(input, kModel);
    options.method = "int8";
  }

  std::string compileTo(llvm::StringRef name, Phase last) {
    return getText(compileToArtefact(input, folder / name, options, last));
  }

  TemporaryFolder folder;
  std::string input;
  CompileOptions options;
};

TEST_F(CompileModel, WritesTheFormThatTheNameAsksFor) {
  EXPECT_EQ(compileTo("text.mlir", Phase::Fuse), "");
  EXPECT_NE(readBytes(folder / "text.mlir").find("codes ="), std::string::npos);
  EXPECT_EQ(compileTo("bytes.mlirbc", Phase::Pack), "");
  EXPECT_TRUE(llvm::StringRef(readBytes(folder / "bytes.mlirbc"))
                  .starts_with("ML\xefR"));
}

TEST_F(CompileModel, RefusesOtherForms) {
  EXPECT_NE(compileTo("a.mlir", Phase::Lower)
                .find("requires a phase up to pack, found lower"),
            std::string::npos);
  EXPECT_NE(compileTo("a.o", Phase::Fuse)
                .find("requires the extension .mlir or .mlirbc"),
            std::string::npos);
  options.method = "int12";
  EXPECT_NE(compileTo("a.mlir", Phase::Fuse).find("method 'int12'"),
            std::string::npos);
  EXPECT_EQ(folder.countFiles(), 1u);
}

TEST_F(CompileModel, RunsWhatItQuantized) {
  bool isExtended = false;
  LoadOptions load;
  load.registerExtensions = [&](mlir::DialectRegistry &) { isExtended = true; };
  llvm::Expected<std::unique_ptr<Model>> model =
      compileToModel(input, options, load);
  ASSERT_EQ(model ? "" : llvm::toString(model.takeError()), "");
  EXPECT_TRUE(isExtended);
  // A scale of 16 bits for each row of four.
  EXPECT_EQ((*model)->getWeightSize().getBitsPerWeight(), 12.0);
  auto x = HostTensor::allocate(ElementType::F32, {1, 4});
  x.getMutableAs<float>()[3] = 2;
  auto outputs = (*model)->run({x});
  ASSERT_EQ(outputs ? "" : llvm::toString(outputs.takeError()), "");
  EXPECT_NEAR((*outputs)[0].getElement(0), 8.0, 0.05);
  EXPECT_NEAR((*outputs)[0].getElement(1), 2.0, 0.05);
}

} // namespace

TEST_F(CompileModel, WritesProgramsWhole) {
  ProgramOptions program;
  program.cpus = {"portable"};
  llvm::Expected<ProgramFiles> files =
      compileToProgram(input, folder / "tiny.o", options, program);
  ASSERT_EQ(files ? "" : llvm::toString(files.takeError()), "");
  EXPECT_EQ(files->code, folder / "tiny.o");
  EXPECT_NE(readBytes(files->header).find("int tiny_run("), std::string::npos);
  EXPECT_NE(readBytes(files->weights), "");
  EXPECT_EQ(folder.countFiles(), 4u);
}

TEST_F(CompileModel, LeavesNoPartOfAProgram) {
  auto getProblem = [&](llvm::StringRef name, ProgramOptions program) {
    return getText(compileToProgram(input, folder / name, options, program));
  };
  ProgramOptions program;
  program.cpus = {"portable", "z80"};
  EXPECT_NE(getProblem("a.o", program).find("found 'z80'"), std::string::npos);
  program = {};
  program.name = "int";
  EXPECT_NE(getProblem("a.o", program).find("an identifier of C, found 'int'"),
            std::string::npos);
  program = {};
  EXPECT_NE(getProblem("model.safetensors", program).find("name of a header"),
            std::string::npos);
  EXPECT_NE(getProblem("none/a.o", program).find("cannot be created"),
            std::string::npos);
  program.form = ProgramForm::Shared;
  program.runtime = folder / "none.a";
  EXPECT_NE(getProblem("liba.so", program).find("none.a, which is not there"),
            std::string::npos);
  program.runtime = input;
  program.linker = "false";
  EXPECT_NE(getProblem("liba.so", program).find("linking with"),
            std::string::npos);
  // Code for WebAssembly runs on one thread and has one set of instructions.
  options.triple = "wasm32";
  program = {};
  program.cpus = {"relaxed-simd", "simd128"};
  EXPECT_NE(getProblem("a.o", program)
                .find("parallel: requires a machine with OpenMP, found wasm32"),
            std::string::npos);
  options.parallel = false;
  EXPECT_NE(
      getProblem("a.o", program).find("code for WebAssembly requires one CPU"),
      std::string::npos);
  EXPECT_EQ(folder.countFiles(), 1u);
}
