//===- Tokenizer.h - Byte-level byte-pair encoding --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text to token ids and back, for generation from a prompt. A vocabulary is a
// list of merges: ids 0 to 255 are bytes, id 256 + i is the concatenation of
// the two ids of merge i, and earlier merges win.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_TOKENIZER_H
#define LOWBIT_TOOLS_TOKENIZER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace lowbit {

/// Splits off the first piece of non-empty `text` by the expression
/// ` ?[A-Za-z]+| ?[0-9]| ?[^\sA-Za-z0-9]+|\s+` (bytes, ASCII classes) and
/// returns its length. Merges never cross from one piece to the next. Every
/// byte belongs to some piece.
size_t getFirstPieceLength(llvm::StringRef text);

/// A vocabulary with both directions.
class Tokenizer {
public:
  /// Reads a JSON array of merges `[[left, right], ...]`.
  static llvm::Expected<Tokenizer> read(llvm::StringRef path);
  static llvm::Expected<Tokenizer> parse(llvm::StringRef json,
                                         llvm::StringRef source);

  /// 256 plus the number of merges.
  size_t getVocabularySize() const { return spellings.size(); }

  std::vector<uint32_t> encode(llvm::StringRef text) const;

  /// Bytes of the tokens; an id outside the vocabulary adds nothing. The bytes
  /// need not be valid UTF-8, as a token may end inside a character.
  std::string decode(llvm::ArrayRef<uint32_t> ids) const;

private:
  void encodePiece(llvm::StringRef piece, std::vector<uint32_t> &ids) const;

  std::vector<std::string> spellings;
  /// (left, right) to the merged id, which also is the merge's rank.
  llvm::DenseMap<std::pair<uint32_t, uint32_t>, uint32_t> merges;
};

} // namespace lowbit

#endif // LOWBIT_TOOLS_TOKENIZER_H
