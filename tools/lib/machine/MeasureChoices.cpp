//===- MeasureChoices.cpp - which value of a choice is fastest ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One choice after the other, each with those before it as they were found: the
// ones that gain most come first. Of layers, a single row that reads all
// weights and several rows that share them are measured.
//
//===----------------------------------------------------------------------===//

#include "Subjects.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Provenance.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include <chrono>
#include <cmath>
#include <map>
#include <thread>

using namespace lowbit;

/// What a value must gain to be preferred to that of the cost model.
static constexpr double kLeastGain = 0.02;
/// Turns that a decision takes at least, and is not better by more of.
static constexpr int kLeastTurns = 7, kMostTurns = 41;
/// The shares of the time for constants and costs, and for choices.
static constexpr double kCostsShare = 0.2;

namespace {

/// Which subjects a choice is measured on, and how.
enum class On {
  OneRow,
  ManyRows,
  Threads,
  Product,
  Attention,
  FewRows,
  Panels
};

/// A choice and the values to compare; 0 stands for that of the cost model,
/// others are its multiples where `isFactor`.
struct Experiment {
  llvm::StringLiteral choice;
  On on;
  bool isFactor;
  std::array<double, 4> values;
};

} // namespace

static constexpr Experiment kExperiments[] = {
    {"kernel-rows", On::ManyRows, false, {2, 4, 8, 8}},
    {"prefetch-bytes", On::OneRow, true, {0, 0.5, 1, 2}},
    {"prefetch-level", On::OneRow, false, {1, 2, 3, 3}},
    {"kernel-columns", On::OneRow, false, {16, 32, 64, 128}},
    {"chained-sums", On::OneRow, false, {0, 4, 8, 16}},
    {"key-tile", On::Attention, true, {0.5, 1, 2, 4}},
    {"query-tile", On::Attention, true, {0.5, 1, 2, 4}},
    {"column-tile", On::Product, true, {0.5, 1, 2, 4}},
    {"row-tile", On::Product, true, {0.5, 1, 2, 4}},
    {"register-rows", On::Product, false, {0, 4, 6, 12}},
    {"task-products", On::Threads, true, {0.25, 0.5, 1, 4}},
    {"tile-rows", On::FewRows, false, {4, 8, 12, 16}},
    {"unpacked-rows", On::Panels, true, {0.5, 1, 2, 4}},
};

/// Whether there is nothing to choose on a machine without tiles.
static bool needsTiles(const Experiment &experiment) {
  return experiment.on == On::FewRows || experiment.on == On::Panels;
}

namespace {

class Tuner {
public:
  Tuner(mlir::MLIRContext &context, const TuneOptions &options)
      : context(context), options(options), start(Clock::now()) {}
  llvm::Expected<TuneResult> run();

private:
  using Clock = std::chrono::steady_clock;

  double elapsed() const {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }
  void tell(llvm::StringRef what, double share) const {
    if (options.progress)
      options.progress(what, share);
  }
  llvm::Error nameMachine();
  llvm::Error findExperiments();
  llvm::Error collectSubjects();
  std::vector<Probe> getProbes(On on) const;
  std::string describe(llvm::ArrayRef<Probe> probes) const;
  llvm::Error measure(const Experiment &experiment, double until);
  llvm::Expected<std::vector<double>> compare(const TuningChoice &choice,
                                              llvm::ArrayRef<int64_t> values,
                                              llvm::ArrayRef<Probe> probes,
                                              double until);

  mlir::MLIRContext &context;
  const TuneOptions &options;
  Clock::time_point start;
  CompileOptions compile;
  std::vector<Subject> subjects;
  /// How many of the subjects are layers; the others are products of floats and
  /// attention.
  size_t layers = 0;
  /// What is measured on this machine, of what was asked for.
  bool hasTiles = false;
  std::vector<const Experiment *> experiments;
  TuneResult result;
};

} // namespace

static const TuningChoice &findChoice(llvm::StringRef name) {
  auto *found = llvm::find_if(getTuningChoices(), [&](const auto &choice) {
    return choice.name == name;
  });
  assert(found != getTuningChoices().end() && "experiments are with choices");
  return *found;
}

llvm::Error Tuner::nameMachine() {
  auto description = findCPUDescription("native", "");
  if (!description)
    return description.takeError();
  MachineName &name = result.tuning.name;
  name.cpu = llvm::sys::getHostCPUName().str();
  llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  name.architecture = llvm::Triple::getArchTypeName(triple.getArch()).str();
  name.kernels = (*description)->name.str();
  for (llvm::StringRef feature : (*description)->getFeatures())
    name.features.push_back(feature.str());
  name.threads = std::max(1u, std::thread::hardware_concurrency());
  name.madeBy = ("lowbit " + getLowbitVersion()).str();
  hasTiles = (*description)->hasTiles;
  return llvm::Error::success();
}

llvm::Error Tuner::findExperiments() {
  bool hasAll = options.choices.empty();
  for (const Experiment &experiment : kExperiments) {
    if (!hasAll && !llvm::is_contained(options.choices, experiment.choice))
      continue;
    if (hasTiles || !needsTiles(experiment))
      experiments.push_back(&experiment);
    else if (!hasAll)
      return makeError("choice '" + experiment.choice +
                       "' requires a processor with tiles (AMX) to be "
                       "measured, found one for '" +
                       result.tuning.name.kernels + "': leave it out");
  }
  return llvm::Error::success();
}

/// Layers of the model, or of each kind of activations.
llvm::Error Tuner::collectSubjects() {
  if (options.model) {
    auto found = extractLayers(options.model);
    if (!found)
      return found.takeError();
    subjects = std::move(*found);
  } else {
    for (llvm::StringRef method : {"int4-g32", "int4-g128-a8", "int8"}) {
      auto layer = createLayerSubject(context, method, 1024, 2048, compile);
      if (!layer)
        return layer.takeError();
      subjects.push_back(std::move(*layer));
    }
  }
  layers = subjects.size();
  auto product = createLayerSubject(context, "none", 768, 512, compile);
  if (!product)
    return product.takeError();
  product->name = "floats 768 x 512";
  subjects.push_back(std::move(*product));
  subjects.push_back(createAttentionSubject(context));
  return llvm::Error::success();
}

std::vector<Probe> Tuner::getProbes(On on) const {
  constexpr int64_t kManyRows = 48, kProductRows = 192, kKeys = 320;
  // Between the values of what is the least for a tile, and more than share a
  // decoded panel in the second-level cache.
  constexpr int64_t kFewRows[] = {3, 6, 10, 14}, kPanelRows = 128;
  std::vector<Probe> probes;
  for (size_t i = 0; i < layers; ++i) {
    if (on == On::OneRow) {
      probes.push_back({i, 1});
      probes.push_back({i, 1, /*fromMemory=*/true});
    } else if (on == On::ManyRows) {
      probes.push_back({i, kManyRows});
    } else if (on == On::Threads) {
      probes.push_back(
          {i, 1, /*fromMemory=*/false, result.tuning.name.threads});
    } else if (on == On::Panels) {
      probes.push_back({i, kPanelRows});
    } else if (on == On::FewRows) {
      for (int64_t rows : kFewRows)
        probes.push_back({i, rows});
    }
  }
  if (on == On::Product)
    probes.push_back({layers, kProductRows});
  if (on == On::Attention)
    probes.push_back({layers + 1, kKeys});
  return probes;
}

std::string Tuner::describe(llvm::ArrayRef<Probe> probes) const {
  std::string text;
  for (const Probe &probe : probes)
    text += llvm::formatv("{0}{1}, {2} {3}{4}", text.empty() ? "" : "; ",
                          subjects[probe.subject].name, probe.rows,
                          probe.rows == 1 ? "row" : "rows",
                          probe.fromMemory ? ", from memory" : "")
                .str();
  return text;
}

/// The time with each of `values` as a share of that with the first one: the
/// geometric mean over probes.
llvm::Expected<std::vector<double>>
Tuner::compare(const TuningChoice &choice, llvm::ArrayRef<int64_t> values,
               llvm::ArrayRef<Probe> probes, double until) {
  // By subject and value.
  std::map<std::pair<size_t, size_t>, std::unique_ptr<TimedProgram>> programs;
  std::vector<std::unique_ptr<Turns>> turns;
  for (const Probe &probe : probes) {
    const Subject &subject = subjects[probe.subject];
    turns.push_back(std::make_unique<Turns>(probe, subject,
                                            result.tuning.constants.l3Bytes));
    for (size_t i = 0; i < values.size(); ++i) {
      std::unique_ptr<TimedProgram> &program = programs[{probe.subject, i}];
      if (!program) {
        CompileOptions trial = compile;
        trial.machine = result.tuning;
        trial.machine.choices.*choice.value = values[i];
        auto created = TimedProgram::create(subject.module.get().clone(),
                                            subject.done, trial);
        if (!created)
          return created.takeError();
        program = std::move(*created);
      }
      if (llvm::Error error = turns.back()->add(*program))
        return std::move(error);
    }
  }
  for (int i = 0; i < kLeastTurns || (i < kMostTurns && elapsed() < until); ++i)
    for (auto &turn : turns)
      turn->run();
  double all = 0;
  std::vector<double> scores(values.size());
  for (size_t p = 0; p < probes.size(); ++p) {
    double weight = subjects[probes[p].subject].weight;
    all += weight;
    for (size_t i = 0; i < values.size(); ++i)
      scores[i] += weight * std::log(turns[p]->ratio(i));
  }
  for (double &score : scores)
    score = std::exp(score / all);
  return scores;
}

/// Tries the values of one choice, and keeps the best if it gains enough.
llvm::Error Tuner::measure(const Experiment &experiment, double until) {
  const TuningChoice &choice = findChoice(experiment.choice);
  int64_t CPUTuning::*member = choice.value;
  CPUTuning &choices = result.tuning.choices;
  // What the constants alone would give, where the processor says "none".
  CPUTuning derived = chooseTuning(result.tuning.constants);
  // The model's own value comes first: others are compared with it.
  std::vector<int64_t> values{choices.*member};
  for (double value : experiment.values) {
    auto candidate =
        int64_t(experiment.isFactor ? value * double(derived.*member) : value);
    if (choice.allows(candidate) && !llvm::is_contained(values, candidate))
      values.push_back(candidate);
  }
  std::vector<Probe> probes = getProbes(experiment.on);
  if (values.size() == 1)
    return llvm::Error::success();
  auto scores = compare(choice, values, probes, until);
  if (!scores)
    return scores.takeError();
  size_t best =
      std::min_element(scores->begin(), scores->end()) - scores->begin();
  if ((*scores)[best] < 1 - kLeastGain)
    choices.*member = values[best];
  TuningEvidence evidence{choice.name.str(), describe(probes), {}};
  for (auto [value, score] : llvm::zip_equal(values, *scores))
    evidence.times.push_back({value, score});
  llvm::sort(evidence.times);
  result.tuning.evidence.push_back(std::move(evidence));
  return llvm::Error::success();
}

llvm::Expected<TuneResult> Tuner::run() {
  if (llvm::Error error = nameMachine())
    return std::move(error);
  if (llvm::Error error = findExperiments())
    return std::move(error);
  tell("constants of the machine", 0);
  if (llvm::Error error = measureConstants(context, compile, result.tuning))
    return std::move(error);
  result.tuning.choices =
      chooseTuning(result.tuning.constants, result.tuning.name.cpu);
  if (llvm::Error error = collectSubjects())
    return std::move(error);
  size_t left = experiments.size();
  double choicesEnd = (1 - kCostsShare) * options.seconds;
  for (const Experiment *experiment : experiments) {
    double now = elapsed();
    if (now >= choicesEnd) {
      result.skipped.push_back(experiment->choice.str());
      continue;
    }
    tell(experiment->choice, now / options.seconds);
    if (llvm::Error error =
            measure(*experiment, now + (choicesEnd - now) / double(left--)))
      return std::move(error);
  }
  if (!options.choices.empty())
    return std::move(result);
  tell("costs of encodings", 1 - kCostsShare);
  auto isOver = [&] { return elapsed() >= options.seconds; };
  if (llvm::Error error = measureCosts(context, compile, isOver, result.tuning))
    return std::move(error);
  if (isOver())
    result.skipped.push_back("costs of some encodings");
  return std::move(result);
}

std::vector<std::string> lowbit::getMeasuredChoices() {
  std::vector<std::string> names;
  for (const Experiment &experiment : kExperiments)
    names.push_back(experiment.choice.str());
  return names;
}

llvm::Expected<TuneResult> lowbit::tuneMachine(mlir::MLIRContext &context,
                                               const TuneOptions &options) {
  return Tuner(context, options).run();
}
