//===- Tune.cpp - measuring the machine -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "Driver.h"
#include "Settings.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/TuneMachine.h"
#include "lowbit/Transforms/LayerNames.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/WithColor.h"
#include <cstdlib>
#include <thread>
#include <unistd.h>

using namespace mlir;
using namespace lowbit;

static void showProgress(StringRef what, double share) {
  llvm::errs() << llvm::formatv("\rmeasuring: {0,3} %, {1}\x1b[K",
                                int(100 * share), what);
}

/// What each choice was found to be, and how the others did.
static void printChoices(const MachineTuning &tuning) {
  CPUTuning derived = chooseTuning(tuning.constants, tuning.name.cpu);
  for (const TuningEvidence &evidence : tuning.evidence)
    for (const TuningChoice &choice : getTuningChoices()) {
      if (choice.name != evidence.choice)
        continue;
      int64_t chosen = tuning.choices.*choice.value;
      llvm::outs() << choice.name << ": " << chosen
                   << (chosen == derived.*choice.value ? ", as the cost model"
                                                       : "")
                   << " (";
      llvm::interleaveComma(evidence.times, llvm::outs(), [](auto &time) {
        llvm::outs() << llvm::formatv("{0}: {1:f3}", time.first, time.second);
      });
      llvm::outs() << ")\n";
    }
}

/// Runs in turns are fair on a busy machine, but what is measured once isn't.
static void remarkIfBusy() {
  double load = 0;
  unsigned processors = std::max(1u, std::thread::hardware_concurrency());
  if (::getloadavg(&load, 1) == 1 && load > processors)
    llvm::WithColor::remark(llvm::errs(), "quant-opt")
        << llvm::formatv("other programs want the processors (load {0:f1} on "
                         "{1}): constants, and what is about threads, may be "
                         "worse than the machine\n",
                         load, processors);
}

/// The model in the form whose layers are measured; null without one.
static llvm::Expected<OwningOpRef<ModuleOp>>
loadPacked(StringRef input, MLIRContext &context,
           const DriverOptions &options) {
  if (input == "-")
    return OwningOpRef<ModuleOp>();
  auto module = loadModule(input, context, loadOptions(options));
  if (!module)
    return module.takeError();
  if (llvm::Error error = compileModule(**module, Phase::Pack,
                                        compileOptions(options, nullptr)))
    return makeFileError(input, llvm::toString(std::move(error)));
  return std::move(*module);
}

static llvm::Error measure(StringRef input, StringRef output,
                           const DriverOptions &options,
                           const DialectRegistry &registry) {
  if (output == "-")
    return makeError("--tune requires -o FILE.json, which the measurements are "
                     "written to");
  if (options.mcpu.getNumOccurrences() || options.mtriple.getNumOccurrences())
    return makeError("--tune measures the processor that it runs on: leave "
                     "--mcpu and --mtriple out");
  if (options.tuneSeconds <= 0)
    return makeError(
        "--tune-seconds requires a number above 0, found " +
        llvm::formatv("{0}", options.tuneSeconds.getValue()).str());
  std::vector<std::string> known = getMeasuredChoices();
  for (const std::string &name : options.tuneChoices)
    if (!llvm::is_contained(known, name))
      return makeError("--tune-choices: unknown choice '" + name +
                       "'; the nearest are " + describeNearest(name, known));
  if (llvm::Error error = AtomicOutput::check(output))
    return error;
  MLIRContext context(registry);
  context.printOpOnDiagnostic(false);
  context.loadAllAvailableDialects();
  printRemarks(context, llvm::errs(), "quant-opt");
  if (llvm::Error error = checkNoPasses(context))
    return error;
  auto model = loadPacked(input, context, options);
  if (!model)
    return model.takeError();
  TuneOptions tune;
  tune.seconds = options.tuneSeconds;
  tune.choices.assign(options.tuneChoices.begin(), options.tuneChoices.end());
  tune.model = **model;
  remarkIfBusy();
  bool shows = ::isatty(STDERR_FILENO);
  if (shows)
    tune.progress = showProgress;
  auto result = tuneMachine(context, tune);
  if (shows)
    llvm::errs() << "\r\x1b[K";
  if (!result)
    return result.takeError();
  auto file = AtomicOutput::create(output);
  if (!file)
    return file.takeError();
  printTuning(result->tuning, file->os());
  if (llvm::Error error = file->commit())
    return error;
  printChoices(result->tuning);
  if (!result->skipped.empty())
    llvm::WithColor::remark(llvm::errs(), "quant-opt")
        << "there was no time for " << llvm::join(result->skipped, ", ")
        << ", which stay as the cost model and the defaults have them; "
           "--tune-seconds gives more\n";
  return llvm::Error::success();
}

llvm::Error lowbit::handleTuning(StringRef input, StringRef output,
                                 const DriverOptions &options,
                                 const DialectRegistry &registry) {
  if (!options.printTuningSchema)
    return measure(input, output, options, registry);
  if (llvm::Error error = options.checkAlone("print-tuning-schema", {}))
    return error;
  printTuningSchema(llvm::outs());
  return llvm::Error::success();
}

llvm::Error lowbit::readMachine(DriverOptions &options) {
  if (options.tuning.empty())
    return llvm::Error::success();
  auto tuning = readTuning(options.tuning);
  if (!tuning)
    return tuning.takeError();
  if (llvm::Error error = checkTuning(*tuning, options.tuning, options.mtriple))
    return error;
  SmallVector<StringRef> cpus;
  StringRef(options.mcpu).split(cpus, ',');
  for (StringRef cpu : cpus)
    if (std::string other = describeOtherCPU(*tuning, cpu); !other.empty())
      llvm::WithColor::remark(llvm::errs(), "quant-opt")
          << options.tuning << ": " << other << "\n";
  options.machine = std::move(*tuning);
  return llvm::Error::success();
}
