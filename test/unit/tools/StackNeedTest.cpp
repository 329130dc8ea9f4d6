//===- StackNeedTest.cpp - how deep the stack of compiled code is ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StackNeed.h"
#include "TargetCode.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "gtest/gtest.h"

using namespace lowbit;

namespace {

class StackNeedTest : public ::testing::Test {
protected:
  /// Parses functions, which may call another one outside.
  llvm::Module &parse(llvm::StringRef functions) {
    std::string text = (functions + "\ndeclare void @outside(ptr)\n").str();
    llvm::SMDiagnostic error;
    module = llvm::parseAssemblyString(text, error, context);
    if (!module)
      llvm::report_fatal_error(error.getMessage());
    return *module;
  }

  /// Generates code, as those do who write it to a file.
  void generateCode() {
    auto builder = getTargetBuilder("native", 2);
    ASSERT_TRUE(!!builder);
    auto machine = builder->createTargetMachine();
    ASSERT_TRUE(!!machine);
    module->setTargetTriple((*machine)->getTargetTriple());
    module->setDataLayout((*machine)->createDataLayout());
    llvm::SmallVector<char, 0> bytes;
    llvm::raw_svector_ostream os(bytes);
    llvm::legacy::PassManager manager;
    ASSERT_FALSE((*machine)->addPassesToEmitFile(
        manager, os, nullptr, llvm::CodeGenFileType::ObjectFile));
    manager.run(*module);
  }

  std::optional<uint64_t> measure(llvm::StringRef functions) {
    StackNeed need(parse(functions));
    generateCode();
    return need.getBytes();
  }

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module;
};

/// A function with a slot of so many bytes, which calls another one.
std::string getCaller(llvm::StringRef name, unsigned bytes,
                      llvm::StringRef called) {
  return "define void @" + name.str() + "() {\n  %slot = alloca [" +
         std::to_string(bytes) +
         " x i8]\n  call void @outside(ptr %slot)\n  call void " +
         called.str() + "\n  ret void\n}\n";
}

TEST_F(StackNeedTest, FramesOfTheDeepestCallsAreAddedUp) {
  std::string leaves = getCaller("small", 1000, "@outside(ptr null)") +
                       getCaller("large", 5000, "@outside(ptr null)");
  std::optional<uint64_t> alone = measure(leaves);
  ASSERT_TRUE(alone);
  EXPECT_GE(*alone, 5000u);
  EXPECT_LT(*alone, 6000u);
  std::optional<uint64_t> both =
      measure(leaves + getCaller("first", 3000, "@small()") +
              getCaller("second", 2000, "@large()"));
  ASSERT_TRUE(both);
  EXPECT_GE(*both, 7000u);
  EXPECT_LT(*both, 8000u);
}

TEST_F(StackNeedTest, OnlyARunTellsOfFunctionsThatCallThemselves) {
  EXPECT_EQ(measure(getCaller("again", 100, "@again()")), std::nullopt);
  EXPECT_EQ(measure(getCaller("there", 100, "@back()") +
                    getCaller("back", 100, "@there()")),
            std::nullopt);
}

TEST_F(StackNeedTest, OnlyARunTellsOfCallsByAddress) {
  EXPECT_EQ(measure("define void @call(ptr %which) {\n"
                    "  call void %which()\n"
                    "  ret void\n"
                    "}\n"),
            std::nullopt);
}

TEST_F(StackNeedTest, OnlyARunTellsOfSlotsMadeInLoops) {
  std::string loop = "define void @loop(i32 %n) {\n"
                     "  br label %body\n"
                     "body:\n"
                     "  %i = phi i32 [0, %0], [%j, %body]\n"
                     "  %slot = alloca i64\n"
                     "  call void @outside(ptr %slot)\n"
                     "  %j = add i32 %i, 1\n"
                     "  %more = icmp ult i32 %j, %n\n"
                     "  br i1 %more, label %body, label %end\n"
                     "end:\n"
                     "  ret void\n"
                     "}\n";
  EXPECT_EQ(measure(loop), std::nullopt);
  // Whoever calls it is no better off.
  EXPECT_EQ(measure(loop + getCaller("caller", 8, "@loop(i32 2)")),
            std::nullopt);
}

TEST_F(StackNeedTest, SlotsOfAnUnknownSizeAreLikeThose) {
  EXPECT_EQ(measure("define void @slots(i32 %n) {\n"
                    "  %slots = alloca i8, i32 %n\n"
                    "  call void @outside(ptr %slots)\n"
                    "  ret void\n"
                    "}\n"),
            std::nullopt);
}

/// Counts frames that it is told of, and errors.
struct CountingHandler : llvm::DiagnosticHandler {
  CountingHandler(unsigned &frames, unsigned &errors)
      : frames(frames), errors(errors) {}
  bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
    frames += llvm::isa<llvm::DiagnosticInfoStackSize>(info);
    errors += info.getSeverity() == llvm::DS_Error;
    return true;
  }
  unsigned &frames, &errors;
};

TEST_F(StackNeedTest, WhoListenedBeforeListensAfterwards) {
  unsigned frames = 0, errors = 0;
  context.setDiagnosticHandler(
      std::make_unique<CountingHandler>(frames, errors));
  {
    StackNeed need(parse(getCaller("alone", 100, "@outside(ptr null)")));
    context.emitError("heard meanwhile");
    EXPECT_EQ(errors, 1u);
    generateCode();
    EXPECT_GE(need.getBytes().value_or(0), 100u);
  }
  EXPECT_EQ(frames, 0u);
  EXPECT_FALSE(module->getFunction("alone")->hasFnAttribute("warn-stack-size"));
  context.emitError("heard afterwards");
  EXPECT_EQ(errors, 2u);
}

} // namespace
