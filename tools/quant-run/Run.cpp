//===- Run.cpp - What quant-run does --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files that are cheap to check are read before anything slow happens, so that
// a misspelled name costs a moment and not an evaluation.
//
//===----------------------------------------------------------------------===//

#include "Run.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Evaluation.h"
#include "lowbit/Tools/LanguageModel.h"
#include "lowbit/Tools/Npy.h"
#include "lowbit/Tools/TokenFile.h"
#include "lowbit/Tools/Tokenizer.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/WithColor.h"
#include <cmath>

using namespace lowbit;

namespace {

/// One loaded model and the work on it.
class Runner {
public:
  Runner(const RunOptions &options, Model &model)
      : options(options), model(model) {}

  llvm::Error run();
  RunReport takeReport() { return std::move(report); }

private:
  llvm::Error runOnInputs();
  llvm::Error compare(const NamedFile &expected, const HostTensor &actual);
  llvm::Error judge();
  llvm::Error time();
  llvm::Error continuePrompt();

  /// Tensors of --input in the model's order.
  llvm::Expected<std::vector<HostTensor>> readInputs() const;
  /// One window of tokens for a language model.
  llvm::Expected<HostTensor> makeWindow() const;

  const RunOptions &options;
  Model &model;
  RunReport report;
};

} // namespace

llvm::Error Runner::run() {
  report.bitsPerWeight = model.getWeightSize().getBitsPerWeight();
  bool hasWork =
      !options.tokens.empty() || options.benchmark || options.generate != 0;
  if (!options.inputs.empty() || !options.outputs.empty() ||
      !options.comparisons.empty() || !hasWork)
    if (llvm::Error error = runOnInputs())
      return error;
  if (!options.tokens.empty())
    if (llvm::Error error = judge())
      return error;
  if (options.benchmark)
    if (llvm::Error error = time())
      return error;
  if (options.generate != 0)
    if (llvm::Error error = continuePrompt())
      return error;
  report.peakBytes = getPeakMemory();
  return llvm::Error::success();
}

llvm::Expected<std::vector<HostTensor>> Runner::readInputs() const {
  llvm::ArrayRef<TensorSpec> specs = model.getInputs();
  std::vector<std::optional<HostTensor>> found(specs.size());
  for (const NamedFile &file : options.inputs) {
    llvm::Expected<size_t> index = findTensor(specs, file.name, "input");
    if (!index)
      return index.takeError();
    llvm::Expected<HostTensor> tensor = readNpy(file.path);
    if (!tensor)
      return tensor.takeError();
    found[*index] = std::move(*tensor);
  }
  std::vector<HostTensor> inputs;
  for (auto [spec, tensor] : llvm::zip(specs, found)) {
    if (!tensor)
      return makeError("input '" + spec.name + "' (" +
                       describe(spec.type, spec.shape) +
                       ") is missing; give --input " + spec.name + "=FILE.npy");
    inputs.push_back(std::move(*tensor));
  }
  if (llvm::Error error = checkInputs(model, inputs))
    return error;
  return inputs;
}

llvm::Error Runner::compare(const NamedFile &expected,
                            const HostTensor &actual) {
  llvm::Expected<HostTensor> tensor = readNpy(expected.path);
  if (!tensor)
    return tensor.takeError();
  llvm::Expected<double> error = getMaxError(actual, *tensor);
  if (!error)
    return makeFileError(expected.path, llvm::toString(error.takeError()));
  report.maxError = std::max(report.maxError.value_or(0.0), *error);
  if (options.hasTolerance && *error > options.tolerance) {
    report.failed = true;
    llvm::WithColor::error(llvm::errs(), "quant-run")
        << "output '" << expected.name << "' differs from " << expected.path
        << " by " << llvm::format("%.6g", *error) << ", the tolerance is "
        << llvm::format("%.6g", options.tolerance) << "\n";
  }
  return llvm::Error::success();
}

llvm::Error Runner::runOnInputs() {
  llvm::ArrayRef<TensorSpec> specs = model.getOutputs();
  for (const auto &files : {options.outputs, options.comparisons})
    for (const NamedFile &file : files)
      if (llvm::Error error =
              findTensor(specs, file.name, "output").takeError())
        return error;
  llvm::Expected<std::vector<HostTensor>> inputs = readInputs();
  if (!inputs)
    return inputs.takeError();
  llvm::Expected<std::vector<HostTensor>> outputs = model.run(*inputs);
  if (!outputs)
    return outputs.takeError();
  for (const NamedFile &file : options.comparisons)
    if (llvm::Error error =
            compare(file, (*outputs)[*findTensor(specs, file.name, "output")]))
      return error;
  for (const NamedFile &file : options.outputs)
    if (llvm::Error error = writeNpy(
            file.path, (*outputs)[*findTensor(specs, file.name, "output")]))
      return error;
  return llvm::Error::success();
}

llvm::Error Runner::judge() {
  llvm::Expected<std::vector<uint16_t>> tokens = readTokens(options.tokens);
  if (!tokens)
    return tokens.takeError();
  std::unique_ptr<Model> reference;
  if (!options.against.empty()) {
    llvm::Expected<std::unique_ptr<Model>> loaded =
        loadModel(options.against, options.load);
    if (!loaded)
      return loaded.takeError();
    reference = std::move(*loaded);
  }
  EvaluationOptions evaluation;
  evaluation.window = options.window;
  evaluation.maxWindows = options.maxWindows;
  llvm::Expected<Evaluation> result =
      evaluate(model, reference.get(), *tokens, evaluation);
  if (!result)
    return makeFileError(options.tokens, llvm::toString(result.takeError()));
  report.perplexity = result->perplexity;
  report.tokensPerSecond = result->tokensPerSecond;
  if (reference) {
    report.kl = result->divergence;
    report.top1 = result->top1Agreement;
  }
  return llvm::Error::success();
}

llvm::Expected<HostTensor> Runner::makeWindow() const {
  if (llvm::Error error = checkLanguageModel(model))
    return makeError("--benchmark needs --input for this model: " +
                     llvm::toString(std::move(error)));
  const TensorSpec &spec = model.getInputs()[0];
  int64_t length = spec.shape[1] < 0 ? int64_t(options.window) : spec.shape[1];
  int64_t vocabulary = model.getOutputs()[0].shape[2];
  // Any ids do: the time does not depend on them.
  HostTensor tensor = HostTensor::allocate(spec.type, {1, length});
  for (int64_t i = 0; i < length; ++i) {
    int64_t id = vocabulary > 0 ? i % vocabulary : 0;
    if (spec.type == ElementType::I64)
      tensor.getMutableAs<int64_t>()[i] = id;
    else
      tensor.getMutableAs<int32_t>()[i] = int32_t(id);
  }
  return tensor;
}

llvm::Error Runner::time() {
  std::vector<HostTensor> inputs;
  int64_t tokens = 0;
  if (options.inputs.empty()) {
    llvm::Expected<HostTensor> window = makeWindow();
    if (!window)
      return window.takeError();
    tokens = window->getShape()[1];
    inputs.push_back(std::move(*window));
  } else {
    llvm::Expected<std::vector<HostTensor>> read = readInputs();
    if (!read)
      return read.takeError();
    inputs = std::move(*read);
    if (llvm::Error error = checkLanguageModel(model))
      llvm::consumeError(std::move(error));
    else
      tokens = inputs[0].getShape()[1];
  }
  llvm::Expected<Benchmark> result = benchmark(model, inputs);
  if (!result)
    return result.takeError();
  report.secondsPerRun = result->medianSeconds;
  if (tokens != 0)
    report.tokensPerSecond = double(tokens) / result->medianSeconds;
  return llvm::Error::success();
}

llvm::Error Runner::continuePrompt() {
  llvm::Expected<Tokenizer> tokenizer = Tokenizer::read(options.tokenizer);
  if (!tokenizer)
    return tokenizer.takeError();
  GenerationOptions generation;
  generation.count = options.generate;
  generation.temperature = options.temperature;
  generation.seed = options.seed;
  generation.window = options.window;
  if (!options.json)
    llvm::outs() << options.prompt;
  llvm::Expected<std::vector<uint32_t>> tokens =
      generate(model, tokenizer->encode(options.prompt), generation,
               [&](uint32_t token) {
                 if (options.json)
                   return;
                 llvm::outs() << tokenizer->decode(token);
                 llvm::outs().flush();
               });
  if (!options.json)
    llvm::outs() << "\n";
  if (!tokens)
    return tokens.takeError();
  report.text = tokenizer->decode(*tokens);
  return llvm::Error::success();
}

void RunReport::print(llvm::raw_ostream &os, bool json) const {
  struct {
    llvm::StringRef key, label;
    std::optional<double> value;
    const char *format;
  } figures[] = {
      {"perplexity", "perplexity", perplexity, "%.5f"},
      {"kl", "KL divergence, nats per token", kl, "%.7f"},
      {"top1", "same first choice", top1, "%.5f"},
      {"bits_per_weight", "bits per weight", bitsPerWeight, "%.4f"},
      {"tokens_per_second", "tokens per second", tokensPerSecond, "%.1f"},
      {"seconds_per_run", "seconds per run", secondsPerRun, "%.6f"},
      {"max_error", "largest difference", maxError, "%.6g"},
  };
  if (!json) {
    for (const auto &figure : figures)
      if (figure.value)
        os << llvm::left_justify(figure.label, 32)
           << llvm::format(figure.format, *figure.value) << "\n";
    os << llvm::left_justify("peak memory, bytes", 32) << peakBytes << "\n";
    return;
  }
  llvm::json::OStream stream(os, 2);
  stream.object([&] {
    // JSON has no infinity, which a comparison with NaN yields.
    for (const auto &figure : figures)
      if (figure.value)
        stream.attribute(figure.key, std::isfinite(*figure.value)
                                         ? llvm::json::Value(*figure.value)
                                         : llvm::json::Value(nullptr));
    stream.attribute("peak_bytes", int64_t(peakBytes));
    if (text)
      stream.attribute("text", llvm::json::fixUTF8(*text));
  });
  os << "\n";
}

llvm::Expected<RunReport> lowbit::runModel(const RunOptions &options) {
  llvm::Expected<std::unique_ptr<Model>> model =
      loadModel(options.model, options.load);
  if (!model)
    return model.takeError();
  Runner runner(options, **model);
  if (llvm::Error error = runner.run())
    return error;
  return runner.takeReport();
}
