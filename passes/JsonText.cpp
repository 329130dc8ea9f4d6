//===- JsonText.cpp - JSON that others wrote ------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One pass over the text finds nesting and repeated keys; LLVM's parser then
// checks the grammar. The scan knows just enough of the grammar for that: where
// strings begin and end, and that a string before a colon is a key.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/JsonText.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/raw_ostream.h"
#include <vector>

using namespace lowbit;

static llvm::Error fileError(llvm::StringRef source, const llvm::Twine &what) {
  return llvm::createStringError(source + ": " + what);
}

namespace {

/// Scans for what `parseJson` refuses. On malformed text it may stop early;
/// the parser reports that.
class JsonScanner {
public:
  JsonScanner(llvm::StringRef text, llvm::StringRef source,
              const JsonLimits &limits)
      : text(text), source(source), limits(limits) {}

  llvm::Error scan() {
    while (position < text.size()) {
      if (llvm::Error error = step())
        return error;
    }
    return llvm::Error::success();
  }

private:
  llvm::Error step() {
    switch (text[position]) {
    case '"':
      lastStringBegin = position;
      lastString = skipString();
      return llvm::Error::success();
    case '{':
    case '[':
      if (keys.size() == limits.depth)
        return fail("nesting is limited to " + llvm::Twine(limits.depth) +
                    " levels");
      keys.emplace_back();
      break;
    case '}':
    case ']':
      if (!keys.empty())
        keys.pop_back();
      break;
    case ':':
      if (!keys.empty() && !keys.back().insert(unescape(lastString)).second) {
        position = lastStringBegin;
        return fail("key '" + show(lastString) +
                    "' occurs twice in one object");
      }
      break;
    default:
      break;
    }
    ++position;
    return llvm::Error::success();
  }

  /// The raw text between the quotes; leaves the position behind them.
  llvm::StringRef skipString() {
    size_t begin = ++position;
    while (position < text.size() && text[position] != '"')
      position += text[position] == '\\' ? 2 : 1;
    position = std::min(position, text.size());
    llvm::StringRef content = text.slice(begin, position);
    ++position;
    return content;
  }

  /// The string that `raw` spells, so that escapes cannot hide a repetition.
  static std::string unescape(llvm::StringRef raw) {
    if (!raw.contains('\\'))
      return raw.str();
    llvm::Expected<llvm::json::Value> value =
        llvm::json::parse(("\"" + raw + "\"").str());
    if (!value) {
      llvm::consumeError(value.takeError());
      return raw.str();
    }
    return value->getAsString().value_or(raw).str();
  }

  /// A key as an error shows it: the beginning of a long one, and a line.
  static std::string show(llvm::StringRef key) {
    constexpr size_t kLength = 40;
    std::string shown =
        key.take_front(kLength).str() + (key.size() > kLength ? "..." : "");
    if (llvm::none_of(shown, [](unsigned char c) { return c < ' '; }))
      return shown;
    std::string escaped;
    llvm::raw_string_ostream os(escaped);
    llvm::printEscapedString(shown, os);
    return escaped;
  }

  llvm::Error fail(const llvm::Twine &what) const {
    llvm::StringRef before = text.take_front(position);
    size_t line = before.count('\n') + 1;
    size_t column = before.size() - (before.rfind('\n') + 1) + 1;
    return fileError(source, "line " + llvm::Twine(line) + ", column " +
                                 llvm::Twine(column) + ": " + what);
  }

  llvm::StringRef text, source;
  const JsonLimits &limits;
  size_t position = 0;
  llvm::StringRef lastString;
  size_t lastStringBegin = 0;
  std::vector<llvm::StringSet<>> keys;
};

/// The number in `\\uXXXX` at the start of `text`, if it has one in `low` to
/// `high`.
std::optional<uint32_t> parseUnit(llvm::StringRef text, uint32_t low,
                                  uint32_t high) {
  uint32_t unit;
  if (!text.consume_front("\\u") || text.size() < 4 ||
      !llvm::all_of(text.take_front(4), llvm::isHexDigit) ||
      text.take_front(4).getAsInteger(16, unit) || unit < low || unit > high)
    return std::nullopt;
  return unit;
}

/// `text` with the characters that pairs of escapes spell. LLVM's parser takes
/// the bits of both halves where their sum is due, and so reads other
/// characters beyond U+1FFFF.
std::string replacePairs(llvm::StringRef text) {
  constexpr size_t kEscape = 6;
  std::string result;
  while (!text.empty()) {
    llvm::StringRef plain = text.take_until([](char c) { return c == '\\'; });
    result += plain;
    text = text.drop_front(plain.size());
    std::optional<uint32_t> high = parseUnit(text, 0xD800, 0xDBFF);
    std::optional<uint32_t> low =
        parseUnit(text.drop_front(high ? kEscape : 0), 0xDC00, 0xDFFF);
    if (high && low) {
      char bytes[UNI_MAX_UTF8_BYTES_PER_CODE_POINT], *end = bytes;
      llvm::ConvertCodePointToUTF8(
          0x10000 + ((*high - 0xD800) << 10) + (*low - 0xDC00), end);
      result.append(bytes, end);
      text = text.drop_front(2 * kEscape);
    } else {
      // The character behind a backslash belongs to it.
      result += text.take_front(2);
      text = text.drop_front(std::min<size_t>(text.size(), 2));
    }
  }
  return result;
}

} // namespace

llvm::Expected<llvm::json::Value> lowbit::parseJson(llvm::StringRef text,
                                                    llvm::StringRef source,
                                                    const JsonLimits &limits) {
  if (text.size() > limits.bytes)
    return fileError(source, "JSON text of " + llvm::Twine(text.size()) +
                                 " bytes, at most " +
                                 llvm::Twine(limits.bytes) + " are accepted");
  std::string replaced;
  if (text.contains_insensitive("\\ud")) {
    replaced = replacePairs(text);
    text = replaced;
  }
  if (llvm::Error error = JsonScanner(text, source, limits).scan())
    return error;
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(text);
  if (value)
    return value;
  std::string message;
  llvm::handleAllErrors(value.takeError(),
                        [&](const llvm::json::ParseError &error) {
                          llvm::raw_string_ostream os(message);
                          error.log(os);
                        });
  return fileError(source, "JSON: " + message);
}

std::optional<int64_t> lowbit::getJsonInteger(const llvm::json::Value *value) {
  if (!value)
    return std::nullopt;
  if (std::optional<uint64_t> whole = value->getAsUINT64())
    return *whole <= INT64_MAX ? std::optional<int64_t>(*whole) : std::nullopt;
  constexpr double beyond = 9223372036854775808.0;
  if (value->getAsNumber() == beyond)
    return std::nullopt;
  return value->getAsInteger();
}
