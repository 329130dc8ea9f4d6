//===- Inspect.cpp - looking at files that are there ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include "lowbit/Tools/Calibration.h"
#include "lowbit/Tools/CompareArtefacts.h"
#include "lowbit/Tools/Errors.h"

using namespace mlir;
using namespace lowbit;

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
