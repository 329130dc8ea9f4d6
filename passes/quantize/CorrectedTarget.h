//===- CorrectedTarget.h - weights that make up for drift -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a layer's rounding aims at when the layers before it are quantized
// already. One place for every method that rounds with feedback.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_QUANTIZE_CORRECTEDTARGET_H
#define LOWBIT_QUANTIZE_CORRECTEDTARGET_H

#include "lowbit/Numerics/LayerTransforms.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/LayerStatistics.h"

namespace lowbit {

/// Makes targets from the statistics of sequential calibration. Layers that
/// share an input follow each other, and share its factors: the last ones are
/// kept.
class CorrectedTarget {
public:
  CorrectedTarget() = default;
  /// `damping` is a share of the mean of the second moment's diagonal,
  /// `residualShare` that of the drift of the residual stream to make up for.
  CorrectedTarget(LayerStatistics statistics, double damping,
                  double residualShare)
      : statistics(std::move(statistics)), damping(damping),
        residualShare(residualShare) {}

  /// What `matrix`, the weight of `user`, is rounded in place of: [rows,
  /// columns] of `numerics::correctTarget`. Empty where the layer has no
  /// `cross_moment`. Fails, with a diagnostic, on moments that don't fit.
  mlir::FailureOr<std::vector<float>> get(mlir::Operation *user,
                                          const ConstantMatrix &matrix);

private:
  mlir::LogicalResult prepare(mlir::Operation *user,
                              const ConstantMatrix &matrix);

  LayerStatistics statistics;
  double damping = 0, residualShare = 0;
  /// What the moments and factors are of.
  StatisticsOp record;
  std::vector<float> hessian, cross;
  numerics::FactoredHessian factors;
};

} // namespace lowbit

#endif // LOWBIT_QUANTIZE_CORRECTEDTARGET_H
