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
// `bench/peers/run` against the build whose path it is given.
//
//===----------------------------------------------------------------------===//

#include "ggml-alloc.h"
#include "ggml-backend.h"
#include "ggml-cpu.h"
#include "ggml.h"
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
getBufferTypes(ggml_backend_dev_t device) {
  std::vector<ggml_backend_buffer_type_t> types;
  auto get = reinterpret_cast<ggml_backend_dev_get_extra_bufts_t>(
      ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device),
                                        "ggml_backend_dev_get_extra_bufts"));
  if (get)
    for (auto *type = get(device); type && *type; ++type)
      types.push_back(*type);
  types.push_back(ggml_backend_dev_buffer_type(device));
  return types;
}

static ggml_context *createContext(size_t tensors) {
  return ggml_init({(tensors + 8) * ggml_tensor_overhead() +
                        (tensors + 8) * ggml_graph_overhead_custom(8, false),
                    nullptr, /*no_alloc=*/true});
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
  double duration = std::atof(argv[7]);
  size_t bytes = ggml_row_size(type, k) * n;
  size_t copies = std::strcmp(argv[6], "dram") == 0
                      ? ((size_t(1) << 30) + bytes - 1) / bytes
                      : 1;

  std::vector<float> numbers(n * k);
  std::minstd_rand generator(1);
  std::normal_distribution<float> normal(0, 0.02f);
  for (float &number : numbers)
    number = normal(generator);
  std::vector<char> quantized(bytes);
  ggml_quantize_chunk(type, numbers.data(), quantized.data(), 0, n, k, nullptr);

  ggml_backend_t backend = ggml_backend_cpu_init();
  ggml_backend_cpu_set_n_threads(backend, threads);
  ggml_backend_dev_t device = ggml_backend_get_device(backend);
  ggml_context *rest = createContext(3 * copies);
  ggml_tensor *x = ggml_new_tensor_2d(rest, GGML_TYPE_F32, k, m);
  ggml_context *weights = nullptr;
  ggml_backend_buffer_type_t used = nullptr;
  std::vector<ggml_tensor *> products;
  for (ggml_backend_buffer_type_t candidate : getBufferTypes(device)) {
    weights = createContext(copies);
    products.clear();
    std::vector<ggml_tensor *> matrices;
    for (size_t i = 0; i < copies; ++i)
      matrices.push_back(ggml_new_tensor_2d(weights, type, k, n));
    ggml_backend_alloc_ctx_tensors_from_buft(weights, candidate);
    for (ggml_tensor *matrix : matrices)
      products.push_back(ggml_mul_mat(rest, matrix, x));
    if (!ggml_backend_dev_supports_op(device, products[0])) {
      ggml_free(weights);
      ggml_free(rest);
      rest = createContext(3 * copies);
      x = ggml_new_tensor_2d(rest, GGML_TYPE_F32, k, m);
      continue;
    }
    used = candidate;
    for (ggml_tensor *matrix : matrices)
      ggml_backend_tensor_set(matrix, quantized.data(), 0, bytes);
    break;
  }
  ggml_backend_alloc_ctx_tensors(rest, backend);
  ggml_backend_tensor_set(x, numbers.data(), 0, sizeof(float) * k * m);
  std::vector<ggml_cgraph *> graphs;
  for (ggml_tensor *product : products) {
    graphs.push_back(ggml_new_graph_custom(rest, 8, false));
    ggml_build_forward_expand(graphs.back(), product);
  }

  clockid_t clock = threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
  std::vector<double> times;
  double end = readClock(CLOCK_MONOTONIC) + duration;
  for (size_t i = 0; times.size() < 5 || readClock(CLOCK_MONOTONIC) < end;
       ++i) {
    double start = readClock(clock);
    ggml_backend_graph_compute(backend, graphs[i % copies]);
    times.push_back(readClock(clock) - start);
  }
  times.erase(times.begin());
  std::sort(times.begin(), times.end());
  std::printf("{\"us\": %.3f, \"us_least\": %.3f, \"bytes\": %zu, \"buffer\": "
              "\"%s\"}\n",
              1e6 * times[times.size() / 2], 1e6 * times[0], bytes,
              ggml_backend_buft_name(used));
  return 0;
}
