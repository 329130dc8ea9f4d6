//===- DiagnosticText.h - MLIR's diagnostics as an error --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR hands its errors to a handler and returns only that something failed.
// Libraries here return llvm::Error, so that a caller decides what is printed.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_DIAGNOSTICTEXT_H
#define LOWBIT_TOOLS_DIAGNOSTICTEXT_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <string>

namespace lowbit {

/// Collects a context's errors and their notes while it lives. Warnings and
/// remarks go on to the handler that was there before.
class DiagnosticText {
public:
  explicit DiagnosticText(mlir::MLIRContext &context);

  /// What was collected, one "file:line:column: text" per line, or `otherwise`
  /// if something failed without a word.
  llvm::Error takeError(const llvm::Twine &otherwise);

private:
  void add(const mlir::Diagnostic &diagnostic);

  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

/// Lets each remark and warning of a context pass once while it lives: work
/// that is done in parts has the same to say of each.
class UniqueRemarks {
public:
  explicit UniqueRemarks(mlir::MLIRContext &context);

private:
  llvm::StringSet<> said;
  mlir::ScopedDiagnosticHandler handler;
};

/// Prints the remarks and warnings of `context` to `os`, which must outlive it,
/// as "tool: remark: place: text". MLIR drops them unless somebody listens.
void printRemarks(mlir::MLIRContext &context, llvm::raw_ostream &os,
                  llvm::StringRef tool);

} // namespace lowbit

#endif // LOWBIT_TOOLS_DIAGNOSTICTEXT_H
