//===- Passes.h - from GPU kernels to WGSL ----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The passes of Passes.td, and the pipeline `lowbit-to-wgsl` that runs them.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WGSL_PASSES_H
#define LOWBIT_CODEGEN_WGSL_PASSES_H

#include "lowbit/CodeGen/GPU/GPUSchedule.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace lowbit {

/// Attribute of an operation with the names of its results, and of a loop's
/// variables after them; of a kernel, with those of its workgroup memory.
inline constexpr llvm::StringLiteral kWGSLNamesAttrName = "lowbit.names";
/// Attribute of a kernel's argument: its name, as a string.
inline constexpr llvm::StringLiteral kWGSLNameAttrName = kGPUNameAttrName;

/// Attribute of a kernel and of its arguments: what the shader's header says of
/// them (shape, encoding, layout).
inline constexpr llvm::StringLiteral kWGSLDescriptionAttrName =
    kGPUDescriptionAttrName;

#define GEN_PASS_DECL
#include "lowbit/CodeGen/WGSL/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lowbit/CodeGen/WGSL/Passes.h.inc"

/// Replacements of functions that WGSL lacks or leaves to the adapter.
void populateWGSLExpandMathPatterns(mlir::RewritePatternSet &patterns);

/// Options of `lowbit-to-wgsl`.
struct WGSLPipelineOptions : mlir::PassPipelineOptions<WGSLPipelineOptions> {
  ListOption<std::string> features{
      *this, "features",
      llvm::cl::desc("Features of WebGPU to rely on: f16, subgroups")};
};

/// Brings the kernels of a module to the form that the printer takes.
void buildWGSLPipeline(mlir::OpPassManager &manager,
                       const WGSLPipelineOptions &options);

/// Registers `lowbit-to-wgsl`.
void registerWGSLPipelines();

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WGSL_PASSES_H
