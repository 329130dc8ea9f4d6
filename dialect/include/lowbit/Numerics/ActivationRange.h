//===- ActivationRange.h - what part of a range to encode -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_ACTIVATIONRANGE_H
#define LOWBIT_NUMERICS_ACTIVATIONRANGE_H

#include "lowbit/Numerics/Statistics.h"

namespace lowbit::numerics {

/// The numbers that codes are spread over; those beyond are clipped.
struct ActivationRange {
  double low = 0, high = 0;
};

/// Leaves out the share (100 - `percent`) / 100 of all numbers, half of it at
/// either end. An empty histogram has an empty range.
ActivationRange findPercentile(const Histogram &histogram, double percent);

/// The symmetric range whose codes of `bits` bits have the least squared error:
/// clipping beyond it, and step^2 / 12 within.
ActivationRange findLeastSquares(const Histogram &histogram, unsigned bits);

/// The symmetric range that loses least information with codes of `bits` bits:
/// least KL(numbers || numbers as coded), of ranges from 2^(bits - 1) bins
/// upwards, magnitudes alone counted (Migacz, 8-bit inference with TensorRT,
/// 2017).
ActivationRange findLeastDivergence(const Histogram &histogram, unsigned bits);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_ACTIVATIONRANGE_H
