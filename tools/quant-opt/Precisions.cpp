//===- Precisions.cpp - web modules of several precisions -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each precision is compiled as if it were the only one; what it is worth is
// measured on this machine's CPU, with the activations that shaders have.
//
//===----------------------------------------------------------------------===//

#include "Precisions.h"
#include "Settings.h"
#include "lowbit/CodeGen/Web/WebPrecisions.h"
#include "lowbit/Compiler.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/EvaluateSamples.h"
#include "lowbit/Tools/MappedFile.h"
#include "lowbit/Tools/TextTable.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/IR/MLIRContext.h"
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
  }
  return options.evaluate.empty() ? llvm::Error::success()
                                  : checkReadable(options.evaluate);
}

/// A model that runs here, by what `options` say at this time.
static llvm::Expected<std::unique_ptr<Model>>
compileForEvaluation(llvm::StringRef input, const DriverOptions &options) {
  CompileOptions compile = compileOptions(options, /*profile=*/nullptr);
  compile.target = "cpu";
  // Samples are no texts that go on.
  compile.kvCache.clear();
  compile.floatActivations = true;
  LoadOptions load = loadOptions(options);
  load.recordsSources = false;
  return compileToModel(input, compile, load);
}

static llvm::Expected<SampleEvaluation>
evaluatePrecision(llvm::StringRef input, Model &reference,
                  const DriverOptions &options) {
  auto model = compileForEvaluation(input, options);
  if (!model)
    return model.takeError();
  SampleOptions samples;
  samples.data = options.evaluate;
  samples.labels = options.labels;
  samples.samples = options.evaluateSamples;
  samples.window = options.calibrationWindow;
  llvm::ArrayRef<TensorSpec> inputs = reference.getInputs();
  if (inputs.size() == 1 && inputs[0].shape.size() == 2 &&
      inputs[0].shape[1] > 0)
    samples.window = uint64_t(inputs[0].shape[1]);
  return evaluateSamples(**model, &reference, samples);
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
  std::unique_ptr<Model> reference;
  std::vector<WebPrecision> precisions;
  for (const std::string &method : methods) {
    options.quantize.setValue(method);
    options.precision = method;
    if (llvm::Error error = compileOne())
      return error;
    WebPrecision precision{method, getWebPrecisionManifest(output, method)};
    options.shares.push_back(precision.manifest);
    if (!options.evaluate.empty()) {
      if (!reference) {
        options.quantize.setValue("none");
        auto compiled = compileForEvaluation(input, options);
        if (!compiled)
          return compiled.takeError();
        reference = std::move(*compiled);
        options.quantize.setValue(method);
      }
      auto evaluation = evaluatePrecision(input, *reference, options);
      if (!evaluation)
        return evaluation.takeError();
      precision.accuracy = evaluation->scores.getAccuracy();
      precision.divergence = evaluation->scores.loss;
    }
    precisions.push_back(std::move(precision));
  }
  if (llvm::Error error = writeWebPrecisions(output, precisions))
    return error;
  if (!options.evaluate.empty())
    printPrecisions(precisions);
  return llvm::Error::success();
}
