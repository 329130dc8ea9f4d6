//===- Tokenizer.cpp - Byte-level byte-pair encoding ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Encoding repeats the training procedure within each piece: apply the earliest
// learned merge that occurs, everywhere it occurs, until none does.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Tokenizer.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Json.h"
#include "lowbit/Tools/MappedFile.h"
#include "llvm/ADT/StringExtras.h"

using namespace lowbit;

namespace {

/// Bounds on what a vocabulary file may ask for: merges of merges can double a
/// spelling each time.
constexpr size_t kMaxSpelling = 256;
constexpr size_t kMaxVocabulary = size_t(1) << 20;

enum class ByteClass { Letter, Digit, Space, Other };

ByteClass classify(char c) {
  if (llvm::isAlpha(c))
    return ByteClass::Letter;
  if (llvm::isDigit(c))
    return ByteClass::Digit;
  if (llvm::isSpace(c))
    return ByteClass::Space;
  return ByteClass::Other;
}

/// Element `index` of a merge as an id below `limit`.
llvm::Expected<uint32_t> getId(const llvm::json::Array &merge, size_t index,
                               size_t limit, llvm::StringRef source,
                               size_t position) {
  std::optional<int64_t> id;
  if (merge.size() == 2)
    id = getJsonInteger(&merge[index]);
  if (!id || *id < 0 || static_cast<uint64_t>(*id) >= limit)
    return makeFileError(source, "merge " + llvm::Twine(position) +
                                     " must be a pair of ids below " +
                                     llvm::Twine(limit));
  return static_cast<uint32_t>(*id);
}

} // namespace

size_t lowbit::getFirstPieceLength(llvm::StringRef text) {
  // A leading blank belongs to the word after it; otherwise to the white space
  // around it, which `\s+` takes as a whole.
  size_t begin = 0;
  if (text[0] == ' ' && text.size() > 1 &&
      classify(text[1]) != ByteClass::Space)
    begin = 1;
  ByteClass kind = classify(text[begin]);
  if (kind == ByteClass::Digit)
    return begin + 1;
  size_t end = begin + 1;
  while (end < text.size() && classify(text[end]) == kind)
    ++end;
  return end;
}

llvm::Expected<Tokenizer> Tokenizer::read(llvm::StringRef path) {
  llvm::Expected<MappedFile> file = mapFile(path);
  if (!file)
    return file.takeError();
  return parse((*file)->getBuffer(), path);
}

llvm::Expected<Tokenizer> Tokenizer::parse(llvm::StringRef json,
                                           llvm::StringRef source) {
  llvm::Expected<llvm::json::Value> value = parseJson(json, source);
  if (!value)
    return value.takeError();
  const llvm::json::Array *list = value->getAsArray();
  if (!list)
    return makeFileError(source, "a list of merges is required");
  if (list->size() > kMaxVocabulary)
    return makeFileError(source, "more than " + llvm::Twine(kMaxVocabulary) +
                                     " merges");
  Tokenizer tokenizer;
  for (unsigned byte = 0; byte < 256; ++byte)
    tokenizer.spellings.emplace_back(1, static_cast<char>(byte));
  for (const llvm::json::Value &item : *list) {
    size_t id = tokenizer.spellings.size(), position = id - 256;
    const llvm::json::Array empty;
    const llvm::json::Array *pair = item.getAsArray();
    const llvm::json::Array &merge = pair ? *pair : empty;
    llvm::Expected<uint32_t> left = getId(merge, 0, id, source, position);
    if (!left)
      return left.takeError();
    llvm::Expected<uint32_t> right = getId(merge, 1, id, source, position);
    if (!right)
      return right.takeError();
    std::string spelling =
        tokenizer.spellings[*left] + tokenizer.spellings[*right];
    if (spelling.size() > kMaxSpelling)
      return makeFileError(source, "merge " + llvm::Twine(position) +
                                       " makes a token of more than " +
                                       llvm::Twine(kMaxSpelling) + " bytes");
    tokenizer.spellings.push_back(std::move(spelling));
    tokenizer.merges.try_emplace({*left, *right}, static_cast<uint32_t>(id));
  }
  return tokenizer;
}

void Tokenizer::encodePiece(llvm::StringRef piece,
                            std::vector<uint32_t> &ids) const {
  std::vector<uint32_t> parts(piece.bytes_begin(), piece.bytes_end());
  while (parts.size() > 1) {
    uint32_t best = UINT32_MAX;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      auto merge = merges.find({parts[i], parts[i + 1]});
      if (merge != merges.end())
        best = std::min(best, merge->second);
    }
    if (best == UINT32_MAX)
      break;
    size_t kept = 0;
    for (size_t i = 0; i < parts.size(); ++kept) {
      bool merged = false;
      if (i + 1 < parts.size()) {
        auto merge = merges.find({parts[i], parts[i + 1]});
        merged = merge != merges.end() && merge->second == best;
      }
      parts[kept] = merged ? best : parts[i];
      i += merged ? 2 : 1;
    }
    parts.resize(kept);
  }
  ids.insert(ids.end(), parts.begin(), parts.end());
}

std::vector<uint32_t> Tokenizer::encode(llvm::StringRef text) const {
  std::vector<uint32_t> ids;
  while (!text.empty()) {
    size_t length = getFirstPieceLength(text);
    encodePiece(text.take_front(length), ids);
    text = text.drop_front(length);
  }
  return ids;
}

std::string Tokenizer::decode(llvm::ArrayRef<uint32_t> ids) const {
  std::string text;
  for (uint32_t id : ids)
    if (id < spellings.size())
      text += spellings[id];
  return text;
}
