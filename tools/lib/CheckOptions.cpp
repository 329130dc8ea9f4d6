//===- CheckOptions.cpp - what is wrong, before work begins ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calibrating and quantizing take minutes to hours. What the options alone
// show to be wrong is said before: texts that nobody can read, files that
// aren't there or can't be written. Who owns a text reads it here, too; options
// of passes are checked by these passes, on a module without layers.
//
//===----------------------------------------------------------------------===//

#include "DeviceMemory.h"
#include "QuantizePhase.h"
#include "Sensitivity.h"
#include "lowbit/CodeGen/CPU/CPUTables.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/CalibrationData.h"
#include "lowbit/Tools/Compiler.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Json.h"
#include "lowbit/Tools/MappedFile.h"
#include "lowbit/Tools/Npy.h"
#include "lowbit/Tools/PrecisionSearch.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/PrecisionAssignment.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace lowbit;
namespace fs = llvm::sys::fs;

//===----------------------------------------------------------------------===//
// Texts
//===----------------------------------------------------------------------===//

static llvm::Error checkMethods(const CompileOptions &options,
                                mlir::MLIRContext &context) {
  std::vector<std::string> methods = {options.method};
  llvm::append_range(methods, options.candidates);
  llvm::append_range(methods, options.tuneMethods);
  for (const std::string &method : methods)
    if (llvm::Error error = checkQuantizationMethod(method, &context))
      return error;
  return llvm::Error::success();
}

llvm::Error lowbit::checkObjective(const PrecisionBudget &budget,
                                   const CompileOptions &options) {
  bool isTime = options.objective == "latency";
  if (!isTime && options.objective != "size")
    return makeError("--objective requires size or latency, found '" +
                     options.objective + "'");
  bool fits = !options.fitDevice.empty();
  if (isTime ? budget.hasSize() || fits : budget.latency.has_value())
    return makeError(
        "--objective=" + options.objective + " requires a budget of " +
        (isTime ? "latency=N ms, accuracy=SHARE or kl=NATS"
                : "bpw=N, bytes=N, reduction=N%, accuracy=SHARE "
                  "or kl=NATS") +
        ", found '" + (fits ? options.fitDevice : options.budget) + "'");
  return llvm::Error::success();
}

static llvm::Error checkBudget(const CompileOptions &options,
                               mlir::ModuleOp empty) {
  PrecisionBudget budget;
  if (!options.budget.empty()) {
    auto parsed = PrecisionBudget::parse(options.budget);
    if (!parsed)
      return makeError("--budget: " + llvm::toString(parsed.takeError()));
    budget = *parsed;
  }
  if (!options.fitDevice.empty())
    if (llvm::Error error = DeviceLimits::parse(options.fitDevice).takeError())
      return error;
  if (llvm::Error error = checkObjective(budget, options))
    return error;
  if (!searches(options) || options.spendsOnRates)
    return llvm::Error::success();
  bool isMeasured = options.strategy == "measured";
  if (!isMeasured)
    if (llvm::Error error =
            createPrecisionStrategy(options.strategy, empty).takeError())
      return makeError("--strategy: " + llvm::toString(std::move(error)) +
                       "; measured is another");
  bool needsSamples =
      isMeasured || budget.hasFloor() || !options.fitDevice.empty();
  if (needsSamples && options.calibration.data.empty())
    return makeError("the strategy measured, floors on accuracy and "
                     "divergence, and fitting a device require samples to run "
                     "the model on: --calibrate=FILE");
  return llvm::Error::success();
}

/// Runs the passes whose options may be wrong on a module that has no layers.
static llvm::Error checkPasses(const CompileOptions &options,
                               mlir::ModuleOp empty) {
  DiagnosticText errors(*empty.getContext());
  mlir::PassManager manager(empty.getContext());
  if (options.smoothing) {
    SmoothInputsPassOptions smooth;
    smooth.strength = *options.smoothing;
    if (!options.smoothObserver.empty())
      smooth.observer = options.smoothObserver;
    manager.addPass(createSmoothInputsPass(smooth));
  }
  if (!options.observer.empty()) {
    QuantizeInputsPassOptions inputs;
    inputs.observer = options.observer;
    manager.addPass(createQuantizeInputsPass(inputs));
  }
  // By importance is what needs statistics, and nobody else can ask for it.
  if (!options.scaleSearch.empty() && options.scaleSearch != "importance") {
    QuantizeWeightsPassOptions weights;
    weights.method = splitQuantizationMethod(options.method).rounding;
    weights.scaleSearch = options.scaleSearch;
    manager.addPass(createQuantizeWeightsPass(weights));
  }
  return mlir::failed(manager.run(empty))
             ? errors.takeError("an option cannot be understood")
             : llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

static llvm::Error checkInputFiles(const CompileOptions &options) {
  llvm::StringRef data = options.calibration.data;
  llvm::StringRef extension = llvm::sys::path::extension(data);
  if (!data.empty() && extension != ".bin" && extension != ".npy" &&
      extension != ".npz")
    return makeFileError(data, "calibration data must be a .bin, .npy or .npz "
                               "file");
  if (!data.empty())
    if (llvm::Error error = checkReadable(data))
      return error;
  // Else it is written.
  if (data.empty() || fs::exists(options.statistics))
    if (!options.statistics.empty())
      if (llvm::Error error = readStatistics(options.statistics).takeError())
        return error;
  if (!options.config.empty())
    if (llvm::Error error = readJson(options.config).takeError())
      return error;
  if (!options.labels.empty())
    if (llvm::Error error = readNpy(options.labels).takeError())
      return error;
  if (fs::exists(options.sensitivity))
    return readSensitivity(options.sensitivity).takeError();
  return llvm::Error::success();
}

static llvm::Error checkOutputFiles(const CompileOptions &options) {
  if (!options.calibration.data.empty() && !options.statistics.empty() &&
      !fs::exists(options.statistics))
    if (llvm::Error error = AtomicOutput::check(options.statistics))
      return error;
  if (!options.sensitivity.empty())
    if (llvm::Error error = AtomicOutput::check(options.sensitivity))
      return error;
  if (options.resume.empty())
    return llvm::Error::success();
  std::error_code error = fs::create_directories(options.resume);
  if (!error && !fs::is_directory(options.resume))
    error = std::make_error_code(std::errc::not_a_directory);
  if (error)
    return makeFileError(options.resume,
                         "requires a folder that can be made, or is there: " +
                             error.message());
  llvm::SmallString<128> inside(options.resume);
  llvm::sys::path::append(inside, "group-0.mlirbc");
  return AtomicOutput::check(inside);
}

llvm::Error lowbit::checkOptions(const CompileOptions &options,
                                 mlir::MLIRContext &context) {
  mlir::OwningOpRef<mlir::ModuleOp> empty =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  if (llvm::Error error = checkMethods(options, context))
    return error;
  if (llvm::Error error = checkBudget(options, *empty))
    return error;
  if (llvm::Error error = checkPasses(options, *empty))
    return error;
  if (llvm::Error error =
          findCPUDescription(options.cpu, options.triple).takeError())
    return error;
  if (llvm::Error error = checkInputFiles(options))
    return error;
  return checkOutputFiles(options);
}

//===----------------------------------------------------------------------===//
// Beside a model
//===----------------------------------------------------------------------===//

/// Rules are applied to a copy, and whatever they say of it is said later.
static llvm::Error checkRules(mlir::ModuleOp raised,
                              const CompileOptions &options) {
  if (options.rules.empty() && options.config.empty())
    return llvm::Error::success();
  DiagnosticText errors(*raised.getContext());
  mlir::OwningOpRef<mlir::ModuleOp> copy = raised.clone();
  return mlir::failed(
             PrecisionProblem::create(*copy, options.rules, options.config,
                                      options.candidates, searches(options)))
             ? errors.takeError("rules cannot be applied")
             : llvm::Error::success();
}

llvm::Error lowbit::checkModel(mlir::ModuleOp raised,
                               const CompileOptions &options) {
  if (llvm::Error error = checkRules(raised, options))
    return error;
  if (options.sequential && !getScaleFactors(options).empty())
    return makeError("factors of scales require rounding to nearest, found "
                     "sequential calibration");
  // With statistics at hand, samples may not be run at all.
  bool runs = options.sequential || searches(options) ||
              !fs::exists(options.statistics);
  if (options.calibration.data.empty() || !runs)
    return llvm::Error::success();
  auto samples = readSamples(raised, options.calibration);
  if (!samples)
    return samples.takeError();
  uint64_t count = samples->size();
  if (options.heldOut >= count)
    return makeFileError(options.calibration.data,
                         "requires more samples than are held out, found " +
                             llvm::Twine(count) + " of which " +
                             llvm::Twine(options.heldOut) + " are held out");
  if (options.labels.empty())
    return llvm::Error::success();
  return SampleLabels::read(options.labels, count).takeError();
}
