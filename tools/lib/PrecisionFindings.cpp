//===- PrecisionFindings.cpp - what a search has found --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LatencyModel.h"
#include "PrecisionSearchState.h"
#include "lowbit/Tools/Report.h"
#include "lowbit/Tools/Signature.h"
#include "lowbit/Tools/TextTable.h"

using namespace lowbit;

/// Budgets that the front is computed for, and every how many of its points is
/// tried on samples.
static constexpr unsigned kFrontBudgets = 48, kTriedEvery = 8;

/// Predicted seconds of all layers on one row.
double PrecisionSearch::predict(const PrecisionChoice &choice) const {
  uint64_t total = getWeightSize(module).allBytes;
  double seconds = 0.0;
  for (auto [layer, candidate] :
       llvm::zip_equal(problem.getLayers(), choice.candidates)) {
    auto type = llvm::cast<mlir::ShapedType>(layer.weight.getType());
    seconds +=
        predictSeconds(problem.getCandidates()[candidate], type.getDimSize(0),
                       type.getDimSize(1), total, options.machine);
  }
  return seconds;
}

/// What each layer costs, and what the next larger candidate would save.
void PrecisionSearch::addLayers(const PrecisionChoice &chosen,
                                PrecisionFindings &findings) const {
  for (size_t i = 0; i < problem.getLayers().size(); ++i) {
    llvm::ArrayRef<numerics::KnapsackOption> options = problem.getOptions(i);
    const numerics::KnapsackOption &own = options[chosen.candidates[i]];
    const numerics::KnapsackOption *next = nullptr;
    for (const numerics::KnapsackOption &other : options)
      if (other.cost > own.cost && (!next || other.cost < next->cost))
        next = &other;
    PrecisionFindings::Layer layer;
    layer.name = problem.getLayers()[i].name;
    layer.loss = own.loss;
    if (next)
      layer.gain = own.loss - next->loss;
    findings.layers.push_back(std::move(layer));
  }
}

/// Fills in the front, uniform choices, and what was tried of both.
llvm::Error PrecisionSearch::report(const PrecisionChoice &chosen) {
  PrecisionFindings &findings = *options.findings;
  findings.strategy = strategy->getName().str();
  findings.meaning = strategy->getMeaning().str();
  if (probe) {
    findings.measure =
        probe->isTokenModel() ? "KL divergence" : "relative error";
    findings.measured = isMeasured() ? split.measured.size() : 0;
    findings.heldOut = split.heldOut.size();
  }
  std::vector<PrecisionChoice> all;
  if (!strategy->isUniform())
    all = problem.getFront(kFrontBudgets);
  if (probe)
    for (size_t i = 0; i < all.size(); i += kTriedEvery)
      if (auto scores = tryOut(all[i]); !scores)
        return scores.takeError();
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
    point.seconds = predict(choice);
    if (device)
      point.memory = memory.getRunBytes() + otherBytes + point.bytes;
    point.isChosen = choice.candidates == chosen.candidates;
    if (auto found = tried.find(choice.candidates); found != tried.end())
      point.heldOut = found->second;
    findings.points.push_back(std::move(point));
  }
  if (device)
    findings.device =
        PrecisionFindings::Device{int64_t(device->memory), device->accuracy,
                                  memory.activations, otherBytes, memory.cache};
  if (isMeasured() && probe->isTokenModel())
    addLayers(chosen, findings);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

void lowbit::addFindings(const PrecisionFindings &findings, Report &report) {
  report.paretoError = findings.meaning;
  report.paretoMeasure = findings.measure.empty()
                             ? ""
                             : findings.measure + " on " +
                                   std::to_string(findings.heldOut) +
                                   " samples held out";
  for (const PrecisionPoint &point : findings.points) {
    ParetoPoint entry{point.bitsPerWeight, point.predicted, point.isChosen};
    entry.uniform = point.uniform;
    entry.bytes = uint64_t(point.bytes);
    entry.seconds = point.seconds;
    if (point.heldOut) {
      entry.measured = point.heldOut->loss;
      entry.accuracy = point.heldOut->getAccuracy();
    }
    if (point.memory)
      entry.memory = uint64_t(*point.memory);
    report.pareto.push_back(std::move(entry));
  }
  for (const PrecisionFindings::Layer &found : findings.layers)
    for (ReportLayer &layer : report.layers)
      if (layer.name == found.name) {
        layer.divergence = found.loss;
        if (layer.oneMoreBit && found.gain)
          layer.oneMoreBit->divergence = found.gain;
      }
}

void lowbit::printFindings(const PrecisionFindings &findings,
                           llvm::raw_ostream &os) {
  if (findings.device) {
    os << "activations take " << formatBytes(findings.device->activations);
    if (findings.device->cache)
      os << ", the cache " << formatBytes(findings.device->cache);
    os << ", tensors that stay as they are "
       << formatBytes(findings.device->otherBytes) << ", the device has "
       << formatBytes(findings.device->memory) << "\n";
  }
  bool isLabelled = llvm::any_of(findings.points, [](const auto &point) {
    return point.heldOut && point.heldOut->accuracy;
  });
  TextTable table({"weights", "bits", "memory", findings.measure,
                   isLabelled ? "accuracy" : "agreement", "us per row",
                   "verdict"},
                  /*lastTexts=*/1);
  for (const PrecisionPoint &point : findings.points) {
    if (!point.heldOut)
      continue;
    std::string verdict = point.isChosen ? "chosen" : "";
    if (findings.device && point.memory > findings.device->memory)
      verdict = "does not fit";
    else if (findings.device && findings.device->accuracy &&
             point.heldOut->getAccuracy() < *findings.device->accuracy)
      verdict = "not accurate enough";
    table.add({point.uniform.empty() ? "mixed" : point.uniform,
               formatNumber("%.3f", point.bitsPerWeight),
               formatBytes(uint64_t(point.memory.value_or(point.bytes))),
               formatNumber("%.6f", point.heldOut->loss),
               formatNumber("%.4f", point.heldOut->getAccuracy()),
               formatNumber("%.1f", point.seconds * 1e6), verdict});
  }
  table.print(os);
}
