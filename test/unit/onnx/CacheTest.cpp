//===- CacheTest.cpp - texts with a KV cache against whole models ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A text is computed at once by the model as it was exported, and in pieces
// with a cache: some tokens, then one at a time, then some more. Logits must be
// the same behind every token, within what the cache's format rounds.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Compiler.h"
#include "lowbit/Frontends/ONNX.h"
#include "lowbit/Tools/Executable.h"
#include "lowbit/Tools/Registration.h"
#include "lowbit/Tools/TextDecoder.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <map>

using namespace lowbit;

namespace {

/// A model, a format, and the largest difference of logits.
struct CacheCase {
  const char *model, *format;
  double tolerance;
};

std::string pathOf(llvm::StringRef name) {
  if (name == "llama-5m")
    return LOWBIT_ARCHITECTURES "/../llama-5m/model.onnx";
  return (LOWBIT_ARCHITECTURES "/" + name + ".onnx").str();
}

std::vector<uint32_t> makeTokens(size_t count) {
  std::vector<uint32_t> tokens;
  uint32_t state = 7;
  for (size_t i = 0; i < count; ++i)
    tokens.push_back((state = state * 1664525u + 1013904223u) >> 26);
  return tokens;
}

LoadOptions oneText(llvm::StringRef name) {
  LoadOptions load;
  load.threads = 1;
  if (name != "llama-5m")
    load.dimensions = {"batch=1"};
  return load;
}

/// Logits of the whole text, by the model without a cache; once for each model.
llvm::Expected<HostTensor> runWhole(llvm::StringRef name,
                                    llvm::ArrayRef<uint32_t> tokens) {
  static std::map<std::string, HostTensor> known;
  if (auto found = known.find(name.str()); found != known.end())
    return found->second;
  auto model = loadModel(pathOf(name), oneText(name));
  if (!model)
    return model.takeError();
  std::vector<HostTensor> inputs;
  for (const TensorSpec &spec : (*model)->getInputs()) {
    // A past, where there is one, is of no tokens.
    llvm::SmallVector<int64_t, 4> shape(spec.shape);
    bool isPast = spec.type == ElementType::F32;
    for (int64_t &extent : shape)
      if (extent < 0)
        extent = isPast ? 0 : int64_t(tokens.size());
    inputs.push_back(HostTensor::allocate(spec.type, shape));
    if (isPast)
      continue;
    for (size_t i = 0; i < tokens.size(); ++i)
      inputs.back().getMutableAs<int64_t>()[i] =
          spec.name == "attention_mask" ? 1 : tokens[i];
  }
  auto outputs = (*model)->run(inputs);
  if (!outputs)
    return outputs.takeError();
  return known[name.str()] = outputs->front();
}

class CacheTest : public ::testing::TestWithParam<CacheCase> {};

double differ(llvm::ArrayRef<float> a, llvm::ArrayRef<float> b) {
  double largest = 0;
  for (auto [x, y] : llvm::zip_equal(a, b))
    largest = std::max(largest, std::fabs(double(x) - y));
  return largest;
}

TEST_P(CacheTest, EqualsTheWholeText) {
  const CacheCase &param = GetParam();
  std::vector<uint32_t> tokens = makeTokens(23);
  auto whole = runWhole(param.model, tokens);
  ASSERT_TRUE(bool(whole)) << llvm::toString(whole.takeError());
  CompileOptions compile;
  compile.kvCache = param.format;
  compile.maxLength = 40;
  auto decoder =
      compileToDecoder(pathOf(param.model), compile, oneText(param.model));
  ASSERT_TRUE(bool(decoder)) << llvm::toString(decoder.takeError());
  EXPECT_GT((*decoder)->getWorkspaceBytes(), 0u);
  size_t width = whole->getShape()[2];
  auto expected = [&](size_t token) {
    return whole->getAs<float>().slice(token * width, width);
  };
  double largest = 0;
  auto prefill = [&](size_t first, size_t count) {
    auto logits =
        (*decoder)->prefill(llvm::ArrayRef(tokens).slice(first, count));
    ASSERT_TRUE(bool(logits)) << llvm::toString(logits.takeError());
    ASSERT_EQ(logits->tokens, 1u);
    largest = std::max(largest,
                       differ(logits->getRow(0), expected(first + count - 1)));
  };
  // The second time, the cache holds another text.
  for (int round = 0; round < 2; ++round) {
    (*decoder)->reset();
    prefill(0, 9);
    for (size_t i = 9; i < 17; ++i) {
      auto logits = (*decoder)->decode(tokens[i]);
      ASSERT_TRUE(bool(logits)) << llvm::toString(logits.takeError());
      largest = std::max(largest, differ(*logits, expected(i)));
    }
    prefill(17, 6);
  }
  llvm::outs() << llvm::format("%-11s %-5s largest difference %.1e\n",
                               param.model, param.format, largest);
  EXPECT_LE(largest, param.tolerance);
}

INSTANTIATE_TEST_SUITE_P(
    All, CacheTest,
    ::testing::Values(
        CacheCase{"llama-5m", "f32", 1e-4}, CacheCase{"llama-5m", "int8", 0.2},
        CacheCase{"gpt2", "f32", 1e-4}, CacheCase{"gpt2", "f16", 1e-2},
        CacheCase{"gpt2", "int4", 0.4}, CacheCase{"llama", "f32", 1e-4},
        CacheCase{"llama", "int8", 2e-2}, CacheCase{"gpt2-past", "f32", 1e-4},
        CacheCase{"llama-past", "f32", 1e-4}),
    [](const auto &info) {
      std::string name =
          std::string(info.param.model) + "_" + info.param.format;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

TEST(TextDecoderTest, RefusesWhatDoesNotFit) {
  CompileOptions compile;
  compile.maxLength = 4;
  auto decoder = compileToDecoder(pathOf("gpt2"), compile, oneText("gpt2"));
  ASSERT_TRUE(bool(decoder)) << llvm::toString(decoder.takeError());
  auto tooMany = (*decoder)->prefill({1, 2, 3, 4, 5});
  EXPECT_EQ(
      llvm::toString(tooMany.takeError()),
      "the KV cache has room for 4 tokens, found 5; compile with a larger "
      "--max-length");
  auto unknown = (*decoder)->prefill({64});
  EXPECT_EQ(llvm::toString(unknown.takeError()),
            "token 64 is none of the model's, which has 64");
  auto some = (*decoder)->prefill({1, 2, 3});
  ASSERT_TRUE(bool(some)) << llvm::toString(some.takeError());
  auto last = (*decoder)->decode(4);
  ASSERT_TRUE(bool(last)) << llvm::toString(last.takeError());
  auto more = (*decoder)->decode(5);
  EXPECT_EQ(
      llvm::toString(more.takeError()),
      "the KV cache has room for 4 tokens, found 5; compile with a larger "
      "--max-length");
  EXPECT_EQ((*decoder)->getLength(), 4u);
}

std::atomic<size_t> allocations{0};

void *countAllocation(size_t bytes) {
  ++allocations;
  return allocateForModel(bytes);
}

TEST(TextDecoderTest, StepsAllocateNothing) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = loadModule(pathOf("llama"), context, oneText("llama"));
  ASSERT_TRUE(bool(module)) << llvm::toString(module.takeError());
  CompileOptions options;
  options.kvCache = "int8";
  options.maxLength = 8;
  if (llvm::Error error = compileModule(**module, Phase::Lower, options))
    FAIL() << llvm::toString(std::move(error));
  ExecutableOptions executableOptions;
  executableOptions.allocate = countAllocation;
  auto executable = Executable::create(**module, executableOptions);
  ASSERT_TRUE(bool(executable)) << llvm::toString(executable.takeError());
  std::vector<HostTensor> inputs;
  for (const TensorSpec &spec : (*executable)->getFunction("decode")->inputs)
    inputs.push_back(HostTensor::allocate(spec.type, spec.shape));
  auto step = (*executable)->prepare("decode", inputs);
  ASSERT_TRUE(bool(step)) << llvm::toString(step.takeError());
  allocations = 0;
  for (int64_t i = 0; i < 8; ++i) {
    inputs[1].getMutableAs<int64_t>()[0] = i;
    (*step)();
  }
  EXPECT_EQ(allocations, 0u);
}

} // namespace
