//===- Checks.cpp - command lines that cannot be meant --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "FlagNeeds.h"
#include "Settings.h"
#include "lowbit/Tools/CollectReport.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/TargetParser/Triple.h"
#include <set>

using namespace mlir;
using namespace lowbit;

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

namespace {
/// What a target other than the CPU writes.
struct GPUOutput {
  StringRef target;
  EmitKind kind;
  StringRef kindName, extension;
};
} // namespace
static constexpr GPUOutput kGPUOutputs[] = {
    {"spirv", EmitKind::SPIRV, "spirv", ".json"},
    {"webgpu", EmitKind::Web, "web", ".js"}};

bool lowbit::isForGPU(const DriverOptions &options) {
  return llvm::any_of(kGPUOutputs, [&](const GPUOutput &output) {
    return options.target == output.target;
  });
}

static llvm::Error checkTarget(const DriverOptions &options) {
  if (!options.target.empty() && options.target != "cpu" && !isForGPU(options))
    return makeError("--target: requires cpu, spirv or webgpu, found '" +
                     options.target + "'");
  for (const GPUOutput &output : kGPUOutputs) {
    bool isTarget = options.target == output.target;
    if (options.emit == output.kind && !isTarget)
      return makeError("--emit=" + output.kindName + " (" + output.extension +
                       ") requires --target=" + output.target + ", found " +
                       (options.target.empty() ? std::string("none")
                                               : "'" + options.target + "'"));
    if (isTarget && isCode(options.emit))
      return makeError("--target=" + output.target +
                       " requires --emit=" + output.kindName +
                       ", or mlir or bytecode for packed weights, found code "
                       "for a CPU");
  }
  return llvm::Error::success();
}

llvm::Expected<Phase> lowbit::lastPhase(const DriverOptions &options) {
  if (llvm::Error error = checkTarget(options))
    return std::move(error);
  bool isCode = ::isCode(options.emit);
  if (!options.phase.getNumOccurrences()) {
    if (isCode)
      return Phase::Lower;
    if (options.emit == EmitKind::ONNX)
      return Phase::Quantize;
    return options.target.empty() ? Phase::Fuse : Phase::Pack;
  }
  if (isCode && options.phase != Phase::Lower)
    return makeError("--emit=llvm, asm, object, shared and wasm require "
                     "--phase=lower, found an earlier phase");
  if (!isCode && options.phase == Phase::Lower)
    return makeError("--phase=lower requires --emit=llvm, asm, object, shared "
                     "or wasm: lowered "
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

namespace {

/// Flags that exclude each other, and why.
struct FlagConflict {
  const llvm::cl::Option &flag;
  bool hasOther;
  StringRef other, reason;
};

} // namespace

static llvm::Error checkConflicts(const DriverOptions &options) {
  bool isTuned = options.sequential || options.optimizeForAccuracy;
  MethodSteps steps = splitQuantizationMethod(options.quantize);
  StringRef tuning =
      options.sequential ? "--sequential" : "--optimize-for-accuracy";
  constexpr StringRef kRounds = "layers in sequence are rounded, and nothing "
                                "else is done to them",
                      kInputs = "in sequence, layers are calibrated with the "
                                "inputs that they have";
  const FlagConflict conflicts[] = {
      {options.outliers, isTuned, tuning, kRounds},
      {options.outlierColumns, isTuned, tuning, kRounds},
      {options.clip, isTuned, tuning, kRounds},
      {options.scaleFactors, isTuned, tuning, kRounds},
      {options.smooth, isTuned, tuning, kInputs},
      {options.countRanges, isGiven(options.kvCache), "--kv-cache",
       "functions with a cache yield logits alone"},
      {options.fitDevice, isGiven(options.budget), "--budget",
       "a device's memory is the budget"},
      {options.observer, steps.scalesColumns && options.observer != "minmax",
       "--quantize=awq-...",
       "of columns that are scaled, extremes alone stay known"},
      {options.like, options.quantize != "none", "--quantize",
       "the artefact has the encodings"},
  };
  for (const FlagConflict &conflict : conflicts)
    if (isGiven(conflict.flag) && conflict.hasOther)
      return makeError("--" + conflict.flag.ArgStr + " and " + conflict.other +
                       " exclude each other: " + conflict.reason +
                       "; leave one of them out");
  if (isTuned && (steps.scalesColumns || steps.hasStaticInputs))
    return makeError(
        "--quantize=" + options.quantize + " and " + tuning +
        " exclude each other: " + (steps.scalesColumns ? kRounds : kInputs) +
        "; use the method " + steps.rounding + ", or leave the flag out");
  return llvm::Error::success();
}

/// What a page can't do to floats that it downloads.
static llvm::Error checkInPage(const DriverOptions &options) {
  if (!options.quantizeInPage)
    return llvm::Error::success();
  if (options.emit != EmitKind::Web || options.quantize == "none")
    return makeError("--quantize-in-page requires --quantize=METHOD, "
                     "--target=webgpu and -o NAME.js: it says where the "
                     "weights of a web module are rounded");
  StringRef method = options.quantize;
  if (method == "f16" || method == "bf16" ||
      splitQuantizationMethod(method).scalesColumns ||
      hasFeedback(splitQuantizationMethod(method).rounding) ||
      method.starts_with("kmeans") || method.starts_with("cb2-auto"))
    return makeError("--quantize-in-page requires a method that rounds each "
                     "weight to the nearest code, found --quantize=" +
                     method + "; leave one of them out");
  const std::reference_wrapper<const llvm::cl::Option> others[] = {
      options.calibrate, options.statistics,     options.clip,
      options.outliers,  options.outlierColumns, options.smooth,
      options.like,      options.scaleFactors};
  for (const llvm::cl::Option &flag : others)
    if (isGiven(flag))
      return makeError("--quantize-in-page requires rounding that depends on "
                       "the model's weights alone, found --" +
                       flag.ArgStr + "; leave one of them out");
  if (options.scaleSearch == "importance")
    return makeError("--quantize-in-page requires --scale-search=mse or "
                     "absmax, found importance, which goes by data");
  return llvm::Error::success();
}

/// Numbers that are none of what they count.
static llvm::Error checkNumbers(const DriverOptions &options) {
  auto number = [](double value) { return llvm::formatv("{0}", value).str(); };
  if (isGiven(options.outliers) &&
      !(options.outliers > 0 && options.outliers < 100))
    return makeError("--outliers requires a share between 0 and 100 percent, "
                     "found " +
                     number(options.outliers));
  if (isGiven(options.clip) && !(options.clip > 0 && options.clip <= 100))
    return makeError("--clip requires a percentile above 0 and up to 100, "
                     "found " +
                     number(options.clip));
  if (isGiven(options.smooth) && !(options.smooth >= 0 && options.smooth <= 1))
    return makeError("--smooth requires a number from 0 to 1, found " +
                     number(options.smooth));
  if (options.fallback != "wasm" && options.fallback != "none")
    return makeError("--fallback: requires wasm or none, found '" +
                     options.fallback + "'");
  StringRef cache = options.kvCache;
  if (isGiven(options.kvCache) &&
      !llvm::is_contained({"f32", "f16", "int8", "int4"}, cache))
    return makeError("--kv-cache: requires f32, f16, int8 or int4, found '" +
                     cache + "'");
  constexpr int64_t kMaxLength = int64_t(1) << 31;
  if (options.maxLength < 1 || options.maxLength > kMaxLength)
    return makeError("--max-length requires a number from 1 to " +
                     llvm::Twine(kMaxLength) + ", found " +
                     llvm::Twine(options.maxLength));
  if (isGiven(options.prefillLength) &&
      (options.prefillLength < 1 || options.prefillLength > options.maxLength))
    return makeError("--prefill-length requires a number from 1 to that of "
                     "--max-length, " +
                     llvm::Twine(options.maxLength) + ", found " +
                     llvm::Twine(options.prefillLength));
  if (isGiven(options.calibrationWindow) && options.calibrationWindow == 0)
    return makeError("--calibration-window requires at least one token, found "
                     "0");
  return llvm::Error::success();
}

/// What an ONNX graph, and a report beside float weights, ask for.
static llvm::Error checkExchange(StringRef input,
                                 const DriverOptions &options) {
  if (options.emit == EmitKind::ONNX && !isGiven(options.graph) &&
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
  if (isGiven(options.report))
    return getReportForm(options.report).takeError();
  return llvm::Error::success();
}

/// Modules of WebAssembly are linked in a form of their own, for one set of
/// instructions each, and run on one thread.
static llvm::Error checkWasm(const DriverOptions &options) {
  if (!isCode(options.emit))
    return llvm::Error::success();
  std::string triple = options.mtriple;
  bool isWasm = llvm::Triple(llvm::Triple::normalize(triple)).isWasm();
  bool links = options.emit == EmitKind::Wasm;
  if (links && !isWasm)
    return makeError("--emit=wasm (.wasm) requires --mtriple=wasm32, found '" +
                     triple + "'");
  if (!isWasm)
    return llvm::Error::success();
  if (options.emit == EmitKind::Shared)
    return makeError("--mtriple=" + triple +
                     " requires --emit=wasm for a linked module, or object, "
                     "asm or llvm, found shared");
  if (!options.serial)
    return makeError("--mtriple=" + triple +
                     " requires --serial: WebAssembly has no OpenMP threads");
  if (!links && StringRef(options.mcpu).contains(','))
    return makeError("--mcpu: a list of CPUs requires --emit=wasm, which has a "
                     "module for each, found '" +
                     options.mcpu + "'");
  if (!links && options.embedWeights)
    return makeError("--embed-weights requires --emit=wasm for WebAssembly, "
                     "where weights are a section of the linked module");
  return llvm::Error::success();
}

/// Methods that go by data need some.
static llvm::Error checkHasData(const DriverOptions &options) {
  MethodSteps steps = splitQuantizationMethod(options.quantize);
  bool needsData = hasFeedback(steps.rounding) || steps.scalesColumns ||
                   steps.hasStaticInputs;
  if (!needsData || isGiven(options.calibrate) || isGiven(options.statistics))
    return llvm::Error::success();
  return makeError("--quantize=" + options.quantize +
                   " requires --calibrate=FILE or --statistics=FILE: it goes "
                   "by what layers read");
}

/// Lists of CPUs are for code, and have each of them once.
static llvm::Error checkCPUs(llvm::StringRef input,
                             const DriverOptions &options) {
  if (!isCode(options.emit) && StringRef(options.mcpu).contains(','))
    return makeError("--mcpu: a list of CPUs requires --emit=object, shared, "
                     "wasm, llvm or asm, found '" +
                     options.mcpu + "'");
  std::set<std::string> cpus;
  for (const std::string &cpu : programOptions(options, input).cpus)
    if (!cpus.insert(cpu).second)
      return makeError("--mcpu: '" + cpu + "' is given twice");
  return llvm::Error::success();
}

llvm::Error lowbit::checkFlags(StringRef input, const DriverOptions &options,
                               Phase last) {
  if (llvm::Error error = checkNumbers(options))
    return error;
  if (llvm::Error error = checkConflicts(options))
    return error;
  if (llvm::Error error = checkInPage(options))
    return error;
  if (llvm::Error error = checkNeeds(options, last))
    return error;
  if (llvm::Error error = checkWasm(options))
    return error;
  if (llvm::Error error = checkExchange(input, options))
    return error;
  if (llvm::Error error = checkHasData(options))
    return error;
  return checkCPUs(input, options);
}
