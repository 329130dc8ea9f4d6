//===- DiagnosticText.cpp - MLIR's diagnostics as an error ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A place is a position in a file or the name of a node; other locations add
// nothing that a person can use.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/PrintableText.h"
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

static void print(const mlir::Diagnostic &diagnostic, llvm::raw_ostream &os) {
  mlir::Location location = diagnostic.getLocation();
  if (auto place = location->findInstanceOf<mlir::FileLineColLoc>())
    os << place.getFilename().strref() << ":" << place.getLine() << ":"
       << place.getColumn() << ": ";
  else if (auto place = location->findInstanceOf<mlir::NameLoc>())
    os << place.getName().strref() << ": ";
  os << diagnostic.str();
}

void DiagnosticText::add(const mlir::Diagnostic &diagnostic) {
  llvm::raw_string_ostream os(text);
  if (!text.empty())
    os << "\n";
  print(diagnostic, os);
}

UniqueRemarks::UniqueRemarks(mlir::MLIRContext &context)
    : handler(&context, [this](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
          return mlir::failure();
        std::string text;
        llvm::raw_string_ostream os(text);
        print(diagnostic, os);
        return llvm::success(!said.insert(text).second);
      }) {}

void lowbit::printRemarks(mlir::MLIRContext &context, llvm::raw_ostream &os,
                          llvm::StringRef tool) {
  context.getDiagEngine().registerHandler(
      [&os, tool = tool.str()](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
          return mlir::failure();
        auto say = [&](llvm::StringRef kind, const mlir::Diagnostic &what) {
          std::string text;
          llvm::raw_string_ostream line(text);
          print(what, line);
          os << tool << ": " << kind << ": " << makePrintable(text) << "\n";
        };
        bool isWarning =
            diagnostic.getSeverity() == mlir::DiagnosticSeverity::Warning;
        say(isWarning ? "warning" : "remark", diagnostic);
        for (const mlir::Diagnostic &note : diagnostic.getNotes())
          say("note", note);
        return mlir::success();
      });
}

llvm::Error DiagnosticText::takeError(const llvm::Twine &otherwise) {
  if (text.empty())
    return makeError(otherwise);
  return makeError(std::exchange(text, std::string()));
}
