//===- LatencyModel.cpp - how long a layer takes, before it runs ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All constants are from bench/results/amd-epyc-zen5-2-cores.md: one thread,
// 4096 x 4096, one row, packed weights in the L3 cache.
//
//===----------------------------------------------------------------------===//

#include "LatencyModel.h"
#include "lowbit/Numerics/EffectiveBits.h"
#include <algorithm>
#include <cmath>

using namespace lowbit;

/// Picoseconds to decode and multiply a weight, by bits of its code: integers,
/// and codes that are looked up in a table. Those of 5, 6 and 7 bits are in
/// planes of 4, 2 and 1, and were not measured: what those take, less the
/// multiplication that they share.
static constexpr double kIntegerCost[] = {0,    8.0,  6.3,  11.8, 9.1,
                                          13.0, 12.0, 16.0, 13.9};
static constexpr double kTableCost[] = {0,    8.0,  8.0,  11.8, 10.0,
                                        14.0, 13.2, 20.0, 23.7};
/// Without a kernel, by the reference lowering.
static constexpr double kReferenceCost = 100.0;
/// Bytes per second from the L3 cache and from memory, and what still stays in
/// the cache from one token to the next.
static constexpr double kCacheBandwidth = 72e9, kMemoryBandwidth = 33e9;
static constexpr uint64_t kCacheBytes = uint64_t(32) << 20;
/// Descriptors, the quantization of activations, and the result.
static constexpr double kCallSeconds = 1.3e-6;

double lowbit::predictSeconds(EncodingAttr encoding, int64_t rows,
                              int64_t columns, uint64_t modelBytes) {
  unsigned bits = encoding.getCodeBits();
  bool isInteger = bool(encoding.getElement().getIntegerFormat());
  double cost = bits <= 8 ? (isInteger ? kIntegerCost : kTableCost)[bits]
                          : kReferenceCost;
  double decode = double(rows) * double(columns) * cost * 1e-12;
  double read =
      double(numerics::storedBytes(encoding.getNumerics(), rows, columns)) /
      (modelBytes <= kCacheBytes ? kCacheBandwidth : kMemoryBandwidth);
  return std::max(decode, read) + kCallSeconds;
}
