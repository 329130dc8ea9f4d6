//===- Cache.h - what a model with a KV cache is called --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names that `lowbit-add-cache` gives and others look for, and what becomes of
// states when code is generated.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TRANSFORMS_CACHE_H
#define LOWBIT_TRANSFORMS_CACHE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringRef.h"

namespace lowbit {

/// Argument attribute: the argument is a state of the model, and the result of
/// this number (i64) is its new value.
inline constexpr llvm::StringLiteral kStateAttrName = "lowbit.state";

/// Functions of a model with a cache: some tokens more, and one token more.
inline constexpr llvm::StringLiteral kPrefillFunction = "prefill";
inline constexpr llvm::StringLiteral kDecodeFunction = "decode";

/// After bufferization: the new value of a state must be the buffer that the
/// state is, and nothing may copy a view of it. Then the result says nothing;
/// those of all states are dropped, and with them `lowbit.state`. Returns the
/// numbers of the arguments that are states, or emits an error.
llvm::FailureOr<llvm::SmallVector<unsigned>>
dropStateResults(mlir::func::FuncOp function);

/// Before bufferization: says that inputs of public functions that are no
/// states are not to be written, so that an update of one is one of a copy.
void protectInputs(mlir::ModuleOp module);

} // namespace lowbit

#endif // LOWBIT_TRANSFORMS_CACHE_H
