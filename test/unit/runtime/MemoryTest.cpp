//===- MemoryTest.cpp - what runs hand on to the next ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Blocks stay with the model, each for one run at a time, and no more of them
// than the last run has used. A sanitizer sees those that are lost or freed
// twice.
//
//===----------------------------------------------------------------------===//

#include "Internal.h"
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

namespace {

class MemoryTest : public testing::Test {
protected:
  ~MemoryTest() override { lowbit_free_blocks(model.spare); }

  /// Sizes of the blocks that the model keeps, in their order.
  std::vector<size_t> getSpare() const {
    std::vector<size_t> sizes;
    for (const lowbit_block *b = model.spare; b; b = b->next)
      sizes.push_back(b->size);
    return sizes;
  }

  /// Asks for buffers and writes them full; the run's end frees them.
  std::vector<void *> run(const std::vector<size_t> &sizes) {
    lowbit_run_state r;
    std::vector<void *> buffers;
    lowbit_begin_run(&r, &model);
    for (size_t size : sizes) {
      buffers.push_back(lowbit_allocate(size));
      std::memset(buffers.back(), 0xAB, size);
    }
    lowbit_end_run(&r);
    return buffers;
  }

  lowbit_model model = {};
};

using Sizes = std::vector<size_t>;

TEST_F(MemoryTest, ALaterRunGetsTheSameBlocks) {
  std::vector<void *> first = run({1000, 64});
  std::vector<void *> second = run({1000, 64});
  EXPECT_EQ(first, second);
  for (void *buffer : second)
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer) % 64, 0u);
  EXPECT_EQ(getSpare().size(), 2u);
}

TEST_F(MemoryTest, ABufferMayTakeTheBlockOfOneThatIsFreed) {
  lowbit_run_state r;
  lowbit_begin_run(&r, &model);
  void *a = lowbit_allocate(4096), *b = lowbit_allocate(4096);
  EXPECT_NE(a, b);
  lowbit_deallocate(a);
  EXPECT_EQ(lowbit_allocate(3000), a);
  lowbit_end_run(&r);
  EXPECT_EQ(getSpare(), (Sizes{4096, 4096}));
}

TEST_F(MemoryTest, TheLeastBlockWithRoomIsTaken) {
  std::vector<void *> blocks = run({1900, 1200, 1500, 800});
  EXPECT_EQ(run({1000}).front(), blocks[1]);
}

TEST_F(MemoryTest, ABlockOfMoreThanTwiceTheSizeIsLeft) {
  void *large = run({2002}).front();
  EXPECT_NE(run({1000}).front(), large);
  EXPECT_EQ(getSpare(), Sizes{1000});
  large = run({2001}).front();
  EXPECT_EQ(run({1000}).front(), large);
}

TEST_F(MemoryTest, ALargerBlockReplacesASmallerOne) {
  lowbit_run_state r;
  lowbit_begin_run(&r, &model);
  void *small = lowbit_allocate(10), *middle = lowbit_allocate(500);
  lowbit_deallocate(small);
  lowbit_deallocate(middle);
  lowbit_allocate(1000);
  lowbit_end_run(&r);
  EXPECT_EQ(getSpare(), (Sizes{1000, 10}));
}

TEST_F(MemoryTest, BlocksThatARunDoesNotUseAreFreed) {
  run({100, 5000, 70000});
  EXPECT_EQ(getSpare().size(), 3u);
  run({5000});
  EXPECT_EQ(getSpare(), Sizes{5000});
  run({});
  EXPECT_EQ(getSpare(), Sizes{});
}

TEST_F(MemoryTest, AResultBelongsToTheCallerAndIsNotHandedOn) {
  lowbit_run_state r;
  lowbit_begin_run(&r, &model);
  void *result = lowbit_allocate(256), *other = lowbit_allocate(256);
  EXPECT_EQ(lowbit_take(&r, result), 1);
  EXPECT_EQ(lowbit_take(&r, result), 0);
  lowbit_end_run(&r);
  EXPECT_EQ(getSpare(), Sizes{256});
  std::memset(result, 1, 256);
  EXPECT_EQ(run({256, 256}).front(), other);
  // Outside of a run, a buffer goes back to the system.
  lowbit_deallocate(result);
  EXPECT_EQ(getSpare().size(), 2u);
}

TEST_F(MemoryTest, RunsAtOnceShareNothing) {
  void *kept = run({512}).front();
  lowbit_run_state outer;
  lowbit_begin_run(&outer, &model);
  EXPECT_EQ(lowbit_allocate(512), kept);
  std::thread other([&] {
    EXPECT_NE(run({512}).front(), kept);
    EXPECT_EQ(getSpare(), Sizes{512});
  });
  other.join();
  // The blocks of the run that ends last stay, those of the other are freed.
  lowbit_end_run(&outer);
  EXPECT_EQ(getSpare(), Sizes{512});
  EXPECT_EQ(run({512}).front(), kept);
}

TEST_F(MemoryTest, ABufferOutsideOfARunIsTheSystems) {
  void *buffer = lowbit_allocate(100);
  std::memset(buffer, 0, 100);
  lowbit_deallocate(buffer);
  lowbit_deallocate(nullptr);
  EXPECT_EQ(getSpare(), Sizes{});
}

TEST_F(MemoryTest, SpareBlocksGiveWayWhereThereIsNoMemory) {
  run({4096});
  lowbit_run_state r;
  lowbit_begin_run(&r, &model);
  bool failed = setjmp(r.out_of_memory) != 0;
  if (!failed)
    lowbit_allocate(SIZE_MAX);
  EXPECT_TRUE(failed);
  EXPECT_EQ(r.spare, nullptr);
  lowbit_end_run(&r);
  EXPECT_EQ(getSpare(), Sizes{});
}

} // namespace
