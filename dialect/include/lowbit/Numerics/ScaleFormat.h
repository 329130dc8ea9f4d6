//===- ScaleFormat.h - how scales are stored --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scales are floats of 32, 16 or 8 bits. The 8-bit ones are those of the OCP
// Microscaling specification (E8M0, powers of two) and of the FP8 proposal
// (E4M3, without infinities).
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_SCALEFORMAT_H
#define LOWBIT_NUMERICS_SCALEFORMAT_H

#include <cstdint>

namespace lowbit::numerics {

/// Storage of scales, fractional zero points and minima.
enum class ScaleFormat : uint8_t {
  F32,
  F16,
  BF16,
  /// 2^(code - 127), code 255 being NaN: positive, without a zero.
  E8M0,
  /// Sign, 4 bits of exponent, 3 of mantissa; at most 448.
  E4M3,
};

/// Bits of one parameter in `format`.
unsigned scaleBits(ScaleFormat format);

/// The name of `format` and its largest number, such as "f16 (at most 65504)".
const char *describeScale(ScaleFormat format);

/// The bits of the number of `format` nearest to `value`, ties to the even
/// code. What lies beyond the largest number gives infinity or NaN; E8M0 takes
/// its smallest number for zero and negative values.
uint32_t scaleToBits(ScaleFormat format, float value);

/// The number with bits `bits`; exact for every input.
float scaleFromBits(ScaleFormat format, uint32_t bits);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_SCALEFORMAT_H
