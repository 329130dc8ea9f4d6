//===- SafetensorsTest.cpp - weights that nobody vouches for --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the run time reads of a file, and that no file makes it read beyond.
//
//===----------------------------------------------------------------------===//

#include "Internal.h"
#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <string>

namespace {

/// A file in memory of exactly its size, so that a sanitizer sees every byte
/// that is read past it.
class File {
public:
  File(const std::string &header, size_t dataBytes) {
    uint64_t length = header.size();
    std::string text(reinterpret_cast<const char *>(&length), 8);
    assign(text + header + std::string(dataBytes, '\1'));
  }
  explicit File(const std::string &bytes) { assign(bytes); }
  ~File() { lowbit_free_file(&parsed); }

  int parse() {
    lowbit_free_file(&parsed);
    return lowbit_parse_file(bytes.get(), size, &parsed);
  }
  std::string getText() const { return std::string(bytes.get(), size); }

  lowbit_file parsed = {};

private:
  void assign(const std::string &text) {
    size = text.size();
    bytes.reset(new char[size]);
    std::memcpy(bytes.get(), text.data(), size);
  }

  std::unique_ptr<char[]> bytes;
  size_t size = 0;
};

constexpr char kTensor[] =
    R"("w":{"dtype":"F32","shape":[1,2],"data_offsets":[4,12]})";

int parseHeader(const std::string &header) { return File(header, 12).parse(); }

} // namespace

TEST(RuntimeSafetensors, ReadsTensors) {
  File file(std::string("{\"__metadata__\": {\"a\": \"b\", \"checksum\": "
                        "\"12\"}, ") +
                kTensor +
                R"(, "a\"\u00e9\ud83d\ude00": )"
                R"({"shape":[],"dtype":"U8","data_offsets":[0,1]}})",
            12);
  ASSERT_EQ(LOWBIT_OK, file.parse()) << lowbit_message();
  EXPECT_STREQ("12", file.parsed.checksum);
  ASSERT_EQ(2u, file.parsed.count);
  const lowbit_entry *entry = lowbit_find_entry(&file.parsed, "w");
  ASSERT_NE(nullptr, entry);
  EXPECT_STREQ("F32", entry->type);
  EXPECT_EQ(2u, entry->rank);
  EXPECT_EQ(2, entry->shape[1]);
  EXPECT_EQ(4u, entry->begin);
  EXPECT_EQ(12u, entry->end);
  EXPECT_NE(nullptr, lowbit_find_entry(&file.parsed, "a\"\u00e9\U0001F600"));
  EXPECT_EQ(nullptr, lowbit_find_entry(&file.parsed, "x"));
  EXPECT_EQ(LOWBIT_ERROR_CHECKSUM, lowbit_check_file(&file.parsed));
}

TEST(RuntimeSafetensors, ReadsAnEmptyFile) {
  File file("{}", 0);
  ASSERT_EQ(LOWBIT_OK, file.parse());
  EXPECT_EQ(nullptr, lowbit_find_entry(&file.parsed, "w"));
  EXPECT_EQ(LOWBIT_OK, lowbit_check_file(&file.parsed));
}

TEST(RuntimeSafetensors, RefusesMalformedHeaders) {
  const std::string t = kTensor;
  const char *const cases[] = {
      "",
      "[]",
      "{",
      "{}x",
      "{\"w\"}",
      "{\"w\":}",
      "{\"w\":{}}",
      "{\"w\":{\"dtype\":\"F32\",\"shape\":[1,2]}}",
      "{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}",
      "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8]}}",
      "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}",
      "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
      "{\"w\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}",
      "{\"w\":{\"dtype\":\"F32\",\"shape\":[2.5],\"data_offsets\":[0,8]}}",
      "{\"w\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],"
      "\"data_offsets\":[0,8]}}",
      "{\"w\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"
      "\"data_offsets\":[0,4]}}",
      "{\"w\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}"
      "}",
      "{\"w\\u0000\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
      "{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
      "{\"\\udc00\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
      "{\"\\x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
      "{\"w\n\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
      "{\"__metadata__\":[]}",
      "{\"__metadata__\":{\"a\":1}}"};
  for (const char *header : cases)
    EXPECT_EQ(LOWBIT_ERROR_FORMAT, parseHeader(header)) << header;
  EXPECT_EQ(LOWBIT_ERROR_FORMAT, parseHeader("{" + t + ",}"));
  EXPECT_EQ(LOWBIT_ERROR_FORMAT, parseHeader("{" + t + t + "}"));
  EXPECT_EQ(LOWBIT_ERROR_FORMAT, parseHeader("{" + t + "," + t + "}"));
  EXPECT_EQ(LOWBIT_OK, parseHeader("{" + t + "}"));
}

/// A file that ends anywhere is refused or has fewer tensors, never read past.
TEST(RuntimeSafetensors, RefusesTruncatedFiles) {
  std::string whole = File(std::string("{") + kTensor + "}", 12).getText();
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_EQ(LOWBIT_ERROR_FORMAT, File(whole.substr(0, size)).parse()) << size;
}

/// Any one byte changed: an error or a file whose entries lie in the data.
TEST(RuntimeSafetensors, SurvivesDamage) {
  std::string whole = File(std::string("{") + kTensor + "}", 12).getText();
  for (size_t at = 0; at < whole.size(); ++at)
    for (int flip = 1; flip < 256; flip += 3) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      File file(damaged);
      if (file.parse() != LOWBIT_OK)
        continue;
      for (size_t i = 0; i < file.parsed.count; ++i) {
        EXPECT_LE(file.parsed.entries[i].begin, file.parsed.entries[i].end);
        EXPECT_LE(file.parsed.entries[i].end, file.parsed.data_bytes);
      }
      lowbit_check_file(&file.parsed);
    }
}
