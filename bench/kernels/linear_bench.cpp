//===- linear_bench.cpp - speed of the low-bit kernels --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One layer, compiled and called as models are: the time includes quantizing
// the activations and allocating the result. Names end in where weights come
// from: `l3` reuses one matrix from call to call, so that it comes from the
// last cache that holds it, `dram` takes turns between copies of a GiB (or of
// --dram-mib), or half of the memory that is free if that is less (the label
// says).
//
// After each call the same bytes are read by a plain loop, or a loop of byte
// products runs, on the same threads; so the fractions compare what happened
// at the same time. Counters are of medians; with one thread, of the time that
// it ran.
//
//===----------------------------------------------------------------------===//

#include "FailedRows.h"
#include "Layer.h"
#include "Options.h"
#include "lowbit/Tools/Limits.h"
#include <benchmark/benchmark.h>
#include <cinttypes>

using namespace lowbit;
using namespace lowbit::bench;
using ::benchmark::Counter;

static llvm::ExitOnError exitOnError("lowbit-bench: error: ");

namespace {

struct Case {
  std::string method;
  std::string cpu;
  int64_t n, k, m;
  unsigned threads;
  bool fromMemory;
  int64_t memoryMiB;
  bool hugePages;
  std::string tuning;
};

/// Copies of a layer's weights, of which each call reads another.
class Copies {
public:
  Copies(const Layer &layer, const Case &what)
      : bytes(layer.program->copyBytes()), count(chooseCount(what)),
        region(exitOnError(PageRegion::create(bytes * count, what.hugePages))) {
    for (size_t i = 0; i < count; ++i)
      tables.push_back(layer.program->copyWeights(region.data() + i * bytes));
  }
  const std::vector<const void *> &next() {
    return tables[at = (at + 1) % count];
  }
  std::string describe() const {
    return std::to_string(bytes * count >> 20) + " MiB of weights";
  }

private:
  size_t chooseCount(const Case &what) const {
    if (!what.fromMemory)
      return 1;
    size_t wanted = std::min(size_t(what.memoryMiB) << 20, getSpareMemory());
    return std::max<size_t>(2, (wanted + bytes - 1) / bytes);
  }

  size_t bytes, count;
  PageRegion region;
  std::vector<std::vector<const void *>> tables;
  size_t at = 0;
};

} // namespace

/// The last layer only: benchmarks of one layer follow one another.
static std::shared_ptr<Layer> getLayer(const Case &what) {
  static std::string key;
  static std::shared_ptr<Layer> layer;
  std::string wanted = what.method + "/" + what.cpu + "/" +
                       std::to_string(what.n) + "/" + std::to_string(what.k);
  if (key != wanted) {
    layer = std::make_shared<Layer>(what.method, what.cpu, what.tuning, what.n,
                                    what.k);
    key = wanted;
  }
  return layer;
}

/// Its weights, the last ones, too: the library calls a benchmark several times
/// to find how often to repeat it, and a GiB takes a second to write.
static Copies &getCopies(const std::shared_ptr<Layer> &layer,
                         const Case &what) {
  static std::shared_ptr<Layer> owner;
  static bool fromMemory = false;
  static std::unique_ptr<Copies> copies;
  if (owner != layer || fromMemory != what.fromMemory || !copies) {
    copies.reset();
    copies = std::make_unique<Copies>(*layer, what);
    owner = layer;
    fromMemory = what.fromMemory;
  }
  return *copies;
}

static void report(benchmark::State &state, const Case &what, size_t bytes,
                   const TimeSamples &calls, const TimeSamples &reads,
                   const TimeSamples &dots, const TimeSamples &tiles) {
  if (calls.empty())
    return;
  double time = calls.median();
  double operations = 2.0 * what.n * what.k * what.m;
  state.counters["us"] = 1e6 * time;
  state.counters["us_least"] = 1e6 * calls.least();
  state.counters["GB/s"] = 1e-9 * bytes / time;
  state.counters["GFLOP/s"] = 1e-9 * operations / time;
  if (!reads.empty()) {
    state.counters["read_GB/s"] = 1e-9 * bytes / reads.median();
    state.counters["of_read"] = reads.median() / time;
  }
  if (!dots.empty() && dots.median() > 0) {
    state.counters["int8_GOP/s"] = 1e-9 * dots.median();
    state.counters["of_int8"] = operations / time / dots.median();
  }
  if (!tiles.empty() && tiles.median() > 0) {
    state.counters["tiles_GOP/s"] = 1e-9 * tiles.median();
    state.counters["of_tiles"] = operations / time / tiles.median();
  }
}

static void linearBench(benchmark::State &state, const Case &what) {
  std::shared_ptr<Layer> layer = getLayer(what);
  if (!layer->program)
    return failRow(state, layer->error);
  layer->program->executable().setThreads(what.threads);
  HostTensor x = createNumbers({what.m, what.k});
  auto call = layer->program->executable().prepare("main", x);
  if (!call)
    return failRow(state, llvm::toString(call.takeError()));
  Copies &copies = getCopies(layer, what);
  TimeSamples calls, reads, dots, tiles;
  size_t bytes = layer->program->packedBytes();
  for (auto _ : state) {
    const std::vector<const void *> &weights = copies.next();
    Stopwatch watch(what.threads);
    (*call)(weights.data());
    calls.add(watch.seconds());
    state.PauseTiming();
    call->getOutputs();
    if (what.m == 1)
      reads.add(
          exitOnError(timeRead(static_cast<const char *>(copies.next().front()),
                               bytes, what.threads)));
    else
      dots.add(exitOnError(measureByteDots(what.threads)));
    if (what.m > 1)
      tiles.add(exitOnError(measureTiles(what.threads, /*loads=*/true)));
    state.ResumeTiming();
  }
  report(state, what, bytes, calls, reads, dots, tiles);
  if (what.fromMemory)
    state.SetLabel(copies.describe());
}

std::string lowbit::bench::checkEncodings(const Options &options) {
  for (const std::string &method : options.encodings)
    if (std::string problem = checkMethod(method); !problem.empty())
      return problem;
  return "";
}

void lowbit::bench::registerLinear(const Options &options) {
  for (const std::string &method : options.encodings)
    for (auto [n, k] : options.shapes)
      for (int64_t m : options.rows)
        for (unsigned threads : options.threads)
          for (const std::string &memory : options.memories) {
            Case what{method,
                      options.cpu,
                      n,
                      k,
                      m,
                      threads,
                      memory == "dram",
                      options.memoryMiB,
                      options.hugePages,
                      options.tuning};
            std::string name =
                "linear/" + method + "/N:" + std::to_string(n) +
                "/K:" + std::to_string(k) + "/M:" + std::to_string(m) +
                "/threads:" + std::to_string(threads) + "/" + memory;
            benchmark::RegisterBenchmark(name.c_str(), linearBench, what)
                ->Unit(benchmark::kMicrosecond);
          }
}
