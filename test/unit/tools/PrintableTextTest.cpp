//===- PrintableTextTest.cpp ----------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/PrintableText.h"
#include <gtest/gtest.h>

using namespace lowbit;

namespace {

TEST(PrintableText, StaysAsItIs) {
  EXPECT_EQ(makePrintable(""), "");
  EXPECT_EQ(makePrintable("a: b\n\tc"), "a: b\n\tc");
  EXPECT_EQ(makePrintable("é € 😀"), "é € 😀");
}

TEST(PrintableText, ShowsWhatIsNoText) {
  EXPECT_EQ(makePrintable("a\xff"), "a\\xff");
  // The beginning of a character, and one that is too long for what it spells.
  EXPECT_EQ(makePrintable("\xe2\x82"), "\\xe2\\x82");
  EXPECT_EQ(makePrintable("\xc0\xaf"), "\\xc0\\xaf");
}

TEST(PrintableText, ShowsWhatWouldDoSomething) {
  EXPECT_EQ(makePrintable("\x1b[31m\r\x7f"), "\\x1b[31m\\x0d\\x7f");
  EXPECT_EQ(makePrintable("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(makePrintable({"\0", 1}), "\\x00");
}

} // namespace
