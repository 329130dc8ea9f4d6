//===- EvaluationTest.cpp - What a model's precision costs and gains ------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Models of a few lines whose perplexity and divergence are known exactly.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Evaluation.h"
#include "TestSupport.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/LanguageModel.h"
#include <cmath>
#include <limits>

using namespace lowbit;
using namespace lowbit::testing;

namespace {

/// Gives the token after the current one (modulo the vocabulary) a logit of
/// `lead`, all others 0.
class SuccessorModel : public Model {
public:
  SuccessorModel(int64_t vocabulary, float lead)
      : inputs{{"ids", ElementType::I64, {1, -1}}},
        outputs{{"logits", ElementType::F32, {1, -1, vocabulary}}},
        vocabulary(vocabulary), lead(lead) {}

  llvm::ArrayRef<TensorSpec> getInputs() const override { return inputs; }
  llvm::ArrayRef<TensorSpec> getOutputs() const override { return outputs; }
  WeightSize getWeightSize() const override { return {100, 50}; }

  llvm::Expected<std::vector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> tensors) override {
    int64_t length = tensors[0].getShape()[1];
    longest = std::max(longest, length);
    HostTensor logits =
        HostTensor::allocate(ElementType::F32, {1, length + extra, vocabulary});
    for (int64_t t = 0; t < length; ++t) {
      int64_t next = (tensors[0].getAs<int64_t>()[t] + 1) % vocabulary;
      logits.getMutableAs<float>()[t * vocabulary + next] = lead;
    }
    return std::vector<HostTensor>{logits};
  }

  std::vector<TensorSpec> inputs, outputs;
  int64_t vocabulary, longest = 0;
  /// Rows that the logits have too many of.
  int64_t extra = 0;
  float lead;
};

} // namespace

static EvaluationOptions makeOptions(size_t window, size_t maxWindows = 0) {
  return {window, maxWindows, /*progress=*/false};
}

TEST(Evaluation, UniformModelHasVocabularyAsPerplexity) {
  SuccessorModel model(8, 0.0f);
  auto result = evaluate(model, nullptr, {1, 5, 2, 7, 0, 3, 3}, makeOptions(3));
  ASSERT_TRUE(bool(result));
  EXPECT_EQ(6u, result->targets);
  EXPECT_NEAR(8.0, result->perplexity, 1e-12);
}

TEST(Evaluation, CutsWindowsAsDocumented) {
  SuccessorModel model(4, 1.0f);
  // Two windows of two inputs; the sixth token belongs to no whole window.
  auto result = evaluate(model, nullptr, {0, 1, 2, 3, 0, 2}, makeOptions(2));
  ASSERT_TRUE(bool(result));
  EXPECT_EQ(4u, result->targets);
  double loss = std::log(std::exp(1.0) + 3.0) - 1.0;
  EXPECT_NEAR(std::exp(loss), result->perplexity, 1e-12);
  result = evaluate(model, nullptr, {0, 1, 2, 3, 0, 2}, makeOptions(2, 1));
  ASSERT_TRUE(bool(result));
  EXPECT_EQ(2u, result->targets);
}

TEST(Evaluation, DivergenceIsExact) {
  SuccessorModel model(2, 1.0f), reference(2, 2.0f);
  auto result = evaluate(model, &reference, {0, 1, 0}, makeOptions(2));
  ASSERT_TRUE(bool(result));
  auto probability = [](double lead) {
    return std::exp(lead) / (std::exp(lead) + 1.0);
  };
  double p = probability(2.0), q = probability(1.0);
  EXPECT_NEAR(p * std::log(p / q) + (1 - p) * std::log((1 - p) / (1 - q)),
              result->divergence, 1e-14);
  EXPECT_EQ(1.0, result->top1Agreement);
  result = evaluate(model, &model, {0, 1, 0}, makeOptions(2));
  ASSERT_TRUE(bool(result));
  EXPECT_EQ(0.0, result->divergence);
}

TEST(Evaluation, DisagreementIsCounted) {
  SuccessorModel model(4, -1.0f), reference(4, 1.0f);
  auto result = evaluate(model, &reference, {0, 1, 2}, makeOptions(2));
  ASSERT_TRUE(bool(result));
  // The model prefers the first of all tokens but the successor.
  EXPECT_EQ(0.0, result->top1Agreement);
}

TEST(Evaluation, ExplainsErrors) {
  SuccessorModel model(4, 1.0f), other(5, 1.0f);
  EXPECT_EQ("evaluation needs a window of at least one token and one token "
            "more than that, found a window of 3 and 3 tokens",
            getText(evaluate(model, nullptr, {0, 1, 2}, makeOptions(3))));
  EXPECT_EQ("token 9 is outside the model's vocabulary of 4",
            getText(evaluate(model, nullptr, {0, 1, 9}, makeOptions(2))));
  EXPECT_EQ("the models have vocabularies of 4 and 5 tokens",
            getText(evaluate(model, &other, {0, 1, 2}, makeOptions(2))));
  SuccessorModel broken(4, std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ("the logits of token 0 are not finite",
            getText(evaluate(broken, nullptr, {0, 1, 2}, makeOptions(2))));
  model.outputs[0].type = ElementType::I32;
  EXPECT_NE(std::string::npos,
            getText(evaluate(model, nullptr, {0, 1, 2}, makeOptions(2)))
                .find("first output must be logits of shape"));
  model.inputs[0].shape = {-1};
  EXPECT_EQ("a language model must have one input, integers of shape [1, T]",
            getText(evaluate(model, nullptr, {0, 1, 2}, makeOptions(2))));
  SuccessorModel longer(4, 1.0f);
  longer.extra = 1;
  EXPECT_EQ("logits must be floats 1x2xV, the model returned 1x3x4xf32",
            getText(evaluate(longer, nullptr, {0, 1, 2}, makeOptions(2))));
}

TEST(Evaluation, RefusesIdsBeyondTheTable) {
  SuccessorModel model(12, 1.0f);
  model.inputs[0].tableRows = 8;
  EXPECT_EQ("input 'ids' must hold ids of -8 to 7, rows of an embedding of 8, "
            "found 9 at position 1; was another tokenizer used?",
            getText(evaluate(model, nullptr, {7, 9, 0}, makeOptions(2))));
  EXPECT_EQ("", getText(evaluate(model, nullptr, {7, 0, 11}, makeOptions(2))));
}

TEST(Evaluation, LogProbabilitiesOfLargeLogits) {
  llvm::SmallVector<double> result;
  computeLogProbabilities({1e30f, 1e30f, -1e30f}, result);
  EXPECT_NEAR(-std::log(2.0), result[0], 1e-12);
  EXPECT_NEAR(std::log(0.5), result[1], 1e-12);
}

TEST(Generation, GreedyFollowsTheModel) {
  SuccessorModel model(5, 3.0f);
  GenerationOptions options;
  options.count = 7;
  options.window = 4;
  std::vector<uint32_t> seen;
  auto tokens =
      generate(model, {2}, options, [&](uint32_t id) { seen.push_back(id); });
  ASSERT_TRUE(bool(tokens));
  EXPECT_EQ((std::vector<uint32_t>{2, 3, 4, 0, 1, 2, 3, 4}), *tokens);
  EXPECT_EQ(7u, seen.size());
  EXPECT_EQ(4, model.longest);
  EXPECT_EQ("generation needs a prompt of at least one token",
            getText(generate(model, {}, options)));
}

TEST(Generation, SeedDecidesTheDraw) {
  SuccessorModel model(50, 1.0f);
  GenerationOptions options;
  options.count = 40;
  options.temperature = 1.0;
  auto first = generate(model, {0}, options),
       second = generate(model, {0}, options);
  options.seed = 1;
  auto third = generate(model, {0}, options);
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(*first, *second);
  EXPECT_NE(*first, *third);
}

TEST(Model, ChecksInputs) {
  SuccessorModel model(4, 1.0f);
  EXPECT_EQ("the model has 1 inputs, found 0", getText(checkInputs(model, {})));
  EXPECT_EQ("input 'ids' must be 1x?xi64, found 2x3xi64",
            getText(checkInputs(
                model, HostTensor::allocate(ElementType::I64, {2, 3}))));
  EXPECT_EQ("the model has no output 'x', it has 'logits'",
            getText(findTensor(model.getOutputs(), "x", "output")));
}

TEST(Model, MaxErrorKnowsNaN) {
  HostTensor a = HostTensor::allocate(ElementType::F32, {2}),
             b = HostTensor::allocate(ElementType::F32, {2});
  a.getMutableAs<float>()[1] = 1.5f;
  EXPECT_EQ(1.5, *getMaxError(a, b));
  a.getMutableAs<float>()[0] = std::nanf("");
  EXPECT_EQ(std::numeric_limits<double>::infinity(), *getMaxError(a, b));
  b.getMutableAs<float>()[0] = std::nanf("");
  EXPECT_EQ(1.5, *getMaxError(a, b));
  EXPECT_EQ(
      "cannot compare 2xf32 with 1xf32",
      getText(getMaxError(a, HostTensor::allocate(ElementType::F32, {1}))));
}

TEST(Benchmark, CountsRunsAndMemory) {
  SuccessorModel model(4, 1.0f);
  auto result = benchmark(model, HostTensor::allocate(ElementType::I64, {1, 3}),
                          /*seconds=*/0.0);
  ASSERT_TRUE(bool(result));
  EXPECT_EQ(5u, result->runs);
  EXPECT_LE(result->minSeconds, result->medianSeconds);
  EXPECT_GT(getPeakMemory(), 1u << 20);
}

TEST(HostTensor, SizesDoNotOverflow) {
  EXPECT_EQ(std::nullopt, getNumElements({int64_t(1) << 62, 2}));
  EXPECT_EQ(std::nullopt, getByteSize(ElementType::F64, {int64_t(1) << 61}));
  EXPECT_EQ(std::nullopt, getNumElements({-1}));
  EXPECT_EQ(0u, getNumElements({int64_t(1) << 62, 4, 0}));
  EXPECT_EQ(1u, getNumElements({}));
  EXPECT_EQ("2x?xbf16", describe(ElementType::BF16, {2, -1}));
}

TEST(HostTensor, ElementsAsNumbers) {
  HostTensor half = HostTensor::allocate(ElementType::F16, {1});
  half.getMutableAs<uint16_t>()[0] = 0x3e00;
  EXPECT_EQ(1.5, half.getElement(0));
  HostTensor brain = HostTensor::allocate(ElementType::BF16, {1});
  brain.getMutableAs<uint16_t>()[0] = 0xbfc0;
  EXPECT_EQ(-1.5, brain.getElement(0));
  HostTensor small = HostTensor::allocate(ElementType::F8E4M3, {1});
  small.getMutableAs<uint8_t>()[0] = 0x3c;
  EXPECT_EQ(1.5, small.getElement(0));
}
