//===- Driver.cpp - model in, artefact out --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include "Checks.h"
#include "Precisions.h"
#include "Settings.h"
#include "lowbit/Tools/Artefact.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/CollectReport.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/ExchangeWeights.h"
#include "lowbit/Tools/GPUModel.h"
#include "lowbit/Tools/PrecisionSearch.h"
#include "lowbit/Tools/Provenance.h"
#include "lowbit/Tools/Signature.h"
#include "lowbit/Tools/WebModel.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
using namespace lowbit;

static llvm::Error writeCode(ModuleOp packed, StringRef input, StringRef output,
                             const DriverOptions &options, Profile *profile,
                             AtomicOutput *report) {
  llvm::Expected<ProgramFiles> files =
      writeProgram(packed, output, programOptions(options, input),
                   compileOptions(options, profile), report);
  if (files && !files->linker.empty())
    llvm::WithColor::remark(llvm::errs(), "quant-opt")
        << "linked by " << files->linker << "\n";
  return files.takeError();
}

/// Compiles up to `last`, and saves the quantized model on the way if that is
/// wanted.
static llvm::Error compileThrough(ModuleOp module, Phase last,
                                  const CompileOptions &compile,
                                  const DriverOptions &options) {
  if (options.quantizedCopy.empty())
    return compileModule(module, last, compile);
  if (llvm::Error error = compileModule(module, Phase::Quantize, compile))
    return error;
  if (llvm::Error error =
          saveArtefact(module, options.quantizedCopy, ArtefactFormat::Bytecode)
              .takeError())
    return error;
  return compileModule(module, last, compile, Phase::Fuse);
}

/// Compiles up to `last`, by --quantize or --like. The report, if there is to
/// be one, takes the float weights before they are gone, and the layers before
/// fusion merges them.
static llvm::Expected<std::optional<Report>>
compileAndReport(ModuleOp module, Phase last, const DriverOptions &options,
                 Profile *profile) {
  CompileOptions compile = compileOptions(options, profile);
  PrecisionFindings findings;
  if (!options.report.empty() || !options.fitDevice.empty())
    compile.findings = &findings;
  auto printChoice = [&] {
    if (!options.fitDevice.empty())
      printFindings(findings, llvm::outs());
  };
  if (options.report.empty() && options.like.empty()) {
    if (llvm::Error error = compileThrough(module, last, compile, options))
      return std::move(error);
    printChoice();
    return std::nullopt;
  }
  // The floats are still to be compared with.
  compile.releaseData = false;
  CompileOptions raise = compile;
  raise.calibration.data.clear();
  raise.statistics.clear();
  RemarkCollector remarks(*module.getContext());
  if (llvm::Error error = compileModule(module, Phase::Raise, raise))
    return std::move(error);
  // Names and bytes are shared with the original; only the IR is copied.
  OwningOpRef<ModuleOp> raised = module.clone();
  if (!options.like.empty())
    if (llvm::Error error = quantizeLike(module, options.like))
      return std::move(error);
  std::vector<ReportActivation> activations;
  compile.seeStatistics = [&](const CalibrationStatistics &statistics) {
    activations = describeActivations(statistics);
  };
  if (llvm::Error error = compileModule(module, last, compile, Phase::Quantize))
    return std::move(error);
  printChoice();
  if (options.report.empty())
    return std::nullopt;
  llvm::Expected<Report> report =
      collectReport(module, FloatWeights(*raised), remarks.take());
  if (!report)
    return report.takeError();
  report->activations = std::move(activations);
  addFindings(findings, *report);
  return std::move(*report);
}

/// Writes a web module, or what one of its precisions adds to it.
static llvm::Error writeWeb(ModuleOp module, StringRef output,
                            const DriverOptions &options,
                            const CompileOptions &compile,
                            AtomicOutput *report) {
  WebModelOptions web{options.precision, options.shares,
                      options.fallback == "wasm"};
  if (options.webFiles)
    return writeWebModel(module, output, compile, *options.webFiles, web);
  WebOutput files;
  if (llvm::Error error = writeWebModel(module, output, compile, files, web))
    return error;
  return files.commit(report);
}

/// Writes what --emit says, and with it `report`, if there is one: both appear
/// or neither.
static llvm::Error writeOutput(ModuleOp module, StringRef input,
                               StringRef output, const DriverOptions &options,
                               Profile *profile, AtomicOutput *report) {
  if (isCode(options.emit))
    return writeCode(module, input, output, options, profile, report);
  Profile::Scope writing(profile, "write");
  if (options.emit == EmitKind::SPIRV || options.emit == EmitKind::Web) {
    CompileOptions compile = compileOptions(options, profile);
    llvm::Error error = options.emit == EmitKind::Web
                            ? writeWeb(module, output, options, compile, report)
                            : writeSPIRVModel(module, output, compile, report);
    return error ? makeFileError(input, llvm::toString(std::move(error)))
                 : llvm::Error::success();
  }
  if (options.emit == EmitKind::ONNX)
    return exportToONNX(
        module, options.graph.empty() ? input : StringRef(options.graph),
        output, loadOptions(options), report);
  return saveArtefact(module, output,
                      options.emit == EmitKind::MLIR ? ArtefactFormat::Text
                                                     : ArtefactFormat::Bytecode,
                      report)
      .takeError();
}

/// Writes the output, unless it has no name, and the report, if there is one.
static llvm::Error writeFiles(ModuleOp module,
                              const std::optional<Report> &report,
                              StringRef output, StringRef input,
                              const DriverOptions &options, Profile *profile) {
  std::optional<AtomicOutput> reportFile;
  if (report) {
    auto prepared = prepareReport(*report, options.report);
    if (!prepared)
      return prepared.takeError();
    reportFile.emplace(std::move(*prepared));
  }
  if (!output.empty())
    return writeOutput(module, input, output, options, profile,
                       reportFile ? &*reportFile : nullptr);
  return reportFile ? reportFile->commit() : llvm::Error::success();
}

static llvm::Error recordRecipe(ModuleOp module, const DriverOptions &options) {
  std::string recipe = describeRecipe(compileOptions(options, nullptr));
  if (!options.like.empty())
    recipe += (recipe.empty() ? "like=" : " like=") +
              llvm::sys::path::filename(options.like).str();
  if (llvm::Error error = recordProvenance(module, {}, recipe))
    return error;
  for (StringRef file : {StringRef(options.like), StringRef(options.calibrate),
                         StringRef(options.labels)})
    if (!file.empty())
      if (llvm::Error error = recordData(module, file))
        return error;
  return llvm::Error::success();
}

/// "input 'x' leaves dimension 'n'", or all of several inputs, each name once;
/// empty where there is none.
static std::string listOpenDimensions(const Signature &signature) {
  llvm::StringSet<> names;
  std::string list;
  for (const TensorSpec &input : signature.inputs) {
    llvm::SmallVector<std::string> open;
    for (auto [i, extent] : llvm::enumerate(input.shape)) {
      bool isNamed = i < input.dimensions.size();
      if (extent < 0 && !isNamed)
        open.push_back(std::to_string(i));
      else if (extent < 0 && names.insert(input.dimensions[i]).second)
        open.push_back("'" + input.dimensions[i] + "'");
    }
    if (open.empty())
      continue;
    list += (list.empty() ? "input '" : ", input '") + input.name +
            (open.size() > 1 ? "' leaves dimensions " : "' leaves dimension ") +
            llvm::join(open, " and ");
  }
  return list;
}

/// Code for GPUs is for shapes that are known, which a cache fixes by itself.
/// What an input leaves open is better said before anything is compiled.
static llvm::Error checkShapes(ModuleOp module, const DriverOptions &options) {
  bool isForGPU =
      options.emit == EmitKind::SPIRV || options.emit == EmitKind::Web;
  llvm::Expected<Signature> signature = getSignature(module);
  if (!signature) {
    // One that has its functions already, or inputs that are refused later.
    llvm::consumeError(signature.takeError());
    return llvm::Error::success();
  }
  if (!isForGPU || !options.kvCache.empty())
    return llvm::Error::success();
  std::string open = listOpenDimensions(*signature);
  if (open.empty())
    return llvm::Error::success();
  return makeError(
      open + " open: GPU kernels require shapes that are known when the model "
             "is compiled: fix dynamic dimensions with --shape, or give a "
             "decoder a cache, which fixes them, with --kv-cache");
}

/// What remarks begin with: of several precisions each says which it is of.
static std::string nameTool(const DriverOptions &options) {
  return options.precision.empty() ? "quant-opt"
                                   : "quant-opt: " + options.precision;
}

/// Says that `error` is about the model, unless it names another file that the
/// command line has.
static llvm::Error nameInput(StringRef input, const DriverOptions &options,
                             llvm::Error error) {
  std::string message = llvm::toString(std::move(error));
  for (StringRef other :
       {StringRef(options.statistics), StringRef(options.calibrate),
        StringRef(options.labels), StringRef(options.like),
        StringRef(options.config), StringRef(options.sensitivity)})
    if (!other.empty() && StringRef(message).starts_with((other + ": ").str()))
      return makeError(message);
  return makeFileError(input, message);
}

static llvm::Error compile(StringRef input, StringRef output,
                           DriverOptions &options,
                           const DialectRegistry &registry, Profile *profile) {
  if (input == "-")
    return makeError("compiling a model requires a file, found standard input");
  // Statistics are an output, too.
  bool onlyCalibrates = output == "-" && !options.calibrate.empty() &&
                        !options.statistics.empty() &&
                        options.quantize == "none" &&
                        !options.optimizeForAccuracy;
  // What a device can run may be all that is asked for.
  bool onlyAdvises = output == "-" && !options.fitDevice.empty();
  if (!onlyCalibrates && !onlyAdvises)
    if (llvm::Error error = checkOutputForm(output, options))
      return error;
  llvm::Expected<Phase> last = lastPhase(options);
  if (!last)
    return last.takeError();
  if (llvm::Error error = checkFlags(input, options, *last))
    return error;
  if (llvm::Error error = readMachine(options))
    return error;
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  printRemarks(context, llvm::errs(), nameTool(options));
  if (llvm::Error error = checkNoPasses(context))
    return error;
  if (llvm::Error error = checkInputs(input, options))
    return error;
  CompileOptions compile = compileOptions(options, profile);
  if (llvm::Error error = checkOptions(compile, context))
    return error;
  if (llvm::Error error = checkOutputs(input, output, options))
    return error;
  std::optional<Profile::Scope> loading(std::in_place, profile, "load");
  llvm::Expected<OwningOpRef<ModuleOp>> module =
      loadModule(input, context, loadOptions(options));
  loading.reset();
  if (!module)
    return module.takeError();
  if (llvm::Error error = checkShapes(**module, options))
    return makeFileError(input, llvm::toString(std::move(error)));
  if (llvm::Error error = recordRecipe(**module, options))
    return error;
  llvm::Expected<std::optional<Report>> report = compileAndReport(
      **module, onlyCalibrates ? Phase::Raise : std::min(*last, Phase::Pack),
      options, profile);
  if (!report)
    return nameInput(input, options, report.takeError());
  if (onlyCalibrates)
    return llvm::Error::success();
  return writeFiles(**module, *report, onlyAdvises ? StringRef() : output,
                    input, options, profile);
}

/// A module for engines with relaxed products, one for all others, one thread.
static void setWasmDefaults(DriverOptions &options) {
  if (!options.mtriple.getNumOccurrences())
    options.mtriple = "wasm32";
  if (!options.mcpu.getNumOccurrences())
    options.mcpu = "relaxed-simd,simd128";
  if (!options.serial.getNumOccurrences())
    options.serial = true;
}

llvm::Error lowbit::compileFile(StringRef input, StringRef output,
                                DriverOptions &options,
                                const DialectRegistry &registry) {
  if (std::optional<EmitKind> form = findForm(output);
      form && !options.emit.getNumOccurrences())
    options.emit.setValue(*form);
  if (options.emit == EmitKind::Wasm)
    setWasmDefaults(options);
  std::optional<Profile> profile;
  if (options.timing)
    profile.emplace();
  auto compileOne = [&] {
    return compile(input, output, options, registry,
                   profile ? &*profile : nullptr);
  };
  if (llvm::Error error =
          hasPrecisions(options)
              ? compilePrecisions(input, output, options, compileOne)
              : compileOne())
    return error;
  if (profile)
    profile->print(llvm::errs());
  return llvm::Error::success();
}
