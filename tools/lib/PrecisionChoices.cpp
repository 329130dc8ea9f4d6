//===- PrecisionChoices.cpp - floors, guards and devices ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LatencyModel.h"
#include "PrecisionSearchState.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Signature.h"
#include "llvm/Support/FormatVariadic.h"

using namespace lowbit;

/// Steps that costs between the least and the most are divided into where a
/// floor is looked for.
static constexpr int64_t kFloorSteps = 512;
/// Smaller budgets that are tried for a device besides the largest that fits.
static constexpr unsigned kDeviceSteps = 4;
/// What stands for no limit; sums don't overflow.
static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max() / 2;

llvm::Expected<PrecisionChoice> PrecisionSearch::solve(int64_t bytes) {
  DiagnosticText errors(*module.getContext());
  llvm::FailureOr<PrecisionChoice> choice = problem.solve(bytes);
  if (llvm::failed(choice))
    return errors.takeError("the budget cannot be spent");
  return std::move(*choice);
}

bool PrecisionSearch::meetsFloor(const SampleScores &scores) const {
  return (!budget.accuracy || scores.getAccuracy() >= *budget.accuracy) &&
         (!budget.divergence || scores.loss <= *budget.divergence);
}

std::string PrecisionSearch::describe(const PrecisionChoice &choice,
                                      const SampleScores &scores) const {
  return llvm::formatv(
      "{0:f3} bits per weight: {1} {2:f4}, {3} {4:f6}",
      problem.getBitsPerWeight(choice),
      scores.accuracy ? "accuracy" : "agreement", scores.getAccuracy(),
      probe->isTokenModel() ? "KL" : "relative error", scores.loss);
}

std::pair<int64_t, int64_t> PrecisionSearch::getCostRange() const {
  int64_t least = 0, most = 0;
  for (size_t i = 0; i < problem.getLayers().size(); ++i) {
    auto [low, high] = std::minmax_element(
        problem.getOptions(i).begin(), problem.getOptions(i).end(),
        [](const auto &a, const auto &b) { return a.cost < b.cost; });
    least += low->cost;
    most += high->cost;
  }
  return {least, most};
}

/// The least size up to `most` that meets the floors, by bisection: quality is
/// taken to rise with size, which holds but for noise.
llvm::Expected<PrecisionChoice> PrecisionSearch::findFloor(int64_t most) {
  auto [least, largest] = getCostRange();
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
llvm::Expected<PrecisionChoice> PrecisionSearch::guard(PrecisionChoice choice,
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

/// Costs are bytes, or nanoseconds where time is what counts.
llvm::Error PrecisionSearch::setCosts() {
  if (llvm::Error error = checkObjective(budget, options))
    return error;
  if (options.objective != "latency")
    return llvm::Error::success();
  uint64_t total = getWeightSize(module).allBytes;
  problem.setCosts([&](const PrecisionLayer &layer, EncodingAttr encoding) {
    auto type = llvm::cast<mlir::ShapedType>(layer.weight.getType());
    return int64_t(1e9 * predictSeconds(encoding, type.getDimSize(0),
                                        type.getDimSize(1), total,
                                        options.machine));
  });
  return llvm::Error::success();
}

llvm::Expected<PrecisionChoice> PrecisionSearch::choose() {
  int64_t most = kNoLimit;
  if (std::optional<int64_t> bytes = budget.getBytes(problem.getWeights()))
    most = *bytes;
  if (budget.latency)
    most = int64_t(*budget.latency * 1e9);
  if (budget.hasFloor())
    return findFloor(most);
  llvm::Expected<PrecisionChoice> choice = solve(most);
  if (!choice || !isMeasured())
    return choice;
  return guard(std::move(*choice), most);
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

llvm::Error PrecisionSearch::readDevice() {
  if (options.fitDevice.empty())
    return llvm::Error::success();
  llvm::Expected<DeviceLimits> limits = DeviceLimits::parse(options.fitDevice);
  if (!limits)
    return limits.takeError();
  device = *limits;
  return llvm::Error::success();
}

/// What the model takes as compiled, with the encodings of `choice`.
llvm::Error PrecisionSearch::checkDevice(const PrecisionChoice &choice) {
  auto lowBit = quantize(choice);
  if (!lowBit)
    return lowBit.takeError();
  auto found = measureMemory(**lowBit, options, probe->getSample(0));
  if (!found)
    return found.takeError();
  memory = *found;
  otherBytes = memory.weights - problem.getBytes(choice);
  return llvm::Error::success();
}

llvm::Error PrecisionSearch::nothingFits() const {
  std::string cache;
  if (memory.cache)
    cache = ", the cache " + std::to_string(memory.cache);
  return makeError(
      "--fit-device: nothing fits into " +
      llvm::Twine(int64_t(device->memory)) + " bytes; activations take " +
      llvm::Twine(memory.activations) + cache + ", other tensors " +
      llvm::Twine(otherBytes) + ", and the smallest weights " +
      llvm::Twine(getCostRange().first));
}

/// The best of all that fit and are good enough: one candidate for all layers,
/// and choices for the most that fits and less.
llvm::Expected<PrecisionChoice> PrecisionSearch::chooseForDevice(int64_t most) {
  std::vector<PrecisionChoice> choices;
  for (size_t i = 0; i < problem.getCandidates().size(); ++i)
    choices.push_back(problem.getUniformOf(int32_t(i)));
  auto [least, largest] = getCostRange();
  if (most >= least)
    for (unsigned i = 0; i <= kDeviceSteps; ++i) {
      int64_t reach = std::min(most, largest) - least;
      auto mixed = solve(least + reach * int64_t(i) / kDeviceSteps);
      if (!mixed)
        return mixed;
      choices.push_back(std::move(*mixed));
    }
  std::optional<PrecisionChoice> best, nearest;
  for (const PrecisionChoice &choice : choices) {
    auto scores = tryOut(choice);
    if (!scores)
      return scores.takeError();
    if (choice.cost > most)
      continue;
    double loss = scores->loss;
    if (!nearest || loss < tried[nearest->candidates].loss)
      nearest = choice;
    bool isGood =
        !device->accuracy || scores->getAccuracy() >= *device->accuracy;
    if (isGood && (!best || loss < tried[best->candidates].loss))
      best = choice;
  }
  if (best)
    return std::move(*best);
  if (nearest)
    return makeError("--fit-device: nothing that fits has the accuracy that '" +
                     options.fitDevice + "' requires; the best found has " +
                     describe(*nearest, tried[nearest->candidates]));
  return nothingFits();
}

llvm::Expected<PrecisionChoice> PrecisionSearch::fitDevice() {
  // Padding of packed weights depends little on what is chosen, and activations
  // not at all: both are those of the first choice, then of the one before.
  PrecisionChoice choice = problem.getUniformOf(0);
  constexpr unsigned kTurns = 4;
  for (unsigned turn = 0;; ++turn) {
    if (llvm::Error error = checkDevice(choice))
      return std::move(error);
    int64_t taken = memory.getRunBytes() + otherBytes + choice.cost;
    if (turn && taken <= int64_t(device->memory))
      return std::move(choice);
    if (turn == kTurns)
      return nothingFits();
    auto next = chooseForDevice(int64_t(device->memory) - memory.getRunBytes() -
                                otherBytes);
    if (!next)
      return next;
    choice = std::move(*next);
  }
}
