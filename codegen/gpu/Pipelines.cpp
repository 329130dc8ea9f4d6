//===- Pipelines.cpp - from packed layers to a GPU schedule ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/Pipelines.h"
#include "lowbit/CodeGen/GPU/Passes.h"
#include "lowbit/Transforms/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace lowbit;

static void addCleanup(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

void lowbit::buildToGPUPipeline(OpPassManager &manager) {
  manager.addPass(createGPUSplitWeightsPass());
  manager.addPass(createGPURecordSourcesPass());
  manager.addPass(createGPUPickTokensPass());
  manager.addPass(createLowerToGPUKernelsPass());
  manager.addPass(createLowerToLinalgPass());
  manager.addPass(createInlinerPass());
  manager.addPass(createSymbolDCEPass());
  addCleanup(manager);
  manager.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  manager.addNestedPass<func::FuncOp>(createLinalgGeneralizeNamedOpsPass());
  manager.addNestedPass<func::FuncOp>(createGPUFoldDoublesPass());
  manager.addNestedPass<func::FuncOp>(createGPUFusePass());
  addCleanup(manager);
  manager.addPass(createGPUBindWeightsPass());
  manager.addPass(bufferization::createEmptyTensorEliminationPass());
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  // What steps yield is a buffer of their own.
  bufferize.allowReturnAllocsFromLoops = true;
  manager.addPass(bufferization::createOneShotBufferizePass(bufferize));
  manager.addPass(createGPUUnrollLoopsPass());
  addCleanup(manager);
  manager.addPass(createGPUUpdateStatesPass());
  manager.addPass(createGPUSeparateResultsPass());
  bufferization::BufferResultsToOutParamsPassOptions results;
  results.addResultAttribute = true;
  results.hoistStaticAllocs = true;
  results.modifyPublicFunctions = true;
  manager.addPass(bufferization::createBufferResultsToOutParamsPass(results));
  manager.addPass(createGPUMergeCopiesPass());
  manager.addPass(createGPULowerLinalgPass());
  addCleanup(manager);
  manager.addPass(createGPUMakeSchedulePass());
  manager.addPass(createGPUMakeVariantsPass());
  manager.addPass(createGPUPrepareKernelsPass());
}

void lowbit::registerGPUPipelines() {
  PassPipelineRegistration<>(
      "lowbit-to-gpu",
      "Lower a packed model to GPU kernels and a schedule of dispatches",
      [](OpPassManager &manager) { buildToGPUPipeline(manager); });
}
