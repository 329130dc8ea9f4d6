//===- PrintableText.cpp - text that a terminal can show ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/PrintableText.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

using namespace lowbit;

/// Bytes of the character that `text` begins with; 0 if it begins with none.
static size_t getCharacterLength(llvm::StringRef text) {
  auto begin = reinterpret_cast<const llvm::UTF8 *>(text.data());
  size_t length = llvm::getNumBytesForUTF8(*begin);
  return length <= text.size() &&
                 llvm::isLegalUTF8Sequence(begin, begin + length)
             ? length
             : 0;
}

/// Whether a terminal would take it for a command. Those of two bytes, U+0080
/// to U+009F, are commands as well.
static bool isControl(llvm::StringRef character) {
  auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 2)
    return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
  return first == 0x7F || (first < 0x20 && first != '\n' && first != '\t');
}

std::string lowbit::makePrintable(llvm::StringRef text) {
  std::string result;
  while (!text.empty()) {
    size_t length = getCharacterLength(text);
    llvm::StringRef character = text.take_front(std::max<size_t>(1, length));
    text = text.drop_front(character.size());
    if (length && !isControl(character)) {
      result += character;
      continue;
    }
    for (char byte : character)
      result += "\\x" + llvm::toHex({&byte, 1}, /*LowerCase=*/true);
  }
  return result;
}

void lowbit::printError(llvm::StringRef tool, llvm::Error error) {
  llvm::WithColor::error(llvm::errs(), tool)
      << makePrintable(llvm::toString(std::move(error))) << "\n";
}
