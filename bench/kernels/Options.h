//===- Options.h - what lowbit-bench is told --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which layers are registered; `--benchmark_filter` chooses among them.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_BENCH_KERNELS_OPTIONS_H
#define LOWBIT_BENCH_KERNELS_OPTIONS_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace lowbit::bench {

struct Options {
  /// As `--quantize` of quant-opt names them.
  std::vector<std::string> encodings;
  /// N and K.
  std::vector<std::pair<int64_t, int64_t>> shapes = {
      {4096, 4096}, {768, 768}, {3072, 768}, {32, 32}};
  std::vector<int64_t> rows = {1, 8, 128, 512};
  std::vector<unsigned> threads = {1, 2};
  std::vector<std::string> memories = {"l3", "dram"};
  /// What copies of a layer's weights take for `dram`.
  int64_t memoryMiB = 1024;
  std::string cpu = "native";
  bool hugePages = false;
  /// A tuning file, or none.
  std::string tuning;
};

/// Where a method of `encodings` can't be that of a row: what is wrong with it.
std::string checkEncodings(const Options &options);
void registerLinear(const Options &options);
void registerOneDNN(const Options &options);
void registerOpenBLAS(const Options &options);

} // namespace lowbit::bench

#endif // LOWBIT_BENCH_KERNELS_OPTIONS_H
