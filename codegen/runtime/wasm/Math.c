/*===- Math.c - what code generators call --------------------------------===*\
|*                                                                            *|
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception                    *|
|*                                                                            *|
|* Vector code brings its mathematics along. What is left are operations that *|
|* WebAssembly has no instruction for, under the names of a C library, each   *|
|* exact or rounded once.                                                     *|
\*===----------------------------------------------------------------------===*/

#include <stdint.h>

static uint32_t get_bits(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static float make_float(uint32_t bits) {
  float value;
  __builtin_memcpy(&value, &bits, sizeof(value));
  return value;
}

/** A half's bits to f32. A multiplication changes the exponent's bias, which
    also normalizes subnormal numbers. */
float __extendhfsf2(uint16_t half) {
  uint32_t magnitude = half & 0x7FFFu, sign = (half & 0x8000u) << 16;
  uint32_t exponent = magnitude < 0x7C00 ? 0 : 0x7F800000;
  uint32_t bits = get_bits(make_float(magnitude << 13) * 0x1p112f);
  return make_float(bits | exponent | sign);
}

/** f32 to a half's bits, to nearest even. Below the smallest normal half, a sum
    with 0.5 leaves multiples of 2^-24. */
uint16_t __truncsfhf2(float value) {
  uint32_t bits = get_bits(value), magnitude = bits & 0x7FFFFFFFu;
  uint32_t sign = bits >> 16 & 0x8000u;
  if (magnitude > 0x7F800000)
    return (uint16_t)(sign | 0x7E00);
  if (magnitude >= 0x47800000)
    return (uint16_t)(sign | 0x7C00);
  if (magnitude < 0x38800000)
    return (uint16_t)(sign |
                      (get_bits(make_float(magnitude) + 0.5f) - 0x3F000000));
  magnitude += 0xFFF + (magnitude >> 13 & 1) - (112u << 23);
  return (uint16_t)(sign | magnitude >> 13);
}

/** The rest of a division, with the sign of `x`: exact, by long division. */
double fmod(double x, double y) {
  double rest = __builtin_fabs(x), divisor = __builtin_fabs(y);
  if (!(divisor > 0) || !(rest < __builtin_inf()))
    return __builtin_nan("");
  if (divisor < __builtin_inf())
    while (rest >= divisor) {
      double step = divisor;
      while (step <= rest * 0.5)
        step += step;
      rest -= step;
    }
  return __builtin_copysign(rest, x);
}

float fmodf(float x, float y) { return (float)fmod(x, y); }

/** Halves are rounded away from zero. */
double round(double x) {
  double whole = __builtin_trunc(x);
  if (__builtin_fabs(x - whole) >= 0.5)
    whole += __builtin_copysign(1.0, x);
  return __builtin_copysign(whole, x);
}

float roundf(float x) { return (float)round(x); }

/** The larger or smaller number, or the one that is no NaN. */
double fmax(double x, double y) { return x != x || x < y ? y : x; }
double fmin(double x, double y) { return x != x || x > y ? y : x; }
float fmaxf(float x, float y) { return x != x || x < y ? y : x; }
float fminf(float x, float y) { return x != x || x > y ? y : x; }

/** x * y + z, rounded once: the product is exact in f64. Of its sum with z,
    rounded to odd, the rounding to f32 is that of the exact sum. */
float fmaf(float x, float y, float z) {
  double product = (double)x * y, sum = product + z;
  double part = sum - product;
  double error = (product - (sum - part)) + (z - part);
  uint64_t bits;
  __builtin_memcpy(&bits, &sum, sizeof(bits));
  if (error == error && error != 0 && !(bits & 1) && sum - sum == 0) {
    bits += (error > 0) == (sum > 0) ? 1 : -1;
    __builtin_memcpy(&sum, &bits, sizeof(bits));
  }
  return (float)sum;
}

/** The lower 128 bits of a product. */
__int128 __multi3(__int128 a, __int128 b) {
  uint64_t low_a = (uint64_t)a, low_b = (uint64_t)b;
  uint64_t a0 = low_a & 0xFFFFFFFFu, a1 = low_a >> 32;
  uint64_t b0 = low_b & 0xFFFFFFFFu, b1 = low_b >> 32;
  uint64_t low = a0 * b0, cross = a1 * b0 + (low >> 32);
  uint64_t middle = a0 * b1 + (cross & 0xFFFFFFFFu);
  uint64_t high = a1 * b1 + (cross >> 32) + (middle >> 32);
  high += (uint64_t)(a >> 64) * low_b + low_a * (uint64_t)(b >> 64);
  uint64_t words[2] = {(middle << 32) | (low & 0xFFFFFFFFu), high};
  __int128 result;
  __builtin_memcpy(&result, words, sizeof(result));
  return result;
}
