//===- Checks.cpp - command lines that cannot be meant --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "Settings.h"
#include "lowbit/Tools/CollectReport.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace lowbit;

/// Passes on the command line belong to the other way of use.
llvm::Error lowbit::checkNoPasses(MLIRContext &context) {
  PassManager passes(&context);
  if (failed(
          MlirOptMainConfig::createFromCLOptions().setupPassPipeline(passes)))
    return makeError("the pass pipeline cannot be read");
  if (passes.size() == 0)
    return llvm::Error::success();
  return makeError("compiling a model takes no passes; write IR first (-o "
                   "FILE.mlir) and run the passes on that");
}

/// The phase that the artefact asked for is made of.
llvm::Expected<Phase> lowbit::lastPhase(const DriverOptions &options) {
  if (!options.target.empty() && options.target != "cpu")
    return makeError("--target: requires cpu, found '" + options.target + "'");
  bool isCode = ::isCode(options.emit);
  if (!options.phase.getNumOccurrences()) {
    if (isCode)
      return Phase::Lower;
    if (options.emit == EmitKind::ONNX)
      return Phase::Quantize;
    return options.target.empty() ? Phase::Fuse : Phase::Pack;
  }
  if (isCode && options.phase != Phase::Lower)
    return makeError("--emit=llvm, asm, object and shared require "
                     "--phase=lower, found an earlier phase");
  if (!isCode && options.phase == Phase::Lower)
    return makeError(
        "--phase=lower requires --emit=llvm, asm, object or shared: lowered "
        "code is bound to its weights' addresses");
  return options.phase.getValue();
}

/// The option, if any, by which weights become others than the model's own, so
/// that they can't be compared with those, or go back into its graph.
static StringRef findTransformation(const DriverOptions &options) {
  const std::pair<const llvm::cl::Option &, StringRef> flags[] = {
      {options.smooth, "--smooth"},
      {options.rotate, "--rotate"},
      {options.outliers, "--outliers"},
      {options.outlierColumns, "--outlier-columns"},
  };
  for (const auto &[flag, name] : flags)
    if (flag.getNumOccurrences())
      return name;
  return StringRef(options.quantize).starts_with("awq-") ? "--quantize=awq-..."
                                                         : "";
}

/// A flag without effect is a mistake: each needs the phase that it is for.
llvm::Error lowbit::checkFlags(StringRef input, const DriverOptions &options,
                               Phase last) {
  bool quantizes = options.quantize != "none" || options.optimizeForAccuracy;
  bool isTuned = options.sequential || options.optimizeForAccuracy;
  bool searches = !options.budget.empty() || !options.fitDevice.empty();
  struct {
    const llvm::cl::Option &flag;
    bool isEffective;
    llvm::StringRef requirement;
  } rules[] = {
      {options.scaleSearch, quantizes, "--quantize=METHOD"},
      {options.includeEmbeddings, quantizes, "--quantize=METHOD"},
      {options.strict, quantizes, "--quantize=METHOD"},
      {options.calibrationSamples, !options.calibrate.empty(),
       "--calibrate=FILE"},
      {options.calibrationWindow, !options.calibrate.empty(),
       "--calibrate=FILE"},
      {options.calibrationMemory, !options.calibrate.empty(),
       "--calibrate=FILE"},
      {options.calibrationLayers, !options.calibrate.empty(),
       "--calibrate=FILE"},
      {options.secondMoments, !options.calibrate.empty(), "--calibrate=FILE"},
      {options.gradients, !options.calibrate.empty(), "--calibrate=FILE"},
      {options.gradientsOf,
       options.gradients != OutputModel::None || options.strategy == "gradient",
       "--gradients or --strategy=gradient"},
      {options.calibrate, !options.statistics.empty() || quantizes,
       "--quantize=METHOD or --statistics=FILE"},
      {options.statistics, !options.calibrate.empty() || quantizes,
       "--quantize=METHOD or --calibrate=FILE"},
      {options.rotate, last >= Phase::Raise, "--phase=raise or a later one"},
      {options.rotateOnline, options.rotate, "--rotate"},
      {options.kvCache, last == Phase::Fuse || last == Phase::Pack,
       "--phase=fuse or --phase=pack"},
      {options.maxLength, !options.kvCache.empty(), "--kv-cache=FORMAT"},
      {options.outliers, quantizes, "--quantize=METHOD"},
      {options.outlierColumns,
       quantizes && (!options.calibrate.empty() || !options.statistics.empty()),
       "--quantize=METHOD and --calibrate=FILE or --statistics=FILE"},
      {options.clip, quantizes, "--quantize=METHOD"},
      {options.scaleFactors, quantizes, "--quantize=METHOD"},
      {options.outliers, !isTuned,
       "no --sequential, no --optimize-for-accuracy"},
      {options.outlierColumns, !isTuned,
       "no --sequential, no --optimize-for-accuracy"},
      {options.clip, !isTuned, "no --sequential, no --optimize-for-accuracy"},
      {options.scaleFactors, !isTuned,
       "no --sequential, no --optimize-for-accuracy"},
      {options.smooth,
       !options.calibrate.empty() || !options.statistics.empty(),
       "--calibrate=FILE or --statistics=FILE"},
      {options.observer,
       splitQuantizationMethod(options.quantize).hasStaticInputs,
       "--quantize=METHOD-a8-static"},
      {options.sequential,
       !options.calibrate.empty() &&
           (hasFeedback(options.quantize) || options.optimizeForAccuracy),
       "--calibrate=FILE and --quantize=gptq-METHOD or trellis"},
      {options.sweeps,
       hasFeedback(options.quantize) || options.optimizeForAccuracy,
       "--quantize=gptq-METHOD or trellis"},
      {options.config, quantizes, "--quantize=METHOD"},
      {options.budget, quantizes, "--quantize=METHOD"},
      {options.candidates, searches || options.optimizeForAccuracy,
       "--budget, --fit-device or --optimize-for-accuracy"},
      {options.optimizeForAccuracy, !options.calibrate.empty(),
       "--calibrate=FILE"},
      {options.codes, options.optimizeForAccuracy && !options.budget.empty(),
       "--optimize-for-accuracy and --budget"},
      {options.heldOut, isTuned, "--sequential or --optimize-for-accuracy"},
      {options.resume, isTuned, "--sequential or --optimize-for-accuracy"},
      {options.strategy, searches, "--budget or --fit-device"},
      {options.objective, !options.budget.empty(), "--budget"},
      {options.fitDevice, quantizes, "--quantize=METHOD"},
      {options.fitDevice, !options.calibrate.empty(), "--calibrate=FILE"},
      {options.fitDevice, options.budget.empty(), "no --budget"},
      {options.measureSamples, searches && !options.calibrate.empty(),
       "--calibrate=FILE, and --budget or --fit-device"},
      {options.sensitivity,
       searches &&
           (options.strategy == "measured" || options.optimizeForAccuracy),
       "--strategy=measured, and --budget or --fit-device"},
      {options.labels, searches && !options.calibrate.empty(),
       "--calibrate=FILE, and --budget or --fit-device"},
      {options.json, !options.printStatistics.empty(),
       "--print-statistics=FILE"},
      {options.quantize, options.quantize == "none" || last >= Phase::Quantize,
       "--phase=quantize or a later one"},
      {options.target, last >= Phase::Pack, "--phase=pack or a later one"},
      {options.mcpu, last >= Phase::Pack,
       "--target=cpu, or --emit=llvm, asm, object or shared"},
      {options.mtriple, last >= Phase::Pack,
       "--target=cpu, or --emit=llvm, asm, object or shared"},
      {options.name, isCode(options.emit),
       "--emit=object, shared, llvm or asm"},
      {options.serial, isCode(options.emit),
       "--emit=object, shared, llvm or asm"},
      {options.embedWeights,
       options.emit == EmitKind::Object || options.emit == EmitKind::Shared,
       "--emit=object or --emit=shared"},
      {options.linker, options.emit == EmitKind::Shared, "--emit=shared"},
      {options.graph, options.emit == EmitKind::ONNX, "--emit=onnx"},
      {options.like, last >= Phase::Quantize,
       "--phase=quantize or a later one"},
      {options.report, last >= Phase::Quantize,
       "--phase=quantize or a later one"},
  };
  if (options.outliers.getNumOccurrences() &&
      !(options.outliers > 0 && options.outliers < 100))
    return makeError("--outliers requires a share between 0 and 100 percent, "
                     "found " +
                     llvm::formatv("{0}", double(options.outliers)).str());
  if (options.clip.getNumOccurrences() &&
      !(options.clip > 0 && options.clip <= 100))
    return makeError("--clip requires a percentile above 0 and up to 100, "
                     "found " +
                     llvm::formatv("{0}", double(options.clip)).str());
  for (const auto &rule : rules)
    if (rule.flag.getNumOccurrences() && !rule.isEffective)
      return makeError("--" + rule.flag.ArgStr + " requires " +
                       rule.requirement +
                       ": without it the flag has no effect");
  if (options.emit == EmitKind::ONNX && !options.graph.getNumOccurrences() &&
      llvm::sys::path::extension(input) != ".onnx")
    return makeError("--emit=onnx requires --graph=MODEL.onnx, the model that "
                     "the weights go back into");
  StringRef transformation = findTransformation(options);
  if (!transformation.empty() &&
      (options.emit == EmitKind::ONNX || !options.report.empty()))
    return makeError(
        llvm::Twine(options.report.empty() ? "--emit=onnx" : "--report") +
        llvm::Twine(" requires weights that stand for those of the "
                    "model, found ") +
        transformation + ", which makes others of them");
  if (options.like.getNumOccurrences() && options.quantize != "none")
    return makeError("--like takes the encodings of an artefact; leave out "
                     "--quantize, or --like");
  if (!options.report.empty())
    if (llvm::Error error = getReportForm(options.report).takeError())
      return error;
  if (!isCode(options.emit) && StringRef(options.mcpu).contains(','))
    return makeError("--mcpu: a list of CPUs requires --emit=object, shared, "
                     "llvm or asm, found '" +
                     options.mcpu + "'");
  return llvm::Error::success();
}

/// Readers, and people, tell a file by its extension. What is no file, such as
/// /dev/stdout, has none.
llvm::Error lowbit::checkOutputName(StringRef output, EmitKind kind) {
  if (output == "-")
    return makeError("compiling a model requires -o FILE, found none");
  static constexpr llvm::StringLiteral kExtensions[] = {
      ".mlir", ".mlirbc", ".ll", ".s", ".o", ".so", ".onnx"};
  StringRef wanted = kExtensions[static_cast<int>(kind)];
  StringRef found = llvm::sys::path::extension(output);
  bool isDevice =
      llvm::sys::fs::exists(output) && !llvm::sys::fs::is_regular_file(output);
  if (isDevice || found == wanted)
    return llvm::Error::success();
  return makeFileError(output,
                       "requires the extension " + wanted +
                           " of what --emit says, found " +
                           (found.empty() ? "none" : "'" + found + "'") +
                           "; change the name or --emit");
}
