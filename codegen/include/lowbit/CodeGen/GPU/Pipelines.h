//===- Pipelines.h - from packed layers to a GPU schedule -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_GPU_PIPELINES_H
#define LOWBIT_CODEGEN_GPU_PIPELINES_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"

namespace lowbit {

/// Module attribute with the data of weights: a dictionary from symbol to
/// elements. The contents of a weight's buffer.
inline constexpr llvm::StringLiteral kGPUWeightsAttrName = "lowbit.weights";

/// How the symbols of weights' buffers begin.
inline constexpr llvm::StringLiteral kGPUWeightPrefix = "lowbit.weight.";

/// From the form that packing leaves to kernels and a schedule
/// (GPUSchedule.h): `lowbit-to-gpu`.
void buildToGPUPipeline(mlir::OpPassManager &manager);

/// Registers it by name.
void registerGPUPipelines();

namespace gpu_target {

/// Attaches the GPU's answers to questions about layouts to
/// `#spirv.target_env`, which describes GPUs, and what bufferization needs to
/// know of `lowbit.dispatch`.
void registerModels(mlir::DialectRegistry &registry);

} // namespace gpu_target
} // namespace lowbit

#endif // LOWBIT_CODEGEN_GPU_PIPELINES_H
