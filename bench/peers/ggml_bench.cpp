//===- ggml_bench.cpp - products of a ggml build --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ggml-bench TYPE N K M THREADS l3|dram SECONDS
//
// Multiplies by one matrix again and again, or by a GiB of them in turns,
// through ggml's public interface. Weights go into the buffer type that the CPU
// offers for them (repacked), where there is one; the output says which. Prints
// microseconds, of the time that ran with one thread, as JSON. Compiled by
// `bench/peers/run` against the builds whose paths it is given.
//
// ik_llama.cpp has an older form of ggml, without devices and buffer types of
// its own: there, interleaved rows are types (mxfp4_r8), which are asked for.
//
//===----------------------------------------------------------------------===//

#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml.h"
#if __has_include("ggml-cpu.h")
#include "ggml-cpu.h"
#define HAS_DEVICES
#endif
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <time.h>
#include <vector>

static double readClock(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

static ggml_type findType(const char *name) {
  for (int type = 0; type < GGML_TYPE_COUNT; ++type)
    if (const char *known = ggml_type_name(ggml_type(type)))
      if (std::strcmp(known, name) == 0)
        return ggml_type(type);
  std::fprintf(stderr, "ggml-bench: no type '%s'\n", name);
  std::exit(1);
}

/// Buffer types for weights, those with layouts of their own first.
static std::vector<ggml_backend_buffer_type_t>
getBufferTypes(ggml_backend_t backend) {
  std::vector<ggml_backend_buffer_type_t> types;
#ifdef HAS_DEVICES
  ggml_backend_dev_t device = ggml_backend_get_device(backend);
  auto get = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device),
                                        "ggml_backend_dev_get_extra_bufts"));
  if (get)
    for (auto *type = get(device); type && *type; ++type)
      types.push_back(*type);
#endif
  types.push_back(ggml_backend_get_default_buffer_type(backend));
  return types;
}

static ggml_context *createContext(size_t tensors) {
  return ggml_init({(tensors + 8) * ggml_tensor_overhead() +
                        (tensors + 8) * ggml_graph_overhead_custom(8, false),
                    nullptr, /*no_alloc=*/true});
}

namespace {
/// Products of one input and each copy of a matrix.
struct Products {
  ggml_context *weights, *rest;
  ggml_tensor *x;
  std::vector<ggml_tensor *> matrices, results;

  /// Without memory for anything but the matrices.
  Products(ggml_backend_buffer_type_t buffers, ggml_type type, int64_t n,
           int64_t k, int64_t m, size_t copies)
      : weights(createContext(copies)), rest(createContext(3 * copies)),
        x(ggml_new_tensor_2d(rest, GGML_TYPE_F32, k, m)) {
    for (size_t i = 0; i < copies; ++i)
      matrices.push_back(ggml_new_tensor_2d(weights, type, k, n));
    ggml_backend_alloc_ctx_tensors_from_buft(weights, buffers);
    for (ggml_tensor *matrix : matrices)
      results.push_back(ggml_mul_mat(rest, matrix, x));
  }
  void free() {
    ggml_free(weights);
    ggml_free(rest);
  }
};
} // namespace

/// `count` numbers as weights have them.
static std::vector<float> createNumbers(size_t count) {
  std::vector<float> numbers(count);
  std::minstd_rand generator(1);
  std::normal_distribution<float> normal(0, 0.02f);
  for (float &number : numbers)
    number = normal(generator);
  return numbers;
}

/// A matrix of `n` rows, which repeat: some types are searched for slowly.
static std::vector<char> quantize(ggml_type type, int64_t n, int64_t k) {
  int64_t rows = n % 64 ? n : 64;
  std::vector<float> numbers = createNumbers(rows * k);
  size_t bytes = ggml_row_size(type, k) * rows;
  std::vector<char> quantized(n / rows * bytes);
#ifdef HAS_DEVICES
  ggml_quantize_chunk(type, numbers.data(), quantized.data(), 0, rows, k,
                      nullptr);
#else
  ggml_quantize_chunk(type, numbers.data(), quantized.data(), 0, rows, k,
                      nullptr, nullptr);
#endif
  for (int64_t i = 1; i < n / rows; ++i)
    std::memcpy(quantized.data() + i * bytes, quantized.data(), bytes);
  return quantized;
}

/// Seconds of each product in turn, until `duration` has passed.
static std::vector<double> measure(ggml_backend_t backend, Products &products,
                                   int threads, double duration) {
  std::vector<ggml_cgraph *> graphs;
  for (ggml_tensor *result : products.results) {
    graphs.push_back(ggml_new_graph_custom(products.rest, 8, false));
    ggml_build_forward_expand(graphs.back(), result);
  }
  clockid_t clock = threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
  std::vector<double> times;
  double end = readClock(CLOCK_MONOTONIC) + duration;
  for (size_t i = 0; times.size() < 5 || readClock(CLOCK_MONOTONIC) < end;
       ++i) {
    double start = readClock(clock);
    ggml_backend_graph_compute(backend, graphs[i % graphs.size()]);
    times.push_back(readClock(clock) - start);
  }
  times.erase(times.begin());
  std::sort(times.begin(), times.end());
  return times;
}

int main(int argc, char **argv) {
  if (argc != 8)
    return std::fprintf(
               stderr,
               "usage: ggml-bench TYPE N K M THREADS l3|dram SECONDS\n"),
           1;
  ggml_type type = findType(argv[1]);
  int64_t n = std::atoll(argv[2]), k = std::atoll(argv[3]),
          m = std::atoll(argv[4]);
  int threads = std::atoi(argv[5]);
  size_t bytes = ggml_row_size(type, k) * n;
  size_t copies = std::strcmp(argv[6], "dram") == 0
                      ? ((size_t(1) << 30) + bytes - 1) / bytes
                      : 1;
  std::vector<float> x = createNumbers(m * k);
  std::vector<char> quantized = quantize(type, n, k);

  ggml_backend_t backend = ggml_backend_cpu_init();
  ggml_backend_cpu_set_n_threads(backend, threads);
  for (ggml_backend_buffer_type_t buffers : getBufferTypes(backend)) {
    Products products(buffers, type, n, k, m, copies);
    if (!ggml_backend_supports_op(backend, products.results[0])) {
      products.free();
      continue;
    }
    for (ggml_tensor *matrix : products.matrices)
      ggml_backend_tensor_set(matrix, quantized.data(), 0, bytes);
    ggml_backend_alloc_ctx_tensors(products.rest, backend);
    ggml_backend_tensor_set(products.x, x.data(), 0, sizeof(float) * k * m);
    std::vector<double> times =
        measure(backend, products, threads, std::atof(argv[7]));
    std::printf("{\"us\": %.3f, \"us_least\": %.3f, \"bytes\": %zu, "
                "\"buffer\": \"%s\"}\n",
                1e6 * times[times.size() / 2], 1e6 * times[0], bytes,
                ggml_backend_buft_name(buffers));
    return 0;
  }
  std::fprintf(stderr, "ggml-bench: no product of %s\n", argv[1]);
  return 1;
}
