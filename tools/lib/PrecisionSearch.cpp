//===- PrecisionSearch.cpp - budgets, with the model at hand --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PrecisionSearchState.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Signature.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include <unistd.h>

using namespace lowbit;

namespace {

/// What is tried says nothing on its own: what remains to be said is said of
/// the assignment that is taken.
class SilentRemarks {
public:
  explicit SilentRemarks(mlir::MLIRContext *context)
      : handler(context, [](mlir::Diagnostic &diagnostic) {
          return llvm::success(diagnostic.getSeverity() !=
                               mlir::DiagnosticSeverity::Error);
        }) {}

private:
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace

/// A copy of the module, quantized with the encodings of a choice.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
PrecisionSearch::quantize(const PrecisionChoice &choice) {
  SilentRemarks silence(module.getContext());
  problem.assign(choice);
  mlir::OwningOpRef<mlir::ModuleOp> copy = module.clone();
  problem.unassign();
  CompileOptions quantize = options;
  quantize.scaleSearch = getScaleSearch(options);
  quantize.budget.clear();
  quantize.fitDevice.clear();
  quantize.rules.clear();
  quantize.config.clear();
  quantize.candidates.clear();
  // The module has statistics already.
  quantize.calibration = {};
  quantize.statistics.clear();
  quantize.resume.clear();
  quantize.strict = false;
  quantize.releaseData = false;
  quantize.profile = nullptr;
  if (llvm::Error error =
          compileModule(*copy, Phase::Quantize, quantize, Phase::Quantize))
    return std::move(error);
  return std::move(copy);
}

llvm::Expected<SampleScores>
PrecisionSearch::tryOut(const PrecisionChoice &choice) {
  auto found = tried.find(choice.candidates);
  if (found != tried.end())
    return found->second;
  auto lowBit = quantize(choice);
  if (!lowBit)
    return lowBit.takeError();
  if (llvm::Error error = probe->replace(**lowBit)) {
    probe->restore();
    return std::move(error);
  }
  llvm::Expected<SampleScores> scores = probe->measure(split.heldOut);
  probe->restore();
  if (scores)
    tried[choice.candidates] = *scores;
  return scores;
}

void PrecisionSearch::showProgress(size_t done, size_t total) const {
  if (!options.calibration.progress || !::isatty(STDERR_FILENO))
    return;
  llvm::errs() << "\rmeasuring: " << done << " of " << total << "\x1b[K";
  if (done == total)
    llvm::errs() << "\r\x1b[K";
}

/// What each layer alone costs the float model if it has candidate `index`.
llvm::Error PrecisionSearch::measureCandidate(size_t index) {
  EncodingAttr encoding = problem.getCandidates()[index];
  llvm::StringSet<> missing;
  for (const PrecisionLayer &layer : problem.getLayers())
    if (!sensitivity.lookup(encoding, layer.name))
      missing.insert(layer.name);
  if (missing.empty())
    return llvm::Error::success();
  auto lowBit = quantize(problem.getUniformOf(int32_t(index)));
  if (!lowBit)
    return lowBit.takeError();
  size_t done = 0;
  return forEachLowBitWeight(**lowBit, [&](LowBitWeight weight) -> llvm::Error {
    if (!missing.contains(weight.name))
      return llvm::Error::success();
    showProgress(index * problem.getLayers().size() + done++,
                 problem.getCandidates().size() * problem.getLayers().size());
    if (llvm::Error error = probe->replace(weight))
      return error;
    llvm::Expected<SampleScores> scores = probe->measure(split.measured);
    probe->restore();
    if (!scores)
      return scores.takeError();
    sensitivity.set(encoding, weight.name, scores->loss);
    return options.sensitivity.empty()
               ? llvm::Error::success()
               : writeSensitivity(options.sensitivity, sensitivity);
  });
}

/// What measurements depend on.
llvm::Expected<StatisticsSource> PrecisionSearch::getSource() {
  auto source = getProvenance(module, options.calibration);
  if (!source)
    return source.takeError();
  CompileOptions recipe = options;
  recipe.budget.clear();
  recipe.fitDevice.clear();
  recipe.objective = "size";
  recipe.config.clear();
  recipe.candidates.clear();
  source->options += " measured=" + std::to_string(options.measureSamples) +
                     " " + describeRecipe(recipe);
  return source;
}

/// Says what measurements are of, and reads those that a file has.
llvm::Error PrecisionSearch::readMeasured() {
  auto source = getSource();
  if (!source)
    return source.takeError();
  sensitivity.source = std::move(*source);
  llvm::Expected<Signature> signature = getSignature(module);
  if (!signature)
    return signature.takeError();
  sensitivity.measure = isTokenModel(signature->inputs, signature->outputs)
                            ? "kl"
                            : "relative error";
  llvm::StringRef path = options.sensitivity;
  if (path.empty() || !llvm::sys::fs::exists(path))
    return llvm::Error::success();
  llvm::Expected<Sensitivity> found = readSensitivity(path);
  if (!found)
    return found.takeError();
  for (auto [what, wanted, is] :
       {std::make_tuple("the model", sensitivity.source.model,
                        found->source.model),
        std::make_tuple("the data", sensitivity.source.data,
                        found->source.data),
        std::make_tuple("the options", sensitivity.source.options,
                        found->source.options),
        std::make_tuple("the measure", sensitivity.measure, found->measure)})
    if (wanted != is)
      return makeFileError(path, "requires measurements of " +
                                     llvm::Twine(what) + " " + wanted +
                                     ", found those of " + is +
                                     "; remove the file or name another one");
  sensitivity.losses = std::move(found->losses);
  return llvm::Error::success();
}

/// Whether a layer has not been measured with a candidate.
bool PrecisionSearch::lacksMeasurements() const {
  for (const PrecisionLayer &layer : problem.getLayers())
    for (EncodingAttr encoding : problem.getCandidates())
      if (!sensitivity.lookup(encoding, layer.name))
        return true;
  return false;
}

/// Measures what is not known yet. The file has each measurement at once.
llvm::Error PrecisionSearch::measureLosses() {
  for (size_t i = 0; i < problem.getCandidates().size(); ++i)
    if (llvm::Error error = measureCandidate(i))
      return error;
  showProgress(1, 1);
  return llvm::Error::success();
}

/// Compiles the float model, if anything has to be measured.
llvm::Error PrecisionSearch::prepare() {
  bool hasSamples = !options.calibration.data.empty();
  if (needsSamples() && !hasSamples)
    return makeError("the strategy measured, floors on accuracy and "
                     "divergence, and fitting a device require samples to run "
                     "the model on: --calibrate=FILE");
  bool reports = options.findings && hasSamples;
  if (!needsSamples() && !reports)
    return llvm::Error::success();
  auto created = FloatProbe::create(module, options);
  if (!created)
    return created.takeError();
  probe = std::move(*created);
  auto divided = splitSamples(probe->getNumSamples(), options.measureSamples);
  if (!divided)
    return makeFileError(options.calibration.data,
                         llvm::toString(divided.takeError()));
  split = std::move(*divided);
  if (isMeasured() && lacksMeasurements())
    if (llvm::Error error = probe->runReference(split.measured))
      return error;
  return probe->runReference(split.heldOut);
}

llvm::Error PrecisionSearch::setLosses() {
  DiagnosticText errors(*module.getContext());
  if (isMeasured()) {
    if (llvm::Error error = measureLosses())
      return error;
    strategy = std::make_unique<MeasuredStrategy>(sensitivity);
  } else {
    auto created = createPrecisionStrategy(options.strategy, module);
    if (!created)
      return makeError("--strategy: " + llvm::toString(created.takeError()) +
                       "; measured is another");
    strategy = std::move(*created);
  }
  if (llvm::failed(problem.setLosses(*strategy)))
    return errors.takeError("the strategy has no losses");
  return llvm::Error::success();
}

llvm::Error PrecisionSearch::run() {
  if (llvm::Error error = readDevice())
    return error;
  if (isMeasured())
    if (llvm::Error error = readMeasured())
      return error;
  if (llvm::Error error = prepare())
    return error;
  if (llvm::Error error = setLosses())
    return error;
  if (llvm::Error error = setCosts())
    return error;
  llvm::Expected<PrecisionChoice> choice = device ? fitDevice() : choose();
  if (!choice)
    return choice.takeError();
  if (options.findings)
    if (llvm::Error error = report(*choice))
      return error;
  problem.assign(*choice);
  return llvm::Error::success();
}

llvm::Expected<std::map<std::string, std::vector<double>>>
PrecisionSearch::measureLayers() {
  if (llvm::Error error = readMeasured())
    return std::move(error);
  if (lacksMeasurements()) {
    if (llvm::Error error = prepare())
      return std::move(error);
    if (llvm::Error error = measureLosses())
      return std::move(error);
  }
  std::map<std::string, std::vector<double>> result;
  for (const PrecisionLayer &layer : problem.getLayers())
    for (EncodingAttr encoding : problem.getCandidates())
      if (std::optional<double> loss = sensitivity.lookup(encoding, layer.name))
        result[layer.name].push_back(*loss);
  return result;
}

/// Layers and candidates as `options` say.
static llvm::Expected<PrecisionProblem>
createProblem(mlir::ModuleOp raised, const CompileOptions &options) {
  DiagnosticText errors(*raised.getContext());
  auto created =
      PrecisionProblem::create(raised, options.rules, options.config,
                               options.candidates, /*hasBudget=*/true);
  if (llvm::failed(created))
    return errors.takeError("rules cannot be applied");
  return std::move(*created);
}

llvm::Expected<std::map<std::string, std::vector<double>>>
lowbit::measureLayerLosses(mlir::ModuleOp raised,
                           const CompileOptions &options) {
  CompileOptions measured = options;
  measured.strategy = "measured";
  measured.findings = nullptr;
  auto problem = createProblem(raised, measured);
  if (!problem)
    return problem.takeError();
  return PrecisionSearch(raised, measured, PrecisionBudget(),
                         std::move(*problem))
      .measureLayers();
}

llvm::Error lowbit::assignPrecision(mlir::ModuleOp raised,
                                    const CompileOptions &options) {
  PrecisionBudget budget;
  if (!options.budget.empty()) {
    auto parsed = PrecisionBudget::parse(options.budget);
    if (!parsed)
      return makeError("--budget: " + llvm::toString(parsed.takeError()));
    budget = *parsed;
  }
  auto problem = createProblem(raised, options);
  if (!problem)
    return problem.takeError();
  return PrecisionSearch(raised, options, budget, std::move(*problem)).run();
}
