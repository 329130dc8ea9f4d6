//===- Json.cpp - hostile JSON, and vocabularies made of it ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is accepted has the same value when it is printed and read again. If it
// also is a vocabulary, that spells every text as tokens and back.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Json.h"
#include "Fuzz.h"
#include "lowbit/Tools/Tokenizer.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace lowbit;

/// JSON has no infinity, but a number may be too large for a double.
static bool isFinite(const llvm::json::Value &value) {
  if (std::optional<double> number = value.getAsNumber())
    return std::isfinite(*number);
  if (const llvm::json::Array *array = value.getAsArray())
    return llvm::all_of(*array, isFinite);
  if (const llvm::json::Object *object = value.getAsObject())
    return llvm::all_of(
        *object, [](const auto &entry) { return isFinite(entry.second); });
  return true;
}

static void testValue(const llvm::json::Value &value) {
  if (!isFinite(value))
    return;
  std::string text = llvm::formatv("{0}", value);
  llvm::json::Value again = fuzz::expect(parseJson(text, fuzz::kSource),
                                         "what is printed can be read");
  fuzz::require(value == again, "a value that is printed and read is the same",
                text);
}

static void testTokenizer(llvm::StringRef text) {
  llvm::Expected<Tokenizer> tokenizer = Tokenizer::parse(text, fuzz::kSource);
  if (!tokenizer) {
    fuzz::refuse(tokenizer.takeError());
    return;
  }
  std::vector<uint32_t> ids = tokenizer->encode(text);
  for (uint32_t id : ids)
    fuzz::require(id < tokenizer->getVocabularySize(),
                  "tokens are in the vocabulary");
  fuzz::require(tokenizer->decode(ids) == text,
                "a text that is encoded and decoded is the same");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text = fuzz::toText(data, size);
  llvm::Expected<llvm::json::Value> value = parseJson(text, fuzz::kSource);
  if (!value) {
    fuzz::refuse(value.takeError());
    return 0;
  }
  testValue(*value);
  testTokenizer(text);
  return 0;
}
