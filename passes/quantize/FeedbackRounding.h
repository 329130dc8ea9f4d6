//===- FeedbackRounding.h - plans of rounding with feedback -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_QUANTIZE_FEEDBACKROUNDING_H
#define LOWBIT_QUANTIZE_FEEDBACKROUNDING_H

#include "lowbit/Numerics/Feedback.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/LayerStatistics.h"

namespace lowbit {

/// The second moment of what `user` reads, [columns, columns] of its weight.
/// Fails, with a diagnostic, if the layer has none, or one of another size.
mlir::FailureOr<std::vector<float>>
readSecondMoment(mlir::Operation *user, const ConstantMatrix &matrix,
                 const LayerStatistics &statistics);

/// Makes the plan of a layer from its statistics. Layers that share an input
/// follow each other, and share the plan: the last one is kept.
class FeedbackRounding {
public:
  FeedbackRounding() = default;
  FeedbackRounding(LayerStatistics statistics, int64_t sweeps, double damping)
      : statistics(std::move(statistics)), sweeps(sweeps), damping(damping) {}

  /// The plan for `matrix`, the weight of `user`, in `encoding`. Fails, with a
  /// diagnostic, if the layer has no second moment, or one that can't be used.
  mlir::FailureOr<const numerics::FeedbackPlan *>
  getPlan(mlir::Operation *user, const ConstantMatrix &matrix,
          EncodingAttr encoding);

private:
  LayerStatistics statistics;
  int64_t sweeps = 0;
  double damping = 0;
  /// What the plan is of.
  StatisticsOp record;
  EncodingAttr planned;
  numerics::FeedbackPlan plan;
};

} // namespace lowbit

#endif // LOWBIT_QUANTIZE_FEEDBACKROUNDING_H
