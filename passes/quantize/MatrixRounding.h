//===- MatrixRounding.h - codes for one weight ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What every method but path searches does with a weight: rows are read,
// rounded to nearest or with feedback, by several threads, and what came of it
// is said.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_QUANTIZE_MATRIXROUNDING_H
#define LOWBIT_QUANTIZE_MATRIXROUNDING_H

#include "CorrectedTarget.h"
#include "lowbit/Numerics/Feedback.h"
#include "lowbit/Numerics/Quantizer.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "mlir/IR/BuiltinOps.h"

namespace lowbit {

/// Fails, with a diagnostic at `user`, if `matrix` is a splat that is too long
/// to be written out.
mlir::LogicalResult checkSplat(mlir::Operation *user,
                               const ConstantMatrix &matrix);

/// Rounds weights one at a time.
class MatrixRounding {
public:
  /// How scales are found: `mse`, `absmax` or `importance`, which takes the
  /// statistics of `module`. Fails, with a diagnostic, on another name or where
  /// there are none.
  mlir::LogicalResult setScaleSearch(mlir::ModuleOp module,
                                     llvm::StringRef name);

  /// Whether each row chooses among the fixed tables instead of learning one.
  bool hasFixedTables = false;

  /// Leaves the codes of `matrix`, the weight of `user`, in `result`: as
  /// `plan` says and with one of `targets` in the weight's place, or to nearest
  /// without a plan. Fails, with a diagnostic, on numbers that are not finite,
  /// and on statistics that don't fit.
  mlir::LogicalResult run(mlir::Operation *user, const ConstantMatrix &matrix,
                          EncodingAttr encoding,
                          const numerics::FeedbackPlan *plan,
                          CorrectedTarget &targets,
                          numerics::QuantizedMatrix &result);

private:
  mlir::FailureOr<std::vector<float>>
  getImportance(mlir::Operation *user, const ConstantMatrix &matrix);

  numerics::QuantizeOptions options;
  LayerStatistics statistics;
};

} // namespace lowbit

#endif // LOWBIT_QUANTIZE_MATRIXROUNDING_H
