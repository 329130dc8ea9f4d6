//===- LatencyModel.cpp - how long a layer takes, before it runs ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LatencyModel.h"
#include "lowbit/Numerics/EffectiveBits.h"
#include <algorithm>

using namespace lowbit;

/// Picoseconds for a weight without a kernel, by the reference lowering.
static constexpr double kReferenceCost = 100.0;

double lowbit::predictSeconds(EncodingAttr encoding, int64_t rows,
                              int64_t columns, uint64_t modelBytes,
                              const MachineTuning &machine) {
  unsigned bits = encoding.getCodeBits();
  bool isInteger = bool(encoding.getElement().getIntegerFormat());
  const KernelCosts &costs = machine.costs;
  double cost = bits <= KernelCosts::kMostBits
                    ? (isInteger ? costs.integers : costs.tables)[bits]
                    : kReferenceCost;
  double decode = double(rows) * double(columns) * cost * 1e-12;
  // What a token leaves in the cache is still there at the next one.
  const MachineConstants &constants = machine.constants;
  double read =
      double(numerics::storedBytes(encoding.getNumerics(), rows, columns)) /
      (double(modelBytes) <= constants.l3Bytes ? constants.l3Bandwidth
                                               : constants.memoryBandwidth);
  return std::max(decode, read) + constants.callSeconds;
}
