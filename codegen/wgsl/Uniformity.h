//===- Uniformity.h - which values a workgroup agrees on --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WGSL_UNIFORMITY_H
#define LOWBIT_CODEGEN_WGSL_UNIFORMITY_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/DenseSet.h"

namespace lowbit {

/// The part of WGSL's uniformity analysis (chapter 15.2 of its specification)
/// that kernels of this project need: a value is uniform if all invocations of
/// a workgroup that compute it are sure to get the same. Not uniform are the
/// number of an invocation, what is loaded from memory that the kernel writes,
/// and what such a value or a branch on it decides.
class Uniformity {
public:
  explicit Uniformity(mlir::gpu::GPUFuncOp kernel);

  bool isUniform(mlir::Value value) const { return !varying.contains(value); }

  /// The innermost operation around `op` whose condition, or number of rounds,
  /// isn't uniform; null if all invocations reach `op` together.
  mlir::Operation *findDivergence(mlir::Operation *op) const;

private:
  bool diverges(mlir::Operation *op) const;
  bool visit(mlir::Operation *op);
  bool mark(mlir::Value value) { return varying.insert(value).second; }

  llvm::DenseSet<mlir::Value> varying;
};

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WGSL_UNIFORMITY_H
