//===- Run.h - What quant-run does ------------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Everything that was asked of the models, and the figures that came out.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_QUANTRUN_RUN_H
#define LOWBIT_TOOLS_QUANTRUN_RUN_H

#include "Options.h"
#include "lowbit/Tools/Evaluation.h"
#include "lowbit/Tools/Model.h"
#include "lowbit/Tools/Report.h"
#include "llvm/Support/raw_ostream.h"

namespace lowbit {

/// Figures of one model as far as they were asked for.
struct RunFigures {
  /// The model's file without folders.
  std::string model;
  std::optional<double> perplexity, referencePerplexity, kl, top1,
      tokensPerSecond, secondsPerRun, speedup, maxError, relativeError,
      accuracy, referenceAccuracy, promptTokensPerSecond, newTokensPerSecond,
      cacheBytes, workspaceBytes, promptBytes;
  double bitsPerWeight = 0.0;
  /// Bytes of all tensors.
  uint64_t sizeBytes = 0;
  uint64_t peakBytes = 0;
  std::optional<std::string> text;
  std::vector<ReportCheck> checks;
  /// What activations reached, if the model counts that.
  std::vector<RangeCount> ranges;
  /// A comparison exceeded its tolerance, or a figure its bound.
  bool failed = false;

  /// One line per figure, or one JSON object.
  void print(llvm::raw_ostream &os, bool json) const;
  /// The same as members of an object that has begun.
  void printMembers(llvm::json::OStream &stream) const;
};

/// Prints the figures of several models next to each other: a table, or a JSON
/// object with a list.
void printTable(llvm::ArrayRef<RunFigures> models, llvm::raw_ostream &os,
                bool json);

/// Whether all files that `options` name can be read and written, and models be
/// quantized as they say, which is known before any model is loaded.
llvm::Error checkFiles(const RunOptions &options);

/// Loads each model and does what `options` asks, in this order: run and
/// compare, perplexity, benchmark, generate, bounds, report. Generated text is
/// streamed to standard output unless figures are JSON. What fails its bound is
/// one line on standard error.
llvm::Expected<std::vector<RunFigures>> runModels(const RunOptions &options);

/// Runs a web module in a browser, prints what that took, and writes outputs.
llvm::Error runWebModule(const RunOptions &options);

/// Continues the prompt by `model`, or where that is null by the model at
/// `path` with a KV cache.
llvm::Error continuePrompt(const RunOptions &options, llvm::StringRef path,
                           Model *model, RunFigures &figures);

} // namespace lowbit

#endif // LOWBIT_TOOLS_QUANTRUN_RUN_H
