//===- Pipelines.h - from linalg on tensors to LLVM -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_CPU_PIPELINES_H
#define LOWBIT_CODEGEN_CPU_PIPELINES_H

#include "lowbit/CodeGen/CPU/CPUTuning.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace lowbit {

/// Module attribute that keeps the data of bound weights: a dictionary from
/// symbol to elements. It is what a loader binds the symbols to.
inline constexpr llvm::StringLiteral kWeightsAttrName = "lowbit.weights";

/// How the symbols of bound weights begin: no weight's name is then the name of
/// a function, of the program or of a library that it calls.
inline constexpr llvm::StringLiteral kWeightSymbolPrefix = "lowbit.weight.";

/// Module attribute that `lowbit-cpu-weight-table` leaves: symbols of weights
/// in the order of the table.
inline constexpr llvm::StringLiteral kWeightTableAttrName =
    "lowbit.weight_table";

/// Unit attribute of a module all of whose functions get a workspace, and not
/// those with states alone: its host runs one at a time, and keeps the memory.
inline constexpr llvm::StringLiteral kWorkspacesAttrName = "lowbit.workspaces";

/// Module attribute that `lowbit-cpu-plan-memory` leaves beside that one: the
/// most bytes that loops, which are functions by then, have allocated at a time
/// if they run one after another, with a line of `kAllocationLine` bytes in
/// front of each buffer. Absent where that isn't known.
inline constexpr llvm::StringLiteral kTemporariesAttrName =
    "lowbit.temporaries";
inline constexpr int64_t kAllocationLine = 64;

/// Module attribute with the signature of `@main` before it became pointers:
/// `type` is its function type, `inputs` and `outputs` are names. That of
/// another function, with states, has its name appended after a dot; then
/// `states` are the numbers of the inputs that are updated in place, and
/// `workspace` the bytes of a last argument that has room for its buffers.
inline constexpr llvm::StringLiteral kSignatureAttrName = "lowbit.signature";

/// The name of the attribute with the signature of `function`.
inline std::string getSignatureAttrName(llvm::StringRef function) {
  if (function == "main")
    return kSignatureAttrName.str();
  return (kSignatureAttrName + "." + function).str();
}

/// Options of `lowbit-cpu-to-llvm`.
struct CPUPipelineOptions : mlir::PassPipelineOptions<CPUPipelineOptions> {
  Option<int64_t> vectorBits{
      *this, "vector-bits",
      llvm::cl::desc("Bits of a vector register; 0 asks the module's "
                     "lowbit.target"),
      llvm::cl::init(0)};
  Option<bool> parallel{
      *this, "parallel",
      llvm::cl::desc("Run tasks on OpenMP threads, not one after another"),
      llvm::cl::init(true)};
  Option<uint64_t> bufferAlignment{
      *this, "buffer-alignment",
      llvm::cl::desc("Bytes of which the address of every buffer is a multiple "
                     "(a cache line is fastest); 0 for no more than its "
                     "elements need"),
      llvm::cl::init(64)};
  Option<bool> emulateTiles{
      *this, "emulate-tiles",
      llvm::cl::desc("Compute tiles of AMX by loops, for machines without"),
      llvm::cl::init(false)};
  // The choices of CPUTuning that are the pipeline's; each is an option of one
  // of its passes.
  Option<int64_t> rowTile{*this, "row-tile",
                          llvm::cl::desc("Rows of a contraction in a task"),
                          llvm::cl::init(CPUTuning().rowTile)};
  Option<int64_t> columnTile{
      *this, "column-tile",
      llvm::cl::desc("Columns of a contraction in a task"),
      llvm::cl::init(CPUTuning().columnTile)};
  Option<int64_t> elementTile{
      *this, "element-tile",
      llvm::cl::desc("Elements of the result of any other group in a task"),
      llvm::cl::init(CPUTuning().elementTile)};
  Option<int64_t> minWork{
      *this, "min-work",
      llvm::cl::desc("Scalar operations below which an op stays serial"),
      llvm::cl::init(CPUTuning().minWork)};
  Option<int64_t> registerRows{
      *this, "register-rows",
      llvm::cl::desc("Rows of the register tile of a contraction; 0 takes as "
                     "many as the target's registers hold"),
      llvm::cl::init(CPUTuning().registerRows)};
  Option<int64_t> convolutionElements{
      *this, "convolution-elements",
      llvm::cl::desc(
          "Elements of a convolution's windows that a task copies at "
          "a time"),
      llvm::cl::init(CPUTuning().convolutionElements)};

  /// Takes over the choices that are the pipeline's.
  void setTuning(const CPUTuning &tuning);
};

/// Linalg on tensors, fused and tiled into parallel tasks.
void buildCPUTensorPipeline(mlir::OpPassManager &manager,
                            const CPUPipelineOptions &options);

/// Tensors to buffers: weights bound, everything freed, kernel calls as
/// parallel loops, copies visible, equal loops merged.
void buildCPUBufferPipeline(mlir::OpPassManager &manager,
                            const CPUPipelineOptions &options);

/// Linalg on buffers to vector code, tasks to scf.parallel.
void buildCPUVectorPipeline(mlir::OpPassManager &manager,
                            const CPUPipelineOptions &options);

/// All of it and the lowering to the LLVM dialect: `lowbit-cpu-to-llvm`.
void buildCPUToLLVMPipeline(mlir::OpPassManager &manager,
                            const CPUPipelineOptions &options);

/// Registers the pipelines above by name.
void registerCPUPipelines();

/// Registers what the passes ask of upstream's dialects: how they bufferize,
/// tile, and lower to LLVM.
void registerCPUModels(mlir::DialectRegistry &registry);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_CPU_PIPELINES_H
