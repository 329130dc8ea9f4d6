//===- FlagNeeds.cpp - flags without effect -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FlagNeeds.h"
#include "Checks.h"
#include "Settings.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Transforms/QuantizationMethod.h"

using namespace mlir;
using namespace lowbit;

namespace {
/// What a flag needs to have an effect.
struct FlagNeed {
  const llvm::cl::Option &flag;
  bool isMet;
  StringRef need;
};
} // namespace

static llvm::Error requireNeeds(ArrayRef<FlagNeed> needs) {
  for (const FlagNeed &need : needs)
    if (isGiven(need.flag) && !need.isMet)
      return makeError("--" + need.flag.ArgStr + " requires " + need.need +
                       ": without it the flag has no effect");
  return llvm::Error::success();
}

/// Needs of flags that quantize, or say how.
static llvm::Error checkQuantizing(const DriverOptions &options, Phase last) {
  bool quantizes = options.quantize != "none" || options.optimizeForAccuracy;
  bool hasFeedback =
      ::hasFeedback(splitQuantizationMethod(options.quantize).rounding);
  bool calibrates = isGiven(options.calibrate);
  bool hasStatistics = calibrates || isGiven(options.statistics);
  bool hasLater = last >= Phase::Quantize;
  constexpr StringRef kMethod = "--quantize=METHOD",
                      kLater = "--phase=quantize or a later one",
                      kStatistics = "--calibrate=FILE or --statistics=FILE";
  return requireNeeds({
      {options.scaleSearch, quantizes, kMethod},
      {options.includeEmbeddings, quantizes, kMethod},
      {options.strict, quantizes, kMethod},
      {options.outliers, quantizes, kMethod},
      {options.outlierColumns, quantizes, kMethod},
      {options.outlierColumns, hasStatistics, kStatistics},
      {options.clip, quantizes, kMethod},
      {options.scaleFactors, quantizes, kMethod},
      {options.smooth, hasStatistics, kStatistics},
      {options.smoothObserver, isGiven(options.smooth), "--smooth"},
      {options.observer, StringRef(options.quantize).contains("-a8-static"),
       "--quantize=METHOD-a8-static"},
      {options.sequential, calibrates, "--calibrate=FILE"},
      {options.sequential, hasFeedback || options.optimizeForAccuracy,
       "--quantize=gptq-METHOD or trellis"},
      {options.sweeps, hasFeedback || options.optimizeForAccuracy,
       "--quantize=gptq-METHOD or trellis"},
      {options.config, quantizes, kMethod},
      {options.budget, quantizes, kMethod},
      {options.quantize, options.quantize == "none" || hasLater, kLater},
      {options.like, hasLater, kLater},
      {options.report, hasLater, kLater},
  });
}

/// Needs of flags that are about data, and what is found out from them.
static llvm::Error checkData(const DriverOptions &options) {
  bool quantizes = options.quantize != "none" || options.optimizeForAccuracy;
  bool calibrates = isGiven(options.calibrate);
  bool isTuned = options.sequential || options.optimizeForAccuracy;
  bool searches = isGiven(options.budget) || isGiven(options.fitDevice);
  bool measures = options.strategy == "measured" || options.optimizeForAccuracy;
  constexpr StringRef kData = "--calibrate=FILE",
                      kTuned = "--sequential or --optimize-for-accuracy",
                      kBudget = "--budget or --fit-device";
  return requireNeeds({
      {options.calibrationSamples, calibrates, kData},
      {options.calibrationWindow, calibrates || isGiven(options.evaluate),
       "--calibrate=FILE or --evaluate=FILE"},
      {options.evaluateSamples, isGiven(options.evaluate), "--evaluate=FILE"},
      {options.calibrationMemory, calibrates, kData},
      {options.calibrationLayers, calibrates, kData},
      {options.secondMoments, calibrates, kData},
      {options.columnRanges, calibrates, kData},
      {options.gradients, calibrates, kData},
      {options.gradientsOf,
       options.gradients != OutputModel::None || options.strategy == "gradient",
       "--gradients or --strategy=gradient"},
      {options.calibrate, isGiven(options.statistics) || quantizes,
       "--quantize=METHOD or --statistics=FILE"},
      {options.statistics, calibrates || quantizes,
       "--quantize=METHOD or --calibrate=FILE"},
      {options.candidates, searches || options.optimizeForAccuracy,
       "--budget, --fit-device or --optimize-for-accuracy"},
      {options.optimizeForAccuracy, calibrates, kData},
      {options.codes, options.optimizeForAccuracy && isGiven(options.budget),
       "--optimize-for-accuracy and --budget"},
      {options.heldOut, isTuned, kTuned},
      {options.resume, quantizes, "--quantize=METHOD"},
      {options.resume, calibrates || isGiven(options.statistics),
       "--calibrate=FILE or --statistics=FILE"},
      {options.strategy, searches, kBudget},
      {options.objective, isGiven(options.budget), "--budget"},
      {options.fitDevice, quantizes, "--quantize=METHOD"},
      {options.fitDevice, calibrates, kData},
      {options.measureSamples, searches, kBudget},
      {options.measureSamples, calibrates, kData},
      {options.sensitivity, searches, kBudget},
      {options.sensitivity, measures, "--strategy=measured"},
      {options.labels, searches || isGiven(options.evaluate),
       "--budget, --fit-device or --evaluate"},
      {options.labels, calibrates || isGiven(options.evaluate),
       "--calibrate=FILE or --evaluate=FILE"},
  });
}

/// Needs of flags that are about what is written.
static llvm::Error checkWriting(const DriverOptions &options, Phase last) {
  bool isCode = lowbit::isCode(options.emit);
  bool packs = last >= Phase::Pack, packsForCPU = packs && !isForGPU(options);
  bool links =
      options.emit == EmitKind::Shared || options.emit == EmitKind::Wasm;
  constexpr StringRef
      kCode = "--emit=object, shared, wasm, llvm or asm",
      kPack = "--target=cpu, or --emit=llvm, asm, object, shared or wasm";
  return requireNeeds({
      {options.rotate, last >= Phase::Raise, "--phase=raise or a later one"},
      {options.rotateOnline, options.rotate, "--rotate"},
      {options.countRanges, last >= Phase::Quantize,
       "--phase=quantize or a later one"},
      {options.kvCache, last >= Phase::Fuse, "--phase=fuse or a later one"},
      {options.maxLength, isGiven(options.kvCache), "--kv-cache=FORMAT"},
      {options.prefillLength, isGiven(options.kvCache), "--kv-cache=FORMAT"},
      {options.prefillLength, isForGPU(options),
       "--target=spirv or --target=webgpu"},
      {options.target, packs, "--phase=pack or a later one"},
      {options.fallback, options.emit == EmitKind::Web, "--target=webgpu"},
      {options.mcpu, packsForCPU, kPack},
      {options.mtriple, packsForCPU, kPack},
      {options.tuning, isCode || options.objective == "latency",
       "--emit=object, shared, wasm, llvm or asm, or --objective=latency"},
      {options.name, isCode, kCode},
      {options.serial, isCode, kCode},
      {options.embedWeights, options.emit == EmitKind::Object || links,
       "--emit=object, shared or wasm"},
      {options.linker, links, "--emit=shared or --emit=wasm"},
      {options.graph, options.emit == EmitKind::ONNX, "--emit=onnx"},
  });
}

llvm::Error lowbit::checkInspecting(const DriverOptions &options) {
  return requireNeeds({
      {options.json, false,
       "--verify, --diff, --print-statistics, --print-targets or "
       "--weight-statistics, which print"},
      {options.tuneSeconds, options.tune, "--tune"},
      {options.tuneChoices, options.tune, "--tune"},
  });
}

llvm::Error lowbit::checkNeeds(const DriverOptions &options, Phase last) {
  if (llvm::Error error = checkQuantizing(options, last))
    return error;
  if (llvm::Error error = checkData(options))
    return error;
  return checkWriting(options, last);
}
