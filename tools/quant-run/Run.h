//===- Run.h - What quant-run does ------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything that was asked of one loaded model, and its report.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTRUN_RUN_H
#define LOWBIT_TOOLS_QUANTRUN_RUN_H

#include "Options.h"
#include "llvm/Support/raw_ostream.h"

namespace lowbit {

/// Figures as far as they were asked for. `print` names each one.
struct RunReport {
  std::optional<double> perplexity, kl, top1, tokensPerSecond, secondsPerRun,
      maxError;
  double bitsPerWeight = 0.0;
  uint64_t peakBytes = 0;
  std::optional<std::string> text;
  /// A comparison exceeded the tolerance.
  bool failed = false;

  /// One line per figure, or one JSON object.
  void print(llvm::raw_ostream &os, bool json) const;
};

/// Loads the model and does what `options` asks, in this order: run and
/// compare, perplexity, benchmark, generate. Generated text is streamed to
/// standard output unless the report is JSON.
llvm::Expected<RunReport> runModel(const RunOptions &options);

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTRUN_RUN_H
