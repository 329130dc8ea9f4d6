//===- Evaluation.h - What a model's precision costs and gains --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Perplexity says how well a model predicts held-out text; the divergence from
// the float model says how much quantization changed it, with far less noise.
// All sums are in double and in a fixed order, so that the figures of two runs
// are equal to the last digit.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_EVALUATION_H
#define LOWBIT_TOOLS_EVALUATION_H

#include "lowbit/Tools/Model.h"

namespace lowbit {

/// Which part of a text is scored, and how.
struct EvaluationOptions {
  /// Tokens are cut into consecutive windows of this many inputs; the targets
  /// are the same shifted by one, so the last target of a window is the first
  /// input of the next. No state is carried over, and every target counts. A
  /// rest shorter than a window (and its last target) is left out.
  size_t window = 256;
  /// At most this many windows, from the start of the text; 0 for all.
  size_t maxWindows = 0;
  /// Shows progress on standard error if that is a terminal.
  bool progress = true;
};

/// Scores of one window.
struct WindowScore {
  /// Mean negative log likelihoods of the model and the reference, and mean
  /// divergence, per target in nats.
  double loss = 0.0, referenceLoss = 0.0, divergence = 0.0;
};

/// Scores over all targets.
struct Evaluation {
  size_t targets = 0;
  /// Mean negative log likelihood of the targets, in nats.
  double meanLoss = 0.0;
  /// exp(meanLoss).
  double perplexity = 0.0;
  /// Mean KL(reference || model) per target in nats; 0 without a reference.
  double divergence = 0.0;
  /// Share of targets where both models prefer the same token.
  double top1Agreement = 0.0;
  /// Targets divided by the time spent inside `model`.
  double tokensPerSecond = 0.0;
  /// exp of the reference's mean loss; 0 without a reference.
  double referencePerplexity = 0.0;
  /// Targets divided by the time spent inside the reference.
  double referenceTokensPerSecond = 0.0;
  /// In the order of the text.
  std::vector<WindowScore> windows;
  /// KL(reference || model) of each target in nats, in the order of the text;
  /// empty without a reference.
  std::vector<double> divergences;
};

/// Scores `model` on `tokens`, next to `reference` unless that is null. Fewer
/// tokens than one window needs, and tokens beyond the vocabulary, are errors.
llvm::Expected<Evaluation> evaluate(Model &model, Model *reference,
                                    llvm::ArrayRef<uint16_t> tokens,
                                    const EvaluationOptions &options);

/// log softmax of `logits`, in double.
void computeLogProbabilities(llvm::ArrayRef<float> logits,
                             llvm::SmallVectorImpl<double> &result);

/// Sum of p (log p - log q) over a distribution p and a model q of it.
double computeDivergence(llvm::ArrayRef<double> logP,
                         llvm::ArrayRef<double> logQ);

/// Times repeated runs on the same inputs.
struct Benchmark {
  unsigned runs = 0;
  double medianSeconds = 0.0;
  double minSeconds = 0.0;
};

/// Runs once to warm up, then until `seconds` are over and at least five times.
llvm::Expected<Benchmark> benchmark(Model &model,
                                    llvm::ArrayRef<HostTensor> inputs,
                                    double seconds = 1.0);

/// Largest resident size of this process so far, in bytes; mapped files count
/// as far as they were touched.
uint64_t getPeakMemory();

} // namespace lowbit

#endif // LOWBIT_TOOLS_EVALUATION_H
