//===- SampleScores.h - how far outputs are from others ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sample by sample: the divergence of distributions over tokens, or the
// relative error of outputs of any other kind; how often both prefer the same
// class; and, where labels are known, how often that is the right one. Sums are
// in double and in the order of rows, so they don't depend on threads.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_SAMPLESCORES_H
#define LOWBIT_TOOLS_SAMPLESCORES_H

#include "lowbit/Tools/Model.h"
#include <optional>

namespace lowbit {

/// Whether a model takes tokens [1, T] and gives logits [1, T, V].
bool isTokenModel(llvm::ArrayRef<TensorSpec> inputs,
                  llvm::ArrayRef<TensorSpec> outputs);

/// The right class of each row of a model's first output, sample by sample.
class SampleLabels {
public:
  /// Reads integers, an .npy file, of which each sample has as many.
  static llvm::Expected<SampleLabels> read(llvm::StringRef path,
                                           uint64_t samples);

  llvm::ArrayRef<int64_t> getSample(uint64_t index) const {
    return llvm::ArrayRef(labels).slice(index * perSample, perSample);
  }

private:
  std::vector<int64_t> labels;
  uint64_t perSample = 0;
};

/// Figures over some samples.
struct SampleScores {
  /// Mean KL(reference || model) per row in nats, or the mean relative squared
  /// error of outputs; the same of each sample, in order.
  double loss = 0.0;
  std::vector<double> losses;
  /// Share of rows of the first output where both prefer the same class.
  double agreement = 0.0;
  /// Share of rows where the model, and the reference, prefer the right class.
  std::optional<double> accuracy, referenceAccuracy;

  /// What a floor on accuracy is compared with.
  double getAccuracy() const { return accuracy.value_or(agreement); }
};

/// Adds up scores.
class SampleScorer {
public:
  /// `labels` may be null; it must outlive the scorer.
  SampleScorer(bool isTokenModel, const SampleLabels *labels)
      : isTokenModel(isTokenModel), labels(labels) {}

  /// Compares the outputs for sample `index`. Other shapes, labels that are not
  /// as many as rows or no classes, and outputs that aren't finite are errors.
  llvm::Error add(uint64_t index, llvm::ArrayRef<HostTensor> outputs,
                  llvm::ArrayRef<HostTensor> reference);

  SampleScores getScores() const;

private:
  llvm::Error addClasses(uint64_t index, const HostTensor &output,
                         const HostTensor &reference);

  bool isTokenModel;
  const SampleLabels *labels;
  std::vector<double> losses;
  uint64_t rows = 0, equal = 0, right = 0, referenceRight = 0;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_SAMPLESCORES_H
