//===- Float16.h - half precision in software -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversions between binary32 and binary16 in integer arithmetic, so that
// stored scales have the same bits on machines with and without half-precision
// instructions.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_FLOAT16_H
#define LOWBIT_NUMERICS_FLOAT16_H

#include <cstdint>

namespace lowbit::numerics {

/// The largest finite binary16 number.
constexpr float maxFloat16 = 65504.0f;

/// The bits of the binary16 number nearest to `value`, ties to even. Subnormal
/// results are exact to the same rule, magnitudes of 65520 and more give
/// infinity, and a NaN stays a (quiet) NaN of the same sign.
uint16_t floatToHalf(float value);

/// The number with the binary16 bits `bits`; exact for every input.
float halfToFloat(uint16_t bits);

/// `value` rounded to binary16 and back.
inline float roundToHalf(float value) {
  return halfToFloat(floatToHalf(value));
}

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_FLOAT16_H
