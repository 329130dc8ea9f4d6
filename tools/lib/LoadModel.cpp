//===- LoadModel.cpp - From a file to a model that runs -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Import or load, compile, link: each step is somebody else's; this file only
// keeps what they need alive and in order.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/LoadModel.h"
#include "lowbit/Tools/Artefact.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Executable.h"
#include "lowbit/Tools/Registration.h"
#include "lowbit/Tools/Signature.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Path.h"
#ifdef LOWBIT_HAS_ONNX
#include "lowbit/Frontends/ONNX.h"
#endif

using namespace lowbit;

namespace {

/// A module compiled for this machine. The context owns the weights' mapping,
/// so it must outlive the executable.
class CompiledModel : public Model {
public:
  llvm::ArrayRef<TensorSpec> getInputs() const override {
    return signature.inputs;
  }
  llvm::ArrayRef<TensorSpec> getOutputs() const override {
    return signature.outputs;
  }
  WeightSize getWeightSize() const override { return weightSize; }

  llvm::Expected<std::vector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> inputs) override {
    return executable->run(inputs);
  }

  mlir::MLIRContext context;
  Signature signature;
  WeightSize weightSize;
  std::unique_ptr<Executable> executable;
};

} // namespace

llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
lowbit::loadModule(llvm::StringRef path, mlir::MLIRContext &context,
                   const LoadOptions &options) {
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
  for (llvm::StringRef dimension : options.dimensions)
    if (llvm::Error error = addDimension(importOptions, dimension))
      return std::move(error);
  return importONNX(path, context, importOptions);
#else
  return makeFileError(path, "this build reads no ONNX (LOWBIT_BUILD_ONNX)");
#endif
}

llvm::Expected<std::unique_ptr<Model>>
lowbit::loadModel(llvm::StringRef path, const LoadOptions &options) {
  auto model = std::make_unique<CompiledModel>();
  mlir::DialectRegistry registry;
  registerDialects(registry);
  model->context.appendDialectRegistry(registry);
  model->context.printOpOnDiagnostic(false);
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> module =
      loadModule(path, model->context, options);
  if (!module)
    return module.takeError();
  llvm::Expected<Signature> signature = getSignature(**module);
  if (!signature)
    return makeFileError(path, llvm::toString(signature.takeError()));
  model->signature = std::move(*signature);
  model->weightSize = getWeightSize(**module);
  CompileOptions compileOptions;
  // Code is for this machine, whichever the artefact was made for.
  compileOptions.replaceTarget = true;
  compileOptions.reference = options.reference;
  compileOptions.floatActivations = options.floatActivations;
  if (llvm::Error error = compileModule(**module, Phase::Lower, compileOptions))
    return makeFileError(path, llvm::toString(std::move(error)));
  ExecutableOptions executableOptions;
  executableOptions.threads = options.threads;
  llvm::Expected<std::unique_ptr<Executable>> executable =
      Executable::create(**module, executableOptions);
  if (!executable)
    return makeFileError(path, llvm::toString(executable.takeError()));
  model->executable = std::move(*executable);
  return std::unique_ptr<Model>(std::move(model));
}
