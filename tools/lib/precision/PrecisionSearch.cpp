//===- PrecisionSearch.cpp - budgets, with the model at hand --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/PrecisionSearch.h"
#include "FloatProbe.h"
#include "Sensitivity.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include <unistd.h>

using namespace lowbit;

namespace {

/// Budgets that the front is computed for.
constexpr unsigned kFrontBudgets = 48;
/// Steps that sizes between the least and the most are divided into where a
/// floor is looked for.
constexpr int64_t kFloorSteps = 512;

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

class Search {
public:
  Search(mlir::ModuleOp module, const CompileOptions &options,
         PrecisionBudget budget, PrecisionProblem problem)
      : module(module), options(options), budget(budget),
        problem(std::move(problem)) {}

  llvm::Error run();

private:
  llvm::Error prepare();
  llvm::Error setLosses();
  llvm::Error measureLosses();
  llvm::Error measureCandidate(size_t index);
  llvm::Expected<StatisticsSource> getSource();
  llvm::Expected<PrecisionChoice> choose();
  llvm::Expected<PrecisionChoice> solve(int64_t bytes);
  llvm::Expected<PrecisionChoice> findFloor(int64_t most);
  llvm::Expected<PrecisionChoice> guard(PrecisionChoice choice, int64_t most);
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
  quantize(const PrecisionChoice &choice);
  llvm::Expected<SampleScores> tryOut(const PrecisionChoice &choice);
  bool meetsFloor(const SampleScores &scores) const;
  std::string describe(const PrecisionChoice &choice,
                       const SampleScores &scores) const;
  llvm::Error report(const PrecisionChoice &chosen);
  void showProgress(size_t done, size_t total) const;

  bool isMeasured() const { return options.strategy == "measured"; }

  mlir::ModuleOp module;
  const CompileOptions &options;
  PrecisionBudget budget;
  PrecisionProblem problem;
  std::unique_ptr<PrecisionStrategy> strategy;
  Sensitivity sensitivity;
  std::unique_ptr<FloatProbe> probe;
  SampleSplit split;
  /// What was tried on samples held out, by choice.
  std::map<std::vector<int32_t>, SampleScores> tried;
};

} // namespace

//===----------------------------------------------------------------------===//
// Measuring
//===----------------------------------------------------------------------===//

/// A copy of the module, quantized with the encodings of a choice.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
Search::quantize(const PrecisionChoice &choice) {
  SilentRemarks silence(module.getContext());
  problem.assign(choice);
  mlir::OwningOpRef<mlir::ModuleOp> copy = module.clone();
  problem.unassign();
  CompileOptions quantize = options;
  quantize.scaleSearch = getScaleSearch(options);
  quantize.budget.clear();
  quantize.rules.clear();
  quantize.config.clear();
  quantize.candidates.clear();
  // The module has statistics already.
  quantize.calibration = {};
  quantize.statistics.clear();
  quantize.strict = false;
  quantize.releaseData = false;
  quantize.profile = nullptr;
  if (llvm::Error error =
          compileModule(*copy, Phase::Quantize, quantize, Phase::Quantize))
    return std::move(error);
  return std::move(copy);
}

llvm::Expected<SampleScores> Search::tryOut(const PrecisionChoice &choice) {
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

void Search::showProgress(size_t done, size_t total) const {
  if (!options.calibration.progress || !::isatty(STDERR_FILENO))
    return;
  llvm::errs() << "\rmeasuring: " << done << " of " << total << "\x1b[K";
  if (done == total)
    llvm::errs() << "\r\x1b[K";
}

/// What each layer alone costs the float model if it has candidate `index`.
llvm::Error Search::measureCandidate(size_t index) {
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
    return llvm::Error::success();
  });
}

/// What measurements depend on.
llvm::Expected<StatisticsSource> Search::getSource() {
  auto source = getProvenance(module, options.calibration);
  if (!source)
    return source.takeError();
  CompileOptions recipe = options;
  recipe.budget.clear();
  recipe.config.clear();
  recipe.candidates.clear();
  source->options += " measured=" + std::to_string(options.measureSamples) +
                     " " + describeRecipe(recipe);
  return source;
}

/// Reads what a file has, measures what it lacks, and writes both.
llvm::Error Search::measureLosses() {
  llvm::StringRef path = options.sensitivity;
  std::string measure = probe->isTokenModel() ? "kl" : "relative error";
  if (!path.empty() && llvm::sys::fs::exists(path)) {
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
          std::make_tuple("the measure", measure, found->measure)})
      if (wanted != is)
        return makeFileError(path, "requires measurements of " +
                                       llvm::Twine(what) + " " + wanted +
                                       ", found those of " + is +
                                       "; remove the file or name another one");
    sensitivity.losses = std::move(found->losses);
  }
  sensitivity.measure = measure;
  auto before = sensitivity.losses;
  for (size_t i = 0; i < problem.getCandidates().size(); ++i)
    if (llvm::Error error = measureCandidate(i))
      return error;
  showProgress(1, 1);
  if (path.empty() || before == sensitivity.losses)
    return llvm::Error::success();
  return writeSensitivity(path, sensitivity);
}

/// Compiles the float model, if anything has to be measured.
llvm::Error Search::prepare() {
  bool hasSamples = !options.calibration.data.empty();
  if ((isMeasured() || budget.hasFloor()) && !hasSamples)
    return makeError((isMeasured()
                          ? llvm::Twine("the strategy measured")
                          : llvm::Twine("a floor on accuracy or divergence")) +
                     " requires samples to run the model on: --calibrate=FILE");
  bool reports = options.findings && hasSamples;
  if (!isMeasured() && !budget.hasFloor() && !reports)
    return llvm::Error::success();
  auto source = getSource();
  if (!source)
    return source.takeError();
  sensitivity.source = std::move(*source);
  auto created = FloatProbe::create(module, options);
  if (!created)
    return created.takeError();
  probe = std::move(*created);
  auto divided = splitSamples(probe->getNumSamples(), options.measureSamples);
  if (!divided)
    return makeFileError(options.calibration.data,
                         llvm::toString(divided.takeError()));
  split = std::move(*divided);
  if (isMeasured())
    if (llvm::Error error = probe->runReference(split.measured))
      return error;
  return probe->runReference(split.heldOut);
}

llvm::Error Search::setLosses() {
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

//===----------------------------------------------------------------------===//
// Choosing
//===----------------------------------------------------------------------===//

llvm::Expected<PrecisionChoice> Search::solve(int64_t bytes) {
  DiagnosticText errors(*module.getContext());
  llvm::FailureOr<PrecisionChoice> choice = problem.solve(bytes);
  if (llvm::failed(choice))
    return errors.takeError("the budget cannot be spent");
  return std::move(*choice);
}

bool Search::meetsFloor(const SampleScores &scores) const {
  return (!budget.accuracy || scores.getAccuracy() >= *budget.accuracy) &&
         (!budget.divergence || scores.loss <= *budget.divergence);
}

std::string Search::describe(const PrecisionChoice &choice,
                             const SampleScores &scores) const {
  return llvm::formatv(
      "{0:f3} bits per weight: {1} {2:f4}, {3} {4:f6}",
      problem.getBitsPerWeight(choice),
      scores.accuracy ? "accuracy" : "agreement", scores.getAccuracy(),
      probe->isTokenModel() ? "KL" : "relative error", scores.loss);
}

/// The least size up to `most` that meets the floors, by bisection: quality is
/// taken to rise with size, which holds but for noise.
llvm::Expected<PrecisionChoice> Search::findFloor(int64_t most) {
  int64_t least = 0, largest = 0;
  for (size_t i = 0; i < problem.getLayers().size(); ++i) {
    auto [low, high] = std::minmax_element(
        problem.getOptions(i).begin(), problem.getOptions(i).end(),
        [](const auto &a, const auto &b) { return a.cost < b.cost; });
    least += low->cost;
    largest += high->cost;
  }
  most = std::min(most, largest);
  llvm::Expected<PrecisionChoice> best = solve(most);
  if (!best)
    return best;
  auto scores = tryOut(*best);
  if (!scores)
    return scores.takeError();
  if (!meetsFloor(*scores))
    return makeError("the floors of '" + options.budget +
                     "' are not met within the budget; the best found has " +
                     describe(*best, *scores));
  int64_t fails = least - 1, meets = best->cost;
  int64_t step = std::max<int64_t>(1, (largest - least) / kFloorSteps);
  while (meets - fails > step) {
    int64_t middle = fails + (meets - fails) / 2;
    // The first step may be below what the cheapest options take.
    llvm::Expected<PrecisionChoice> choice = solve(std::max(middle, least));
    if (!choice)
      return choice;
    auto found = tryOut(*choice);
    if (!found)
      return found.takeError();
    if (meetsFloor(*found)) {
      meets = std::min(middle, choice->cost);
      *best = std::move(*choice);
    } else {
      fails = middle;
    }
  }
  return best;
}

/// Measurements have noise, and losses don't quite add up: what is chosen must
/// beat one candidate for all layers on samples that had no part in it.
llvm::Expected<PrecisionChoice> Search::guard(PrecisionChoice choice,
                                              int64_t most) {
  std::optional<PrecisionChoice> uniform = problem.getUniform(most);
  if (!uniform || uniform->candidates == choice.candidates)
    return std::move(choice);
  auto mixed = tryOut(choice);
  if (!mixed)
    return mixed.takeError();
  auto same = tryOut(*uniform);
  if (!same)
    return same.takeError();
  if (mixed->loss < same->loss)
    return std::move(choice);
  mlir::emitRemark(module.getLoc())
      << "precision: " << problem.getNames()[uniform->candidates.front()]
      << " for all layers is no worse on samples held out ("
      << describe(*uniform, *same) << ") than what was measured as best ("
      << describe(choice, *mixed)
      << "), and is taken; measure more samples to mix encodings";
  return std::move(*uniform);
}

llvm::Expected<PrecisionChoice> Search::choose() {
  int64_t most = std::numeric_limits<int64_t>::max() / 2;
  if (std::optional<int64_t> bytes = budget.getBytes(problem.getWeights()))
    most = *bytes;
  if (budget.hasFloor())
    return findFloor(most);
  llvm::Expected<PrecisionChoice> choice = solve(most);
  if (!choice || !isMeasured())
    return choice;
  return guard(std::move(*choice), most);
}

//===----------------------------------------------------------------------===//
// Findings
//===----------------------------------------------------------------------===//

/// Fills in the front, uniform choices, and what was tried of both.
llvm::Error Search::report(const PrecisionChoice &chosen) {
  PrecisionFindings &findings = *options.findings;
  findings.strategy = strategy->getName().str();
  findings.meaning = strategy->getMeaning().str();
  if (probe) {
    findings.measure =
        probe->isTokenModel() ? "KL divergence" : "relative error";
    findings.measured = isMeasured() ? split.measured.size() : 0;
    findings.heldOut = split.heldOut.size();
  }
  std::vector<PrecisionChoice> all = problem.getFront(kFrontBudgets);
  auto add = [&](const PrecisionChoice &choice) {
    if (llvm::none_of(all, [&](const PrecisionChoice &other) {
          return other.candidates == choice.candidates;
        }))
      all.push_back(choice);
  };
  for (size_t i = 0; i < problem.getCandidates().size(); ++i)
    add(problem.getUniformOf(int32_t(i)));
  add(chosen);
  llvm::sort(all, [&](const auto &a, const auto &b) {
    return std::make_tuple(problem.getBytes(a), a.loss, a.candidates) <
           std::make_tuple(problem.getBytes(b), b.loss, b.candidates);
  });
  if (probe)
    if (auto scores = tryOut(chosen); !scores)
      return scores.takeError();
  for (const PrecisionChoice &choice : all) {
    PrecisionPoint point;
    bool isUniform = llvm::all_equal(choice.candidates);
    if (isUniform && !choice.candidates.empty())
      point.uniform = problem.getNames()[choice.candidates.front()];
    if (probe && isUniform)
      if (auto scores = tryOut(choice); !scores)
        return scores.takeError();
    point.bytes = problem.getBytes(choice);
    point.bitsPerWeight = problem.getBitsPerWeight(choice);
    point.predicted = choice.loss;
    point.isChosen = choice.candidates == chosen.candidates;
    if (auto found = tried.find(choice.candidates); found != tried.end())
      point.heldOut = found->second;
    findings.points.push_back(std::move(point));
  }
  return llvm::Error::success();
}

llvm::Error Search::run() {
  if (llvm::Error error = prepare())
    return error;
  if (llvm::Error error = setLosses())
    return error;
  llvm::Expected<PrecisionChoice> choice = choose();
  if (!choice)
    return choice.takeError();
  if (options.findings)
    if (llvm::Error error = report(*choice))
      return error;
  problem.assign(*choice);
  return llvm::Error::success();
}

llvm::Error lowbit::assignPrecision(mlir::ModuleOp raised,
                                    const CompileOptions &options) {
  auto budget = PrecisionBudget::parse(options.budget);
  if (!budget)
    return makeError("--budget: " + llvm::toString(budget.takeError()));
  std::optional<PrecisionProblem> problem;
  {
    DiagnosticText errors(*raised.getContext());
    auto created =
        PrecisionProblem::create(raised, options.rules, options.config,
                                 options.candidates, /*hasBudget=*/true);
    if (llvm::failed(created))
      return errors.takeError("rules cannot be applied");
    problem.emplace(std::move(*created));
  }
  return Search(raised, options, *budget, std::move(*problem)).run();
}
