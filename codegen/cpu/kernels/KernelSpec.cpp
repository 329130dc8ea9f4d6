//===- KernelSpec.cpp - what tells one CPU kernel from another ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelSpec.h"
#include "llvm/ADT/StringExtras.h"

using namespace lowbit;
using namespace lowbit::cpu;

std::string PanelFormat::name() const {
  const char *prefix = kind == PanelKind::Int8    ? "a8"
                       : kind == PanelKind::Int16 ? "a16"
                                                  : "f32";
  return (llvm::Twine(prefix) + "x" + llvm::Twine(columns)).str();
}

/// Turns the assembly of an attribute into a word: letters, digits,
/// underscores.
static std::string asWord(mlir::Attribute attribute) {
  std::string text, word;
  llvm::raw_string_ostream(text) << attribute;
  llvm::StringRef rest = text;
  rest.consume_front("#lowbit.");
  rest.consume_front("encoding");
  for (char c : rest)
    if (llvm::isAlnum(c))
      word += c;
    else if (!word.empty() && word.back() != '_')
      word += '_';
  while (!word.empty() && word.back() == '_')
    word.pop_back();
  return word;
}

std::string LinearKernelSpec::name() const {
  std::string result = "lowbit_linear_" + asWord(encoding) + "_" +
                       asWord(layout) + "_" + panel.name();
  if (hasBias)
    result += "_bias";
  if (activation)
    result += "_" + asWord(activation);
  if (isGated)
    result += "_gated";
  if (hasResidual)
    result += "_residual";
  return result;
}

std::string EmbeddingKernelSpec::name() const {
  std::string index;
  llvm::raw_string_ostream(index) << indexType;
  return "lowbit_embedding_" + asWord(encoding) + "_" + index;
}
