//===- bandwidth_bench.cpp - how fast the machine reads -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The limit that products with one row of activations run into. One thread.
//
//===----------------------------------------------------------------------===//

#include <benchmark/benchmark.h>
#include <cstdint>
#include <vector>

/// Sums `bytes` bytes, with enough independent sums to wait for memory alone.
static void readBench(benchmark::State &state, int64_t bytes) {
  using Vector = uint64_t __attribute__((vector_size(64)));
  constexpr int64_t chains = 8;
  std::vector<Vector> data(bytes / sizeof(Vector), Vector{1});
  for (auto _ : state) {
    Vector sums[chains] = {};
    for (size_t i = 0; i + chains <= data.size(); i += chains)
      for (int64_t c = 0; c < chains; ++c)
        sums[c] += data[i + c];
    for (Vector &sum : sums)
      benchmark::DoNotOptimize(sum);
  }
  using benchmark::Counter;
  state.counters["GB/s"] =
      Counter(1e-9 * bytes, Counter::kIsIterationInvariantRate);
}

static const int registered = [] {
  auto add = [](const char *name, int64_t bytes) {
    benchmark::RegisterBenchmark(name, readBench, bytes)
        ->Unit(benchmark::kMicrosecond);
  };
  // About the packed size of 4096 x 4096 four-bit weights, and far too much
  // for any cache.
  add("read/l3", 9 << 20);
  add("read/dram", int64_t(512) << 20);
  return 0;
}();
