//===- Pipelines.h - the phases by name -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each phase is a named pipeline that equals the passes spelled out in its
// builder. A phase leaves IR that it has handled alone, so a module can be
// stopped after any phase, printed, and resumed from the first one.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_PIPELINES_H
#define LOWBIT_TRANSFORMS_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace lowbit {

/// Options of `lowbit-raise`. Patterns go by the names in PatternNames.h.
struct RaisePipelineOptions : mlir::PassPipelineOptions<RaisePipelineOptions> {
  Option<bool> report{
      *this, "report", llvm::cl::init(false),
      llvm::cl::desc("Emit a remark for each product with a weight that is "
                     "left, with the reason")};
  Option<bool> reportAttention{
      *this, "report-attention", llvm::cl::init(false),
      llvm::cl::desc("Emit a remark for each product with a softmax that is "
                     "left, with the reason")};
  ListOption<std::string> disabledPatterns{
      *this, "disable-patterns",
      llvm::cl::desc("Names of patterns of the phase to leave out")};
};

/// Options of `lowbit-fuse`.
struct FusePipelineOptions : mlir::PassPipelineOptions<FusePipelineOptions> {
  ListOption<std::string> disabledPatterns{
      *this, "disable-patterns",
      llvm::cl::desc("Names of patterns of the phase to leave out")};
  Option<bool> releaseData{
      *this, "release-data", llvm::cl::init(false),
      llvm::cl::desc("Free the data of weights that are replaced at once")};
};

/// Options of `lowbit-quantize`; the pass `lowbit-quantize-weights` explains
/// them.
struct QuantizePipelineOptions
    : mlir::PassPipelineOptions<QuantizePipelineOptions> {
  Option<std::string> method{*this, "method", llvm::cl::init("int4-g32"),
                             llvm::cl::desc("Method by name")};
  Option<std::string> scaleSearch{*this, "scale-search", llvm::cl::init("mse"),
                                  llvm::cl::desc("mse, importance or absmax")};
  Option<std::string> observer{
      *this, "observer", llvm::cl::init("minmax"),
      llvm::cl::desc("How ranges of static activations are chosen")};
  Option<int64_t> sweeps{*this, "sweeps", llvm::cl::init(0),
                         llvm::cl::desc("Passes over codes of gptq- methods")};
  ListOption<std::string> layers{
      *this, "layers", llvm::cl::desc("Names of the weights to quantize")};
  Option<bool> includeEmbeddings{
      *this, "include-embeddings", llvm::cl::init(false),
      llvm::cl::desc("Quantize embedding tables and the head, too")};
  Option<bool> strict{
      *this, "strict", llvm::cl::init(false),
      llvm::cl::desc("Fail if a weight stays float that was to be quantized")};
  Option<bool> keepSources{
      *this, "keep-sources", llvm::cl::init(false),
      llvm::cl::desc("Say which floats weights were rounded from")};
  Option<bool> releaseData{
      *this, "release-data", llvm::cl::init(false),
      llvm::cl::desc("Free the data of weights that are replaced at once")};
};

/// Options of `lowbit-pack`.
struct PackPipelineOptions : mlir::PassPipelineOptions<PackPipelineOptions> {
  Option<bool> releaseData{
      *this, "release-data", llvm::cl::init(false),
      llvm::cl::desc("Free the data of weights that are replaced at once")};
};

/// TOSA to linalg: block-scaled operations by this project, everything else by
/// upstream.
///   lowbit-import-block-scaled, tosa-to-linalg-pipeline without validation,
///   tosa-to-arith, tosa-to-tensor, tosa-to-scf, canonicalize
void buildImportTosaPipeline(mlir::OpPassManager &manager);

/// raise: layers on float weights, and attention.
///   lowbit-raise-conv{...}, lowbit-raise-linear{...}, canonicalize, cse,
///   lowbit-raise-attention{...}, canonicalize, cse
void buildRaisePipeline(mlir::OpPassManager &manager,
                        const RaisePipelineOptions &options);

/// quantize: weights become codes and parameters.
///   for methods after awq- lowbit-scale-columns{...},
///   lowbit-quantize-weights{...},
///   for methods with -a8-static lowbit-quantize-inputs{...}, cse,
///   and with `strict` lowbit-verify-no-float-weights
void buildQuantizePipeline(mlir::OpPassManager &manager,
                           const QuantizePipelineOptions &options);

/// fuse: bias, activation and residual join their layer, layers each other.
///   lowbit-fuse-epilogue{...}, lowbit-merge-linears{...}, canonicalize, cse
void buildFusePipeline(mlir::OpPassManager &manager,
                       const FusePipelineOptions &options);

/// pack: weights in the layout of the module's target.
///   lowbit-reorder-columns, lowbit-pack-weights{...}, cse
void buildPackPipeline(mlir::OpPassManager &manager,
                       const PackPipelineOptions &options);

/// Registers `lowbit-import-tosa`, `lowbit-raise`, `lowbit-quantize`,
/// `lowbit-fuse` and `lowbit-pack`.
void registerPipelines();

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_PIPELINES_H
