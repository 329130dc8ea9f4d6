//===- Run.cpp - What quant-run does --------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Files are checked before anything slow happens (CheckFiles.cpp), so that a
// misspelled name costs a moment and not an evaluation.
//
//===----------------------------------------------------------------------===//

#include "Run.h"
#include "Subject.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/EvaluateSamples.h"
#include "lowbit/Tools/Evaluation.h"
#include "lowbit/Tools/LanguageModel.h"
#include "lowbit/Tools/Npy.h"
#include "lowbit/Tools/PrintableText.h"
#include "lowbit/Tools/TokenFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/WithColor.h"
#include <limits>

using namespace lowbit;

namespace {

/// One loaded model and the work on it.
class Runner {
public:
  Runner(const RunOptions &options, Subject &subject, Reference &reference)
      : options(options), subject(subject), model(*subject.model),
        reference(reference) {}

  llvm::Error run();
  RunFigures takeFigures() { return std::move(figures); }

private:
  llvm::Error runOnInputs();
  llvm::Error writeOutputs(llvm::ArrayRef<HostTensor> outputs);
  llvm::Error compare(const NamedFile &expected, const HostTensor &actual);
  llvm::Error judge();
  llvm::Error judgeSamples();
  llvm::Error checkFigures();
  llvm::Error report();
  /// The figure that a bound is on, and the float model's.
  std::pair<double, std::optional<double>>
  getFigure(llvm::StringRef name) const;
  llvm::Error time();

  /// Tensors of --input in the model's order.
  llvm::Expected<std::vector<HostTensor>> readInputs() const;
  /// One window of tokens for a language model.
  llvm::Expected<HostTensor> makeWindow() const;

  const RunOptions &options;
  Subject &subject;
  Model &model;
  Reference &reference;
  RunFigures figures;
  /// Kept for the figures.
  std::optional<Evaluation> evaluation;
};

} // namespace

llvm::Error Runner::run() {
  figures.model = llvm::sys::path::filename(subject.path).str();
  if (!subject.method.empty())
    figures.model += " " + subject.method;
  figures.bitsPerWeight = model.getWeightSize().getBitsPerWeight();
  figures.sizeBytes = model.getWeightSize().allBytes;
  bool hasWork = !options.tokens.empty() || !options.samples.empty() ||
                 options.benchmark || options.generate != 0;
  if (!options.inputs.empty() || !options.outputs.empty() ||
      !options.comparisons.empty() || !hasWork)
    if (llvm::Error error = runOnInputs())
      return error;
  if (!options.tokens.empty())
    if (llvm::Error error = judge())
      return error;
  if (!options.samples.empty())
    if (llvm::Error error = judgeSamples())
      return error;
  if (options.benchmark)
    if (llvm::Error error = time())
      return error;
  if (options.generate != 0)
    if (llvm::Error error = continuePrompt(
            options, subject.path, options.kvCache == "none" ? &model : nullptr,
            figures))
      return error;
  figures.ranges = model.getRangeCounts().vec();
  figures.peakBytes = getPeakMemory();
  if (llvm::Error error = checkFigures())
    return error;
  if (!options.report.empty())
    return report();
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
  figures.maxError = std::max(figures.maxError.value_or(0.0), *error);
  if (options.hasTolerance && *error > options.tolerance) {
    figures.failed = true;
    llvm::WithColor::error(llvm::errs(), "quant-run")
        << "output '" << makePrintable(expected.name) << "' differs from "
        << makePrintable(expected.path) << " by "
        << llvm::format("%.6g", *error) << ", the tolerance is "
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
  return writeOutputs(*outputs);
}

/// All files of --output appear, or none.
llvm::Error Runner::writeOutputs(llvm::ArrayRef<HostTensor> outputs) {
  std::vector<AtomicOutput> files;
  for (const NamedFile &file : options.outputs) {
    size_t index = *findTensor(model.getOutputs(), file.name, "output");
    llvm::Expected<AtomicOutput> prepared =
        prepareNpy(file.path, outputs[index]);
    if (!prepared)
      return prepared.takeError();
    files.push_back(std::move(*prepared));
  }
  llvm::SmallVector<AtomicOutput *> all;
  for (AtomicOutput &file : files)
    all.push_back(&file);
  return AtomicOutput::commitAll(all);
}

llvm::Error Runner::judge() {
  llvm::Expected<std::vector<uint16_t>> tokens = readTokens(options.tokens);
  if (!tokens)
    return tokens.takeError();
  llvm::Expected<Model *> other = reference.get();
  if (!other)
    return other.takeError();
  EvaluationOptions how;
  how.window = options.window;
  how.maxWindows = options.maxWindows;
  llvm::Expected<Evaluation> result = evaluate(model, *other, *tokens, how);
  if (!result)
    return makeFileError(options.tokens, llvm::toString(result.takeError()));
  figures.perplexity = result->perplexity;
  figures.tokensPerSecond = result->tokensPerSecond;
  if (*other) {
    figures.referencePerplexity = result->referencePerplexity;
    figures.kl = result->divergence;
    figures.top1 = result->top1Agreement;
    figures.speedup =
        result->tokensPerSecond / result->referenceTokensPerSecond;
  }
  evaluation = std::move(*result);
  return llvm::Error::success();
}

llvm::Error Runner::judgeSamples() {
  llvm::Expected<Model *> other = reference.get();
  if (!other)
    return other.takeError();
  SampleOptions how;
  how.data = options.samples;
  how.labels = options.labels;
  how.window = options.window;
  how.samples = options.maxWindows;
  llvm::Expected<SampleEvaluation> result = evaluateSamples(model, *other, how);
  if (!result)
    return makeFileError(options.samples, llvm::toString(result.takeError()));
  figures.secondsPerRun = result->seconds;
  figures.accuracy = result->scores.accuracy;
  if (!*other)
    return llvm::Error::success();
  figures.referenceAccuracy = result->scores.referenceAccuracy;
  figures.top1 = result->scores.agreement;
  (result->isTokenModel ? figures.kl : figures.relativeError) =
      result->scores.loss;
  reference.secondsPerRun = result->referenceSeconds;
  figures.speedup = result->referenceSeconds / result->seconds;
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
  figures.secondsPerRun = result->medianSeconds;
  llvm::Expected<Model *> other = reference.get();
  if (!other)
    return other.takeError();
  if (*other) {
    llvm::Expected<Benchmark> slow = benchmark(**other, inputs);
    if (!slow)
      return slow.takeError();
    reference.secondsPerRun = slow->medianSeconds;
    figures.speedup = slow->medianSeconds / result->medianSeconds;
  }
  if (tokens != 0)
    figures.tokensPerSecond = double(tokens) / result->medianSeconds;
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Bounds and reports
//===----------------------------------------------------------------------===//

std::pair<double, std::optional<double>>
Runner::getFigure(llvm::StringRef name) const {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (name == "perplexity")
    return {figures.perplexity.value_or(kNone), figures.referencePerplexity};
  if (name == "kl")
    return {figures.kl.value_or(kNone), std::nullopt};
  if (name == "top1")
    return {figures.top1.value_or(kNone), std::nullopt};
  if (name == "accuracy")
    return {figures.accuracy.value_or(kNone), figures.referenceAccuracy};
  if (name == "relative_error")
    return {figures.relativeError.value_or(kNone), std::nullopt};
  if (name == "size")
    return {double(figures.sizeBytes), reference.sizeBytes};
  if (name == "bits")
    return {figures.bitsPerWeight, std::nullopt};
  if (name == "latency")
    return {figures.secondsPerRun.value_or(kNone), reference.secondsPerRun};
  return {figures.maxError.value_or(kNone), std::nullopt};
}

llvm::Error Runner::checkFigures() {
  std::vector<Bound> bounds = options.bounds;
  if (options.defaultBounds) {
    llvm::Expected<Bound> bound =
        getDefaultBound(describeEncodings(subject), subject.recipe);
    if (!bound)
      return makeFileError(subject.path, llvm::toString(bound.takeError()));
    bounds.push_back(std::move(*bound));
  }
  for (const Bound &bound : bounds) {
    auto [value, other] = getFigure(bound.figure);
    ReportCheck check = checkBound(bound, value, other);
    if (!check.passed) {
      figures.failed = true;
      llvm::WithColor::error(llvm::errs(), "quant-run")
          << makePrintable(subject.path) << ": " << bound.figure << " is "
          << llvm::format("%.6g", check.value) << ", " << bound.text
          << " requires " << (bound.isUpper ? "less" : "more") << " than "
          << llvm::format("%.6g", check.limit) << "\n";
    }
    figures.checks.push_back(std::move(check));
  }
  return llvm::Error::success();
}

llvm::Error Runner::report() {
  llvm::Expected<Report> result =
      makeReport(options, subject, reference, figures,
                 evaluation ? &*evaluation : nullptr);
  if (!result)
    return result.takeError();
  return writeReport(*result, options.report);
}

/// Whether nothing is asked for but a text with a cache, which needs no model
/// without one.
static bool onlyGenerates(const RunOptions &options) {
  return options.generate != 0 && options.kvCache != "none" &&
         options.inputs.empty() && options.outputs.empty() &&
         options.comparisons.empty() && options.tokens.empty() &&
         options.samples.empty() && !options.benchmark &&
         options.bounds.empty() && !options.defaultBounds &&
         options.report.empty() && options.recipes.empty();
}

llvm::Expected<std::vector<RunFigures>>
lowbit::runModels(const RunOptions &options) {
  if (llvm::Error error = checkFiles(options))
    return std::move(error);
  std::vector<RunFigures> results;
  if (onlyGenerates(options)) {
    results.emplace_back();
    results.back().model =
        llvm::sys::path::filename(options.models.front()).str();
    if (llvm::Error error = continuePrompt(options, options.models.front(),
                                           nullptr, results.back()))
      return std::move(error);
    results.back().peakBytes = getPeakMemory();
    return results;
  }
  Reference reference(options);
  std::vector<std::string> recipes = options.recipes;
  if (recipes.empty())
    recipes.push_back("");
  for (const std::string &path : options.models)
    for (const std::string &recipe : recipes) {
      llvm::Expected<Subject> subject = loadSubject(path, recipe, options);
      if (!subject)
        return subject.takeError();
      Runner runner(options, *subject, reference);
      if (llvm::Error error = runner.run())
        return std::move(error);
      results.push_back(runner.takeFigures());
    }
  return std::move(results);
}
