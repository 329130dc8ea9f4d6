//===- NameHints.h - what values should be called ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WGSL_NAMEHINTS_H
#define LOWBIT_CODEGEN_WGSL_NAMEHINTS_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include <string>

namespace lowbit {

/// What values of one kernel should be called.
class NameHints {
public:
  explicit NameHints(mlir::gpu::GPUFuncOp kernel);

  /// The name that a location gives: of a path such as `/layers.0/Add_1`, what
  /// its last part is of, here `add`. Empty where it has none, and where the
  /// kernel itself has it: all that was made of one node is not the same.
  std::string getGivenName(mlir::Location loc) const;

  /// What a value is called: by its location, by the buffer that it was read
  /// from, or by what its operation computes; an index by what it counts, or by
  /// the buffer that it is a place in.
  std::string getHint(mlir::Value value) const;

private:
  std::string getLoopHint(mlir::Value value, mlir::Value next,
                          mlir::Value variable) const;
  std::string getSubject(mlir::Value value) const;
  std::string getIndexHint(mlir::Value value) const;

  /// Names of the kernel's own location.
  llvm::SmallVector<mlir::StringAttr> ownNames;
};

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WGSL_NAMEHINTS_H
