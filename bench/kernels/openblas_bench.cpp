//===- openblas_bench.cpp - float products to compare with ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// OpenBLAS on the shapes of the layers, one thread. On some machines it
// takes the wrong kernels; the label says which, and the environment variable
// OPENBLAS_CORETYPE (SKYLAKEX for AVX-512) corrects it.
//
//===----------------------------------------------------------------------===//

#include "Options.h"
#include "lowbit/Tools/Limits.h"
#include <benchmark/benchmark.h>
#include <string>
#include <vector>

// The few declarations that are needed, as distributions disagree on the
// header's place.
extern "C" {
void cblas_sgemv(int order, int transpose, int m, int n, float alpha,
                 const float *a, int lda, const float *x, int incx, float beta,
                 float *y, int incy);
void cblas_sgemm(int order, int transposeA, int transposeB, int m, int n, int k,
                 float alpha, const float *a, int lda, const float *b, int ldb,
                 float beta, float *c, int ldc);
void openblas_set_num_threads(int threads);
char *openblas_get_corename(void);
}

using namespace lowbit;
using namespace lowbit::bench;

static constexpr int kRowMajor = 101, kNoTranspose = 111, kTranspose = 112;

static void productBench(benchmark::State &state, int n, int k, int m) {
  openblas_set_num_threads(1);
  std::vector<float> w(size_t(n) * k, 0.25f), x(size_t(m) * k, 0.5f),
      y(size_t(m) * n);
  TimeSamples calls;
  for (auto _ : state) {
    Stopwatch watch(1);
    if (m == 1)
      cblas_sgemv(kRowMajor, kNoTranspose, n, k, 1, w.data(), k, x.data(), 1, 0,
                  y.data(), 1);
    else
      cblas_sgemm(kRowMajor, kNoTranspose, kTranspose, m, n, k, 1, x.data(), k,
                  w.data(), k, 0, y.data(), n);
    calls.add(watch.seconds());
    benchmark::ClobberMemory();
  }
  state.SetLabel(openblas_get_corename());
  if (calls.empty())
    return;
  double time = calls.median();
  state.counters["us"] = 1e6 * time;
  state.counters["us_least"] = 1e6 * calls.least();
  state.counters["GFLOP/s"] = 2e-9 * n * k * m / time;
  state.counters["GB/s"] = 4e-9 * n * k / time;
}

void lowbit::bench::registerOpenBLAS(const Options &options) {
  for (auto [n, k] : options.shapes)
    for (int64_t m : options.rows) {
      std::string name = "openblas/f32/N:" + std::to_string(n) +
                         "/K:" + std::to_string(k) + "/M:" + std::to_string(m);
      benchmark::RegisterBenchmark(name.c_str(), productBench, n, k, m)
          ->Unit(benchmark::kMicrosecond);
    }
}
