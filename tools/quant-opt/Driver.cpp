//===- Driver.cpp - model in, artefact out --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include "lowbit/Tools/Artefact.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/CollectReport.h"
#include "lowbit/Tools/CompareArtefacts.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/ExchangeWeights.h"
#include "lowbit/Tools/LoadModel.h"
#include "lowbit/Tools/PrecisionSearch.h"
#include "lowbit/Tools/Profile.h"
#include "lowbit/Tools/Program.h"
#include "lowbit/Tools/Provenance.h"
#include "lowbit/Tools/Tune.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
using namespace lowbit;

llvm::StringRef DriverOptions::help() {
  return "Compile low-bit neural networks\n\n"
         "  quant-opt model.onnx --quantize=int4-g32 -o model.mlir\n"
         "      quantizes the weights; writes model.mlir and "
         "model.safetensors\n"
         "  quant-opt model.onnx --quantize=int4-g32 --target=cpu --emit=asm "
         "-o model.s\n"
         "      writes the CPU code of the quantized model\n"
         "  quant-opt model.onnx --quantize=int4-g32 --target=cpu "
         "--emit=object -o model.o\n"
         "      writes model.o, model.h for programs in C, and "
         "model.safetensors\n"
         "  quant-opt module.mlir --lowbit-raise --lowbit-fuse\n"
         "      runs passes, with every facility of mlir-opt\n\n"
         "--list-passes lists every pass and pipeline, --help-hidden every "
         "option of them,\nof mlir-opt and of LLVM.\n";
}

void DriverOptions::hideForeignOptions() {
  // What people need to run passes and look at what they do.
  static const llvm::StringSet<> shown = {
      "allow-unregistered-dialect",
      "dump-pass-pipeline",
      "list-passes",
      "mlir-elide-elementsattrs-if-larger",
      "mlir-pass-statistics",
      "mlir-print-ir-after",
      "mlir-print-ir-after-all",
      "mlir-print-ir-before",
      "mlir-timing",
      "o",
      "pass-pipeline",
      "show-dialects",
      "split-input-file",
  };
  for (const auto &entry : llvm::cl::getRegisteredOptions()) {
    llvm::cl::Option *option = entry.second;
    if (llvm::is_contained(option->Categories, &category) ||
        llvm::is_contained(option->Categories, &inspectCategory) ||
        llvm::is_contained({"help", "help-hidden", "version"}, entry.first))
      continue;
    if (shown.contains(entry.first))
      option->addCategory(passCategory);
    else if (option->getOptionHiddenFlag() == llvm::cl::NotHidden)
      option->setHiddenFlag(llvm::cl::Hidden);
  }
}

bool DriverOptions::isUsed(llvm::StringRef input) const {
  return llvm::sys::path::extension(input) == ".onnx" ||
         llvm::any_of(llvm::cl::getRegisteredOptions(), [&](auto &entry) {
           return entry.second->getNumOccurrences() &&
                  llvm::is_contained(entry.second->Categories, &category);
         });
}

/// Passes on the command line belong to the other way of use.
static llvm::Error checkNoPasses(MLIRContext &context) {
  PassManager passes(&context);
  if (failed(
          MlirOptMainConfig::createFromCLOptions().setupPassPipeline(passes)))
    return makeError("the pass pipeline cannot be read");
  if (passes.size() == 0)
    return llvm::Error::success();
  return makeError("compiling a model takes no passes; write IR first (-o "
                   "FILE.mlir) and run the passes on that");
}

/// The form of a program, for what is code.
static std::optional<ProgramForm> getProgramForm(EmitKind kind) {
  switch (kind) {
  case EmitKind::LLVM:
    return ProgramForm::LLVM;
  case EmitKind::Assembly:
    return ProgramForm::Assembly;
  case EmitKind::Object:
    return ProgramForm::Object;
  case EmitKind::Shared:
    return ProgramForm::Shared;
  default:
    return std::nullopt;
  }
}

static bool isCode(EmitKind kind) { return getProgramForm(kind).has_value(); }

/// The phase that the artefact asked for is made of.
static llvm::Expected<Phase> lastPhase(const DriverOptions &options) {
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
static llvm::Error checkFlags(StringRef input, const DriverOptions &options,
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
      {options.observer, StringRef(options.quantize).contains("-a8-static"),
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
static llvm::Error checkOutputName(StringRef output, EmitKind kind) {
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

static CompileOptions compileOptions(const DriverOptions &options,
                                     Profile *profile) {
  CompileOptions result;
  result.calibration.data = options.calibrate;
  result.calibration.samples = options.calibrationSamples;
  result.calibration.window = options.calibrationWindow;
  result.calibration.memory = options.calibrationMemory << 20;
  result.calibration.secondMoments = options.secondMoments;
  result.calibration.gradients = options.gradients;
  result.calibration.gradientsOf = options.gradientsOf;
  result.calibration.layers.assign(options.calibrationLayers.begin(),
                                   options.calibrationLayers.end());
  result.statistics = options.statistics;
  result.sequential = options.sequential;
  result.sweeps = options.sweeps;
  if (options.smooth.getNumOccurrences())
    result.smoothing = options.smooth;
  result.observer = options.observer;
  result.outliers = options.outliers;
  result.outlierColumns = options.outlierColumns;
  result.clip = options.clip;
  result.scaleFactors.assign(options.scaleFactors.begin(),
                             options.scaleFactors.end());
  result.rotate = options.rotate;
  result.rotateOnline.assign(options.rotateOnline.begin(),
                             options.rotateOnline.end());
  result.config = options.config;
  result.budget = options.budget;
  result.strategy = options.strategy;
  result.objective = options.objective;
  result.fitDevice = options.fitDevice;
  result.measureSamples = options.measureSamples;
  result.sensitivity = options.sensitivity;
  result.labels = options.labels;
  result.candidates.assign(options.candidates.begin(),
                           options.candidates.end());
  result.method = options.quantize;
  result.scaleSearch = options.scaleSearch;
  result.includeEmbeddings = options.includeEmbeddings;
  result.strict = options.strict;
  // Weights are the same for all CPUs of a list.
  result.cpu = StringRef(options.mcpu).split(',').first.str();
  result.triple = options.mtriple;
  result.parallel = !options.serial;
  result.disabledPatterns.assign(options.disablePatterns.begin(),
                                 options.disablePatterns.end());
  result.profile = profile;
  result.heldOut = options.heldOut;
  result.resume = options.resume;
  // The context is this module's own.
  result.releaseData = true;
  if (options.optimizeForAccuracy) {
    if (!options.strategy.getNumOccurrences())
      result.strategy = "measured";
    setAccuracyPreset(result, options.codes);
  }
  return result;
}

static ProgramOptions programOptions(const DriverOptions &options,
                                     StringRef input) {
  ProgramOptions result;
  result.form = *getProgramForm(options.emit);
  result.name = options.name;
  result.embedWeights = options.embedWeights;
  result.linker = options.linker;
  SmallVector<StringRef> cpus;
  StringRef(options.mcpu)
      .split(cpus, ',', /*MaxSplit=*/-1,
             /*KeepEmpty=*/false);
  result.cpus.assign(cpus.begin(), cpus.end());
  result.input = input.str();
  return result;
}

static llvm::Error writeCode(ModuleOp packed, StringRef input, StringRef output,
                             const DriverOptions &options, Profile *profile) {
  llvm::Expected<ProgramFiles> files =
      writeProgram(packed, output, programOptions(options, input),
                   compileOptions(options, profile));
  if (files && !files->linker.empty())
    llvm::WithColor::remark(llvm::errs(), "quant-opt")
        << "linked by " << files->linker << "\n";
  return files.takeError();
}

llvm::Error lowbit::handleStatistics(StringRef output,
                                     const DriverOptions &options) {
  if (!options.printStatistics.empty()) {
    auto statistics = readStatistics(options.printStatistics);
    if (!statistics)
      return statistics.takeError();
    if (options.json)
      printStatisticsAsJson(*statistics, llvm::outs());
    else
      printStatistics(*statistics, llvm::outs());
    return llvm::Error::success();
  }
  if (output == "-")
    return makeError("merging statistics requires -o FILE, found none");
  std::vector<CalibrationStatistics> parts;
  for (const std::string &file : options.mergeStatistics) {
    auto statistics = readStatistics(file);
    if (!statistics)
      return statistics.takeError();
    parts.push_back(std::move(*statistics));
  }
  auto merged = mergeStatistics(parts);
  if (!merged)
    return merged.takeError();
  return writeStatistics(output, *merged);
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
    if (llvm::Error error = compileModule(module, last, compile))
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

static LoadOptions loadOptions(const DriverOptions &options) {
  LoadOptions load;
  load.recordsSources = true;
  load.dimensions.assign(options.shape.begin(), options.shape.end());
  return load;
}

/// Writes what --emit says.
static llvm::Error writeOutput(ModuleOp module, StringRef input,
                               StringRef output, const DriverOptions &options,
                               Profile *profile) {
  if (isCode(options.emit))
    return writeCode(module, input, output, options, profile);
  Profile::Scope writing(profile, "write");
  if (options.emit == EmitKind::ONNX)
    return exportToONNX(
        module, options.graph.empty() ? input : StringRef(options.graph),
        output, loadOptions(options));
  return saveArtefact(module, output,
                      options.emit == EmitKind::MLIR ? ArtefactFormat::Text
                                                     : ArtefactFormat::Bytecode)
      .takeError();
}

llvm::Expected<bool> lowbit::inspectFiles(llvm::StringRef input,
                                          const DriverOptions &options,
                                          const DialectRegistry &registry) {
  if (options.isUsed(input) || input != "-" ||
      (options.verify.getNumOccurrences() && options.diff.getNumOccurrences()))
    return makeError("--verify FILE and --diff A B stand alone: they take no "
                     "other files, and compile nothing");
  if (options.verify.getNumOccurrences()) {
    llvm::Expected<Verification> result =
        verifyArtefact(options.verify, registry);
    if (!result)
      return result.takeError();
    result->print(llvm::outs(), options.json);
    return result->passed();
  }
  if (options.diff.size() != 2)
    return makeError("--diff takes two models, found " +
                     llvm::Twine(options.diff.size()));
  llvm::Expected<ModelDifference> result =
      diffModels(options.diff[0], options.diff[1], registry, {});
  if (!result)
    return result.takeError();
  result->print(llvm::outs(), options.json);
  return true;
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

static llvm::Error compile(StringRef input, StringRef output,
                           const DriverOptions &options,
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
    if (llvm::Error error = checkOutputName(output, options.emit))
      return error;
  llvm::Expected<Phase> last = lastPhase(options);
  if (!last)
    return last.takeError();
  if (llvm::Error error = checkFlags(input, options, *last))
    return error;
  if (isCode(options.emit) && !onlyAdvises)
    if (llvm::Error error =
            checkProgram(output, programOptions(options, input)))
      return error;
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  printRemarks(context, llvm::errs(), "quant-opt");
  if (llvm::Error error = checkNoPasses(context))
    return error;
  std::optional<Profile::Scope> loading(std::in_place, profile, "load");
  llvm::Expected<OwningOpRef<ModuleOp>> module =
      loadModule(input, context, loadOptions(options));
  loading.reset();
  if (!module)
    return module.takeError();
  if (llvm::Error error = recordRecipe(**module, options))
    return error;
  llvm::Expected<std::optional<Report>> report = compileAndReport(
      **module, onlyCalibrates ? Phase::Raise : std::min(*last, Phase::Pack),
      options, profile);
  if (!report)
    return makeFileError(input, llvm::toString(report.takeError()));
  if (onlyCalibrates)
    return llvm::Error::success();
  if (!onlyAdvises)
    if (llvm::Error error =
            writeOutput(**module, input, output, options, profile))
      return error;
  return *report ? writeReport(**report, options.report)
                 : llvm::Error::success();
}

llvm::Error lowbit::compileFile(StringRef input, StringRef output,
                                const DriverOptions &options,
                                const DialectRegistry &registry) {
  std::optional<Profile> profile;
  if (options.timing)
    profile.emplace();
  if (llvm::Error error = compile(input, output, options, registry,
                                  profile ? &*profile : nullptr))
    return error;
  if (profile)
    profile->print(llvm::errs());
  return llvm::Error::success();
}
