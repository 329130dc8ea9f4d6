//===- LoadModel.cpp - From a file to a model that runs -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which reader a file is for, by its extension.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/LoadModel.h"
#include "lowbit/Compiler.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Provenance.h"
#include "lowbit/Tools/Signature.h"
#include "llvm/Support/Path.h"
#ifdef LOWBIT_HAS_ONNX
#include "lowbit/Frontends/ONNX.h"
#endif

using namespace lowbit;

/// Reads a module and notes the files that it came from.
static llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
readModule(llvm::StringRef path, mlir::MLIRContext &context,
           const LoadOptions &options, std::vector<std::string> &files) {
  files = {path.str()};
  llvm::StringRef extension = llvm::sys::path::extension(path);
  if (extension == ".mlir" || extension == ".mlirbc") {
    if (!options.dimensions.empty())
      return makeFileError(path, "--shape is for ONNX models; an artefact's "
                                 "shapes are decided");
    return loadArtefact(path, context);
  }
  if (extension != ".onnx")
    return makeFileError(path,
                         "a model must be a .onnx, .mlir or .mlirbc file");
#ifdef LOWBIT_HAS_ONNX
  ONNXImportOptions importOptions;
  importOptions.files = &files;
  for (llvm::StringRef dimension : options.dimensions)
    if (llvm::Error error = addDimension(importOptions, dimension))
      return std::move(error);
  return importONNX(path, context, importOptions);
#else
  return makeFileError(path, "this build reads no ONNX (LOWBIT_BUILD_ONNX)");
#endif
}

/// Whatever is made of a model has its names, so that they are checked here.
static llvm::Error checkFunctions(mlir::ModuleOp module) {
  for (auto function : module.getOps<mlir::FunctionOpInterface>())
    if (!function.isExternal() && function.isPublic())
      if (llvm::Error error = checkNames(function))
        return error;
  return llvm::Error::success();
}

llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lowbit::loadModule(llvm::StringRef path, mlir::MLIRContext &context,
                   const LoadOptions &options) {
  std::vector<std::string> files;
  auto module = readModule(path, context, options, files);
  if (module)
    if (llvm::Error error = checkFunctions(**module))
      return makeFileError(path, llvm::toString(std::move(error)));
  if (module && options.recordsSources)
    if (llvm::Error error = recordProvenance(**module, files, /*recipe=*/""))
      return std::move(error);
  return module;
}

llvm::Expected<std::unique_ptr<Model>>
lowbit::loadModel(llvm::StringRef path, const LoadOptions &options) {
  CompileOptions compileOptions;
  compileOptions.reference = options.reference;
  compileOptions.floatActivations = options.floatActivations;
  compileOptions.disabledPatterns = options.disabledPatterns;
  return compileToModel(path, compileOptions, options);
}
