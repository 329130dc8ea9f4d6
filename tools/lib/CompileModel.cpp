//===- CompileModel.cpp - models in, artefacts and programs out -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Import or load, compile, save or link: each step is somebody else's; this
// file only keeps what they need alive and in order.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Compiler.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Executable.h"
#include "lowbit/Tools/Provenance.h"
#include "lowbit/Tools/Registration.h"
#include "lowbit/Tools/Signature.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/Path.h"

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
  llvm::ArrayRef<RangeCount> getRangeCounts() const override {
    return counts ? counts->getInputs() : llvm::ArrayRef<RangeCount>();
  }

  llvm::Expected<std::vector<HostTensor>>
  run(llvm::ArrayRef<HostTensor> inputs) override {
    if (llvm::Error error = checkRequirements(signature, inputs))
      return std::move(error);
    auto outputs = executable->run(inputs);
    if (outputs && counts) {
      counts->add(outputs->back());
      outputs->pop_back();
    }
    return outputs;
  }

  mlir::MLIRContext context;
  Signature signature;
  WeightSize weightSize;
  std::unique_ptr<Executable> executable;
  /// The last output of the code, which is none of the model's.
  std::optional<RangeCounts> counts;
};

} // namespace

static void prepare(mlir::MLIRContext &context, llvm::StringRef input,
                    const LoadOptions &options) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  if (options.registerExtensions)
    options.registerExtensions(registry);
  context.appendDialectRegistry(registry);
  context.printOpOnDiagnostic(false);
  if (options.remarks)
    printRemarks(context, *options.remarks, llvm::sys::path::filename(input));
}

/// Here the context is the module's own.
static CompileOptions withRelease(CompileOptions options) {
  options.releaseData = true;
  return options;
}

/// Reads a model that will be written: it says where it comes from, and how it
/// is compiled.
static llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
loadSource(llvm::StringRef input, mlir::MLIRContext &context, LoadOptions load,
           const CompileOptions &options) {
  load.recordsSources = true;
  auto module = loadModule(input, context, load);
  if (module)
    if (llvm::Error error =
            recordProvenance(**module, {}, describeRecipe(options)))
      return std::move(error);
  return module;
}

llvm::Expected<ArtefactSize>
lowbit::compileToArtefact(llvm::StringRef input, llvm::StringRef output,
                          const CompileOptions &options, Phase last,
                          const LoadOptions &load) {
  if (last == Phase::Lower)
    return makeFileError(output, "an artefact requires a phase up to pack, "
                                 "found lower");
  llvm::StringRef extension = llvm::sys::path::extension(output);
  if (extension != ".mlir" && extension != ".mlirbc")
    return makeFileError(output,
                         "an artefact requires the extension .mlir or .mlirbc");
  mlir::MLIRContext context;
  prepare(context, input, load);
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> module =
      loadSource(input, context, load, options);
  if (!module)
    return module.takeError();
  if (llvm::Error error = compileModule(**module, last, withRelease(options)))
    return makeFileError(input, llvm::toString(std::move(error)));
  return saveArtefact(**module, output,
                      extension == ".mlirbc" ? ArtefactFormat::Bytecode
                                             : ArtefactFormat::Text);
}

llvm::Expected<ProgramFiles>
lowbit::compileToProgram(llvm::StringRef input, llvm::StringRef output,
                         const CompileOptions &options, ProgramOptions program,
                         const LoadOptions &load) {
  program.input = input.str();
  if (llvm::Error error = checkProgram(output, program).takeError())
    return std::move(error);
  mlir::MLIRContext context;
  prepare(context, input, load);
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> module =
      loadSource(input, context, load, options);
  if (!module)
    return module.takeError();
  // All CPUs read the same packed weights.
  CompileOptions first = withRelease(options);
  first.cpu = program.cpus.front();
  if (llvm::Error error = compileModule(**module, Phase::Pack, first))
    return makeFileError(input, llvm::toString(std::move(error)));
  return writeProgram(**module, output, program, options);
}

llvm::Expected<std::unique_ptr<Model>>
lowbit::compileToModel(llvm::StringRef input, const CompileOptions &options,
                       const LoadOptions &load) {
  auto model = std::make_unique<CompiledModel>();
  prepare(model->context, input, load);
  llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> module =
      loadModule(input, model->context, load);
  if (!module)
    return module.takeError();
  if (llvm::Error error =
          compileModule(**module, Phase::Quantize, withRelease(options)))
    return makeFileError(input, llvm::toString(std::move(error)));
  // Raised, a model shows which of its inputs index embeddings.
  llvm::Expected<Signature> signature = getSignature(**module);
  if (!signature)
    return makeFileError(input, llvm::toString(signature.takeError()));
  model->signature = std::move(*signature);
  if ((model->counts = RangeCounts::read(**module)))
    model->signature.outputs.pop_back();
  // What an artefact would hold; packing pads.
  model->weightSize = getWeightSize(**module);
  if (load.visit)
    if (llvm::Error error = load.visit(**module))
      return makeFileError(input, llvm::toString(std::move(error)));
  // A visitor may keep references to data.
  if (llvm::Error error = compileModule(
          **module, Phase::Lower, load.visit ? options : withRelease(options),
          Phase::Fuse))
    return makeFileError(input, llvm::toString(std::move(error)));
  ExecutableOptions executableOptions;
  executableOptions.threads = load.threads;
  llvm::Expected<std::unique_ptr<Executable>> executable =
      Executable::create(**module, executableOptions);
  if (!executable)
    return makeFileError(input, llvm::toString(executable.takeError()));
  model->executable = std::move(*executable);
  return std::unique_ptr<Model>(std::move(model));
}
