//===- LayerStatistics.h - statistics by layer ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_LAYERSTATISTICS_H
#define LOWBIT_TRANSFORMS_LAYERSTATISTICS_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include <vector>

namespace lowbit {

/// Names of components that the passes alone know.
namespace statistic {
/// Of each number [N] that a layer yields: the mean square of the gradient of
/// the loss, which is the diagonal of the Fisher matrix; in a record of its
/// own, which lists that layer alone.
inline constexpr llvm::StringLiteral kGradientMeanSquare =
    "gradient_mean_square";
/// [rows, 1], in the record of `gradient_mean_square`: of each row of the
/// samples, in their order, the mean over all N of the squared gradient: how
/// much errors of that row cost.
inline constexpr llvm::StringLiteral kGradientRows = "gradient_rows";
/// [K, K], E[x^T y]: x is what a layer reads in the float model, y the same in
/// the model quantized so far, whose `second_moment` is beside it.
inline constexpr llvm::StringLiteral kCrossMoment = "cross_moment";
/// [N, K], E[(r - s)^T y]: r is what the float model adds the layer's output
/// to, s the same in the model quantized so far; in a record of its own, which
/// lists that layer alone.
inline constexpr llvm::StringLiteral kResidualMoment = "residual_moment";
} // namespace statistic

/// The `lowbit.statistics` of a module by the layers that they are of. Not to
/// be used after the module's statistics have changed.
class LayerStatistics {
public:
  LayerStatistics() = default;
  explicit LayerStatistics(mlir::ModuleOp module);

  bool empty() const { return records.empty(); }
  /// The record of the input of `layer`, or null.
  StatisticsOp lookup(llvm::StringRef layer) const;
  /// Whether a record of any layer has `component`.
  bool has(llvm::StringRef component) const;
  /// A component of a record of `layer`, the first that has it, as f32; empty
  /// where there is none, its data are absent, or it is not f32.
  std::vector<float> read(llvm::StringRef layer,
                          llvm::StringRef component) const;

private:
  /// In the order of the module.
  llvm::StringMap<llvm::SmallVector<StatisticsOp, 2>> records;
};

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_LAYERSTATISTICS_H
