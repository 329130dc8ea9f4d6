//===- DiagnosticText.cpp - MLIR's diagnostics as an error ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Locations without a file add nothing that a person can use.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "llvm/Support/raw_ostream.h"
#include <utility>

using namespace lowbit;

DiagnosticText::DiagnosticText(mlir::MLIRContext &context)
    : handler(&context, [this](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
          return mlir::failure();
        add(diagnostic);
        for (const mlir::Diagnostic &note : diagnostic.getNotes())
          add(note);
        return mlir::success();
      }) {}

void DiagnosticText::add(const mlir::Diagnostic &diagnostic) {
  llvm::raw_string_ostream os(text);
  if (!text.empty())
    os << "\n";
  if (auto location =
          diagnostic.getLocation()->findInstanceOf<mlir::FileLineColLoc>())
    os << location.getFilename().strref() << ":" << location.getLine() << ":"
       << location.getColumn() << ": ";
  os << diagnostic.str();
}

llvm::Error DiagnosticText::takeError(const llvm::Twine &otherwise) {
  if (text.empty())
    return makeError(otherwise);
  return makeError(std::exchange(text, std::string()));
}
