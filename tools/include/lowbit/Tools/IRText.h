//===- IRText.h - Guarding MLIR's readers -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR's readers are made for compilers that wrote the file a moment ago: the
// text parser recurses as deep as the text nests, and damaged bytecode whose
// attributes refer to themselves keeps its reader busy for ever. Both are found
// here before those readers run.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_IRTEXT_H
#define LOWBIT_TOOLS_IRTEXT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/Error.h"

namespace lowbit {

/// Writes `module` as text without resource bytes.
void printModule(mlir::ModuleOp module, llvm::raw_ostream &os);

/// Writes `module` as bytecode without resource bytes. The producer field
/// holds a SHA-256 digest of the whole, so that damage is found on reading.
llvm::Error writeBytecode(mlir::ModuleOp module, llvm::raw_ostream &os);

/// Checks bytes that claim to be IR: the digest of bytecode (that of `mlir-opt`
/// has none and is refused), the nesting of text.
llvm::Error checkIR(llvm::StringRef bytes, llvm::StringRef source);

/// Checks, parses and verifies a module. Diagnostics become the error's text.
llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>>
parseModule(llvm::StringRef bytes, llvm::StringRef source,
            mlir::MLIRContext &context);

} // namespace lowbit

#endif // LOWBIT_TOOLS_IRTEXT_H
