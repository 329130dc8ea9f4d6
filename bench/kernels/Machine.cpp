//===- Machine.cpp - what the machine could do ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "lowbit/Runtime/OpenMP.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace lowbit::bench;

//===----------------------------------------------------------------------===//
// Time
//===----------------------------------------------------------------------===//

Stopwatch::Stopwatch(unsigned threads)
    : clock(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC),
      start(read()) {}

double Stopwatch::read() const {
  timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

double Samples::least() const {
  return *std::min_element(values.begin(), values.end());
}

double Samples::median() const {
  std::vector<double> sorted = values;
  auto middle = sorted.begin() + sorted.size() / 2;
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

namespace {
/// The OpenMP library that compiled code runs on. A second one would compete
/// with it for processors.
struct Team {
  Team() {
    void *library = lowbit_load_openmp(nullptr);
    auto find = [&](auto &function, const char *name) {
      void *address = library ? dlsym(library, name) : nullptr;
      if (!address) {
        std::fprintf(stderr, "lowbit-bench: LLVM's OpenMP library was not "
                             "found: install libomp-22-dev\n");
        std::exit(1);
      }
      std::memcpy(&function, &address, sizeof(function));
    };
    find(fork, "GOMP_parallel");
    find(threadNumber, "omp_get_thread_num");
  }
  void (*fork)(void (*)(void *), void *, unsigned, unsigned);
  int (*threadNumber)();
};
} // namespace

/// Calls `body` with the number of each thread.
template <typename Body>
static void runTeam(unsigned threads, const Body &body) {
  if (threads == 1)
    return body(0);
  static const Team team;
  team.fork(
      [](void *data) {
        (*static_cast<const Body *>(data))(team.threadNumber());
      },
      const_cast<Body *>(&body), threads, 0);
}

//===----------------------------------------------------------------------===//
// Limits
//===----------------------------------------------------------------------===//

#if defined(__x86_64__)
#define LOWBIT_BEST_VECTORS                                                    \
  __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LOWBIT_BEST_VECTORS
#endif

/// With sums enough to wait for memory alone.
LOWBIT_BEST_VECTORS static uint64_t addUp(const char *data, size_t bytes) {
  using Vector = uint64_t __attribute__((vector_size(64), aligned(1)));
  constexpr int chains = 8;
  Vector sums[chains] = {};
  size_t step = chains * sizeof(Vector);
  for (size_t i = 0; i + step <= bytes; i += step)
    for (int c = 0; c < chains; ++c)
      sums[c] +=
          *reinterpret_cast<const Vector *>(data + i + c * sizeof(Vector));
  uint64_t result = 0;
  for (const Vector &sum : sums)
    for (int i = 0; i < 8; ++i)
      result += sum[i];
  return result;
}

double lowbit::bench::timeRead(const char *data, size_t bytes,
                               unsigned threads) {
  Stopwatch watch(threads);
  size_t share = bytes / threads;
  runTeam(threads, [&](unsigned thread) {
    volatile uint64_t sum = addUp(data + thread * share, share);
    (void)sum;
  });
  return watch.seconds();
}

/// Operations of one call of `addDots`.
static constexpr int64_t kDotSteps = 4096, kDotChains = 12;

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512vnni"))) static int addWideDots(int seed) {
  __m512i codes = _mm512_set1_epi32(seed), sums[kDotChains];
  for (__m512i &sum : sums)
    sum = codes;
  for (int64_t i = 0; i < kDotSteps; ++i) {
    for (__m512i &sum : sums)
      sum = _mm512_dpbusd_epi32(sum, codes, codes);
    // Keeps the compiler from multiplying ahead.
    __asm__ volatile("" : "+v"(codes));
  }
  for (__m512i &sum : sums)
    codes = _mm512_xor_si512(codes, sum);
  return _mm512_reduce_add_epi32(codes);
}

__attribute__((target("avx2,avxvnni"))) static int addDots(int seed) {
  __m256i codes = _mm256_set1_epi32(seed), sums[kDotChains];
  for (__m256i &sum : sums)
    sum = codes;
  for (int64_t i = 0; i < kDotSteps; ++i) {
    for (__m256i &sum : sums)
      sum = _mm256_dpbusd_avx_epi32(sum, codes, codes);
    __asm__ volatile("" : "+x"(codes));
  }
  for (__m256i &sum : sums)
    codes = _mm256_xor_si256(codes, sum);
  return _mm256_extract_epi32(codes, 0);
}

static bool hasFeature(const char *flag) {
  std::FILE *info = std::fopen("/proc/cpuinfo", "r");
  char word[64];
  bool found = false;
  while (info && !found && std::fscanf(info, "%63s", word) == 1)
    found = std::strcmp(word, flag) == 0;
  if (info)
    std::fclose(info);
  return found;
}
#endif

double lowbit::bench::measureByteDots(unsigned threads) {
#if defined(__x86_64__)
  static const bool isWide = hasFeature("avx512_vnni");
  static const bool isAny = isWide || hasFeature("avx_vnni");
  if (!isAny)
    return 0;
  Stopwatch watch(threads);
  runTeam(threads, [&](unsigned thread) {
    volatile int sum = isWide ? addWideDots(thread) : addDots(thread);
    (void)sum;
  });
  return 2.0 * threads * kDotSteps * kDotChains * (isWide ? 64 : 32) /
         watch.seconds();
#else
  return 0;
#endif
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static constexpr size_t kHugePage = size_t(2) << 20;

Region::Region(size_t bytes, bool hugePages) : length(bytes + kHugePage) {
  void *address = mmap(nullptr, length, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) {
    std::perror("lowbit-bench: memory for weights");
    std::exit(1);
  }
  mapped = static_cast<char *>(address);
  size_t odd = reinterpret_cast<uintptr_t>(mapped) % kHugePage;
  begin = mapped + (odd ? kHugePage - odd : 0);
  madvise(begin, bytes, hugePages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

Region::~Region() { munmap(mapped, length); }

size_t lowbit::bench::getSpareMemory() {
  std::FILE *info = std::fopen("/proc/meminfo", "r");
  char line[128];
  unsigned long kilobytes = 0;
  while (info && !kilobytes && std::fgets(line, sizeof(line), info))
    std::sscanf(line, "MemAvailable: %lu", &kilobytes);
  if (info)
    std::fclose(info);
  return size_t(kilobytes) * 1024 / 2;
}
