//===- IRMutator.cpp - other IR of the same kind --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A text is a list of tokens; a mutation gives a token another spelling of its
// kind, or moves tokens and lines.
//
//===----------------------------------------------------------------------===//

#include "IRMutator.h"
#include "Fuzz.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include <cstring>
#include <random>
#include <vector>

using namespace lowbit;
using llvm::StringRef;

namespace {

using Random = std::minstd_rand;

size_t below(Random &random, size_t bound) {
  return bound == 0 ? 0 : random() % bound;
}

template <typename Range>
const auto &choose(Random &random, const Range &range) {
  return range[below(random, std::size(range))];
}

constexpr StringRef kNumbers[] = {"0",
                                  "1",
                                  "2",
                                  "3",
                                  "4",
                                  "7",
                                  "8",
                                  "15",
                                  "16",
                                  "17",
                                  "31",
                                  "32",
                                  "33",
                                  "64",
                                  "127",
                                  "128",
                                  "255",
                                  "256",
                                  "65535",
                                  "65536",
                                  "1048576",
                                  "2147483647",
                                  "2147483648",
                                  "4294967296",
                                  "4611686018427387904",
                                  "9223372036854775807",
                                  "9223372036854775808",
                                  "18446744073709551615",
                                  "18446744073709551616",
                                  "-1",
                                  "-128",
                                  "-9223372036854775808",
                                  "0x7F800000",
                                  "1.0e38",
                                  "0.5"};

/// Words that can stand for each other.
constexpr StringRef kTypes[] = {
    "f16",       "f32",       "f64",   "bf16", "f8E4M3FN", "f8E5M2",
    "f8E8M0FNU", "f4E2M1FN",  "f80",   "i1",   "i4",       "i8",
    "i16",       "i32",       "i64",   "ui8",  "si8",      "i7",
    "i128",      "i16777215", "index", "none"};
constexpr StringRef kOps[] = {
    "lowbit.linear",      "lowbit.embedding",    "lowbit.quantize",
    "lowbit.dequantize",  "lowbit.weight",       "lowbit.global",
    "lowbit.attention",   "lowbit.gated_linear", "lowbit.requires",
    "lowbit.call_kernel", "lowbit.pack",         "lowbit.unpack"};
constexpr StringRef kEncodings[] = {
    "int",     "uint",           "float",      "codebook",  "zero_point",
    "minimum", "integer",        "group",      "scale",     "channel",
    "tensor",  "permuted",       "planes",     "rows",      "padding",
    "dense",   "dense_resource", "activation", "relu",      "gelu",
    "silu",    "tanh",           "sigmoid",    "gelu_tanh", "leaky_relu",
    "bias",    "residual"};
const llvm::ArrayRef<StringRef> kWords[] = {kTypes, kOps, kEncodings};

struct Token {
  StringRef text;
  /// The first character's class; names with a sigil have that.
  char kind;
};

bool isWord(char c) {
  return llvm::isAlnum(c) || c == '_' || c == '.' || c == '$';
}

/// Splits `text`; no byte is lost. Extents in `2x4xf32` are tokens of their
/// own.
std::vector<Token> split(StringRef text) {
  std::vector<Token> tokens;
  while (!text.empty()) {
    char first = text[0];
    size_t length = 1;
    char kind = first;
    if (llvm::isDigit(first)) {
      while (length < text.size() &&
             (llvm::isDigit(text[length]) || text[length] == '.'))
        ++length;
      kind = '0';
    } else if (first == 'x' && !tokens.empty() &&
               (tokens.back().kind == '0' || tokens.back().kind == '?')) {
      kind = 'x';
    } else if (llvm::isAlpha(first) || first == '_') {
      while (length < text.size() && isWord(text[length]))
        ++length;
      kind = 'a';
    } else if (StringRef("%@#!^").contains(first)) {
      while (length < text.size() && isWord(text[length]))
        ++length;
    } else if (first == '"') {
      while (length < text.size() && text[length] != '"' &&
             text[length] != '\n')
        ++length;
      length = std::min(length + 1, text.size());
    } else if (llvm::isSpace(first)) {
      while (length < text.size() && llvm::isSpace(text[length]))
        ++length;
      kind = ' ';
    }
    tokens.push_back({text.take_front(length), kind});
    text = text.drop_front(length);
  }
  return tokens;
}

std::string join(llvm::ArrayRef<Token> tokens) {
  std::string text;
  for (const Token &token : tokens)
    text += token.text;
  return text;
}

/// Another token of the text that has the kind of token `at`.
StringRef findSibling(Random &random, llvm::ArrayRef<Token> tokens, size_t at) {
  llvm::SmallVector<StringRef> siblings;
  for (const Token &token : tokens)
    if (token.kind == tokens[at].kind && token.text != tokens[at].text)
      siblings.push_back(token.text);
  return siblings.empty() ? tokens[at].text : choose(random, siblings);
}

StringRef respell(Random &random, llvm::ArrayRef<Token> tokens, size_t at) {
  const Token &token = tokens[at];
  if (token.kind == '0' && below(random, 2))
    return choose(random, kNumbers);
  if (token.kind == '0' && below(random, 8) == 0)
    return "?";
  if (token.kind == 'a' && below(random, 2))
    for (llvm::ArrayRef<StringRef> words : kWords)
      if (llvm::is_contained(words, token.text))
        return choose(random, words);
  return findSibling(random, tokens, at);
}

/// A token that is worth to be changed: no white space.
size_t chooseToken(Random &random, llvm::ArrayRef<Token> tokens) {
  size_t at = below(random, tokens.size());
  return tokens[at].kind == ' ' && at + 1 < tokens.size() ? at + 1 : at;
}

std::string changeTokens(Random &random, StringRef text) {
  std::vector<Token> tokens = split(text);
  size_t at = chooseToken(random, tokens);
  StringRef old = tokens[at].text;
  switch (below(random, 8)) {
  case 0:
    tokens.erase(tokens.begin() + at);
    break;
  case 1:
    tokens.insert(tokens.begin() + below(random, tokens.size()), tokens[at]);
    break;
  case 2:
    std::swap(tokens[at], tokens[chooseToken(random, tokens)]);
    break;
  case 3:
  case 4: {
    // Everywhere alike, so that types go on matching.
    StringRef spelling = respell(random, tokens, at);
    for (Token &token : tokens)
      if (token.text == old)
        token.text = spelling;
    break;
  }
  default:
    tokens[at].text = respell(random, tokens, at);
  }
  return join(tokens);
}

std::string changeLines(Random &random, StringRef text) {
  llvm::SmallVector<StringRef> lines;
  text.split(lines, '\n');
  size_t at = below(random, lines.size()), other = below(random, lines.size());
  switch (below(random, 3)) {
  case 0:
    lines.erase(lines.begin() + at);
    break;
  case 1:
    lines.insert(lines.begin() + other, StringRef(lines[at]));
    break;
  default:
    std::swap(lines[at], lines[other]);
  }
  return llvm::join(lines, "\n");
}

size_t store(StringRef text, uint8_t *out, size_t maxSize) {
  size_t size = std::min(text.size(), maxSize);
  std::memcpy(out, text.data(), size);
  return size;
}

} // namespace

size_t fuzz::mutateIR(uint8_t *data, size_t size, size_t maxSize,
                      unsigned seed) {
  Random random(seed);
  if (size == 0 || below(random, 8) == 0)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::string text = toText(data, size).str();
  for (size_t times = 1 + below(random, 3); times != 0 && !text.empty();
       --times)
    text = below(random, 6) == 0 ? changeLines(random, text)
                                 : changeTokens(random, text);
  return store(text, data, maxSize);
}

size_t fuzz::mixIR(StringRef first, StringRef second, uint8_t *out,
                   size_t maxSize, unsigned seed) {
  Random random(seed);
  llvm::SmallVector<StringRef> lines, others;
  first.split(lines, '\n');
  second.split(others, '\n');
  size_t begin = below(random, others.size());
  size_t count = 1 + below(random, std::min<size_t>(others.size() - begin, 8));
  lines.insert(lines.begin() + below(random, lines.size() + 1),
               others.begin() + begin, others.begin() + begin + count);
  return store(llvm::join(lines, "\n"), out, maxSize);
}
