//===- Subset.h - what of MLIR has a form in WGSL ---------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one place that knows which operations and types are printed, and how:
// naming, verifier and printer ask it.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_CODEGEN_WGSL_SUBSET_H
#define LOWBIT_CODEGEN_WGSL_SUBSET_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinTypes.h"
#include <optional>
#include <string>

namespace lowbit {

/// How an operation on operands alone is written.
struct ExpressionForm {
  enum Kind {
    /// a + b
    Infix,
    /// max(a, b)
    Call,
    /// Its own way, in Expressions.cpp.
    Special,
  };
  Kind kind = Special;
  /// The operator, or the function's name.
  llvm::StringRef text;
  /// Words are taken, and given, as signed numbers.
  bool isSigned = false;
};

/// The form of an expression: an operation with one result and no effect but
/// reading memory. None for all others.
std::optional<ExpressionForm> getExpressionForm(mlir::Operation *op);

/// Whether the operation is a statement: a store, a barrier, private memory, a
/// loop or a branch.
bool isStatement(mlir::Operation *op);

/// Whether the operation ends a region that the printer knows.
bool isKnownTerminator(mlir::Operation *op);

/// The number of the workgroup, the invocation or their count: a part of a
/// built-in value, never named. Empty for other operations.
std::string getBuiltinText(mlir::Operation *op);

/// The feature of WebGPU (f16, subgroups) that an operation or a type needs;
/// empty if each adapter has it.
llvm::StringRef getRequiredFeature(mlir::Operation *op);

/// The WGSL type of a value, or none: bool, u32, f32, f16 and vectors of 2
/// to 4.
std::optional<std::string> getWGSLType(mlir::Type type);

/// The same with i32 for u32.
std::string getSignedWGSLType(mlir::Type type);

/// Bytes of an element of a buffer, or none if buffers can't hold it.
std::optional<int64_t> getElementBytes(mlir::Type element);

/// The buffers that a kernel is launched with: its arguments, of which
/// workgroup memory is none, although its block has it as such.
llvm::ArrayRef<mlir::BlockArgument> getBuffers(mlir::gpu::GPUFuncOp kernel);

/// Whether two loads of one kernel may see different contents: the kernel
/// writes the buffer.
bool isWritten(mlir::Value buffer);
bool isRead(mlir::Value buffer);

/// Whether `name` is a word that WGSL keeps for itself.
bool isReservedWord(llvm::StringRef name);

} // namespace lowbit

#endif // LOWBIT_CODEGEN_WGSL_SUBSET_H
