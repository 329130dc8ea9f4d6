//===- Pipelines.cpp - the phases by name ---------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/Pipelines.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/Conversion/TosaToArith/TosaToArith.h"
#include "mlir/Conversion/TosaToLinalg/TosaToLinalg.h"
#include "mlir/Conversion/TosaToSCF/TosaToSCF.h"
#include "mlir/Conversion/TosaToTensor/TosaToTensor.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace lowbit;

void lowbit::buildImportTosaPipeline(OpPassManager &manager) {
  manager.addPass(createImportBlockScaledPass());
  // Validation is against a device's profile, which a compiler doesn't need.
  tosa::addTosaToLinalgPasses(manager, TosaToLinalgOptions(),
                              TosaToLinalgNamedOptions(),
                              /*validationOptions=*/std::nullopt);
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(createTosaToArithPass({/*includeApplyRescale=*/true,
                                           /*use32Bit=*/false}));
  functions.addPass(createTosaToTensorPass());
  functions.addPass(createTosaToSCFPass());
  manager.addPass(createCanonicalizerPass());
}

static void addCleanup(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

/// The options of a pass of a phase: it takes all names of the phase.
template <typename PassOptions, typename PipelineOptions>
static PassOptions withPatterns(const PipelineOptions &options) {
  PassOptions pass;
  llvm::append_range(pass.disabledPatterns, options.disabledPatterns);
  return pass;
}

void lowbit::buildRaisePipeline(OpPassManager &manager,
                                const RaisePipelineOptions &options) {
  auto convolution = withPatterns<RaiseConvPassOptions>(options);
  convolution.report = options.report;
  manager.addPass(createRaiseConvPass(convolution));
  auto linear = withPatterns<RaiseLinearPassOptions>(options);
  linear.report = options.report;
  manager.addPass(createRaiseLinearPass(linear));
  addCleanup(manager);
  auto attention = withPatterns<RaiseAttentionPassOptions>(options);
  attention.report = options.reportAttention;
  manager.addPass(createRaiseAttentionPass(attention));
  addCleanup(manager);
}

void lowbit::buildQuantizePipeline(OpPassManager &manager,
                                   const QuantizePipelineOptions &options) {
  MethodSteps steps = splitQuantizationMethod(options.method);
  if (steps.scalesColumns) {
    ScaleColumnsPassOptions scale;
    scale.method = steps.rounding;
    scale.includeEmbeddings = options.includeEmbeddings;
    scale.releaseData = options.releaseData;
    manager.addPass(createScaleColumnsPass(scale));
  }
  QuantizeWeightsPassOptions pass;
  pass.method = steps.rounding;
  pass.scaleSearch = options.scaleSearch;
  pass.sweeps = options.sweeps;
  llvm::append_range(pass.layers, options.layers);
  pass.includeEmbeddings = options.includeEmbeddings;
  pass.keepSources = options.keepSources;
  pass.releaseData = options.releaseData;
  manager.addPass(createQuantizeWeightsPass(pass));
  if (steps.hasStaticInputs) {
    QuantizeInputsPassOptions inputs;
    inputs.observer = options.observer;
    inputs.asymmetric = steps.hasZeroPoints;
    inputs.format = steps.inputFormat.str();
    manager.addPass(createQuantizeInputsPass(inputs));
  }
  manager.addPass(createCSEPass());
  if (options.strict)
    manager.addPass(createVerifyNoFloatWeightsPass());
}

void lowbit::buildFusePipeline(OpPassManager &manager,
                               const FusePipelineOptions &options) {
  manager.addPass(
      createFuseEpiloguePass(withPatterns<FuseEpiloguePassOptions>(options)));
  auto merge = withPatterns<MergeLinearsPassOptions>(options);
  merge.releaseData = options.releaseData;
  manager.addPass(createMergeLinearsPass(merge));
  addCleanup(manager);
}

void lowbit::buildPackPipeline(OpPassManager &manager,
                               const PackPipelineOptions &options) {
  manager.addPass(createReorderColumnsPass());
  SplitMixedPassOptions split;
  split.releaseData = options.releaseData;
  manager.addPass(createSplitMixedPass(split));
  ExpandWeightsPassOptions expand;
  expand.releaseData = options.releaseData;
  manager.addPass(createExpandWeightsPass(expand));
  PackWeightsPassOptions pack;
  pack.releaseData = options.releaseData;
  manager.addPass(createPackWeightsPass(pack));
  manager.addPass(createCSEPass());
}

void lowbit::registerPipelines() {
  PassPipelineRegistration<>("lowbit-import-tosa",
                             "Front end: TOSA, block-scaled operations too",
                             buildImportTosaPipeline);
  PassPipelineRegistration<RaisePipelineOptions>(
      "lowbit-raise", "Phase: layers on float weights, and attention",
      buildRaisePipeline);
  PassPipelineRegistration<QuantizePipelineOptions>(
      "lowbit-quantize", "Phase: weights become codes and parameters",
      buildQuantizePipeline);
  PassPipelineRegistration<FusePipelineOptions>(
      "lowbit-fuse",
      "Phase: bias, activation and residual join their layer, layers each "
      "other",
      buildFusePipeline);
  PassPipelineRegistration<PackPipelineOptions>(
      "lowbit-pack", "Phase: weights in the layout of the target",
      buildPackPipeline);
}
