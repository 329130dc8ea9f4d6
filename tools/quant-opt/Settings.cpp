//===- Settings.cpp - options of the library, from those of the command line
//===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Settings.h"

using namespace mlir;
using namespace lowbit;

/// The form of a program, for what is code.
std::optional<ProgramForm> lowbit::getProgramForm(EmitKind kind) {
  switch (kind) {
  case EmitKind::LLVM:
    return ProgramForm::LLVM;
  case EmitKind::Assembly:
    return ProgramForm::Assembly;
  case EmitKind::Object:
    return ProgramForm::Object;
  case EmitKind::Shared:
    return ProgramForm::Shared;
  case EmitKind::Wasm:
    return ProgramForm::WebAssembly;
  default:
    return std::nullopt;
  }
}

bool lowbit::isCode(EmitKind kind) { return getProgramForm(kind).has_value(); }

/// What is observed, and from what.
static void setCalibration(CompileOptions &result,
                           const DriverOptions &options) {
  result.calibration.data = options.calibrate;
  result.calibration.samples = options.calibrationSamples;
  result.calibration.window = options.calibrationWindow;
  result.calibration.memory = options.calibrationMemory << 20;
  result.calibration.secondMoments = options.secondMoments;
  result.calibration.columnRanges = options.columnRanges;
  result.calibration.gradients = options.gradients;
  result.calibration.gradientsOf = options.gradientsOf;
  result.calibration.layers.assign(options.calibrationLayers.begin(),
                                   options.calibrationLayers.end());
  result.statistics = options.statistics;
}

/// How weights become codes, and what is done to them before.
static void setQuantizing(CompileOptions &result,
                          const DriverOptions &options) {
  result.method = options.quantize;
  result.scaleSearch = options.scaleSearch;
  result.includeEmbeddings = options.includeEmbeddings;
  result.strict = options.strict;
  result.keepSources = options.quantizeInPage;
  result.sequential = options.sequential;
  result.sweeps = options.sweeps;
  result.heldOut = options.heldOut;
  if (options.smooth.getNumOccurrences())
    result.smoothing = options.smooth;
  result.smoothObserver = options.smoothObserver;
  result.observer = options.observer;
  result.countsRanges = options.countRanges;
  result.outliers = options.outliers;
  result.outlierColumns = options.outlierColumns;
  result.clip = options.clip;
  result.scaleFactors.assign(options.scaleFactors.begin(),
                             options.scaleFactors.end());
  result.rotate = options.rotate;
  result.rotateOnline.assign(options.rotateOnline.begin(),
                             options.rotateOnline.end());
}

/// How layers get methods of their own.
static void setPrecisions(CompileOptions &result,
                          const DriverOptions &options) {
  result.config = options.config;
  result.budget = options.budget;
  result.strategy = options.strategy;
  result.objective = options.objective;
  result.fitDevice = options.fitDevice;
  result.measureSamples = options.measureSamples;
  result.sensitivity = options.sensitivity;
  result.labels = options.labels;
  result.candidates.assign(options.candidates.begin(),
                           options.candidates.end());
}

/// What the model is compiled for.
static void setTarget(CompileOptions &result, const DriverOptions &options) {
  result.kvCache = options.kvCache;
  result.maxLength = options.maxLength;
  result.prefillLength = options.prefillLength;
  if (!options.target.empty())
    // Kernels are the same for all GPUs.
    result.target = options.target == "webgpu" ? std::string("spirv")
                                               : options.target.getValue();
  // Weights are the same for all CPUs of a list.
  result.cpu = StringRef(options.mcpu).split(',').first.str();
  result.triple = options.mtriple;
  result.parallel = !options.serial;
  result.machine = options.machine;
}

CompileOptions lowbit::compileOptions(const DriverOptions &options,
                                      Profile *profile) {
  CompileOptions result;
  setCalibration(result, options);
  setQuantizing(result, options);
  setPrecisions(result, options);
  setTarget(result, options);
  result.disabledPatterns.assign(options.disablePatterns.begin(),
                                 options.disablePatterns.end());
  result.profile = profile;
  result.resume = options.resume;
  // The context is this module's own.
  result.releaseData = true;
  if (options.optimizeForAccuracy) {
    if (!options.strategy.getNumOccurrences())
      result.strategy = "measured";
    setAccuracyPreset(result, options.codes);
  }
  return result;
}

ProgramOptions lowbit::programOptions(const DriverOptions &options,
                                      StringRef input) {
  ProgramOptions result;
  result.form = *getProgramForm(options.emit);
  result.name = options.name;
  result.embedWeights = options.embedWeights;
  result.linker = options.linker;
  SmallVector<StringRef> cpus;
  StringRef(options.mcpu)
      .split(cpus, ',', /*MaxSplit=*/-1,
             /*KeepEmpty=*/false);
  result.cpus.assign(cpus.begin(), cpus.end());
  result.input = input.str();
  return result;
}

LoadOptions lowbit::loadOptions(const DriverOptions &options) {
  LoadOptions load;
  load.recordsSources = true;
  load.dimensions.assign(options.shape.begin(), options.shape.end());
  return load;
}
