//===- Float16.cpp - half precision in software ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Binary16 has 1 sign, 5 exponent and 10 fraction bits; its smallest normal
// number is 2^-14 and its smallest subnormal one 2^-24.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Float16.h"

#include "FloatBits.h"

namespace lowbit::numerics {

/// `value` / 2^`shift`, ties to even; `shift` is 1 to 31.
static uint32_t shiftToNearestEven(uint32_t value, unsigned shift) {
  uint32_t quotient = value >> shift;
  uint32_t remainder = value & ((1u << shift) - 1), half = 1u << (shift - 1);
  return quotient + (remainder > half || (remainder == half && quotient & 1));
}

uint16_t floatToHalf(float value) {
  uint32_t bits = bitsOf(value);
  uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) // NaN: keep the top fraction bits, set quiet.
    return sign | 0x7E00 | (magnitude >> 13 & 0x1FF);
  if (magnitude >= 0x47800000) // 2^16 and more, infinity included.
    return sign | 0x7C00;
  if (magnitude >= 0x38800000) // Normal: rebias; a carry may reach infinity.
    return sign | shiftToNearestEven(magnitude - 0x38000000, 13);
  uint32_t exponent = magnitude >> 23;
  if (exponent < 102) // Below 2^-25, half of the smallest subnormal.
    return sign;
  uint32_t significand = (magnitude & 0x7FFFFF) | 0x800000;
  return sign | shiftToNearestEven(significand, 126 - exponent);
}

float halfToFloat(uint16_t bits) {
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  uint32_t exponent = bits >> 10 & 0x1F, fraction = bits & 0x3FF;
  if (exponent == 0x1F)
    return floatOf(sign | 0x7F800000 | fraction << 13);
  if (exponent != 0)
    return floatOf(sign | (exponent + 112) << 23 | fraction << 13);
  float magnitude = static_cast<float>(fraction) * 0x1p-24f;
  return sign ? -magnitude : magnitude;
}

} // namespace lowbit::numerics
