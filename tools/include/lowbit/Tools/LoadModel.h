//===- LoadModel.h - From a file to a model that runs -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One call for everything that `quant-run` accepts: a float ONNX model, or an
// artefact of `quant-opt` in any phase.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LOADMODEL_H
#define LOWBIT_TOOLS_LOADMODEL_H

#include "lowbit/Tools/Model.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/OwningOpRef.h"
#include <functional>
#include <memory>

namespace lowbit {

/// How a model is loaded and run.
struct LoadOptions {
  /// Threads to run on; 0 takes the OpenMP run time's own default.
  unsigned threads = 0;
  /// `name=value` for symbolic dimensions of an ONNX model.
  std::vector<std::string> dimensions;
  /// Whether the module notes the digests of the files that it was read from,
  /// as what is written to disk should.
  bool recordsSources = false;
  /// For `loadModel`: compute every layer by the linalg reference instead of a
  /// kernel.
  bool reference = false;
  /// For `loadModel`: multiply weights by f32 activations, not by 16-bit ones
  /// in two bytes.
  bool floatActivations = false;
  /// For `loadModel`: patterns of the raise and fuse phases to leave out, by
  /// name.
  std::vector<std::string> disabledPatterns;
  /// Adds dialects and external models of the caller's own, such as further
  /// encodings and targets, to the model's context.
  std::function<void(mlir::DialectRegistry &)> registerExtensions;
  /// For `loadModel`: sees the model in raised form, before it is fused and
  /// lowered; what it changes is compiled. An error is the model's.
  std::function<llvm::Error(mlir::ModuleOp)> visit;
  /// Where remarks about the model go, such as a layer that has no kernel and
  /// is computed by the reference; null drops them.
  llvm::raw_ostream *remarks = nullptr;
};

/// Reads the model at `path` into `context`: `.onnx`, or `.mlir` and `.mlirbc`
/// with their sidecar.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
loadModule(llvm::StringRef path, mlir::MLIRContext &context,
           const LoadOptions &options);

/// Reads, compiles and links the model at `path`: `.onnx`, or `.mlir` and
/// `.mlirbc` with their sidecar. Weights stay as they are in the file; to
/// quantize them on the way, see `compileToModel` in lowbit/Compiler.h.
llvm::Expected<std::unique_ptr<Model>> loadModel(llvm::StringRef path,
                                                 const LoadOptions &options);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LOADMODEL_H
