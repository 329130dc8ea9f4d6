//===- ReferenceJit.h - runs the reference lowering -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compiles a module through lowbit-lower-to-linalg and upstream passes alone,
// so that tests compare numbers and not the text of IR.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_UNIT_DIALECT_REFERENCEJIT_H
#define LOWBIT_TEST_UNIT_DIALECT_REFERENCEJIT_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <memory>

namespace lowbit::test {

/// A contiguous row-major array that is lent to compiled code.
struct Array {
  void *data;
  llvm::SmallVector<int64_t> shape;
};

/// A context with every dialect that the pipeline meets.
std::unique_ptr<mlir::MLIRContext> createContext();

class ReferenceJit {
public:
  /// Lowers and compiles `module`. Test failures are recorded; then call()
  /// returns nothing.
  explicit ReferenceJit(mlir::ModuleOp module);

  /// Calls a function of attribute `llvm.emit_c_interface` that returns one f32
  /// tensor of rank `rank`.
  std::vector<float> call(llvm::StringRef function,
                          llvm::ArrayRef<Array> inputs, unsigned rank);

private:
  std::unique_ptr<mlir::ExecutionEngine> engine;
};

/// The same from text.
std::unique_ptr<ReferenceJit> compile(mlir::MLIRContext &context,
                                      llvm::StringRef text);

} // namespace lowbit::test

#endif // LOWBIT_TEST_UNIT_DIALECT_REFERENCEJIT_H
