//===- LimitsTest.cpp - measuring without what it takes -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Limits.h"
#include <gtest/gtest.h>

using namespace lowbit;

namespace {

TEST(PageRegion, LiesAtHugePages) {
  auto region = PageRegion::create(5000, /*hugePages=*/true);
  ASSERT_TRUE(bool(region)) << llvm::toString(region.takeError());
  PageRegion moved = std::move(*region);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(moved.data()) % (2 << 20), 0u);
  moved.data()[0] = moved.data()[4999] = 1;
}

TEST(PageRegion, NeedsMemory) {
  constexpr size_t kBytes = size_t(1) << 60;
  auto region = PageRegion::create(kBytes, /*hugePages=*/false);
  ASSERT_FALSE(bool(region));
  std::string text = llvm::toString(region.takeError());
  EXPECT_NE(text.find("measuring requires 1152921504608944128 bytes of memory "
                      "for weights, the system refuses: "),
            std::string::npos)
      << text;
}

} // namespace
