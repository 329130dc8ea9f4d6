//===- TokenizerTest.cpp - Byte-level byte-pair encoding ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The splitting rule by example, merges by hand, and that decoding undoes
// encoding for any bytes.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Tokenizer.h"
#include "TestSupport.h"
#include "lowbit/Tools/TokenFile.h"

using namespace lowbit;
using namespace lowbit::testing;

static std::vector<std::string> split(llvm::StringRef text) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    size_t length = getFirstPieceLength(text);
    pieces.push_back(text.take_front(length).str());
    text = text.drop_front(length);
  }
  return pieces;
}

TEST(Tokenizer, SplitsLikeTheExpression) {
  using Pieces = std::vector<std::string>;
  EXPECT_EQ((Pieces{"The", " cat", " 4", "2", "."}), split("The cat 42."));
  EXPECT_EQ((Pieces{"  ", "x", "\t", "y"}), split("  x\ty"));
  EXPECT_EQ((Pieces{"a", "\n\n  ", "b"}), split("a\n\n  b"));
  EXPECT_EQ((Pieces{"--", "opt", "=", "1", " "}), split("--opt=1 "));
  EXPECT_EQ((Pieces{" \xc3\xa9", "t"}), split(" \xc3\xa9t"));
}

TEST(Tokenizer, AppliesEarlierMergesFirst) {
  // 256 = "bc", 257 = "ab", 258 = "abc" from "a" and "bc".
  auto tokenizer = Tokenizer::parse("[[98, 99], [97, 98], [97, 256]]", "m");
  ASSERT_TRUE(bool(tokenizer));
  EXPECT_EQ(259u, tokenizer->getVocabularySize());
  EXPECT_EQ((std::vector<uint32_t>{258}), tokenizer->encode("abc"));
  EXPECT_EQ((std::vector<uint32_t>{257, 97}), tokenizer->encode("aba"));
  EXPECT_EQ((std::vector<uint32_t>{256, 256}), tokenizer->encode("bcbc"));
  EXPECT_EQ("abc?", tokenizer->decode({258, 1000, 63}));
}

TEST(Tokenizer, DecodingUndoesEncoding) {
  auto tokenizer = Tokenizer::parse("[[32, 97], [256, 98], [10, 10]]", "m");
  ASSERT_TRUE(bool(tokenizer));
  std::mt19937 generator(2);
  for (unsigned i = 0; i < 200; ++i) {
    std::string text(generator() % 64, '\0');
    for (char &c : text)
      c = generator() % 2 ? " ab\n1."[generator() % 6] : char(generator());
    EXPECT_EQ(text, tokenizer->decode(tokenizer->encode(text)));
  }
}

TEST(Tokenizer, RefusesBadMerges) {
  EXPECT_EQ("m: a list of merges is required",
            getText(Tokenizer::parse("{}", "m")));
  for (llvm::StringRef json :
       {"[[1]]", "[[1, 2, 3]]", "[[1, 256]]", "[[-1, 2]]", "[[1.5, 2]]", "[1]"})
    EXPECT_EQ("m: merge 0 must be a pair of ids below 256",
              getText(Tokenizer::parse(json, "m")));
  std::string doubling = "[[97, 97]";
  for (unsigned id = 256; id < 300; ++id)
    doubling += ",[" + std::to_string(id) + "," + std::to_string(id) + "]";
  EXPECT_EQ("m: merge 8 makes a token of more than 256 bytes",
            getText(Tokenizer::parse(doubling + "]", "m")));
}

TEST(TokenFile, ReadsLittleEndian) {
  TemporaryFolder folder;
  writeBytes(folder / "t.bin", llvm::StringRef("\x01\x02\xff\x00", 4));
  auto tokens = readTokens(folder / "t.bin");
  ASSERT_TRUE(bool(tokens));
  EXPECT_EQ((std::vector<uint16_t>{0x201, 0xff}), *tokens);
  writeBytes(folder / "t.bin", "abc");
  EXPECT_NE(std::string::npos, getText(readTokens(folder / "t.bin"))
                                   .find("found an odd number of bytes (3)"));
  EXPECT_NE(std::string::npos, getText(readTokens(folder / "none"))
                                   .find("cannot be read: No such file"));
}
