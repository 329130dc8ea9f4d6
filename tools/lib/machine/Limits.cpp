//===- Limits.cpp - what the machine could do -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/Limits.h"
#include "lowbit/Runtime/OpenMP.h"
#include "lowbit/Runtime/Tiles.h"
#include "lowbit/Tools/Errors.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <time.h>
#include <utility>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace lowbit;

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

double TimeSamples::least() const {
  return *std::min_element(values.begin(), values.end());
}

double TimeSamples::median() const {
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
/// with it for processors. Both are null where it isn't there.
struct Team {
  Team() {
    void *library = lowbit_load_openmp(nullptr);
    auto find = [&](auto &function, const char *name) {
      void *address = library ? dlsym(library, name) : nullptr;
      std::memcpy(&function, &address, sizeof(function));
    };
    find(fork, "GOMP_parallel");
    find(threadNumber, "omp_get_thread_num");
  }
  void (*fork)(void (*)(void *), void *, unsigned, unsigned);
  int (*threadNumber)();
};
} // namespace

static const Team &getTeam() {
  static const Team team;
  return team;
}

/// Fails if there aren't that many threads to run on.
static llvm::Error checkTeam(unsigned threads) {
  if (threads == 1 || (getTeam().fork && getTeam().threadNumber))
    return llvm::Error::success();
  return makeError("measuring on several threads requires LLVM's OpenMP "
                   "library, found none of " LOWBIT_OPENMP_NAMES
                   "; install libomp-22-dev");
}

/// Calls `body` with the number of each thread.
template <typename Body>
static void runTeam(unsigned threads, const Body &body) {
  if (threads == 1)
    return body(0);
  static const Team &team = getTeam();
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

llvm::Expected<double> lowbit::timeRead(const char *data, size_t bytes,
                                        unsigned threads) {
  if (llvm::Error error = checkTeam(threads))
    return std::move(error);
  Stopwatch watch(threads);
  size_t share = bytes / threads;
  runTeam(threads, [&](unsigned thread) {
    volatile uint64_t sum = addUp(data + thread * share, share);
    (void)sum;
  });
  return watch.seconds();
}

double lowbit::measureReadRate(const char *data, size_t bytes) {
  constexpr double kSeconds = 1e-3;
  size_t times = 0;
  Stopwatch watch(1);
  do {
    // The clock takes as long as a small cache takes to read.
    for (size_t i = 0; i < 1 + (size_t(1) << 20) / bytes; ++i, ++times) {
      volatile uint64_t sum = addUp(data, bytes);
      (void)sum;
    }
  } while (watch.seconds() < kSeconds);
  return double(times) * double(bytes) / watch.seconds();
}

double lowbit::measureLatency(char *data, size_t bytes) {
  constexpr size_t kLine = 64, kSteps = 100000;
  // A full cycle through all lines: multipliers that are 1 modulo 4 and odd
  // increments generate one, modulo a power of two.
  size_t lines = 1;
  while (2 * lines * kLine <= bytes)
    lines *= 2;
  auto next = [&](size_t line) {
    return (line * 1664525 + 1013904223) % lines;
  };
  for (size_t line = 0; line < lines; ++line) {
    char *to = data + next(line) * kLine;
    std::memcpy(data + line * kLine, &to, sizeof(char *));
  }
  const char *at = data;
  Stopwatch watch(1);
  for (size_t i = 0; i < kSteps; ++i)
    std::memcpy(&at, at, sizeof(char *));
  // Whoever looks at where it ended needs all steps.
  const char *volatile last = at;
  (void)last;
  return watch.seconds() / kSteps;
}

llvm::Expected<double> lowbit::measureFork() {
  constexpr unsigned kThreads = 2;
  if (std::thread::hardware_concurrency() < kThreads)
    return 0;
  if (llvm::Error error = checkTeam(kThreads))
    return std::move(error);
  TimeSamples samples;
  // What else wants the processors has them for a few milliseconds at a time.
  for (int pause = 0; pause < 20; ++pause) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    for (int i = 0; i < 50; ++i) {
      Stopwatch watch(kThreads);
      runTeam(kThreads, [](unsigned) {});
      samples.add(watch.seconds());
    }
  }
  // Threads that wait for work answer within microseconds. If none of a
  // thousand times did, another program had their processors all along.
  constexpr double kMost = 10e-6;
  return samples.least() <= kMost ? samples.least() : 0;
}

/// The text of a file of the system, up to its first space; empty without one.
static std::string readWord(const std::string &path) {
  std::FILE *file = std::fopen(path.c_str(), "r");
  char word[64] = "";
  if (file && std::fscanf(file, "%63s", word) != 1)
    word[0] = 0;
  if (file)
    std::fclose(file);
  return word;
}

std::array<uint64_t, 3> lowbit::findCacheBytes() {
  std::array<uint64_t, 3> result = {};
  for (int i = 0; i < 8; ++i) {
    std::string folder =
        "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i) + "/";
    std::string size = readWord(folder + "size");
    unsigned level = std::atoi(readWord(folder + "level").c_str());
    if (readWord(folder + "type") == "Instruction" || level < 1 || level > 3)
      continue;
    uint64_t bytes = std::strtoull(size.c_str(), nullptr, 10);
    char unit = size.empty() ? 0 : size.back();
    result[level - 1] = bytes << (unit == 'K' ? 10 : unit == 'M' ? 20 : 0);
  }
  return result;
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

llvm::Expected<double> lowbit::measureByteDots(unsigned threads) {
  if (llvm::Error error = checkTeam(threads))
    return std::move(error);
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

#if defined(__x86_64__)
/// Products of tiles of one call of `multiplyTiles`, in rounds of four.
static constexpr int64_t kTileRounds = 1024, kTilesPerRound = 4;

namespace {
/// What `ldtilecfg` reads: 8 tiles of 16 rows of 64 bytes.
struct TileShapes {
  uint8_t palette = 1, startRow = 0, reserved[14] = {};
  uint16_t rowBytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
} // namespace

/// Tiles 0 to 3 are sums, 4 and 5 rows, 6 and 7 columns.
__attribute__((target("amx-int8,amx-tile"))) static void
multiplyTiles(const char *bytes, bool loads) {
  constexpr int64_t kTile = 1024, kRow = 64;
  TileShapes shapes;
  _tile_loadconfig(&shapes);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t i = 0; i < kTileRounds; ++i) {
    if (loads || i == 0) {
      _tile_loadd(4, bytes, kRow);
      _tile_loadd(6, bytes + kTile, kRow);
      _tile_loadd(5, bytes + 2 * kTile, kRow);
      _tile_loadd(7, bytes + 3 * kTile, kRow);
    }
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  _tile_release();
}
#endif

llvm::Expected<double> lowbit::measureTiles(unsigned threads, bool loads) {
#if defined(__x86_64__)
  if (llvm::Error error = checkTeam(threads))
    return std::move(error);
  static const bool hasTiles = hasFeature("amx_int8") && lowbit_request_tiles();
  if (!hasTiles)
    return 0;
  alignas(64) static const char bytes[4096] = {};
  Stopwatch watch(threads);
  runTeam(threads, [&](unsigned) { multiplyTiles(bytes, loads); });
  return 2.0 * threads * kTileRounds * kTilesPerRound * 16 * 16 * 64 /
         watch.seconds();
#else
  return 0;
#endif
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static constexpr size_t kHugePage = size_t(2) << 20;

llvm::Expected<PageRegion> PageRegion::create(size_t bytes, bool hugePages) {
  size_t length = bytes + kHugePage;
  void *address = mmap(nullptr, length, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED)
    return makeError("measuring requires " + llvm::Twine(length) +
                     " bytes of memory for weights, the system refuses: " +
                     std::strerror(errno));
  PageRegion region(static_cast<char *>(address), length);
  madvise(region.begin, bytes, hugePages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  return std::move(region);
}

PageRegion::PageRegion(char *mapped, size_t length)
    : mapped(mapped), length(length) {
  size_t odd = reinterpret_cast<uintptr_t>(mapped) % kHugePage;
  begin = mapped + (odd ? kHugePage - odd : 0);
}

PageRegion::PageRegion(PageRegion &&other)
    : begin(other.begin), mapped(std::exchange(other.mapped, nullptr)),
      length(other.length) {}

PageRegion::~PageRegion() {
  if (mapped)
    munmap(mapped, length);
}

size_t lowbit::getSpareMemory() {
  std::FILE *info = std::fopen("/proc/meminfo", "r");
  char line[128];
  unsigned long kilobytes = 0;
  while (info && !kilobytes && std::fgets(line, sizeof(line), info))
    std::sscanf(line, "MemAvailable: %lu", &kilobytes);
  if (info)
    std::fclose(info);
  return size_t(kilobytes) * 1024 / 2;
}
