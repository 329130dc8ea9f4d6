//===- TargetCodeTest.cpp - objects of a module ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TargetCode.h"
#include "lowbit/Tools/Registration.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ThreadPool.h"
#include "gtest/gtest.h"

using namespace lowbit;

namespace {

/// A function of about `length` operations on what a table holds, so that there
/// is something to optimize and to place.
std::string getFunction(llvm::StringRef name, unsigned length) {
  std::string text =
      llvm::formatv("llvm.func @{0}(%a: i32) -> i32 {{\n"
                    "  %t = llvm.mlir.addressof @table : !llvm.ptr\n"
                    "  %v0 = llvm.load %t : !llvm.ptr -> i32\n",
                    name);
  for (unsigned i = 1; i < length; ++i)
    text += llvm::formatv("  %v{0} = llvm.{1} %v{2}, %a : i32\n", i,
                          i % 3 ? "mul" : "xor", i - 1);
  return text +
         llvm::formatv("  llvm.return %v{0} : i32\n}\n", length - 1).str();
}

/// The objects of `text` with so many threads.
std::vector<std::string> compile(llvm::StringRef text, unsigned threads) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  llvm::DefaultThreadPool pool(llvm::hardware_concurrency(threads));
  if (threads > 1)
    context.setThreadPool(pool);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  auto builder = getTargetBuilder("native", 3);
  if (!module || !builder) {
    ADD_FAILURE();
    return {};
  }
  auto objects = translateToObjects(*module, *builder, 3, [](llvm::Module &) {
    return llvm::Error::success();
  });
  if (!objects) {
    ADD_FAILURE() << llvm::toString(objects.takeError());
    return {};
  }
  std::vector<std::string> bytes;
  for (const std::unique_ptr<llvm::MemoryBuffer> &object : *objects)
    bytes.push_back(object->getBuffer().str());
  return bytes;
}

TEST(TargetCode, ObjectsDoNotDependOnThreads) {
  std::string text = "llvm.mlir.global internal constant @table(7 : i32) : "
                     "i32\n";
  for (unsigned i = 0; i < 6; ++i)
    text += getFunction("f" + std::to_string(i), 1000 + 100 * (i % 3));
  std::vector<std::string> expected = compile(text, 1);
  ASSERT_GT(expected.size(), 4u) << "parts to be compiled side by side";
  for (unsigned threads : {2u, 8u})
    EXPECT_TRUE(compile(text, threads) == expected) << threads << " threads";
}

} // namespace
