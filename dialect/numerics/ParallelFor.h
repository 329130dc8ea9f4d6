//===- ParallelFor.h - a loop on several threads ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_PARALLELFOR_H
#define LOWBIT_NUMERICS_PARALLELFOR_H

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace lowbit::numerics {

/// Calls `body`(i) for i = 0 ... count - 1, each once, in no promised order.
template <typename Body>
void parallelFor(unsigned threads, int64_t count, Body body) {
  std::atomic<int64_t> next{0};
  auto work = [&] {
    for (int64_t i; (i = next++) < count;)
      body(i);
  };
  std::vector<std::thread> helpers;
  for (int64_t i = 1; i < std::min<int64_t>(threads, count); ++i)
    helpers.emplace_back(work);
  work();
  for (std::thread &helper : helpers)
    helper.join();
}

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_PARALLELFOR_H
