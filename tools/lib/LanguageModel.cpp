//===- LanguageModel.cpp - Token ids in, logits out -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Drawing a token uses its own few lines instead of <random>'s distributions,
// whose results differ between standard libraries.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/LanguageModel.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/WidenTensor.h"
#include "llvm/ADT/STLExtras.h"
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

using namespace lowbit;

static bool areLogits(ElementType type) {
  return llvm::is_contained(
      {ElementType::F32, ElementType::F16, ElementType::BF16}, type);
}

llvm::Error lowbit::checkLanguageModel(const Model &model) {
  llvm::ArrayRef<TensorSpec> inputs = model.getInputs();
  llvm::ArrayRef<TensorSpec> outputs = model.getOutputs();
  bool tokens = inputs.size() == 1 && inputs[0].shape.size() == 2 &&
                (inputs[0].type == ElementType::I64 ||
                 inputs[0].type == ElementType::I32);
  if (!tokens)
    return makeError("a language model must have one input, integers of shape "
                     "[1, T]");
  if (outputs.empty() || !areLogits(outputs[0].type) ||
      outputs[0].shape.size() != 3)
    return makeError("a language model's first output must be logits of shape "
                     "[1, T, V] in f32, f16 or bf16");
  return llvm::Error::success();
}

static HostTensor makeTokenTensor(ElementType type,
                                  llvm::ArrayRef<uint32_t> tokens) {
  HostTensor tensor =
      HostTensor::allocate(type, {1, static_cast<int64_t>(tokens.size())});
  if (type == ElementType::I64)
    llvm::copy(tokens, tensor.getMutableAs<int64_t>().begin());
  else
    llvm::copy(tokens, tensor.getMutableAs<int32_t>().begin());
  return tensor;
}

llvm::Expected<Logits>
lowbit::runLanguageModel(Model &model, llvm::ArrayRef<uint32_t> tokens) {
  if (llvm::Error error = checkLanguageModel(model))
    return error;
  HostTensor input = makeTokenTensor(model.getInputs()[0].type, tokens);
  if (llvm::Error error = checkInputs(model, input))
    return error;
  llvm::Expected<std::vector<HostTensor>> outputs = model.run(input);
  if (!outputs)
    return outputs.takeError();
  llvm::ArrayRef<int64_t> shape = outputs->front().getShape();
  if (!areLogits(outputs->front().getType()) || shape.size() != 3 ||
      shape[0] != 1 || shape[1] != int64_t(tokens.size()) || shape[2] < 1)
    return makeError("logits must be floats 1x" + llvm::Twine(tokens.size()) +
                     "xV, the model returned " + outputs->front().describe());
  HostTensor tensor = widen(outputs->front());
  Logits logits{tensor, tokens.size(), static_cast<size_t>(shape[2])};
  for (auto [index, value] : llvm::enumerate(tensor.getAs<float>()))
    if (!std::isfinite(value))
      return makeError("the logits of token " +
                       llvm::Twine(index / logits.vocabulary) +
                       " are not finite");
  return logits;
}

/// Draws from softmax(logits / temperature) by inverting its distribution.
uint32_t TokenSampler::draw(llvm::ArrayRef<float> logits) {
  const float *best = llvm::max_element(logits);
  if (options.temperature <= 0.0)
    return best - logits.begin();
  float least = -std::numeric_limits<float>::infinity();
  if (options.topK != 0 && options.topK < logits.size()) {
    ordered.assign(logits.begin(), logits.end());
    auto last = ordered.begin() + (options.topK - 1);
    std::nth_element(ordered.begin(), last, ordered.end(), std::greater<>());
    least = *last;
  }
  cumulative.resize(logits.size());
  double sum = 0.0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= least)
      sum += std::exp((double(logits[i]) - *best) / options.temperature);
    cumulative[i] = sum;
  }
  double uniform = double(generator() >> 11) * 0x1p-53;
  auto drawn = llvm::upper_bound(cumulative, uniform * sum);
  return std::min<size_t>(drawn - cumulative.begin(), logits.size() - 1);
}

llvm::Expected<std::vector<uint32_t>>
lowbit::generate(Model &model, llvm::ArrayRef<uint32_t> prompt,
                 const GenerationOptions &options,
                 llvm::function_ref<void(uint32_t)> onToken) {
  if (prompt.empty())
    return makeError("generation needs a prompt of at least one token");
  if (options.window == 0)
    return makeError("the window must hold at least one token");
  std::vector<uint32_t> tokens(prompt.begin(), prompt.end());
  TokenSampler sampler(options);
  for (unsigned i = 0; i < options.count; ++i) {
    llvm::ArrayRef<uint32_t> visible = tokens;
    visible = visible.take_back(options.window);
    llvm::Expected<Logits> logits = runLanguageModel(model, visible);
    if (!logits)
      return logits.takeError();
    uint32_t token = sampler.draw(logits->getRow(visible.size() - 1));
    tokens.push_back(token);
    if (onToken)
      onToken(token);
  }
  return tokens;
}
