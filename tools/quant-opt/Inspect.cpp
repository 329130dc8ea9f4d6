//===- Inspect.cpp - looking at files that are there ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include "lowbit/Tools/AtomicOutput.h"
#include "lowbit/Tools/Calibration.h"
#include "lowbit/Tools/CompareArtefacts.h"
#include "lowbit/Tools/CompareStatistics.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Targets.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace lowbit;

static llvm::Error mergeFiles(StringRef output, const DriverOptions &options) {
  if (output == "-")
    return makeError("merging statistics requires -o FILE, found none");
  if (llvm::Error error = AtomicOutput::check(output))
    return error;
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

llvm::Error lowbit::handleStatistics(StringRef input, StringRef output,
                                     const DriverOptions &options) {
  bool prints = options.printStatistics.getNumOccurrences();
  bool merges = options.mergeStatistics.getNumOccurrences();
  if (options.countCompiling() > 1 || input != "-" ||
      (merges && options.json) || (prints && output != "-"))
    return makeError("--print-statistics=FILE (with --json) and "
                     "--merge-statistics=FILES (with -o) stand alone: they "
                     "take no model, and compile nothing");
  if (merges) {
    if (llvm::Error error = options.checkAlone("merge-statistics", {"o"}))
      return error;
    return mergeFiles(output, options);
  }
  if (llvm::Error error = options.checkAlone("print-statistics", {"json"}))
    return error;
  auto statistics = readStatistics(options.printStatistics);
  if (!statistics)
    return statistics.takeError();
  if (options.json)
    printStatisticsAsJson(*statistics, llvm::outs());
  else
    printStatistics(*statistics, llvm::outs());
  return llvm::Error::success();
}

/// Whether the file is one of statistics, by what its header says.
static bool isStatisticsFile(const std::string &file) {
  auto contents = llvm::MemoryBuffer::getFile(file, /*IsText=*/false,
                                              /*RequiresNullTerminator=*/false);
  return contents && (*contents)->getBuffer().take_front(1 << 20).contains(
                         "\"lowbit.statistics ");
}

/// Statistics may be compared, too: those of calibration first.
static llvm::Error diffStatistics(const DriverOptions &options) {
  auto before = readStatistics(options.diff[0]);
  if (!before)
    return before.takeError();
  auto after = readStatistics(options.diff[1]);
  if (!after)
    return after.takeError();
  auto drift = compareStatistics(*before, *after);
  if (!drift)
    return drift.takeError();
  printDrift(*drift, options.json, llvm::outs());
  return llvm::Error::success();
}

llvm::Expected<bool> lowbit::inspectFiles(llvm::StringRef input,
                                          const DriverOptions &options,
                                          const DialectRegistry &registry) {
  if (options.isUsed(input) || input != "-" ||
      (options.verify.getNumOccurrences() && options.diff.getNumOccurrences()))
    return makeError("--verify FILE and --diff A B stand alone: they take no "
                     "other files, and compile nothing");
  bool verifies = options.verify.getNumOccurrences();
  if (llvm::Error error =
          options.checkAlone(verifies ? "verify" : "diff", {"json"}))
    return std::move(error);
  if (verifies) {
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
  if (llvm::any_of(options.diff, isStatisticsFile)) {
    if (llvm::Error error = diffStatistics(options))
      return std::move(error);
    return true;
  }
  llvm::Expected<ModelDifference> result =
      diffModels(options.diff[0], options.diff[1], registry, {});
  if (!result)
    return result.takeError();
  result->print(llvm::outs(), options.json);
  return true;
}

llvm::Error lowbit::showTargets(const DriverOptions &options) {
  if (llvm::Error error =
          options.checkAlone("print-targets", {"mcpu", "mtriple", "json"}))
    return error;
  llvm::Expected<MachineDescription> machine =
      describeMachine(options.mcpu, options.mtriple);
  if (!machine)
    return machine.takeError();
  printTargets(*machine, llvm::outs(), options.json);
  return llvm::Error::success();
}
