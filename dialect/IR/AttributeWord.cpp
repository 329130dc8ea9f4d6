//===- AttributeWord.cpp - attributes in names of kernels -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/AttributeWord.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

std::string lowbit::spellWord(mlir::Attribute attribute) {
  std::string text, word;
  llvm::raw_string_ostream(text) << attribute;
  constexpr size_t kLongest = 96;
  if (text.size() > kLongest || llvm::StringRef(text).contains('-')) {
    std::string hash = llvm::utohexstr(llvm::xxh3_64bits(text), true);
    text = text.substr(0, kLongest / 4) + "_" + hash;
  }
  llvm::StringRef rest = text;
  rest.consume_front("#lowbit.");
  if (!rest.consume_front("encoding"))
    rest.consume_front("activation");
  for (char c : rest)
    if (llvm::isAlnum(c))
      word += c;
    else if (!word.empty() && word.back() != '_')
      word += '_';
  while (!word.empty() && word.back() == '_')
    word.pop_back();
  return word;
}

std::string lowbit::spellEpilogue(bool hasBias, mlir::Attribute activation,
                                  bool isGated, bool hasResidual) {
  std::string word;
  if (hasBias)
    word += "_bias";
  if (activation)
    word += "_" + spellWord(activation);
  if (isGated)
    word += "_gated";
  if (hasResidual)
    word += "_residual";
  return word;
}
