//===- Pipelines.cpp - from linalg on tensors to LLVM ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Pipelines.h"
#include "lowbit/CodeGen/CPU/FunctionPasses.h"
#include "lowbit/CodeGen/CPU/Kernels.h"
#include "lowbit/CodeGen/CPU/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace lowbit;

/// Cleans up the functions of a module, of one dialect.
template <typename FunctionOp = func::FuncOp>
static void addCleanUp(OpPassManager &manager, bool kernels = false,
                       bool eliminateCommon = true) {
  CPUCleanUpPassOptions options;
  options.kernels = kernels;
  options.eliminateCommon = eliminateCommon;
  manager.addNestedPass<FunctionOp>(createCPUCleanUpPass(options));
}

/// Upstream's pipeline for deallocation, for modules that reallocate nothing.
static void addDeallocation(OpPassManager &manager) {
  manager.addPass(bufferization::createOwnershipBasedBufferDeallocationPass());
  addCleanUp(manager);
  manager.addPass(bufferization::createBufferDeallocationSimplificationPass());
  manager.addPass(bufferization::createLowerDeallocationsPass());
}

void CPUPipelineOptions::setTuning(const CPUTuning &tuning) {
  rowTile = tuning.rowTile;
  columnTile = tuning.columnTile;
  elementTile = tuning.elementTile;
  minWork = tuning.minWork;
  registerRows = tuning.registerRows;
  convolutionElements = tuning.convolutionElements;
}

void lowbit::buildCPUTensorPipeline(OpPassManager &manager,
                                    const CPUPipelineOptions &options) {
  manager.addPass(createInlinerPass({}, [](OpPassManager &) {}));
  manager.addPass(createSymbolDCEPass());
  addCleanUp(manager, /*kernels=*/true);
  manager.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  CPUExpandConvolutionsPassOptions convolutions;
  convolutions.scratchElements = options.convolutionElements;
  manager.addNestedPass<func::FuncOp>(
      createCPUExpandConvolutionsPass(convolutions));
  manager.addNestedPass<func::FuncOp>(createCPUExpandWindowsPass());
  manager.addNestedPass<func::FuncOp>(createCPUFusePass());
  addCleanUp(manager);
  manager.addNestedPass<func::FuncOp>(createCPUExpandGathersPass());
  CPUDistributePassOptions tasks;
  tasks.rowTile = options.rowTile;
  tasks.columnTile = options.columnTile;
  tasks.elementTile = options.elementTile;
  tasks.minWork = options.minWork;
  manager.addNestedPass<func::FuncOp>(createCPUDistributePass(tasks));
  // No elimination of common subexpressions here: it would merge the fills that
  // each product needs for itself.
  addCleanUp(manager, /*kernels=*/false, /*eliminateCommon=*/false);
}

void lowbit::buildCPUBufferPipeline(OpPassManager &manager,
                                    const CPUPipelineOptions &options) {
  manager.addPass(createCPUBindWeightsPass());
  manager.addPass(bufferization::createEmptyTensorEliminationPass());
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.bufferAlignment = options.bufferAlignment;
  // A state that a loop computes anew has no place in the one before it.
  bufferize.allowReturnAllocsFromLoops = true;
  bufferize.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  manager.addPass(bufferization::createOneShotBufferizePass(bufferize));
  addCleanUp(manager);
  manager.addPass(createCPUUpdateStatesPass());
  manager.addNestedPass<func::FuncOp>(createCPUSeparateResultsPass());
  addDeallocation(manager);
  manager.addPass(createConvertBufferizationToMemRefPass());
  addCleanUp(manager);
  manager.addPass(createCPUWidenBooleansPass());
  manager.addNestedPass<func::FuncOp>(createExpandKernelCallsPass());
  manager.addNestedPass<func::FuncOp>(createCPUCopyToLinalgPass());
  addCleanUp(manager, /*kernels=*/false, /*eliminateCommon=*/false);
  manager.addPass(createCPUOutlinePass());
  manager.addPass(createCPUPlanMemoryPass());
}

void lowbit::buildCPUVectorPipeline(OpPassManager &manager,
                                    const CPUPipelineOptions &options) {
  CPUTileAndVectorizePassOptions vectorize;
  vectorize.vectorBits = options.vectorBits;
  vectorize.rows = options.registerRows;
  manager.addNestedPass<func::FuncOp>(createCPUTileAndVectorizePass(vectorize));
  addCleanUp(manager);
  manager.addNestedPass<func::FuncOp>(createCPULowerVectorsPass());
  manager.addPass(memref::createFoldMemRefAliasOpsPass());
  addCleanUp(manager, /*kernels=*/true);
  // Arithmetic on scales and zero points, the same for all vectors of a loop,
  // is scalar since cleanup moves broadcasts behind it: it leaves the loop.
  manager.addNestedPass<func::FuncOp>(createLoopInvariantCodeMotionPass());
  manager.addNestedPass<func::FuncOp>(createCPUVerifyVectorizedPass());
  // Folding views of columns of one element made transfers along rows.
  manager.addNestedPass<func::FuncOp>(createConvertVectorToSCFPass());
  manager.addPass(createLowerLutPass());
  manager.addPass(createLowerDot4Pass());
  if (options.emulateTiles)
    manager.addNestedPass<func::FuncOp>(createEmulateTilesPass());
  manager.addPass(createCPUExpandFloatsPass());
  manager.addNestedPass<func::FuncOp>(createForallToParallelLoopPass());
}

void lowbit::buildCPUToLLVMPipeline(OpPassManager &manager,
                                    const CPUPipelineOptions &options) {
  buildCPUTensorPipeline(manager, options);
  buildCPUBufferPipeline(manager, options);
  buildCPUVectorPipeline(manager, options);
  if (options.parallel)
    manager.addPass(createConvertSCFToOpenMPPass());
  manager.addNestedPass<func::FuncOp>(createCPUGuardParallelPass());
  manager.addNestedPass<func::FuncOp>(createCPUExpandReshapesPass());
  manager.addPass(memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createCSEPass());
  manager.addNestedPass<func::FuncOp>(createCPUSetLinkagePass());
  manager.addPass(createCPUShareTasksPass());
  manager.addPass(createSCFToControlFlowPass());
  ConvertVectorToLLVMPassOptions vectors;
  vectors.force32BitVectorIndices = false;
  // A tree, the same for every run, in place of a chain of scalar additions.
  vectors.reassociateFPReductions = true;
  vectors.x86Vector = true;
  manager.addPass(createConvertVectorToLLVMPass(vectors));
  manager.addPass(createConvertToLLVMPass());
  manager.addPass(createConvertOpenMPToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  addCleanUp<LLVM::LLVMFuncOp>(manager, /*kernels=*/true);
}

void lowbit::registerCPUPipelines() {
  // Upstream's parts of the pipelines, so that they can be spelled out.
  memref::registerExpandStridedMetadataPass();
  memref::registerFoldMemRefAliasOpsPass();
  registerSCFForallToParallelLoopPass();
  PassPipelineRegistration<CPUPipelineOptions>(
      "lowbit-cpu-tensor-pipeline",
      "Fuse linalg on tensors and tile it into parallel tasks",
      buildCPUTensorPipeline);
  PassPipelineRegistration<CPUPipelineOptions>(
      "lowbit-cpu-buffer-pipeline",
      "Bind weights, bufferize, free, expand kernel calls, outline loops",
      buildCPUBufferPipeline);
  PassPipelineRegistration<CPUPipelineOptions>("lowbit-cpu-vector-pipeline",
                                               "Vectorize linalg on buffers",
                                               buildCPUVectorPipeline);
  PassPipelineRegistration<CPUPipelineOptions>(
      "lowbit-cpu-to-llvm", "Lower linalg on tensors to the LLVM dialect",
      buildCPUToLLVMPipeline);
}
