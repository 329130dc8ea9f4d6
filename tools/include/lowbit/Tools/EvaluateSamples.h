//===- EvaluateSamples.h - a model on samples of any kind -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_EVALUATESAMPLES_H
#define LOWBIT_TOOLS_EVALUATESAMPLES_H

#include "lowbit/Tools/SampleScores.h"

namespace lowbit {

/// What a model is run on.
struct SampleOptions {
  /// Samples and their labels, as for calibration; labels may be absent.
  std::string data, labels;
  /// Tokens of a sample of a token file.
  uint64_t window = 256;
  /// At most this many samples, from the beginning; 0 for all.
  uint64_t samples = 0;
};

/// How a model did on samples.
struct SampleEvaluation {
  SampleScores scores;
  bool isTokenModel = false;
  uint64_t samples = 0;
  /// Median seconds of a run; 0 for the reference without one.
  double seconds = 0.0, referenceSeconds = 0.0;
};

/// Runs `model` on samples and compares it with `reference`, which may be null:
/// then it agrees with itself, and labels alone say anything.
llvm::Expected<SampleEvaluation> evaluateSamples(Model &model, Model *reference,
                                                 const SampleOptions &options);

} // namespace lowbit

#endif // LOWBIT_TOOLS_EVALUATESAMPLES_H
