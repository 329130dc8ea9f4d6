//===- RangeObserver.h - how ranges of activations are chosen ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PREPARE_RANGEOBSERVER_H
#define LOWBIT_PREPARE_RANGEOBSERVER_H

#include "lowbit/Numerics/ActivationRange.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "mlir/IR/BuiltinOps.h"
#include <optional>

namespace lowbit {

/// Chooses ranges from what calibration saw, by one of the customary rules:
/// `minmax`, `moving_average`, `percentile`, `mse` or `entropy`. Where rules
/// compare ranges, they judge codes of signed integers of 8 bits.
class RangeObserver {
public:
  /// `percentile`: the percentage of numbers within the range of that rule.
  RangeObserver(llvm::StringRef rule, double percentile)
      : rule(rule), percentile(percentile) {}

  /// Fails with a diagnostic that begins with `purpose` where there is no such
  /// rule, or no such percentile.
  mlir::LogicalResult check(mlir::Location loc, llvm::StringRef purpose) const;

  /// The range of all numbers that `layer` reads, or those of each of its
  /// columns. Fails, with a diagnostic on `user`, where a component that the
  /// rule needs is missing.
  mlir::FailureOr<numerics::ActivationRange>
  find(mlir::Operation *user, const LayerStatistics &statistics,
       llvm::StringRef layer) const;
  mlir::FailureOr<std::vector<numerics::ActivationRange>>
  findColumns(mlir::Operation *user, const LayerStatistics &statistics,
              llvm::StringRef layer) const;

private:
  /// The least and the largest number of each column.
  mlir::FailureOr<std::vector<numerics::ActivationRange>>
  readExtremes(mlir::Operation *user, const LayerStatistics &statistics,
               llvm::StringRef layer) const;
  numerics::ActivationRange choose(const numerics::Histogram &histogram) const;
  mlir::LogicalResult reportMissing(mlir::Operation *user,
                                    llvm::StringRef layer,
                                    llvm::StringRef what) const;

  std::string rule;
  double percentile;
};

} // namespace lowbit

#endif // LOWBIT_PREPARE_RANGEOBSERVER_H
