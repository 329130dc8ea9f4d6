//===- CodePartsTest.cpp - LLVM IR in parts -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodeParts.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace lowbit;

namespace {

/// A function of about `length` instructions that is `around` a first one.
std::string getFunction(llvm::StringRef header, unsigned length,
                        llvm::StringRef first = "add i32 %a, 1") {
  std::string text = llvm::formatv("define {0}(i32 %a) {{\n", header);
  text += llvm::formatv("  %v0 = {0}\n", first);
  for (unsigned i = 1; i < length; ++i)
    text += llvm::formatv("  %v{0} = mul i32 %v{1}, {0}\n", i, i - 1);
  return text + llvm::formatv("  ret i32 %v{0}\n}\n", length - 1).str();
}

std::unique_ptr<llvm::Module> parse(llvm::StringRef text,
                                    llvm::LLVMContext &context) {
  llvm::SMDiagnostic problem;
  auto module = llvm::parseAssemblyString(text, problem, context);
  EXPECT_TRUE(module) << problem.getMessage().str();
  return module;
}

std::string print(const llvm::Value &value) {
  std::string text;
  llvm::raw_string_ostream os(text);
  value.print(os);
  return text;
}

/// Each part by itself.
std::vector<llvm::SmallVector<char, 0>> loadAll(const CodeParts &parts) {
  std::vector<llvm::SmallVector<char, 0>> bitcode;
  for (size_t i = 0; i < parts.size(); ++i) {
    llvm::LLVMContext context;
    auto part = parts.load(i, context);
    if (!part) {
      ADD_FAILURE() << llvm::toString(part.takeError());
      continue;
    }
    EXPECT_FALSE(llvm::verifyModule(**part, &llvm::errs()));
    bitcode.push_back(writeBitcode(**part));
  }
  return bitcode;
}

/// Seven functions: @inner is called by @outer alone, @shared by two.
std::string getProgram() {
  return "@table = internal constant [2 x i32] [i32 3, i32 4]\n"
         "@own = internal constant i32 5\n"
         "@state = internal global i32 7\n" +
         getFunction("i32 @outer", 1500, "call i32 @inner(i32 %a)") +
         getFunction("internal i32 @inner", 10, "call i32 @shared(i32 %a)") +
         getFunction("internal i32 @shared", 1400, "load i32, ptr @table") +
         getFunction("i32 @other", 1300, "call i32 @shared(i32 %a)") +
         getFunction("i32 @counter", 1200, "load i32, ptr @state") +
         getFunction("i32 @reader", 1600,
                     "load i32, ptr getelementptr (i8, ptr @table, i64 4)") +
         getFunction("i32 @owner", 1700, "load i32, ptr @own");
}

TEST(CodeParts, LittleCodeIsOnePart) {
  llvm::LLVMContext context;
  auto module = parse(getFunction("i32 @f", 500), context);
  CodeParts parts(*module);
  EXPECT_EQ(parts.size(), 1u);
  llvm::LLVMContext other;
  auto part = parts.load(0, other);
  ASSERT_TRUE(static_cast<bool>(part));
  EXPECT_EQ((*part)->getFunction("f")->getInstructionCount(), 501u);
}

TEST(CodeParts, NoCodeIsOnePart) {
  llvm::LLVMContext context;
  auto module = parse("@x = external global i32\n", context);
  CodeParts parts(*module);
  EXPECT_EQ(parts.size(), 1u);
  EXPECT_EQ(loadAll(parts).size(), 1u);
}

TEST(CodeParts, EveryFunctionIsDefinedOnce) {
  llvm::LLVMContext context;
  auto module = parse(getProgram(), context);
  CodeParts parts(*module);
  ASSERT_GT(parts.size(), 2u);
  llvm::StringMap<unsigned> definitions, homes;
  for (size_t i = 0; i < parts.size(); ++i) {
    llvm::LLVMContext own;
    auto part = parts.load(i, own);
    ASSERT_TRUE(static_cast<bool>(part));
    for (llvm::Function &function : **part)
      if (!function.isDeclaration()) {
        ++definitions[function.getName()];
        homes[function.getName()] = i;
      }
  }
  EXPECT_EQ(definitions.size(), 7u);
  for (const auto &[name, count] : definitions)
    EXPECT_EQ(count, 1u) << name.str();
  EXPECT_EQ(homes["inner"], homes["outer"]) << "may be inlined there";
}

TEST(CodeParts, ConstantsAreVisibleInAllParts) {
  llvm::LLVMContext context;
  auto module = parse(getProgram(), context);
  CodeParts parts(*module);
  size_t tables = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    llvm::LLVMContext own;
    auto part = parts.load(i, own);
    ASSERT_TRUE(static_cast<bool>(part));
    if (auto *table = (*part)->getNamedGlobal("table")) {
      EXPECT_TRUE(table->hasInitializer());
      ++tables;
    }
    if (auto *state = (*part)->getNamedGlobal("state"))
      EXPECT_EQ(state->hasInitializer(), i == 0);
  }
  EXPECT_GT(tables, 1u) << "two parts read it";
}

TEST(CodeParts, JoinedTheyAreTheModule) {
  llvm::LLVMContext context;
  auto module = parse(getProgram(), context);
  CodeParts parts(*module);
  llvm::LLVMContext other;
  auto joined = parts.join(loadAll(parts), other);
  ASSERT_TRUE(static_cast<bool>(joined));
  // Variables may stand in another order.
  llvm::LLVMContext third;
  auto expected = parse(getProgram(), third);
  std::vector<std::string> names, expectedNames;
  for (llvm::Function &function : **joined)
    names.push_back(function.getName().str());
  for (llvm::Function &function : *expected)
    expectedNames.push_back(function.getName().str());
  EXPECT_EQ(names, expectedNames);
  for (llvm::GlobalValue &value : expected->global_values()) {
    llvm::GlobalValue *found = (*joined)->getNamedValue(value.getName());
    ASSERT_TRUE(found) << value.getName().str();
    EXPECT_EQ(found->getLinkage(), value.getLinkage()) << value.getName().str();
    EXPECT_EQ(found->isDeclaration(), value.isDeclaration());
    EXPECT_EQ(print(*found), print(value));
  }
}

TEST(CodeParts, TheSameModuleComesApartInTheSameWay) {
  std::vector<std::vector<llvm::SmallVector<char, 0>>> runs;
  for (unsigned i = 0; i < 2; ++i) {
    llvm::LLVMContext context;
    auto module = parse(getProgram(), context);
    runs.push_back(loadAll(CodeParts(*module)));
  }
  EXPECT_EQ(runs[0], runs[1]);
}

} // namespace
