//===- Compiler.cpp - a model through the phases --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Compiler.h"
#include "QuantizePhase.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/CodeGen/CPU/Kernels.h"
#include "lowbit/CodeGen/CPU/Passes.h"
#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/CodeGen/GPU/Pipelines.h"
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
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

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
/// and that must be said; so must be what keeps a model from having a cache.
static void addRaise(OpPassManager &manager, const CompileOptions &options) {
  RaisePipelineOptions raise;
  raise.report = options.method != "none";
  raise.reportAttention = !options.kvCache.empty();
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
  // Kernels on a GPU have shapes that are numbers.
  if (options.target == "spirv")
    cache.prefillLength = std::min(options.prefillLength, options.maxLength);
  // What a program that generates text asks for.
  cache.lastOnly = true;
  manager.addPass(createAddCachePass(cache));
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

std::string lowbit::getScaleSearch(const CompileOptions &options) {
  if (!options.scaleSearch.empty())
    return options.scaleSearch;
  return wantsStatistics(options) ? "importance" : "mse";
}

static void addTarget(OpPassManager &manager, const CompileOptions &options,
                      bool keepsOthers) {
  if (options.target == "spirv") {
    manager.addPass(createSetGPUTargetPass());
    return;
  }
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

/// What has code of its own: layers, those of windows in blocks, attention.
static void addKernels(OpPassManager &manager, const CPUTuning &choices,
                       const CompileOptions &options) {
  CPUTileWindowsPassOptions windows;
  windows.scratchElements = choices.windowElements;
  windows.minRows = choices.windowRows;
  manager.addNestedPass<func::FuncOp>(createCPUTileWindowsPass(windows));
  LowerToCPUKernelsPassOptions kernels;
  kernels.floatActivations = options.floatActivations;
  kernels.rowTile = choices.kernelRows;
  kernels.columnChunk = choices.kernelColumns;
  kernels.prefetchBytes = choices.prefetchBytes;
  kernels.prefetchLevel = choices.prefetchLevel;
  kernels.chainedSums = choices.chainedSums;
  kernels.tileRows = choices.tileRows;
  kernels.unpackedRows = choices.unpackedRows;
  kernels.taskProducts = choices.taskProducts;
  kernels.taskValues = choices.taskValues;
  manager.addPass(createLowerToCPUKernelsPass(kernels));
  CPULowerAttentionPassOptions attention;
  attention.queryTile = choices.queryTile;
  attention.keyTile = choices.keyTile;
  manager.addNestedPass<func::FuncOp>(createCPULowerAttentionPass(attention));
}

/// What a caller or a tuning file says, which names its processor, or else what
/// is known of the one that code is for.
static CPUTuning getChoices(const CompileOptions &options) {
  if (!options.machine.name.cpu.empty() ||
      !(options.machine.choices == CPUTuning()))
    return options.machine.choices;
  llvm::StringRef cpu = options.cpu;
  return chooseTuning(options.machine.constants,
                      cpu == "native" ? llvm::sys::getHostCPUName() : cpu);
}

static void addLower(OpPassManager &manager, const CompileOptions &options) {
  // Code is for the CPU that it is compiled for, whichever its weights were
  // packed for: all read the same bytes.
  addTarget(manager, options, /*keepsOthers=*/false);
  if (options.target == "spirv")
    return buildToGPUPipeline(manager);
  CPUTuning choices = getChoices(options);
  if (!options.reference)
    addKernels(manager, choices, options);
  manager.addPass(createLowerToLinalgPass());
  CPUPipelineOptions code;
  code.parallel = options.parallel;
  code.bufferAlignment = options.bufferAlignment;
  code.emulateTiles = options.emulateTiles;
  code.setTuning(choices);
  buildCPUToLLVMPipeline(manager, code);
}

llvm::StringRef lowbit::getPhaseName(Phase phase) {
  static constexpr llvm::StringLiteral kNames[] = {
      "import", "raise", "quantize", "fuse", "pack", "lower"};
  return kNames[static_cast<int>(phase)];
}

/// How weights are quantized, in words of a recipe.
static llvm::SmallVector<std::string>
describeQuantizing(const CompileOptions &options) {
  llvm::SmallVector<std::string> words = {
      "quantize=" + options.method, "scale-search=" + getScaleSearch(options)};
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
  if (!options.smoothObserver.empty())
    words.push_back("smooth-observer=" + options.smoothObserver);
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
  return words;
}

std::string lowbit::describeRecipe(const CompileOptions &options) {
  llvm::SmallVector<std::string> words;
  if (options.method != "none")
    words = describeQuantizing(options);
  if (options.countsRanges)
    words.push_back("count-ranges");
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
  if (options.prefillLength != CompileOptions().prefillLength)
    words.push_back("prefill-length=" + std::to_string(options.prefillLength));
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
    return addQuantizePhase(manager, options);
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
    // Lowering to CPUs verifies functions where it cleans them up; the module
    // again after each of its many passes would be a third of the time.
    manager.enableVerifier(phase != Phase::Lower || options.target == "spirv");
    addPhase(manager, phase, options);
    if (failed(manager.run(module)))
      return errors.takeError("a pass failed without a reason");
  }
  return llvm::Error::success();
}

/// What a calibration run is to record for `options`.
static CalibrationOptions getCalibration(const CompileOptions &options) {
  CalibrationOptions calibration = options.calibration;
  calibration.secondMoments |= needsSecondMoments(options.method);
  calibration.columnRanges |=
      !options.smoothObserver.empty() && options.smoothObserver != "minmax";
  if (options.strategy == "gradient" && !options.budget.empty() &&
      calibration.gradients == OutputModel::None)
    calibration.gradients = OutputModel::Automatic;
  return calibration;
}

/// The file in the folder of what is finished, if there is one.
static std::string keepIn(StringRef folder, StringRef name) {
  llvm::SmallString<128> path(folder);
  if (!folder.empty())
    llvm::sys::path::append(path, name);
  return path.str().str();
}

/// With a folder for what is finished, what is found out is kept there, too,
/// unless it has a file of its own.
static CompileOptions keepFindings(CompileOptions options) {
  if (options.resume.empty() || options.calibration.data.empty())
    return options;
  if (options.statistics.empty())
    options.statistics = keepIn(options.resume, "statistics.safetensors");
  options.calibration.folder = options.resume;
  if (options.sensitivity.empty())
    options.sensitivity = keepIn(options.resume, "sensitivity.json");
  return options;
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
  if (!options.smoothObserver.empty())
    smooth.observer = options.smoothObserver;
  smooth.releaseData = options.releaseData;
  manager.addPass(createSmoothInputsPass(smooth));
  if (failed(manager.run(module)))
    return errors.takeError("a pass failed without a reason");
  bool needsAll = splitQuantizationMethod(options.method).hasStaticInputs &&
                  !options.observer.empty() && options.observer != "minmax";
  if (!needsAll || options.calibration.data.empty())
    return llvm::Error::success();
  detachStatistics(module);
  auto statistics =
      obtainStatistics(module, keepIn(options.resume, "smoothed.safetensors"),
                       getCalibration(options), options);
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

/// `given` for a module in raised form: without gradients, which a remark says,
/// if it has none and need not have any.
static CompileOptions adaptGradients(ModuleOp module,
                                     const CompileOptions &given) {
  CompileOptions options = given;
  CalibrationOptions &calibration = options.calibration;
  if (calibration.gradients == OutputModel::None ||
      !calibration.gradientsAreOptional)
    return options;
  if (llvm::Error error = checkGradients(module, calibration)) {
    mlir::emitRemark(module.getLoc())
        << "goes without gradients, so errors of all outputs of a layer count "
           "the same: "
        << llvm::toString(std::move(error));
    calibration.gradients = OutputModel::None;
  }
  return options;
}

llvm::Error lowbit::compileModule(ModuleOp module, Phase last,
                                  const CompileOptions &given, Phase first) {
  CompileOptions kept = keepFindings(given);
  if (llvm::Error error = checkPatterns(kept))
    return error;
  llvm::Triple triple(llvm::Triple::normalize(kept.triple));
  if (last == Phase::Lower && kept.parallel && triple.isWasm())
    return makeError("parallel: requires a machine with OpenMP, found " +
                     kept.triple + "; set it to false");
  bool needsMore = wantsStatistics(kept) || searches(kept);
  if (!needsMore || first > Phase::Quantize)
    return runPhases(module, first, last, kept);
  if (first <= Phase::Raise)
    if (llvm::Error error =
            runPhases(module, first, std::min(last, Phase::Raise), kept))
      return error;
  if (last < Phase::Raise)
    return llvm::Error::success();
  if (llvm::Error error = checkModel(module, kept))
    return error;
  CompileOptions options = adaptGradients(module, kept);
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
