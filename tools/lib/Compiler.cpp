//===- Compiler.cpp - a model through the phases --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Compiler.h"
#include "lowbit/CodeGen/CPU/Kernels.h"
#include "lowbit/CodeGen/CPU/Passes.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/PrecisionSearch.h"
#include "lowbit/Tools/Profile.h"
#include "lowbit/Tools/Tune.h"
#include "lowbit/Tools/WeightParts.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/PatternNames.h"
#include "lowbit/Transforms/Pipelines.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace lowbit;

/// The patterns to leave out that are those of a phase.
static llvm::SmallVector<std::string>
selectPatterns(const CompileOptions &options,
               llvm::ArrayRef<llvm::StringRef> known) {
  llvm::SmallVector<std::string> names;
  for (const std::string &name : options.disabledPatterns)
    if (llvm::is_contained(known, name))
      names.push_back(name);
  return names;
}

static llvm::Error checkPatterns(const CompileOptions &options) {
  llvm::SmallVector<llvm::StringRef> known(getRaisePatternNames());
  llvm::append_range(known, getFusePatternNames());
  for (llvm::StringRef name : options.disabledPatterns)
    if (!llvm::is_contained(known, name))
      return makeError("the patterns are " + llvm::join(known, ", ") +
                       "; found '" + name + "'");
  return llvm::Error::success();
}

/// When weights are to be quantized, a product that is no layer stays float,
/// and that must be said.
static void addRaise(OpPassManager &manager, const CompileOptions &options) {
  RaisePipelineOptions raise;
  raise.report = options.method != "none";
  raise.disabledPatterns = selectPatterns(options, getRaisePatternNames());
  buildRaisePipeline(manager, raise);
  if (!options.rotate && options.rotateOnline.empty())
    return;
  RotatePassOptions rotate;
  llvm::append_range(rotate.online, options.rotateOnline);
  rotate.releaseData = options.releaseData;
  manager.addPass(createRotatePass(rotate));
}

static void addFuse(OpPassManager &manager, const CompileOptions &options) {
  FusePipelineOptions fuse;
  fuse.disabledPatterns = selectPatterns(options, getFusePatternNames());
  fuse.releaseData = options.releaseData;
  buildFusePipeline(manager, fuse);
  if (options.kvCache.empty())
    return;
  AddCachePassOptions cache;
  cache.format = options.kvCache;
  cache.maxLength = options.maxLength;
  manager.addPass(createAddCachePass(cache));
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

/// Whether layers get encodings of their own.
static bool assigns(const CompileOptions &options) {
  return !options.rules.empty() || !options.config.empty() ||
         !options.budget.empty();
}

/// Whether encodings are looked for with the model at hand.
static bool searches(const CompileOptions &options) {
  return !options.budget.empty() || !options.fitDevice.empty();
}

static void addAssign(OpPassManager &manager, const CompileOptions &options) {
  AssignPrecisionPassOptions assign;
  assign.rules = options.rules;
  assign.config = options.config;
  assign.strategy = options.strategy;
  assign.budget = options.budget;
  llvm::append_range(assign.candidates, options.candidates);
  manager.addPass(createAssignPrecisionPass(assign));
}

std::string lowbit::getScaleSearch(const CompileOptions &options) {
  if (!options.scaleSearch.empty())
    return options.scaleSearch;
  return wantsStatistics(options) ? "importance" : "mse";
}

/// Factors of scales in the rules, then those of the options: the last one that
/// matches a layer decides. What isn't a number is left for the pass to report.
static std::vector<std::string> getScaleFactors(const CompileOptions &options) {
  std::vector<std::string> factors;
  auto add = [&](llvm::StringRef json) {
    llvm::Expected<llvm::json::Value> value = llvm::json::parse(json);
    if (!value)
      return llvm::consumeError(value.takeError());
    const llvm::json::Object *rules = value->getAsObject();
    const llvm::json::Object *scales =
        rules ? rules->getObject("scales") : nullptr;
    if (scales)
      for (const auto &[glob, factor] : *scales)
        factors.push_back(llvm::formatv("{0}={1}", glob.str(), factor));
  };
  add(options.rules);
  // A file that can't be read is what `lowbit-assign-precision` reports.
  if (auto file = llvm::MemoryBuffer::getFile(options.config);
      !options.config.empty() && file)
    add((*file)->getBuffer());
  // The order of an object's keys is its own.
  llvm::sort(factors, [](const std::string &a, const std::string &b) {
    return std::make_pair(a.size(), a) < std::make_pair(b.size(), b);
  });
  llvm::append_range(factors, options.scaleFactors);
  return factors;
}

/// What is done to float layers before they are quantized.
static void addSplits(OpPassManager &manager, const CompileOptions &options) {
  if (options.outlierColumns) {
    SplitColumnsPassOptions split;
    split.count = options.outlierColumns;
    split.releaseData = options.releaseData;
    manager.addPass(createSplitColumnsPass(split));
  }
  if (options.outliers > 0) {
    SplitWeightsPassOptions split;
    split.share = options.outliers;
    split.releaseData = options.releaseData;
    manager.addPass(createSplitWeightsPass(split));
  }
  if (options.clip > 0) {
    ClipWeightsPassOptions clip;
    clip.percentile = options.clip;
    clip.releaseData = options.releaseData;
    manager.addPass(createClipWeightsPass(clip));
  }
  std::vector<std::string> scaleFactors = getScaleFactors(options);
  if (!scaleFactors.empty()) {
    SetScaleFactorsPassOptions factors;
    llvm::append_range(factors.factors, scaleFactors);
    manager.addPass(createSetScaleFactorsPass(factors));
  }
}

/// The passes of the quantize phase for the weights called `layers`, or all.
static void addQuantizeWeights(OpPassManager &manager,
                               const CompileOptions &options,
                               llvm::ArrayRef<std::string> layers = {}) {
  QuantizePipelineOptions quantize;
  quantize.layers = layers;
  quantize.method = options.method;
  quantize.sweeps = options.sweeps;
  if (!options.observer.empty())
    quantize.observer = options.observer;
  quantize.scaleSearch = getScaleSearch(options);
  // What sequential calibration knows is gone with the layers that it is of.
  if (!layers.empty() && options.scaleSearch.empty())
    quantize.scaleSearch = "mse";
  quantize.includeEmbeddings = options.includeEmbeddings;
  quantize.strict = options.strict;
  quantize.releaseData = options.releaseData;
  buildQuantizePipeline(manager, quantize);
}

static void addQuantize(OpPassManager &manager, const CompileOptions &options) {
  if (assigns(options))
    addAssign(manager, options);
  else if (options.method == "none")
    return;
  addSplits(manager, options);
  addQuantizeWeights(manager, options);
}

static void addTarget(OpPassManager &manager, const CompileOptions &options,
                      bool keepsOthers) {
  SetCPUTargetPassOptions target;
  target.keepsOthers = keepsOthers;
  target.cpu = options.cpu;
  target.triple = options.triple;
  manager.addPass(createSetCPUTargetPass(target));
}

static void addPack(OpPassManager &manager, const CompileOptions &options) {
  if (options.reference)
    return;
  // A module for another kind of machine is packed for that one.
  addTarget(manager, options, /*keepsOthers=*/true);
  PackPipelineOptions pack;
  pack.releaseData = options.releaseData;
  buildPackPipeline(manager, pack);
}

static void addLower(OpPassManager &manager, const CompileOptions &options) {
  // Code is for the CPU that it is compiled for, whichever its weights were
  // packed for: all read the same bytes.
  addTarget(manager, options, /*keepsOthers=*/false);
  LowerToCPUKernelsPassOptions kernels;
  kernels.floatActivations = options.floatActivations;
  if (!options.reference) {
    manager.addNestedPass<func::FuncOp>(createCPUTileWindowsPass());
    manager.addPass(createLowerToCPUKernelsPass(kernels));
    manager.addNestedPass<func::FuncOp>(createCPULowerAttentionPass());
  }
  manager.addPass(createLowerToLinalgPass());
  CPUPipelineOptions code;
  code.parallel = options.parallel;
  code.bufferAlignment = options.bufferAlignment;
  buildCPUToLLVMPipeline(manager, code);
}

llvm::StringRef lowbit::getPhaseName(Phase phase) {
  static constexpr llvm::StringLiteral kNames[] = {
      "import", "raise", "quantize", "fuse", "pack", "lower"};
  return kNames[static_cast<int>(phase)];
}

std::string lowbit::describeRecipe(const CompileOptions &options) {
  llvm::SmallVector<std::string> words;
  if (options.method != "none") {
    words = {"quantize=" + options.method,
             "scale-search=" + getScaleSearch(options)};
    if (options.includeEmbeddings)
      words.push_back("include-embeddings");
    if (options.outliers > 0)
      words.push_back(llvm::formatv("outliers={0}%", options.outliers));
    if (options.outlierColumns)
      words.push_back("outlier-columns=" +
                      std::to_string(options.outlierColumns));
    if (options.clip > 0)
      words.push_back(llvm::formatv("clip={0}", options.clip));
    if (!options.scaleFactors.empty())
      words.push_back("scale-factor=" + llvm::join(options.scaleFactors, ","));
    if (options.rotate)
      words.push_back("rotate");
    if (!options.rotateOnline.empty())
      words.push_back("rotate-online=" + llvm::join(options.rotateOnline, ","));
    if (options.smoothing)
      words.push_back(llvm::formatv("smooth={0}", *options.smoothing));
    if (!options.observer.empty())
      words.push_back("observer=" + options.observer);
    if (options.sequential)
      words.push_back("sequential");
    if (options.heldOut)
      words.push_back("hold-out=" + std::to_string(options.heldOut));
    if (!options.tuneMethods.empty())
      words.push_back("methods=" + llvm::join(options.tuneMethods, ","));
    if (options.sweeps)
      words.push_back("sweeps=" + std::to_string(options.sweeps));
  }
  if (!options.config.empty())
    words.push_back(
        ("precision=" + llvm::sys::path::filename(options.config)).str());
  if (!options.budget.empty())
    words.insert(words.end(),
                 {"budget=" + options.budget, "strategy=" + options.strategy});
  if (!options.fitDevice.empty())
    words.insert(words.end(), {"fit-device=" + options.fitDevice,
                               "strategy=" + options.strategy});
  if (options.objective != "size")
    words.push_back("objective=" + options.objective);
  if (searches(options) && !options.calibration.data.empty())
    words.push_back("measure-samples=" +
                    std::to_string(options.measureSamples));
  if (!options.candidates.empty())
    words.push_back("candidates=" + llvm::join(options.candidates, ","));
  if (!options.kvCache.empty())
    words.insert(words.end(),
                 {"kv-cache=" + options.kvCache,
                  "max-length=" + std::to_string(options.maxLength)});
  if (!options.disabledPatterns.empty())
    words.push_back("disable-patterns=" +
                    llvm::join(options.disabledPatterns, ","));
  return llvm::join(words, " ");
}

void lowbit::addPhase(OpPassManager &manager, Phase phase,
                      const CompileOptions &options) {
  switch (phase) {
  case Phase::Import:
    manager.addPass(createImportPass());
    return;
  case Phase::Raise:
    return addRaise(manager, options);
  case Phase::Quantize:
    return addQuantize(manager, options);
  case Phase::Fuse:
    return addFuse(manager, options);
  case Phase::Pack:
    return addPack(manager, options);
  case Phase::Lower:
    return addLower(manager, options);
  }
}

bool lowbit::wantsStatistics(const CompileOptions &options) {
  return !options.calibration.data.empty() || !options.statistics.empty();
}

/// Runs the passes of the phases from `first` up to and including `last`.
static llvm::Error runPhases(ModuleOp module, Phase first, Phase last,
                             const CompileOptions &options) {
  DiagnosticText errors(*module.getContext());
  for (int i = static_cast<int>(first); i <= static_cast<int>(last); ++i) {
    auto phase = static_cast<Phase>(i);
    Profile::Scope scope(options.profile, getPhaseName(phase));
    PassManager manager(module.getContext());
    // Programs without those options, such as quant-run, have none to apply.
    (void)applyPassManagerCLOptions(manager);
    addPhase(manager, phase, options);
    if (failed(manager.run(module)))
      return errors.takeError("a pass failed without a reason");
  }
  return llvm::Error::success();
}

/// Names of the weights that are float still.
static llvm::SmallVector<std::string> getFloatWeights(ModuleOp module) {
  llvm::SmallVector<std::string> names;
  FloatWeights weights(module);
  for (const auto &[name, matrix] : weights.getAll())
    names.push_back(name.str());
  return names;
}

/// Whether columns are to have bits by what all layers together lose.
static bool dividesRates(MLIRContext *context, const CompileOptions &options) {
  auto method = parseQuantizationMethod(
      splitQuantizationMethod(options.method).rounding, context);
  if (method)
    return method->averageRate != 0;
  llvm::consumeError(method.takeError());
  return false;
}

/// The quantize phase with sequential calibration: layers by groups, and then
/// what is in no group.
static llvm::Error runSequentially(ModuleOp module,
                                   const CompileOptions &options) {
  if (!getScaleFactors(options).empty())
    return makeError("factors of scales require rounding to nearest, found "
                     "sequential calibration");
  Profile::Scope scope(options.profile, getPhaseName(Phase::Quantize));
  auto run = [&](auto addPasses, StringRef what) -> llvm::Error {
    DiagnosticText errors(*module.getContext());
    PassManager manager(module.getContext());
    (void)applyPassManagerCLOptions(manager);
    addPasses(manager);
    if (failed(manager.run(module)))
      return errors.takeError(what);
    return llvm::Error::success();
  };
  if (assigns(options))
    if (llvm::Error error =
            run([&](OpPassManager &manager) { addAssign(manager, options); },
                "precision cannot be assigned"))
      return error;
  if (llvm::Error error =
          run([&](OpPassManager &manager) { addSplits(manager, options); },
              "layers cannot be prepared"))
    return error;
  // Groups that are quantized one by one have no say in others' bits.
  if (dividesRates(module.getContext(), options)) {
    AssignRatesPassOptions rates;
    rates.method = options.method;
    rates.includeEmbeddings = options.includeEmbeddings;
    if (llvm::Error error = run(
            [&](OpPassManager &manager) {
              manager.addPass(createAssignRatesPass(rates));
            },
            "bits cannot be divided among columns"))
      return error;
  }
  if (llvm::Error error = tuneLayers(module, options))
    return error;
  llvm::SmallVector<std::string> rest = getFloatWeights(module);
  return run(
      [&](OpPassManager &manager) {
        if (!rest.empty())
          return addQuantizeWeights(manager, options, rest);
        manager.addPass(createCSEPass());
        if (options.strict)
          manager.addPass(createVerifyNoFloatWeightsPass());
      },
      "the rest of the weights cannot be quantized");
}

/// The quantize phase, with what the module's statistics and a budget say.
static llvm::Error quantizeModule(ModuleOp module,
                                  const CompileOptions &options) {
  CompileOptions assigned = options;
  if (searches(options)) {
    Profile::Scope scope(options.profile, "assign");
    if (llvm::Error error = options.spendsOnRates
                                ? assignTrellisRates(module, options)
                                : assignPrecision(module, options))
      return error;
    assigned.scaleFactors = getScaleFactors(options);
    assigned.rules.clear();
    assigned.config.clear();
    assigned.budget.clear();
    assigned.fitDevice.clear();
    // What is known stays known; it is in the module.
    assigned.scaleSearch = getScaleSearch(options);
  }
  if (options.sequential)
    return runSequentially(module, assigned);
  return runPhases(module, Phase::Quantize, Phase::Quantize, assigned);
}

/// What a calibration run is to record for `options`.
static CalibrationOptions getCalibration(const CompileOptions &options) {
  CalibrationOptions calibration = options.calibration;
  calibration.secondMoments |= needsSecondMoments(options.method);
  if (options.strategy == "gradient" && !options.budget.empty() &&
      calibration.gradients == OutputModel::None)
    calibration.gradients = OutputModel::Automatic;
  return calibration;
}

/// Moves outliers of activations to weights. Calibrates once more for observers
/// that look at numbers of all columns, which statistics by column don't tell.
static llvm::Error smoothInputs(ModuleOp module,
                                const CompileOptions &options) {
  DiagnosticText errors(*module.getContext());
  PassManager manager(module.getContext());
  (void)applyPassManagerCLOptions(manager);
  SmoothInputsPassOptions smooth;
  smooth.strength = *options.smoothing;
  smooth.releaseData = options.releaseData;
  manager.addPass(createSmoothInputsPass(smooth));
  if (failed(manager.run(module)))
    return errors.takeError("a pass failed without a reason");
  bool needsAll = splitQuantizationMethod(options.method).hasStaticInputs &&
                  !options.observer.empty() && options.observer != "minmax";
  if (!needsAll || options.calibration.data.empty())
    return llvm::Error::success();
  detachStatistics(module);
  auto statistics = calibrate(module, getCalibration(options), options);
  if (statistics)
    attachStatistics(module, *statistics);
  return statistics.takeError();
}

static llvm::Error prepareAndQuantize(ModuleOp module,
                                      const CompileOptions &options) {
  if (options.smoothing)
    if (llvm::Error error = smoothInputs(module, options))
      return error;
  return quantizeModule(module, options);
}

/// Attaches the statistics that `options` ask for.
static llvm::Error addStatistics(ModuleOp module, const CompileOptions &options,
                                 bool isUsed) {
  auto statistics = obtainStatistics(module, options.statistics,
                                     getCalibration(options), options);
  if (!statistics)
    return statistics.takeError();
  if (options.seeStatistics)
    options.seeStatistics(*statistics);
  if (isUsed)
    attachStatistics(module, *statistics);
  return llvm::Error::success();
}

llvm::Error lowbit::compileModule(ModuleOp module, Phase last,
                                  const CompileOptions &options, Phase first) {
  if (llvm::Error error = checkPatterns(options))
    return error;
  bool needsMore = wantsStatistics(options) || searches(options);
  if (!needsMore || first > Phase::Quantize)
    return runPhases(module, first, last, options);
  if (first <= Phase::Raise)
    if (llvm::Error error =
            runPhases(module, first, std::min(last, Phase::Raise), options))
      return error;
  if (last < Phase::Raise)
    return llvm::Error::success();
  bool quantizes = last >= Phase::Quantize;
  // In sequence, groups of layers are calibrated as they are quantized.
  bool calibrates = !options.sequential || searches(options) ||
                    options.calibration.gradients != OutputModel::None ||
                    dividesRates(module.getContext(), options);
  if (wantsStatistics(options) && calibrates)
    if (llvm::Error error = addStatistics(module, options, quantizes))
      return error;
  if (!quantizes)
    return llvm::Error::success();
  llvm::Error error = prepareAndQuantize(module, options);
  detachStatistics(module);
  if (error || last == Phase::Quantize)
    return error;
  return runPhases(module, Phase::Fuse, last, options);
}
