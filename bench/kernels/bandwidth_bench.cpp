//===- bandwidth_bench.cpp - the machine's limits -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How fast bytes are read, and multiplied, by one thread: what products with
// one row of activations run into, and with many.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Limits.h"
#include <benchmark/benchmark.h>
#include <cstring>

using namespace lowbit;

static llvm::ExitOnError exitOnError("lowbit-bench: error: ");

static void readBench(benchmark::State &state, size_t bytes) {
  PageRegion region =
      exitOnError(PageRegion::create(bytes, /*hugePages=*/false));
  std::memset(region.data(), 1, bytes);
  TimeSamples reads;
  for (auto _ : state)
    reads.add(exitOnError(timeRead(region.data(), bytes, /*threads=*/1)));
  if (!reads.empty())
    state.counters["GB/s"] = 1e-9 * bytes / reads.median();
}

static void dotBench(benchmark::State &state) {
  TimeSamples rates;
  for (auto _ : state)
    rates.add(exitOnError(measureByteDots(/*threads=*/1)));
  if (!rates.empty())
    state.counters["GOP/s"] = 1e-9 * rates.median();
}

static void tileBench(benchmark::State &state, bool loads) {
  TimeSamples rates;
  for (auto _ : state)
    rates.add(exitOnError(measureTiles(/*threads=*/1, loads)));
  if (!rates.empty())
    state.counters["GOP/s"] = 1e-9 * rates.median();
}

// About the packed size of 4096 x 4096 four-bit weights, and far too much for
// any cache.
BENCHMARK_CAPTURE(readBench, l3, size_t(9) << 20)
    ->Name("read/l3")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(readBench, dram, size_t(512) << 20)
    ->Name("read/dram")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(dotBench)->Name("int8_dot")->Unit(benchmark::kMicrosecond);

/// There are such rows where the machine has tiles.
static const bool hasTiles = [] {
  if (exitOnError(measureTiles(/*threads=*/1, /*loads=*/false)) == 0)
    return false;
  benchmark::RegisterBenchmark("int8_tiles/registers", tileBench, false)
      ->Unit(benchmark::kMicrosecond);
  benchmark::RegisterBenchmark("int8_tiles/l1", tileBench, true)
      ->Unit(benchmark::kMicrosecond);
  return true;
}();
