//===- main.cpp - lowbit-bench --------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Rows to choose from by `--benchmark_filter=REGEX`; options before those of
// the library say which layers there are.
//
//===----------------------------------------------------------------------===//

#include "FailedRows.h"
#include "Options.h"
#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

using namespace lowbit::bench;

static const char kUsage[] =
    R"(lowbit-bench: speed of kernels, of quantizing, and of the machine

  --encodings=A,B,...   methods as of quant-opt --quantize (default: those of the tables)
  --shapes=NxK,...      weights (default: 4096x4096,768x768,3072x768,32x32)
  --m=1,8,...           rows of activations (default: 1,8,128,512)
  --threads=1,2         (default: both)
  --memory=l3,dram      one matrix again and again, or many of them in turns (default: both)
  --dram-mib=N          MiB of those many (default: 1024, or half of the memory that is free)
  --cpu=NAME            processor to compile for, as LLVM calls it (default: native)
  --huge-pages          ask for huge pages for weights
  --tuning=FILE         choices of kernels, as of quant-opt

and those of Google Benchmark, such as --benchmark_filter=REGEX. Rows are called
  linear/<encoding>/N:<n>/K:<k>/M:<m>/threads:<t>/<l3|dram>
)";

/// All widths, tables, and activations of 16 and 8 bits and of bf16.
static std::vector<std::string> getDefaultEncodings() {
  std::vector<std::string> names;
  for (const char *group : {"-g32", "-g128"})
    for (const char *activations : {"", "-a8", "-abf16"})
      for (const char *element : {"int8", "int7", "int6", "int5", "int4",
                                  "int3", "int2", "int1", "nf4", "ternary"})
        names.push_back(std::string(element) + group + activations);
  for (const char *name :
       {"int8",        "int8-a8",     "uint4-g32",    "uint4-g32-a8",
        "uint4-g16",   "int6-g16",    "int3-g16",     "uint2-g16",
        "fp4-g32",     "mxfp6-e2m3",  "mxfp6-e3m2",   "mxfp8-e4m3",
        "fp8-e4m3",    "fp8-e5m2",    "mxint8",       "nvfp4",
        "cb2-g32",     "kmeans2",     "kmeans3",      "kmeans4",
        "kmeans5",     "kmeans6",     "cb2-auto",     "q2_k",
        "q3_k",        "q4_k",        "q5_k",         "q6_k",
        "nf4-dq",      "int4-g32-dq", "trellis1-s8",  "trellis2-s8",
        "trellis3-s8", "trellis4-s8", "trellis2-s10", "trellis2-s12"})
    names.push_back(name);
  // Its groups are of 32.
  for (const char *name : {"mxfp4", "mxfp4-a8", "mxfp4-abf16"})
    names.push_back(name);
  names.push_back("int4-g32-dq4-a8-token");
  return names;
}

/// The rest of `argument` if it is `option=rest`.
static std::optional<std::string> match(const char *argument,
                                        const char *option) {
  size_t length = std::strlen(option);
  if (std::strncmp(argument, option, length) != 0 || argument[length] != '=')
    return std::nullopt;
  return argument + length + 1;
}

static std::vector<std::string> split(const std::string &list) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= list.size();) {
    size_t end = std::min(list.find(',', begin), list.size());
    parts.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

[[noreturn]] static void fail(const char *option, const std::string &found,
                              const char *wanted) {
  std::fprintf(stderr, "lowbit-bench: error: %s: requires %s, found '%s'\n",
               option, wanted, found.c_str());
  std::exit(1);
}

static int64_t readCount(const char *option, const std::string &text) {
  char *end = nullptr;
  long value = std::strtol(text.c_str(), &end, 10);
  if (end == text.c_str() || *end || value < 1)
    fail(option, text, "positive numbers");
  return value;
}

static void readShapes(const std::string &list, Options &options) {
  options.shapes.clear();
  for (const std::string &shape : split(list)) {
    size_t times = shape.find('x');
    if (times == std::string::npos)
      fail("--shapes", shape, "shapes such as 4096x4096");
    options.shapes.push_back({readCount("--shapes", shape.substr(0, times)),
                              readCount("--shapes", shape.substr(times + 1))});
  }
}

/// Whether `argument` was one of ours.
static bool readOption(const char *argument, Options &options) {
  if (auto list = match(argument, "--encodings")) {
    options.encodings = split(*list);
  } else if (auto list = match(argument, "--shapes")) {
    readShapes(*list, options);
  } else if (auto list = match(argument, "--m")) {
    options.rows.clear();
    for (const std::string &count : split(*list))
      options.rows.push_back(readCount("--m", count));
  } else if (auto list = match(argument, "--threads")) {
    options.threads.clear();
    for (const std::string &count : split(*list))
      options.threads.push_back(readCount("--threads", count));
  } else if (auto list = match(argument, "--memory")) {
    options.memories = split(*list);
    for (const std::string &memory : options.memories)
      if (memory != "l3" && memory != "dram")
        fail("--memory", memory, "l3 or dram");
  } else if (auto count = match(argument, "--dram-mib")) {
    options.memoryMiB = readCount("--dram-mib", *count);
  } else if (auto name = match(argument, "--cpu")) {
    options.cpu = *name;
  } else if (auto path = match(argument, "--tuning")) {
    options.tuning = *path;
  } else if (std::strcmp(argument, "--huge-pages") == 0) {
    options.hugePages = true;
  } else {
    return false;
  }
  return true;
}

int main(int argc, char **argv) {
  Options options;
  options.encodings = getDefaultEncodings();
  std::vector<char *> rest;
  for (int i = 0; i < argc; ++i) {
    if (std::strcmp(argv[i], "--help") == 0)
      return std::fputs(kUsage, stdout) < 0;
    if (i == 0 || !readOption(argv[i], options))
      rest.push_back(argv[i]);
  }
  int count = static_cast<int>(rest.size());
  rest.push_back(nullptr);
  benchmark::Initialize(&count, rest.data());
  if (benchmark::ReportUnrecognizedArguments(count, rest.data()))
    return 1;
#ifdef LOWBIT_BENCH_LAYERS
  if (std::string problem = checkEncodings(options); !problem.empty()) {
    std::fprintf(stderr, "lowbit-bench: error: --encodings: %s\n",
                 problem.c_str());
    return 1;
  }
  registerLinear(options);
#endif
  registerOneDNN(options);
#ifdef LOWBIT_BENCH_OPENBLAS
  registerOpenBLAS(options);
#endif
  // Where nothing matches, the library has said so.
  size_t matches = benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  if (!firstFailure.empty())
    std::fprintf(stderr, "lowbit-bench: error: a row failed: %s\n",
                 firstFailure.c_str());
  return matches == 0 || !firstFailure.empty();
}
