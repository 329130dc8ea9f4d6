//===- calibrate_bench.cpp - speed of calibrating and rounding a layer ----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GPTQ of one 4096 x 4096 layer by 128 samples of 2048 tokens, from the layer's
// inputs in memory to its codes: the second moment of the inputs as calibration
// sums it, and rounding with error feedback. What the model before the layer
// takes is not in it. The argument is the number of threads; once is enough.
//
//===----------------------------------------------------------------------===//

#include "FailedRows.h"
#include "lowbit/Numerics/Feedback.h"
#include "lowbit/Numerics/Statistics.h"
#include <atomic>
#include <benchmark/benchmark.h>
#include <chrono>
#include <random>
#include <thread>

using namespace lowbit::numerics;

namespace {

constexpr int64_t kColumns = 4096, kRows = 4096;
constexpr int64_t kSamples = 128, kTokens = 2048;
/// Samples that differ; the others repeat them. More rows than columns.
constexpr int64_t kDifferent = 4;

std::vector<float> makeNormal(int64_t count, float deviation) {
  std::vector<float> result(count);
  std::mt19937 generator(1);
  std::normal_distribution<float> normal(0, deviation);
  for (float &value : result)
    value = normal(generator);
  return result;
}

template <typename Body>
void forEach(unsigned threads, int64_t count, Body body) {
  std::atomic<int64_t> next{0};
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < threads; ++i)
    workers.emplace_back([&] {
      for (int64_t k; (k = next++) < count;)
        body(k);
    });
  for (std::thread &worker : workers)
    worker.join();
}

/// Adds a sample's x^T x to `sums`, in the batches of calibration.
void addSample(const float *values, unsigned threads, PackedRows &packed,
               std::vector<float> &sums) {
  for (int64_t first = 0; first < kTokens; first += kOuterProductRows) {
    packed.reset(kOuterProductRows, kColumns);
    forEach(threads, packed.panels(), [&](int64_t panel) {
      packed.pack(values + first * kColumns, panel);
    });
    forEach(threads, packed.panels(), [&](int64_t i) {
      for (int64_t j = i; j < packed.panels(); ++j)
        addOuterProduct(packed, packed, i, j, sums.data());
    });
  }
}

/// The mean, with the half that was left out.
void finish(std::vector<float> &sums) {
  for (int64_t i = 0; i < kColumns; ++i)
    for (int64_t j = i; j < kColumns; ++j)
      sums[j * kColumns + i] = sums[i * kColumns + j] /=
          static_cast<float>(kSamples * kTokens);
}

double secondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
      .count();
}

void gptqBench(benchmark::State &state) {
  auto threads = static_cast<unsigned>(state.range(0));
  std::vector<float> inputs = makeNormal(kDifferent * kTokens * kColumns, 1);
  std::vector<float> weights = makeNormal(kRows * kColumns, 0.02f);
  Encoding encoding;
  encoding.element = {4, IntegerKind::Signed};
  encoding.granularity = Granularity::Group;
  encoding.groupSize = 128;
  encoding.scale = ScaleFormat::F16;
  for (auto _ : state) {
    auto begin = std::chrono::steady_clock::now();
    std::vector<float> moment(kColumns * kColumns);
    PackedRows packed;
    for (int64_t sample = 0; sample < kSamples; ++sample)
      addSample(inputs.data() + sample % kDifferent * kTokens * kColumns,
                threads, packed, moment);
    finish(moment);
    state.counters["moment_s"] = secondsSince(begin);
    begin = std::chrono::steady_clock::now();
    QuantizedMatrix matrix;
    std::vector<int32_t> permutation;
    if (Status status = quantizeWithFeedback(weights.data(), kRows, kColumns,
                                             encoding, moment.data(), {},
                                             threads, matrix, permutation);
        !status.ok())
      lowbit::bench::failRow(state, status.message);
    state.counters["rounding_s"] = secondsSince(begin);
  }
}

} // namespace

BENCHMARK(gptqBench)
    ->Arg(1)
    ->Arg(2)
    ->Iterations(1)
    ->MeasureProcessCPUTime()
    ->UseRealTime()
    ->Unit(benchmark::kSecond);
