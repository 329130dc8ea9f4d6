//===- JsonTest.cpp - Reading JSON that others wrote ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the wrapper refuses beyond the grammar, and where it says so.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Json.h"
#include "TestSupport.h"

using namespace lowbit;
using namespace lowbit::testing;

TEST(Json, AcceptsOrdinaryText) {
  auto value = parseJson(R"({"a": [1, {"b": "x:y"}], "c": {"a": null}})", "t");
  ASSERT_TRUE(bool(value));
  EXPECT_EQ(2u, value->getAsObject()->size());
}

TEST(Json, DecodesPairsOfEscapes) {
  for (auto [text, expected] :
       {std::pair(R"("\ud83d\ude00")", "\U0001F600"),
        std::pair(R"("\uD840\uDC00")", "\U00020000"),
        std::pair(R"("a\udbff\udfff\n")", "a\U0010FFFF\n"),
        std::pair(R"("\\ud840\\udc00")", "\\ud840\\udc00")}) {
    auto value = parseJson(text, "t");
    ASSERT_TRUE(bool(value)) << text;
    EXPECT_EQ(expected, value->getAsString()->str()) << text;
  }
}

TEST(Json, RefusesRepeatedKeys) {
  EXPECT_EQ("t: line 2, column 1: key 'a' occurs twice in one object",
            getText(parseJson("{\"a\": 1,\n\"a\": 2}", "t")));
  EXPECT_NE(
      std::string::npos,
      getText(parseJson(R"({"a": 1, "\u0061": 2})", "t")).find("occurs twice"));
  // Whatever the text is, it is one line, and no long one.
  std::string key = "a\n" + std::string(1000, 'b');
  EXPECT_EQ("t: line 2, column 1005: key 'a\\0A" + std::string(38, 'b') +
                "...' occurs twice in one object",
            getText(parseJson("{\"" + key + "\":1,\"" + key + "\":2}", "t")));
}

TEST(Json, RefusesDeepNesting) {
  std::string deep(1 << 20, '[');
  EXPECT_EQ("t: line 1, column 65: nesting is limited to 64 levels",
            getText(parseJson(deep, "t")));
}

TEST(Json, RefusesLongText) {
  JsonLimits limits;
  limits.bytes = 4;
  EXPECT_EQ("t: JSON text of 5 bytes, at most 4 are accepted",
            getText(parseJson("[1,2]", "t", limits)));
}

TEST(Json, ReadsIntegersThatFit) {
  auto read = [](const char *text) {
    llvm::json::Value value = llvm::cantFail(parseJson(text, "t"));
    return getJsonInteger(&value);
  };
  EXPECT_EQ(read("3e0"), 3);
  EXPECT_EQ(read("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(read("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(read("-9.223372036854775808e18"), INT64_MIN);
  for (const char *text : {"9223372036854775808", "9223372036854775807.2",
                           "1e300", "0.5", "\"1\"", "null"})
    EXPECT_EQ(read(text), std::nullopt) << text;
  EXPECT_EQ(getJsonInteger(nullptr), std::nullopt);
}

TEST(Json, PointsAtGrammarErrors) {
  std::string text = getText(parseJson("{\"a\": }", "t"));
  EXPECT_NE(std::string::npos, text.find("t: JSON: [1:")) << text;
}

TEST(Json, SurvivesMutations) {
  forEachMutation(R"({"a\"": [1, 2.5e3, true, null], "b": {"c": "\u00e9"}})",
                  2000, [](llvm::StringRef text) {
                    llvm::consumeError(parseJson(text, "t").takeError());
                  });
}
