//===- WeightParts.h - weights under the names that users know --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Fusing merges weights: one global may hold the rows of several weights of the
// model that was read. Reports, comparisons and exports speak of the latter.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_WEIGHTPARTS_H
#define LOWBIT_TOOLS_WEIGHTPARTS_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Numerics/Matrix.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace lowbit {

/// Some rows of a global: `count` of them, each `step` after the one before.
struct WeightPart {
  std::string name;
  int64_t first = 0, step = 1, count = 0;
};

/// The weights that `global`, a matrix, holds: itself, or what it was merged
/// from (`lowbit.parts`).
llvm::SmallVector<WeightPart, 1> getWeightParts(GlobalOp global);

/// The numbers of a quantized global, as far as they are asked for.
class QuantizedWeight {
public:
  /// Unpacks the global's components. Fails, with a diagnostic, without data.
  static llvm::FailureOr<QuantizedWeight> read(GlobalOp global);

  const numerics::QuantizedMatrix &getMatrix() const { return matrix; }
  /// Row `row` in the order of logical columns.
  void readRow(int64_t row, float *result) const;
  /// Whether columns are stored in another order.
  bool isPermuted() const { return !permutation.empty(); }
  /// Where the number of logical column `column` is stored.
  int64_t getStoredColumn(int64_t column) const {
    return permutation.empty() ? column : permutation[column];
  }

private:
  numerics::QuantizedMatrix matrix;
  std::vector<int32_t> permutation;
};

/// The float weights of a raised module by name.
class FloatWeights {
public:
  FloatWeights() = default;
  explicit FloatWeights(mlir::ModuleOp raised);

  /// The weight called `name` if it has this shape, or null.
  const ConstantMatrix *lookup(llvm::StringRef name, int64_t rows,
                               int64_t columns) const;
  const llvm::MapVector<llvm::StringRef, ConstantMatrix> &getAll() const {
    return weights;
  }

private:
  llvm::StringMap<char> names;
  llvm::MapVector<llvm::StringRef, ConstantMatrix> weights;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_WEIGHTPARTS_H
