//===- Driver.h - model in, artefact out ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTOPT_DRIVER_H
#define LOWBIT_TOOLS_QUANTOPT_DRIVER_H

#include "CalibrationFlags.h"
#include "InspectionFlags.h"
#include "OutputFlags.h"
#include "PrecisionFlags.h"
#include "QuantizingFlags.h"
#include "lowbit/CodeGen/Web/WebFiles.h"
#include "mlir/IR/DialectRegistry.h"
#include "llvm/Support/Error.h"

namespace lowbit {

/// The flags of one-line use. They map to pass options; construct one before
/// the command line is parsed.
struct DriverOptions : QuantizingFlags,
                       CalibrationFlags,
                       PrecisionFlags,
                       OutputFlags,
                       InspectionFlags,
                       TuningFlags {
  llvm::cl::OptionCategory running{
      "Running passes", "Passes are flags: --lowbit-raise, "
                        "--lowbit-quantize=method=int4-g32 and so on"};
  llvm::cl::list<std::string> inputs{llvm::cl::Positional,
                                     llvm::cl::desc("<input file>")};
  llvm::cl::opt<std::string> output{
      "o", llvm::cl::init("-"), llvm::cl::value_desc("file"),
      llvm::cl::desc("What to write (default: IR to standard output)")};

  /// No flags: of a web module with several precisions, the one at hand, the
  /// manifests of those before it, and where the files of all of them go.
  std::string precision;
  std::vector<std::string> shares;
  WebFiles *webFiles = nullptr;
  /// Where to save the quantized model on the way, to be judged; empty for
  /// nowhere.
  std::string quantizedCopy;
  /// What the file of --tuning says, once `readMachine` has read it.
  MachineTuning machine;

  /// Leaves in `--help` what this tool and running passes need; the hundreds of
  /// options of MLIR's passes and LLVM's back ends stay in `--help-hidden`.
  /// Call it when all are registered, before the command line is parsed.
  void hideForeignOptions();
  /// An error where there are several inputs, or -o or one of the options above
  /// that is no list is given more than once.
  llvm::Error checkOccurrences() const;
  /// The file to read; without one standard input, as passes can.
  llvm::StringRef input() const {
    return inputs.empty() ? llvm::StringRef("-") : inputs.front();
  }
  /// An error where, beside `flag`, another option than its `companions` is
  /// given, or a file to read that isn't among them as `kInputName`.
  llvm::Error checkAlone(llvm::StringRef flag,
                         llvm::ArrayRef<llvm::StringRef> companions) const;
  static constexpr llvm::StringLiteral kInputName = "<input file>";
  /// How many options of compiling are given.
  size_t countCompiling() const;
  /// Whether the command line asks for compiling rather than for passes.
  bool isUsed(llvm::StringRef input, llvm::StringRef output = "-") const;
  /// Whether it asks for looking at files.
  bool inspects() const {
    return verify.getNumOccurrences() || diff.getNumOccurrences();
  }
  /// Whether it asks for showing or merging statistics.
  bool isAboutStatistics() const {
    return printStatistics.getNumOccurrences() ||
           mergeStatistics.getNumOccurrences();
  }
  /// Whether it asks for measuring the machine, or how that is written.
  bool isAboutTuning() const { return tune || printTuningSchema; }
  /// The text above the options in `--help`.
  static llvm::StringRef help();
};

/// What `--print-statistics` and `--merge-statistics` ask for.
llvm::Error handleStatistics(llvm::StringRef input, llvm::StringRef output,
                             const DriverOptions &options);

/// What `--weight-statistics` asks for: no data, and nothing is written.
llvm::Error showWeightStatistics(llvm::StringRef input,
                                 const DriverOptions &options,
                                 const mlir::DialectRegistry &registry);

/// What `--tune` and `--print-tuning-schema` ask for.
llvm::Error handleTuning(llvm::StringRef input, llvm::StringRef output,
                         const DriverOptions &options,
                         const mlir::DialectRegistry &registry);

/// Reads the file of --tuning, if there is one; remarks if it is of another
/// processor than those that code is for.
llvm::Error readMachine(DriverOptions &options);

/// What `--print-targets` asks for.
llvm::Error showTargets(const DriverOptions &options);

/// Does what --verify or --diff asks. False if what was verified has failed.
llvm::Expected<bool> inspectFiles(llvm::StringRef input,
                                  const DriverOptions &options,
                                  const mlir::DialectRegistry &registry);

/// Compiles the model at `input` and writes the artefact `output`, in the form
/// that --emit says, or else its extension. Nothing is left behind on an error.
llvm::Error compileFile(llvm::StringRef input, llvm::StringRef output,
                        DriverOptions &options,
                        const mlir::DialectRegistry &registry);

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTOPT_DRIVER_H
