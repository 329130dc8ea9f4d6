//===- onednn_bench.cpp - oneDNN's products to compare with ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Float products and products of bytes, one thread, on the same shapes. The
// library (tools/setup --bench; Debian: libdnnl2) is found when the benchmark
// runs and kept apart from the rest of the process, since it brings an OpenMP
// library of its own; without it there are no such rows.
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "lowbit/Tools/Limits.h"
#include <benchmark/benchmark.h>
#include <cstring>
#include <dlfcn.h>
#include <string>

using namespace lowbit;
using namespace lowbit::bench;

namespace {
/// Two functions of oneDNN's C interface: row-major matrices.
struct OneDNN {
  int (*sgemm)(char transposeA, char transposeB, int64_t m, int64_t n,
               int64_t k, float alpha, const float *a, int64_t lda,
               const float *b, int64_t ldb, float beta, float *c, int64_t ldc);
  int (*u8s8s32)(char transposeA, char transposeB, char offset, int64_t m,
                 int64_t n, int64_t k, float alpha, const uint8_t *a,
                 int64_t lda, uint8_t offsetA, const int8_t *b, int64_t ldb,
                 int8_t offsetB, float beta, int32_t *c, int64_t ldc,
                 const int32_t *offsetC);
  void (*setThreads)(int);
  bool isFound = false;

  OneDNN() {
    void *library = nullptr;
    for (const char *name : {"libdnnl.so.3", "libdnnl.so.2"})
      if (!library)
        library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    auto find = [&](auto &function, const char *name) {
      void *address = library ? dlsym(library, name) : nullptr;
      std::memcpy(&function, &address, sizeof(function));
      return address != nullptr;
    };
    isFound = find(sgemm, "dnnl_sgemm") && find(u8s8s32, "dnnl_gemm_u8s8s32") &&
              find(setThreads, "omp_set_num_threads");
    if (isFound)
      setThreads(1);
  }
};
} // namespace

static const OneDNN &getLibrary() {
  static const OneDNN library;
  return library;
}

template <typename Product>
static void measure(benchmark::State &state, int64_t n, int64_t k, int64_t m,
                    size_t bytes, Product product) {
  TimeSamples calls;
  for (auto _ : state) {
    Stopwatch watch(1);
    product();
    calls.add(watch.seconds());
    benchmark::ClobberMemory();
  }
  if (calls.empty())
    return;
  double time = calls.median();
  state.counters["us"] = 1e6 * time;
  state.counters["us_least"] = 1e6 * calls.least();
  state.counters["GB/s"] = 1e-9 * bytes / time;
  state.counters["GFLOP/s"] = 2e-9 * n * k * m / time;
}

static void floatBench(benchmark::State &state, int64_t n, int64_t k,
                       int64_t m) {
  std::vector<float> w(n * k, 0.25f), x(m * k, 0.5f), y(m * n);
  measure(state, n, k, m, 4 * n * k, [&] {
    getLibrary().sgemm('N', 'T', m, n, k, 1, x.data(), k, w.data(), k, 0,
                       y.data(), n);
  });
}

static void byteBench(benchmark::State &state, int64_t n, int64_t k,
                      int64_t m) {
  std::vector<int8_t> w(n * k, 3);
  std::vector<uint8_t> x(m * k, 5);
  std::vector<int32_t> y(m * n);
  int32_t zero = 0;
  measure(state, n, k, m, n * k, [&] {
    getLibrary().u8s8s32('N', 'T', 'F', m, n, k, 1, x.data(), k, 0, w.data(), k,
                         0, 0, y.data(), n, &zero);
  });
}

void lowbit::bench::registerOneDNN(const Options &options) {
  if (!getLibrary().isFound)
    return;
  for (auto [n, k] : options.shapes)
    for (int64_t m : options.rows) {
      std::string shape = "/N:" + std::to_string(n) +
                          "/K:" + std::to_string(k) + "/M:" + std::to_string(m);
      benchmark::RegisterBenchmark(("onednn/f32" + shape).c_str(), floatBench,
                                   n, k, m)
          ->Unit(benchmark::kMicrosecond);
      benchmark::RegisterBenchmark(("onednn/int8" + shape).c_str(), byteBench,
                                   n, k, m)
          ->Unit(benchmark::kMicrosecond);
    }
}
