//===- WholeRows.h - tensors of some rows, computed for all -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Of a cache, `count` rows are there, a number that the host computes. Masks
// have as many columns. Kernels have constant shapes: a mask is computed for
// all rows of the cache, and what stands behind the first `count` columns is
// never read. That is sound where each element is computed from elements at its
// own place.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_GPU_WHOLEROWS_H
#define LOWBIT_LIB_CODEGEN_GPU_WHOLEROWS_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/DenseMap.h"

namespace lowbit {

/// Builds tensors whose dynamic extents, all `count`, are `rows`.
class WholeRows {
public:
  WholeRows(mlir::Value count, int64_t rows) : count(count), rows(rows) {}

  /// `value`, of static shape; null where its elements are not computed place
  /// by place, and `reason` says what does it.
  mlir::Value get(mlir::Value value, std::string &reason);

private:
  mlir::Value build(mlir::Value value, std::string &reason);
  mlir::Value buildLinalg(mlir::OpBuilder &b, mlir::OpResult value,
                          std::string &reason);
  mlir::Value buildSlice(mlir::OpBuilder &b, mlir::Operation *op,
                         std::string &reason);
  mlir::Value buildReshape(mlir::OpBuilder &b, mlir::Operation *op,
                           std::string &reason);
  /// Whether a dynamic size is the number of rows.
  bool isCount(mlir::OpFoldResult size) const;
  mlir::RankedTensorType getType(mlir::Value value) const;

  mlir::Value count;
  int64_t rows;
  llvm::DenseMap<mlir::Value, mlir::Value> known;
};

} // namespace lowbit

#endif // LOWBIT_LIB_CODEGEN_GPU_WHOLEROWS_H
