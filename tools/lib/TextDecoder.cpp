//===- TextDecoder.cpp - A language model with a KV cache -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The cache belongs to the text, not to the model. A step with one token is
// prepared once; then only a token and a position change.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/TextDecoder.h"
#include "CountedMemory.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Executable.h"
#include "lowbit/Tools/Registration.h"
#include "lowbit/Tools/Targets.h"
#include "lowbit/Tools/TextTable.h"
#include "lowbit/Transforms/Cache.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include <chrono>
#include <cmath>

using namespace lowbit;

namespace {
/// The context owns the weights' mapping, so it outlives the executable.
class CompiledDecoder : public TextDecoder {
public:
  llvm::Error load(llvm::StringRef path, CompileOptions options,
                   const LoadOptions &load);

  size_t getMaxLength() const override { return maxLength; }
  size_t getLength() const override { return length; }
  uint64_t getCacheBytes() const override { return cacheBytes; }
  uint64_t getWorkspaceBytes() const override {
    return executable->getFunction(kDecodeFunction)->workspace.value_or(0);
  }
  uint64_t getPromptBytes() const override { return promptBytes; }
  WeightSize getWeightSize() const override { return weightSize; }
  void reset() override { length = 0; }
  llvm::Expected<Logits> prefill(llvm::ArrayRef<uint32_t> tokens) override;
  llvm::Expected<llvm::ArrayRef<float>> decode(uint32_t token) override;

private:
  llvm::Error planCache(llvm::ArrayRef<TensorSpec> specs);
  llvm::Error start();
  llvm::Error checkRoom(size_t tokens) const;
  llvm::Error writeToken(HostTensor &tensor, size_t index, uint32_t token);

  mlir::MLIRContext context;
  WeightSize weightSize;
  std::unique_ptr<Executable> executable;
  size_t maxLength = 0, length = 0;
  uint64_t cacheBytes = 0, promptBytes = 0;
  ElementType tokenType = ElementType::I64;
  int64_t vocabulary = 0;
  HostTensor token, position;
  std::vector<HostTensor> states;
  std::optional<Executable::Call> step;
  /// Where the last step left its logits.
  std::vector<HostTensor> outputs;
};
} // namespace

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

llvm::Error CompiledDecoder::load(llvm::StringRef path, CompileOptions options,
                                  const LoadOptions &load) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  if (load.registerExtensions)
    load.registerExtensions(registry);
  context.appendDialectRegistry(registry);
  context.printOpOnDiagnostic(false);
  if (load.remarks)
    printRemarks(context, *load.remarks, llvm::sys::path::filename(path));
  auto module = loadModule(path, context, load);
  if (!module)
    return module.takeError();
  bool hasCache =
      bool((*module)->lookupSymbol<mlir::func::FuncOp>(kDecodeFunction));
  if (hasCache)
    options.kvCache.clear();
  else if (options.kvCache.empty())
    options.kvCache = "f32";
  options.releaseData = true;
  auto fail = [&](llvm::Error error) {
    return makeFileError(path, llvm::toString(std::move(error)));
  };
  if (llvm::Error error = compileModule(**module, Phase::Quantize, options))
    return fail(std::move(error));
  weightSize = lowbit::getWeightSize(**module);
  if (llvm::Error error =
          compileModule(**module, Phase::Lower, options, Phase::Fuse))
    return fail(std::move(error));
  ExecutableOptions executableOptions;
  executableOptions.threads = load.threads;
  countMemory(executableOptions);
  auto created = Executable::create(**module, executableOptions);
  if (!created)
    return fail(created.takeError());
  executable = std::move(*created);
  if (llvm::Error error = start())
    return fail(std::move(error));
  return llvm::Error::success();
}

/// Adds up the cache, for which the machine must have memory.
llvm::Error CompiledDecoder::planCache(llvm::ArrayRef<TensorSpec> specs) {
  uint64_t memory = getMachineMemory();
  for (const TensorSpec &spec : specs)
    cacheBytes = llvm::SaturatingAdd(
        cacheBytes, getByteSize(spec.type, spec.shape).value_or(UINT64_MAX));
  if (!memory || cacheBytes <= memory)
    return llvm::Error::success();
  return makeError("the KV cache of " + llvm::Twine(maxLength) +
                   " tokens takes " + formatBytes(cacheBytes) +
                   ", and this machine has " + formatBytes(memory) +
                   " of memory; ask for fewer tokens");
}

/// Makes an empty text.
llvm::Error CompiledDecoder::start() {
  const Signature *signature = executable->getFunction(kDecodeFunction);
  bool fits = signature && executable->getFunction(kPrefillFunction) &&
              signature->inputs.size() > 2 && !signature->states.empty() &&
              signature->states.front() == 2 &&
              (signature->inputs[0].type == ElementType::I64 ||
               signature->inputs[0].type == ElementType::I32) &&
              signature->inputs[0].shape == llvm::ArrayRef<int64_t>({1, 1}) &&
              signature->inputs[1].type == ElementType::I64 &&
              signature->inputs[1].shape.empty();
  if (!fits)
    return makeError("a model with a KV cache requires functions @prefill and "
                     "@decode of tokens, a position and states, as "
                     "lowbit-add-cache makes them");
  if (signature->outputs.empty() ||
      signature->outputs[0].type != ElementType::F32 ||
      signature->outputs[0].shape.size() != 3)
    return makeError("a language model's first output must be f32 logits of "
                     "shape [1, T, V]");
  tokenType = signature->inputs[0].type;
  vocabulary = signature->outputs[0].shape[2];
  const TensorSpec &keys = signature->inputs[2];
  maxLength = keys.shape[keys.shape.size() - 2];
  if (llvm::Error error =
          planCache(llvm::ArrayRef(signature->inputs).drop_front(2)))
    return error;
  std::vector<HostTensor> inputs;
  for (const TensorSpec &spec : signature->inputs)
    inputs.push_back(HostTensor::allocate(spec.type, spec.shape));
  token = inputs[0];
  position = inputs[1];
  states.assign(inputs.begin() + 2, inputs.end());
  llvm::Expected<Executable::Call> call =
      executable->prepare(kDecodeFunction, inputs);
  if (!call)
    return call.takeError();
  step = std::move(*call);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

llvm::Error CompiledDecoder::checkRoom(size_t tokens) const {
  if (tokens <= maxLength - length)
    return llvm::Error::success();
  return makeError("the KV cache has room for " + llvm::Twine(maxLength) +
                   " tokens, found " + llvm::Twine(length + tokens) +
                   "; compile with a larger --max-length");
}

llvm::Error CompiledDecoder::writeToken(HostTensor &tensor, size_t index,
                                        uint32_t token) {
  if (vocabulary > 0 && token >= vocabulary)
    return makeError("token " + llvm::Twine(token) +
                     " is none of the model's, which has " +
                     llvm::Twine(vocabulary));
  if (tokenType == ElementType::I64)
    tensor.getMutableAs<int64_t>()[index] = token;
  else
    tensor.getMutableAs<int32_t>()[index] = int32_t(token);
  return llvm::Error::success();
}

static llvm::Error checkFinite(llvm::ArrayRef<float> logits, size_t first,
                               size_t vocabulary) {
  for (size_t i = 0; i < logits.size(); ++i)
    if (!std::isfinite(logits[i]))
      return makeError("the logits of token " +
                       llvm::Twine(first + i / vocabulary) + " are not finite");
  return llvm::Error::success();
}

llvm::Expected<Logits>
CompiledDecoder::prefill(llvm::ArrayRef<uint32_t> tokens) {
  if (tokens.empty())
    return makeError("at least one token is required");
  if (llvm::Error error = checkRoom(tokens.size()))
    return std::move(error);
  HostTensor ids =
      HostTensor::allocate(tokenType, {1, static_cast<int64_t>(tokens.size())});
  for (auto [i, token] : llvm::enumerate(tokens))
    if (llvm::Error error = writeToken(ids, i, token))
      return std::move(error);
  position.getMutableAs<int64_t>()[0] = length;
  std::vector<HostTensor> inputs{ids, position};
  inputs.insert(inputs.end(), states.begin(), states.end());
  startMemoryCount();
  auto results = executable->run(kPrefillFunction, inputs);
  if (!results)
    return results.takeError();
  promptBytes = std::max<uint64_t>(promptBytes, getMostMemory());
  llvm::ArrayRef<int64_t> shape = results->front().getShape();
  Logits logits{results->front(), size_t(shape[1]), size_t(shape[2])};
  if (llvm::Error error = checkFinite(logits.tensor.getAs<float>(),
                                      length + tokens.size() - logits.tokens,
                                      logits.vocabulary))
    return std::move(error);
  length += tokens.size();
  return logits;
}

llvm::Expected<llvm::ArrayRef<float>> CompiledDecoder::decode(uint32_t next) {
  if (llvm::Error error = checkRoom(1))
    return std::move(error);
  if (llvm::Error error = writeToken(token, 0, next))
    return std::move(error);
  position.getMutableAs<int64_t>()[0] = length;
  (*step)();
  // In a workspace, logits are where they were.
  if (outputs.empty() || getWorkspaceBytes() == 0)
    outputs = step->getOutputs();
  llvm::ArrayRef<float> logits = outputs.front().getAs<float>();
  if (llvm::Error error = checkFinite(logits, length, logits.size()))
    return std::move(error);
  ++length;
  return logits;
}

llvm::Expected<std::unique_ptr<TextDecoder>>
lowbit::compileToDecoder(llvm::StringRef path, CompileOptions options,
                         const LoadOptions &load) {
  auto decoder = std::make_unique<CompiledDecoder>();
  if (llvm::Error error = decoder->load(path, std::move(options), load))
    return std::move(error);
  return std::unique_ptr<TextDecoder>(std::move(decoder));
}

//===----------------------------------------------------------------------===//
// Generating
//===----------------------------------------------------------------------===//

/// Tokens of a prompt that are computed at once: enough to read each weight
/// seldom, and few enough that logits of all of them are no great memory.
static constexpr size_t kPieceTokens = 256;

/// Appends a prompt. Returns the logits of its last piece.
static llvm::Expected<Logits> prefillByPieces(TextDecoder &decoder,
                                              llvm::ArrayRef<uint32_t> prompt) {
  for (; prompt.size() > kPieceTokens; prompt = prompt.drop_front(kPieceTokens))
    if (llvm::Error error =
            decoder.prefill(prompt.take_front(kPieceTokens)).takeError())
      return std::move(error);
  return decoder.prefill(prompt);
}

llvm::Expected<std::vector<uint32_t>>
lowbit::generate(TextDecoder &decoder, llvm::ArrayRef<uint32_t> prompt,
                 const GenerationOptions &options,
                 llvm::function_ref<void(uint32_t)> onToken,
                 GenerationTimes *times) {
  if (prompt.empty())
    return makeError("generation needs a prompt of at least one token");
  if (prompt.size() + options.count > decoder.getMaxLength() + 1)
    return makeError(
        "the KV cache has room for " + llvm::Twine(decoder.getMaxLength()) +
        " tokens, found a prompt of " + llvm::Twine(prompt.size()) + " and " +
        llvm::Twine(options.count) +
        " more; ask for fewer, or for a larger --max-length");
  using Clock = std::chrono::steady_clock;
  auto since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  TokenSampler sampler(options);
  std::vector<uint32_t> tokens(prompt.begin(), prompt.end());
  tokens.reserve(prompt.size() + options.count);
  decoder.reset();
  Clock::time_point start = Clock::now();
  llvm::Expected<Logits> logits = prefillByPieces(decoder, prompt);
  if (!logits)
    return logits.takeError();
  double promptSeconds = since(start);
  llvm::ArrayRef<float> row = logits->getRow(logits->tokens - 1);
  start = Clock::now();
  for (unsigned i = 0; i < options.count; ++i) {
    uint32_t token = sampler.draw(row);
    tokens.push_back(token);
    if (onToken)
      onToken(token);
    if (i + 1 == options.count)
      break;
    llvm::Expected<llvm::ArrayRef<float>> next = decoder.decode(token);
    if (!next)
      return next.takeError();
    row = *next;
  }
  if (times)
    *times = {prompt.size(), options.count, promptSeconds, since(start)};
  return tokens;
}
