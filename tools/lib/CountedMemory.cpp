//===- CountedMemory.cpp - what compiled code allocates -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CountedMemory.h"
#include "lowbit/Tools/Executable.h"
#include <atomic>
#include <malloc.h>

using namespace lowbit;

static std::atomic<int64_t> liveBytes, mostBytes, firstBytes;

static void *allocate(size_t size) {
  void *memory = allocateForModel(size);
  int64_t live = liveBytes += int64_t(malloc_usable_size(memory));
  int64_t most = mostBytes;
  while (live > most && !mostBytes.compare_exchange_weak(most, live)) {
  }
  return memory;
}

static void release(void *memory) {
  liveBytes -= int64_t(malloc_usable_size(memory));
  free(memory);
}

void lowbit::countMemory(ExecutableOptions &options) {
  options.allocate = allocate;
  options.release = release;
}

void lowbit::startMemoryCount() { mostBytes = firstBytes = liveBytes.load(); }

int64_t lowbit::getMostMemory() { return mostBytes - firstBytes; }
