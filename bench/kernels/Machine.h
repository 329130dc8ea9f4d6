//===- Machine.h - what the machine could do --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The limits that kernels run into, measured by the simplest loop that reaches
// them. They run on the threads of compiled code, so that both can take turns.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_BENCH_KERNELS_MACHINE_H
#define LOWBIT_BENCH_KERNELS_MACHINE_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace lowbit::bench {

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
class Samples {
public:
  void add(double seconds) { values.push_back(seconds); }
  bool empty() const { return values.empty(); }
  double median() const;
  double least() const;

private:
  std::vector<double> values;
};

/// Reads `bytes` bytes, once, with `threads` threads; seconds.
double timeRead(const char *data, size_t bytes, unsigned threads);

/// Products of bytes and their sums in 32-bit lanes, from registers: operations
/// per second, two for each product. 0 where this machine has no instruction
/// for it.
double measureByteDots(unsigned threads);

/// Bytes that lie at an address that is a multiple of 2 MiB.
class Region {
public:
  /// With `hugePages`, asks the system for those.
  Region(size_t bytes, bool hugePages);
  ~Region();
  Region(const Region &) = delete;
  char *data() { return begin; }

private:
  char *begin, *mapped;
  size_t length;
};

/// Bytes that a benchmark may take without others noticing: half of what is
/// available.
size_t getSpareMemory();

} // namespace lowbit::bench

#endif // LOWBIT_BENCH_KERNELS_MACHINE_H
