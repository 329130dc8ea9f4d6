//===- QuantizePhase.cpp - weights become codes ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The phase that needs more than passes: budgets run the model, layers in
// sequence are calibrated as they are quantized, and what is finished may be
// kept.
//
//===----------------------------------------------------------------------===//

#include "QuantizePhase.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/PrecisionSearch.h"
#include "lowbit/Tools/Profile.h"
#include "lowbit/Tools/Tune.h"
#include "lowbit/Tools/WeightParts.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/Pipelines.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace lowbit;

bool lowbit::assigns(const CompileOptions &options) {
  return !options.rules.empty() || !options.config.empty() ||
         !options.budget.empty();
}

bool lowbit::searches(const CompileOptions &options) {
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

std::vector<std::string>
lowbit::getScaleFactors(const CompileOptions &options) {
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

/// Options of the quantize pipeline for the weights called `layers`, or all.
static void setPipelineOptions(QuantizePipelineOptions &quantize,
                               const CompileOptions &options,
                               llvm::ArrayRef<std::string> layers = {}) {
  quantize.layers = layers;
  quantize.method = options.method;
  quantize.sweeps = options.sweeps;
  if (!options.observer.empty())
    quantize.observer = options.observer;
  quantize.scaleSearch = getScaleSearch(options);
  quantize.includeEmbeddings = options.includeEmbeddings;
  quantize.strict = options.strict;
  quantize.keepSources = options.keepSources;
  quantize.releaseData = options.releaseData;
}

void lowbit::addQuantizePhase(OpPassManager &manager,
                              const CompileOptions &options) {
  if (assigns(options))
    addAssign(manager, options);
  if (assigns(options) || options.method != "none") {
    addSplits(manager, options);
    QuantizePipelineOptions pipeline;
    setPipelineOptions(pipeline, options);
    buildQuantizePipeline(manager, pipeline);
  }
  if (options.countsRanges)
    manager.addPass(createCountRangesPass());
}

//===----------------------------------------------------------------------===//
// Layers one after another
//===----------------------------------------------------------------------===//

/// Names of the weights that are float still.
static llvm::SmallVector<std::string> getFloatWeights(ModuleOp module) {
  llvm::SmallVector<std::string> names;
  FloatWeights weights(module);
  for (const auto &[name, matrix] : weights.getAll())
    names.push_back(name.str());
  return names;
}

bool lowbit::dividesRates(MLIRContext *context, const CompileOptions &options) {
  auto method = parseQuantizationMethod(
      splitQuantizationMethod(options.method).rounding, context);
  if (method)
    return method->averageRate != 0;
  llvm::consumeError(method.takeError());
  return false;
}

static llvm::Error
runPasses(ModuleOp module, StringRef what,
          llvm::function_ref<void(OpPassManager &)> addPasses) {
  DiagnosticText errors(*module.getContext());
  PassManager manager(module.getContext());
  (void)applyPassManagerCLOptions(manager);
  addPasses(manager);
  return failed(manager.run(module)) ? errors.takeError(what)
                                     : llvm::Error::success();
}

/// What comes before weights are rounded: all of it is about several layers.
static llvm::Error prepareLayers(ModuleOp module,
                                 const CompileOptions &options) {
  MethodSteps steps = splitQuantizationMethod(options.method);
  return runPasses(module, "layers cannot be prepared",
                   [&](OpPassManager &manager) {
                     if (assigns(options))
                       addAssign(manager, options);
                     addSplits(manager, options);
                     if (steps.scalesColumns) {
                       ScaleColumnsPassOptions scale;
                       scale.method = steps.rounding;
                       scale.includeEmbeddings = options.includeEmbeddings;
                       scale.releaseData = options.releaseData;
                       manager.addPass(createScaleColumnsPass(scale));
                     }
                     // Groups that are quantized one by one have no say in
                     // others' bits.
                     if (dividesRates(module.getContext(), options)) {
                       AssignRatesPassOptions rates;
                       rates.method = steps.rounding;
                       rates.includeEmbeddings = options.includeEmbeddings;
                       manager.addPass(createAssignRatesPass(rates));
                     }
                   });
}

/// What comes after: weights that were left, and what is about all of them.
static llvm::Error finishLayers(ModuleOp module,
                                const CompileOptions &options) {
  llvm::SmallVector<std::string> rest = getFloatWeights(module);
  QuantizePipelineOptions pipeline;
  setPipelineOptions(pipeline, options, rest);
  // What sequential calibration knows is gone with the layers that it is of.
  if (options.sequential && options.scaleSearch.empty())
    pipeline.scaleSearch = "mse";
  MethodSteps steps = splitQuantizationMethod(options.method);
  StringRef method = options.method;
  if (steps.scalesColumns)
    method.consume_front("awq-");
  pipeline.method = method.str();
  return runPasses(module, "the rest of the weights cannot be quantized",
                   [&](OpPassManager &manager) {
                     if (!rest.empty())
                       return buildQuantizePipeline(manager, pipeline);
                     QuantizeInputsPassOptions inputs;
                     inputs.observer = pipeline.observer;
                     inputs.asymmetric = steps.hasZeroPoints;
                     if (steps.hasStaticInputs)
                       manager.addPass(createQuantizeInputsPass(inputs));
                     manager.addPass(createCSEPass());
                     if (options.strict)
                       manager.addPass(createVerifyNoFloatWeightsPass());
                     if (options.countsRanges)
                       manager.addPass(createCountRangesPass());
                   });
}

/// The phase with layers rounded one after another, for sequential calibration
/// or for a folder that keeps those that are finished.
static llvm::Error runByLayers(ModuleOp module, const CompileOptions &options) {
  Profile::Scope scope(options.profile, getPhaseName(Phase::Quantize));
  if (llvm::Error error = prepareLayers(module, options))
    return error;
  if (llvm::Error error = options.sequential ? tuneLayers(module, options)
                                             : roundInParts(module, options))
    return error;
  return finishLayers(module, options);
}

llvm::Error lowbit::quantizeModule(ModuleOp module,
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
  bool quantizes = assigned.method != "none";
  if (quantizes && (assigned.sequential || !assigned.resume.empty()))
    return runByLayers(module, assigned);
  Profile::Scope scope(options.profile, getPhaseName(Phase::Quantize));
  return runPasses(
      module, "a pass failed without a reason",
      [&](OpPassManager &manager) { addQuantizePhase(manager, assigned); });
}
