//===- ProfileTest.cpp - time and memory of each phase --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Profile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "gtest/gtest.h"
#include <chrono>
#include <memory>

using namespace lowbit;

/// The columns of the table that `profile` prints, by phase.
static llvm::StringMap<std::vector<double>> getTable(Profile &profile) {
  std::string text;
  llvm::raw_string_ostream os(text);
  profile.print(os);
  llvm::SmallVector<llvm::StringRef> lines;
  llvm::StringRef(text).split(lines, '\n', -1, /*KeepEmpty=*/false);
  llvm::StringMap<std::vector<double>> table;
  for (llvm::StringRef line : llvm::drop_begin(lines)) {
    llvm::SmallVector<llvm::StringRef> words;
    line.split(words, ' ', -1, /*KeepEmpty=*/false);
    for (llvm::StringRef word : llvm::drop_begin(words))
      EXPECT_FALSE(word.getAsDouble(table[words[0]].emplace_back()));
  }
  return table;
}

TEST(Profile, InnerPhasesPauseOuterOnes) {
  Profile profile;
  {
    Profile::Scope outer(&profile, "outer");
    for (int i = 0; i < 2; ++i) {
      Profile::Scope inner(&profile, "inner");
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
  }
  auto table = getTable(profile);
  EXPECT_EQ(4u, table.size());
  EXPECT_GE(table["inner"][0], 0.06);
  EXPECT_LT(table["outer"][0], table["inner"][0]);
  EXPECT_NEAR(table["total"][0],
              table["inner"][0] + table["outer"][0] + table["other"][0], 2e-3);
}

TEST(Profile, PeaksBelongToTheirPhase) {
  std::optional<uint64_t> before = getAnonymousMemory();
  ASSERT_TRUE(before) << "Linux tells in /proc/self/status";
  constexpr size_t kBytes = 64 << 20;
  Profile profile;
  {
    Profile::Scope scope(&profile, "before");
  }
  {
    Profile::Scope scope(&profile, "large");
    std::unique_ptr<char[]> block(new char[kBytes]);
    // Pages are there once they are written to.
    for (size_t i = 0; i < kBytes; i += 4096)
      static_cast<volatile char *>(block.get())[i] = 1;
    EXPECT_GE(*getAnonymousMemory(), *before + kBytes / 2);
  }
  auto table = getTable(profile);
  // Megabytes.
  EXPECT_GE(table["large"][2], table["before"][2] + 60);
  // A sanitizer's own memory grows meanwhile.
  EXPECT_NEAR(table["total"][2], table["large"][2], 1);
}

TEST(Profile, ScopesWithoutAProfileDoNothing) {
  Profile::Scope scope(nullptr, "phase");
}
