//===- Limits.h - what the machine could do ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The limits that kernels run into, measured by the simplest loop that reaches
// them. They run on the threads of compiled code, so that both can take turns;
// what takes several fails where LLVM's OpenMP library isn't there.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LIMITS_H
#define LOWBIT_TOOLS_LIMITS_H

#include "llvm/Support/Error.h"
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace lowbit {

/// Seconds that a call takes. Of one thread it is the time that it ran: what
/// else wants the processor doesn't count. Of several, it is what passed.
class Stopwatch {
public:
  explicit Stopwatch(unsigned threads);
  double seconds() const { return read() - start; }

private:
  double read() const;
  int clock;
  double start;
};

/// Numbers that come once for each call.
class TimeSamples {
public:
  void add(double seconds) { values.push_back(seconds); }
  bool empty() const { return values.empty(); }
  double median() const;
  double least() const;

private:
  std::vector<double> values;
};

/// Reads `bytes` bytes, once, with `threads` threads; seconds.
llvm::Expected<double> timeRead(const char *data, size_t bytes,
                                unsigned threads);

/// Reads `bytes` bytes again and again for about a millisecond, with one
/// thread; bytes per second.
double measureReadRate(const char *data, size_t bytes);

/// Seconds until a line of `bytes` bytes of memory arrives whose address was
/// not known before. Writes to them.
double measureLatency(char *data, size_t bytes);

/// Seconds to start two threads, and to wait until both are done, with nothing
/// to do; the least of many. 0 where there is one processor, or where other
/// programs kept the threads waiting all along.
llvm::Expected<double> measureFork();

/// Bytes of the data caches of levels 1 to 3 of the first processor, as the
/// system tells them; 0 where it doesn't.
std::array<uint64_t, 3> findCacheBytes();

/// Products of bytes and their sums in 32-bit lanes, from registers: operations
/// per second, two for each product. 0 where this machine has no instruction
/// for it.
llvm::Expected<double> measureByteDots(unsigned threads);

/// The same in tiles, of 16 x 64 bytes with 64 x 16: from registers, or each
/// tile loaded from the first-level cache before it meets two others, as
/// products of matrices do. 0 where this machine has none.
llvm::Expected<double> measureTiles(unsigned threads, bool loads);

/// Bytes that lie at an address that is a multiple of 2 MiB.
class PageRegion {
public:
  /// With `hugePages`, asks the system for those. Fails if there is no memory.
  static llvm::Expected<PageRegion> create(size_t bytes, bool hugePages);
  PageRegion(PageRegion &&other);
  PageRegion &operator=(PageRegion &&) = delete;
  ~PageRegion();
  char *data() { return begin; }

private:
  PageRegion(char *mapped, size_t length);

  char *begin, *mapped;
  size_t length;
};

/// Bytes that measuring may take without others noticing: half of what is
/// available.
size_t getSpareMemory();

} // namespace lowbit

#endif // LOWBIT_TOOLS_LIMITS_H
