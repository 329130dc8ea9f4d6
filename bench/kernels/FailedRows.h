//===- FailedRows.h - rows that have no figures -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The library prints why a row failed and goes on; what it returns is how many
// rows there were, so the first failure is kept here for the exit status.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_BENCH_KERNELS_FAILEDROWS_H
#define LOWBIT_BENCH_KERNELS_FAILEDROWS_H

#include <benchmark/benchmark.h>
#include <string>

namespace lowbit::bench {

/// Empty while no row has failed.
inline std::string firstFailure;

inline void failRow(benchmark::State &state, const std::string &message) {
  if (firstFailure.empty())
    firstFailure = message;
  state.SkipWithError(message.c_str());
}

} // namespace lowbit::bench

#endif // LOWBIT_BENCH_KERNELS_FAILEDROWS_H
