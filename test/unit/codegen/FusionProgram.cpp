//===- FusionProgram.cpp - a module with and without patterns -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FusionProgram.h"
#include "GuardedProgram.h"
#include "lowbit/Tools/Executable.h"
#include "lowbit/Tools/Registration.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace lowbit;

HostTensor test::createFloats(llvm::ArrayRef<int64_t> shape, uint32_t seed) {
  HostTensor tensor = HostTensor::allocate(ElementType::F32, shape);
  for (float &number : tensor.getMutableAs<float>()) {
    seed = seed * 1664525u + 1013904223u;
    number = std::ldexp(static_cast<float>(seed >> 8), -23) - 1;
  }
  return tensor;
}

std::string test::getElements(const HostTensor &tensor) {
  auto bytes = tensor.getBytes();
  return "dense<\"0x" +
         llvm::toHex(llvm::ArrayRef<uint8_t>(
             reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size())) +
         "\"> : tensor<" + tensor.describe() + ">";
}

namespace {
/// A context with a module in it.
struct Parsed {
  Parsed(llvm::StringRef text, const CompileOptions &options, Phase last) {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    if (!module) {
      ADD_FAILURE() << "the text is not a module";
    } else if (llvm::Error error = compileModule(*module, last, options)) {
      ADD_FAILURE() << llvm::toString(std::move(error));
      module = {};
    }
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};
} // namespace

int64_t test::countFused(llvm::StringRef text, const CompileOptions &options,
                         llvm::StringRef name) {
  Parsed parsed(text, options, Phase::Fuse);
  int64_t count = 0;
  if (parsed.module)
    parsed.module->walk([&](mlir::Operation *op) {
      count += op->getName().getStringRef() == name;
    });
  return count;
}

std::vector<HostTensor> test::compileAndRun(llvm::StringRef text,
                                            const CompileOptions &options,
                                            llvm::ArrayRef<HostTensor> inputs) {
  Parsed parsed(text, options, Phase::Lower);
  if (!parsed.module)
    return {};
  auto executable = Executable::create(*parsed.module, {});
  if (!executable) {
    ADD_FAILURE() << llvm::toString(executable.takeError());
    return {};
  }
  std::vector<std::vector<HostTensor>> results;
  for (unsigned threads : {1u, 2u}) {
    (*executable)->setThreads(threads);
    auto outputs = (*executable)->run(inputs);
    if (!outputs) {
      ADD_FAILURE() << llvm::toString(outputs.takeError());
      return {};
    }
    results.push_back(std::move(*outputs));
  }
  for (auto [one, two] : llvm::zip_equal(results[0], results[1]))
    EXPECT_EQ(one.getBytes(), two.getBytes());
  return results[0];
}

std::vector<std::vector<HostTensor>>
test::compileAndRunGuarded(llvm::StringRef text, const CompileOptions &options,
                           llvm::ArrayRef<HostTensor> inputs) {
  Parsed parsed(text, guarded(options), Phase::Lower);
  if (!parsed.module)
    return {};
  return runGuarded(*parsed.module, options.cpu, {inputs.vec()});
}

void test::expectClose(const HostTensor &found, const HostTensor &expected,
                       double tolerance) {
  ASSERT_EQ(found.describe(), expected.describe());
  double worst = 0;
  for (uint64_t i = 0; i < found.getNumElements(); ++i) {
    double difference = std::abs(found.getElement(i) - expected.getElement(i));
    // Not a number is no small difference.
    if (!(difference <= worst))
      worst = difference;
  }
  EXPECT_LE(worst, tolerance);
}
