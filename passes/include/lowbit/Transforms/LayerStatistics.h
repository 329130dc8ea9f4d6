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

/// The `lowbit.statistics` of a module by the layers that they are of. Not to
/// be used after the module's statistics have changed.
class LayerStatistics {
public:
  LayerStatistics() = default;
  explicit LayerStatistics(mlir::ModuleOp module);

  bool empty() const { return records.empty(); }
  /// The record of the input of `layer`, or null.
  StatisticsOp lookup(llvm::StringRef layer) const;
  /// A component of that record as f32; empty where there is none, its data are
  /// absent, or it is not f32.
  std::vector<float> read(llvm::StringRef layer,
                          llvm::StringRef component) const;

private:
  llvm::StringMap<StatisticsOp> records;
};

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_LAYERSTATISTICS_H
