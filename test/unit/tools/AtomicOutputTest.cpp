//===- AtomicOutputTest.cpp - Files that appear whole or not at all -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// After every kind of failure the folder must look as it did before.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/AtomicOutput.h"
#include "TestSupport.h"
#include <thread>

using namespace lowbit;
using namespace lowbit::testing;

TEST(AtomicOutput, AppearsOnCommit) {
  TemporaryFolder folder;
  std::string path = folder / "a.bin";
  auto output = AtomicOutput::create(path);
  ASSERT_EQ("", output ? "" : getText(output.takeError()));
  output->os() << "content";
  EXPECT_FALSE(llvm::sys::fs::exists(path));
  EXPECT_EQ("", getText(output->commit()));
  EXPECT_EQ("content", readBytes(path));
  EXPECT_EQ(1u, folder.countFiles());
}

TEST(AtomicOutput, LeavesNothingWithoutCommit) {
  TemporaryFolder folder;
  writeBytes(folder / "a.bin", "before");
  {
    auto output = AtomicOutput::create(folder / "a.bin");
    ASSERT_TRUE(bool(output));
    output->os() << "after";
  }
  EXPECT_EQ("before", readBytes(folder / "a.bin"));
  EXPECT_EQ(1u, folder.countFiles());
}

TEST(AtomicOutput, ReportsFullDisk) {
  auto output = AtomicOutput::create("/dev/full");
  ASSERT_TRUE(bool(output));
  output->os() << std::string(1 << 20, 'x');
  EXPECT_EQ("/dev/full: cannot be written: No space left on device",
            getText(output->commit()));
}

TEST(AtomicOutput, DiscardsAfterPendingError) {
  auto output = AtomicOutput::create("/dev/full");
  ASSERT_TRUE(bool(output));
  output->os() << std::string(1 << 20, 'x');
}

TEST(AtomicOutput, RefusesFolders) {
  TemporaryFolder folder;
  EXPECT_NE(std::string::npos,
            getText(AtomicOutput::create(folder / ""))
                .find("is a directory, a file name is required"));
  EXPECT_NE(std::string::npos,
            getText(AtomicOutput::create(folder / "none/a.bin"))
                .find("cannot be created: No such file or directory"));
}

TEST(AtomicOutput, CommitsAllOrNothing) {
  TemporaryFolder folder;
  auto first = AtomicOutput::create(folder / "a"),
       second = AtomicOutput::create(folder / "b");
  ASSERT_TRUE(first && second);
  first->os() << "1";
  second->os() << "2";
  // A folder in the way makes the second rename fail.
  ASSERT_FALSE(llvm::sys::fs::create_directory(folder / "b"));
  EXPECT_NE(std::string::npos,
            getText(AtomicOutput::commitAll({&*first, &*second}))
                .find("b: cannot be replaced: Is a directory"));
  EXPECT_FALSE(llvm::sys::fs::exists(folder / "a"));
  EXPECT_EQ(1u, folder.countFiles());
}

TEST(AtomicOutput, RestoresAllIfOneCannotBeReplaced) {
  TemporaryFolder folder;
  writeBytes(folder / "a", "old a");
  writeBytes(folder / "c", "old c");
  auto first = AtomicOutput::create(folder / "a"),
       second = AtomicOutput::create(folder / "b"),
       third = AtomicOutput::create(folder / "c");
  ASSERT_TRUE(first && second && third);
  ASSERT_FALSE(llvm::sys::fs::create_directory(folder / "b"));
  EXPECT_NE("", getText(AtomicOutput::commitAll({&*first, &*second, &*third})));
  EXPECT_EQ("old a", readBytes(folder / "a"));
  EXPECT_EQ("old c", readBytes(folder / "c"));
  EXPECT_EQ(3u, folder.countFiles());
}

TEST(AtomicOutput, RemovesLeftoversOfTheDead) {
  TemporaryFolder folder;
  auto alive = AtomicOutput::create(folder / "a.bin");
  ASSERT_TRUE(bool(alive));
  for (llvm::StringRef name :
       {"a.bin.12abef.tmp", "a.bin.12abe.tmp", "a.bin.12abez.tmp",
        "b.bin.12abef.tmp", "a.bin.12abef"})
    writeBytes(folder / name, "of a user, or left");
  auto other = AtomicOutput::create(folder / "a.bin");
  ASSERT_TRUE(bool(other));
  EXPECT_FALSE(llvm::sys::fs::exists(folder / "a.bin.12abef.tmp"));
  // Two outputs, and four names that aren't those of its leftovers.
  EXPECT_EQ(6u, folder.countFiles());
  alive->os() << "alive";
  EXPECT_EQ("", getText(alive->commit()));
  EXPECT_EQ("alive", readBytes(folder / "a.bin"));
}

TEST(AtomicOutput, KeepsFinishedFilesFromOthers) {
  TemporaryFolder folder;
  auto first = AtomicOutput::create(folder / "a.bin");
  ASSERT_TRUE(bool(first));
  first->os() << "first";
  EXPECT_EQ("", getText(first->finish()));
  auto second = AtomicOutput::create(folder / "a.bin");
  ASSERT_TRUE(bool(second));
  AtomicOutput moved = std::move(*first);
  auto third = AtomicOutput::create(folder / "a.bin");
  ASSERT_TRUE(bool(third));
  EXPECT_EQ("", getText(moved.commit()));
  EXPECT_EQ("first", readBytes(folder / "a.bin"));
}

TEST(AtomicOutput, LeavesOutNull) {
  TemporaryFolder folder;
  auto output = AtomicOutput::create(folder / "a.bin");
  ASSERT_TRUE(bool(output));
  output->os() << "content";
  EXPECT_EQ("", getText(AtomicOutput::commitAll({nullptr, &*output})));
  EXPECT_EQ("content", readBytes(folder / "a.bin"));
}

/// Two writers of the same three files, at the same time: what is there in the
/// end is one writer's.
TEST(AtomicOutput, CommitsOneWriterAfterTheOther) {
  TemporaryFolder folder;
  auto write = [&](const std::string &content) {
    std::vector<AtomicOutput> files;
    for (llvm::StringRef name : {"a", "b", "c"}) {
      auto file = AtomicOutput::create(folder / name);
      ASSERT_EQ("", file ? "" : getText(file.takeError()));
      file->os() << content;
      ASSERT_EQ("", getText(file->finish()));
      files.push_back(std::move(*file));
    }
    EXPECT_EQ("", getText(AtomicOutput::commitAll(
                      {&files[0], &files[1], &files[2]})));
  };
  for (int round = 0; round < 30; ++round) {
    std::thread one(write, "one"), other(write, "other");
    one.join();
    other.join();
    EXPECT_EQ(readBytes(folder / "a"), readBytes(folder / "b"));
    EXPECT_EQ(readBytes(folder / "a"), readBytes(folder / "c"));
    EXPECT_EQ(3u, folder.countFiles());
  }
}
