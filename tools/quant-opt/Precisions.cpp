//===- Precisions.cpp - web modules of several precisions -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each precision is compiled as if it were the only one; what it is worth is
// measured on this machine's CPU, with the activations that shaders have. It is
// quantized once: the quantized model is saved on the way to the web module,
// and read back, mapped, when the memory of that is free again.
//
//===----------------------------------------------------------------------===//

#include "Precisions.h"
#include "Checks.h"
#include "Settings.h"
#include "lowbit/CodeGen/Web/WebPrecisions.h"
#include "lowbit/Compiler.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/EvaluateSamples.h"
#include "lowbit/Tools/ManifestFormat.h"
#include "lowbit/Tools/MappedFile.h"
#include "lowbit/Tools/TextTable.h"
#include "lowbit/Tools/WebModel.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include <set>

using namespace lowbit;

std::vector<std::string> lowbit::splitMethods(llvm::StringRef list) {
  std::vector<std::string> methods(1);
  int depth = 0;
  for (char c : list) {
    depth += (c == '<') - (c == '>');
    if (c == ',' && depth == 0)
      methods.emplace_back();
    else
      methods.back() += c;
  }
  return methods;
}

bool lowbit::hasPrecisions(const DriverOptions &options) {
  return splitMethods(options.quantize).size() > 1 ||
         options.evaluate.getNumOccurrences();
}

/// What can be said before anything is compiled.
static llvm::Error checkPrecisions(llvm::ArrayRef<std::string> methods,
                                   llvm::StringRef output,
                                   const DriverOptions &options) {
  if (options.emit != EmitKind::Web)
    return makeError("several methods, and --evaluate, require "
                     "--target=webgpu and -o NAME.js, a module that a page "
                     "chooses a precision of; found --quantize=" +
                     options.quantize);
  if (!options.report.empty())
    return makeError("--report is of one precision; leave it out, or compile "
                     "one at a time");
  mlir::MLIRContext context;
  std::set<std::string> files;
  for (const std::string &method : methods) {
    if (method != "none")
      if (llvm::Error error = checkQuantizationMethod(method, &context))
        return error;
    if (!files.insert(getWebPrecisionManifest(output, method)).second)
      return makeError("--quantize: the method '" + method +
                       "' is given twice, or has the same file name as "
                       "another");
    if (llvm::Error error =
            checkWebManifest(getWebPrecisionManifest(output, method), output))
      return error;
  }
  if (options.evaluate.empty())
    return llvm::Error::success();
  llvm::StringRef extension = llvm::sys::path::extension(options.evaluate);
  if (!llvm::is_contained({".bin", ".npy", ".npz"}, extension))
    return makeFileError(options.evaluate,
                         "--evaluate requires samples in a .bin, .npy or .npz "
                         "file, found '" +
                             extension + "'");
  return checkReadable(options.evaluate);
}

/// What can be said of flags with each method before the first is compiled.
static llvm::Error checkFlagsWith(llvm::StringRef method, llvm::StringRef input,
                                  DriverOptions &options) {
  options.quantize.setValue(method.str());
  llvm::Expected<Phase> last = lastPhase(options);
  return last ? checkFlags(input, options, *last) : last.takeError();
}

namespace {
/// A folder for a quantized model that is to be judged, which goes with it.
class CopyFolder {
public:
  CopyFolder() = default;
  CopyFolder(const CopyFolder &) = delete;
  ~CopyFolder();
  llvm::Error create();
  std::string getModel() const { return (path + "/model.mlirbc").str(); }

private:
  llvm::SmallString<128> path;
};

/// Judges precisions by samples, beside the float model.
class Judge {
public:
  Judge(llvm::StringRef input, const DriverOptions &options)
      : input(input), options(options) {}
  /// Sets the scores of `precision`, whose quantized model is at `path`.
  llvm::Error judge(llvm::StringRef path, WebPrecision &precision);

private:
  llvm::Error compileReference();

  llvm::StringRef input;
  const DriverOptions &options;
  std::unique_ptr<Model> reference;
};
} // namespace

llvm::Error CopyFolder::create() {
  if (std::error_code error =
          llvm::sys::fs::createUniqueDirectory("lowbit-precision", path))
    return makeError("--evaluate requires a temporary folder for the quantized "
                     "model: " +
                     error.message());
  for (const std::string &file : {getModel(), getSidecarPath(getModel())})
    llvm::sys::RemoveFileOnSignal(file);
  return llvm::Error::success();
}

CopyFolder::~CopyFolder() {
  if (path.empty())
    return;
  llvm::sys::fs::remove_directories(path);
  for (const std::string &file : {getModel(), getSidecarPath(getModel())})
    llvm::sys::DontRemoveFileOnSignal(file);
}

/// A model that runs here, with the activations that shaders have. Samples are
/// no texts that go on, so there is no cache.
static llvm::Expected<std::unique_ptr<Model>>
compileForEvaluation(llvm::StringRef path, const LoadOptions &load) {
  CompileOptions compile;
  compile.target = "cpu";
  compile.floatActivations = true;
  return compileToModel(path, compile, load);
}

llvm::Error Judge::compileReference() {
  LoadOptions load = loadOptions(options);
  load.recordsSources = false;
  return compileForEvaluation(input, load).moveInto(reference);
}

llvm::Error Judge::judge(llvm::StringRef path, WebPrecision &precision) {
  if (!reference)
    if (llvm::Error error = compileReference())
      return error;
  LoadOptions load;
  load.recordsSources = false;
  auto model = compileForEvaluation(path, load);
  if (!model)
    return model.takeError();
  SampleOptions samples;
  samples.data = options.evaluate;
  samples.labels = options.labels;
  samples.samples = options.evaluateSamples;
  samples.window = options.calibrationWindow;
  llvm::ArrayRef<TensorSpec> inputs = reference->getInputs();
  if (inputs.size() == 1 && inputs[0].shape.size() == 2 &&
      inputs[0].shape[1] > 0)
    samples.window = uint64_t(inputs[0].shape[1]);
  auto evaluation = evaluateSamples(**model, reference.get(), samples);
  if (!evaluation)
    return evaluation.takeError();
  precision.accuracy = evaluation->scores.getAccuracy();
  precision.divergence = evaluation->scores.loss;
  return llvm::Error::success();
}

/// What was measured, one line for each precision.
static void printPrecisions(llvm::ArrayRef<WebPrecision> precisions) {
  TextTable table({"precision", "accuracy", "divergence"});
  for (const WebPrecision &precision : precisions)
    table.add({precision.name,
               formatNumber("%.4f", precision.accuracy.value_or(0)),
               formatNumber("%.6f", precision.divergence.value_or(0))});
  table.print(llvm::outs());
}

llvm::Error
lowbit::compilePrecisions(llvm::StringRef input, llvm::StringRef output,
                          DriverOptions &options,
                          llvm::function_ref<llvm::Error()> compileOne) {
  std::vector<std::string> methods = splitMethods(options.quantize);
  if (llvm::Error error = checkPrecisions(methods, output, options))
    return error;
  for (const std::string &method : methods)
    if (llvm::Error error = checkFlagsWith(method, input, options))
      return error;
  // No file takes its place before all precisions are there.
  WebOutput files;
  options.webFiles = &files;
  Judge judge(input, options);
  std::vector<WebPrecision> precisions;
  for (const std::string &method : methods) {
    options.quantize.setValue(method);
    options.precision = method;
    CopyFolder copy;
    if (!options.evaluate.empty()) {
      if (llvm::Error error = copy.create())
        return error;
      options.quantizedCopy = copy.getModel();
    }
    if (llvm::Error error = compileOne())
      return error;
    WebPrecision precision{method, getWebPrecisionManifest(output, method)};
    options.shares.push_back(precision.manifest);
    if (!options.evaluate.empty())
      if (llvm::Error error = judge.judge(copy.getModel(), precision))
        return error;
    precisions.push_back(std::move(precision));
  }
  if (llvm::Error error = writeWebPrecisions(output, precisions, files))
    return error;
  if (llvm::Error error = files.commit())
    return error;
  if (!options.evaluate.empty())
    printPrecisions(precisions);
  return llvm::Error::success();
}
