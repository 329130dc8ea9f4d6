//===- Feedback.h - rounding that makes up for its errors -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Quantizes a layer's weights so that its *output* is close: columns are
// rounded one after the other, and the columns that follow take up what the
// error of those before does to the output (GPTQ: Frantar et al., 2022). Then,
// if asked for, sweeps over the result: each group's parameters are refitted
// and each code rounded again with everything else as it is, which can only
// lower the error.
//
// A row never depends on another one, so rows may be quantized in any division
// and at the same time; the bytes are the same, on every machine.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_FEEDBACK_H
#define LOWBIT_NUMERICS_FEEDBACK_H

#include "lowbit/Numerics/FactoredHessian.h"
#include "lowbit/Numerics/Quantizer.h"

namespace lowbit::numerics {

/// The order in which columns are rounded.
enum class ColumnOrder : uint8_t {
  /// As stored. A group's parameters are chosen when its first column is due,
  /// from what feedback has made of its weights.
  Natural,
  /// By falling diagonal of H (act-order), stored in natural order: parameters
  /// are chosen before the first column is rounded.
  ByDiagonal,
  /// By falling diagonal, and stored in that order: for encodings with a
  /// permutation, whose groups are runs of it.
  Permuted,
};

/// How the error of a column counts when parameters are chosen.
enum class ColumnImportance : uint8_t {
  Equal,
  /// The diagonal of H: errors that nothing makes up for.
  Diagonal,
  /// The pivots of H: errors that no later column can make up for.
  Pivots,
};

struct FeedbackOptions {
  ScaleSearch search = ScaleSearch::MeanSquaredError;
  ColumnImportance importance = ColumnImportance::Diagonal;
  ColumnOrder order = ColumnOrder::ByDiagonal;
  /// Added to the diagonal of H, as a share of its mean.
  double damping = 0.01;
  /// Passes over the finished codes.
  int sweeps = 0;
};

/// What quantizing a layer needs besides its weights; made once, read by all
/// rows.
class FeedbackPlan {
public:
  /// `hessian` [columns, columns] is E[x^T x] of the layer's input. Fails on
  /// encodings that checkEncoding or rounding to the nearest code refuses, on a
  /// permuted order for one scale per tensor, and where FactoredHessian fails.
  static Status make(const float *hessian, int64_t columns,
                     const Encoding &encoding, const FeedbackOptions &options,
                     FeedbackPlan &result);

  const FeedbackOptions &options() const { return settings; }
  const FactoredHessian &factors() const { return factored; }
  /// order()[i] is the i-th column to be rounded.
  const std::vector<int32_t> &order() const { return columnOrder; }
  /// permutation()[k] is where the code of column k is stored; empty where that
  /// is k.
  const std::vector<int32_t> &permutation() const { return storedAt; }
  /// What an error costs, by column in natural order; null for Equal.
  const float *importance() const {
    return weights.empty() ? nullptr : weights.data();
  }
  /// H + damping in the order of rounding, each row stride() long; for sweeps.
  const float *dampedRow(int64_t i) const {
    return damped.data() + i * factored.stride();
  }

private:
  FeedbackOptions settings;
  FactoredHessian factored;
  std::vector<int32_t> columnOrder, storedAt;
  std::vector<float> weights, damped;
};

/// Quantizes rows [firstRow, endRow) of `matrix`, which has been reset to
/// encoding and shape; `weights` are those of the first of them, in natural
/// order. With one scale per tensor, `matrix` must hold it already.
Status quantizeRowsWithFeedback(const float *weights, int64_t firstRow,
                                int64_t endRow, const FeedbackPlan &plan,
                                QuantizedMatrix &matrix);

/// All rows, on `threads` threads, and the tensor's scale where there is one.
/// `permutation` receives that of the plan.
Status quantizeWithFeedback(const float *weights, int64_t rows, int64_t columns,
                            const Encoding &encoding, const float *hessian,
                            const FeedbackOptions &options, unsigned threads,
                            QuantizedMatrix &result,
                            std::vector<int32_t> &permutation);

/// The mean squared error of a layer's output, tr(E H E^T) for E the difference
/// of `weights` and `values` [rows, columns].
double outputError(const float *weights, const float *values, int64_t rows,
                   int64_t columns, const float *hessian);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_FEEDBACK_H
