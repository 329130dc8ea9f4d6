//===- InspectionFlags.h - looking at files and machines --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTOPT_INSPECTIONFLAGS_H
#define LOWBIT_TOOLS_QUANTOPT_INSPECTIONFLAGS_H

#include "lowbit/Tools/Flags.h"

namespace lowbit {

/// What files and float weights are like.
struct InspectionFlags {
  llvm::cl::OptionCategory inspecting{"Looking at what was written"};
  llvm::cl::opt<std::string> verify{
      "verify", llvm::cl::cat(inspecting), llvm::cl::value_desc("file"),
      llvm::cl::desc("Check an artefact or program: form, checksums, "
                     "parameters, provenance")};
  llvm::cl::list<std::string> diff{
      "diff", llvm::cl::cat(inspecting), llvm::cl::multi_val(2),
      llvm::cl::value_desc("a> <b"),
      llvm::cl::desc("Compare two models weight by weight: encodings, sizes, "
                     "and the error of the second against the first")};
  Flag<bool> weightStatistics{
      "weight-statistics", llvm::cl::cat(inspecting),
      llvm::cl::desc("Show what the float weights of a model are like: "
                     "distribution, entropy, outliers, and what each of "
                     "--candidates would cost")};
  Flag<bool> json{
      "json", llvm::cl::cat(inspecting),
      llvm::cl::desc(
          "With --verify, --diff, --print-statistics, --print-targets "
          "and --weight-statistics: print JSON")};
};

/// How fast this machine is, and with which choices.
struct TuningFlags {
  llvm::cl::OptionCategory measuring{"Measuring this machine"};
  Flag<bool> tune{
      "tune", llvm::cl::cat(measuring),
      llvm::cl::desc("Measure this machine, and which tile sizes and other "
                     "choices of CPU code are fastest on it, to -o FILE.json "
                     "for --tuning; with a model, on its layers")};
  Flag<double> tuneSeconds{
      "tune-seconds", llvm::cl::cat(measuring), llvm::cl::init(60),
      llvm::cl::value_desc("s"),
      llvm::cl::desc("Time after which the rest is left to the cost model")};
  llvm::cl::list<std::string> tuneChoices{
      "tune-choices", llvm::cl::cat(measuring), llvm::cl::CommaSeparated,
      llvm::cl::value_desc("names"),
      llvm::cl::desc("Measure these choices alone, and constants")};
  Flag<bool> printTuningSchema{
      "print-tuning-schema", llvm::cl::cat(measuring),
      llvm::cl::desc("Print the JSON Schema of such files")};
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTOPT_INSPECTIONFLAGS_H
