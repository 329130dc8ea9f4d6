//===- ScaleFormat.cpp - how scales are stored ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/ScaleFormat.h"

#include "FloatBits.h"
#include "lowbit/Numerics/Float16.h"
#include <cmath>

namespace lowbit::numerics {

unsigned scaleBits(ScaleFormat format) {
  switch (format) {
  case ScaleFormat::F32:
    return 32;
  case ScaleFormat::F16:
  case ScaleFormat::BF16:
    return 16;
  case ScaleFormat::E8M0:
  case ScaleFormat::E4M3:
    return 8;
  }
  return 0;
}

const char *describeScale(ScaleFormat format) {
  switch (format) {
  case ScaleFormat::F32:
    return "f32";
  case ScaleFormat::F16:
    return "f16 (at most 65504)";
  case ScaleFormat::BF16:
    return "bf16 (at most 3.39e38)";
  case ScaleFormat::E8M0:
    return "f8E8M0FNU (at most 2^127)";
  case ScaleFormat::E4M3:
    return "f8E4M3FN (at most 448)";
  }
  return "";
}

static uint32_t toBFloat(float value) {
  uint32_t bits = bitsOf(value);
  if (std::isnan(value))
    return bits >> 16 | 0x40;
  // Half a unit, less one unless the kept part is odd: ties to even.
  return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
}

static float fromE8M0(uint32_t code) {
  return code == 255 ? NAN : std::ldexp(1.0f, static_cast<int>(code) - 127);
}

static float fromE4M3(uint32_t code) {
  uint32_t exponent = code >> 3 & 15, mantissa = code & 7;
  if ((code & 0x7F) == 0x7F)
    return NAN;
  float magnitude = exponent ? std::ldexp(8.0f + mantissa, int(exponent) - 10)
                             : std::ldexp(float(mantissa), -9);
  return code & 0x80 ? -magnitude : magnitude;
}

/// The code of `format` nearest to `value`, of the codes 0 to `last`, which are
/// in order of their numbers; the one after stands for what is beyond.
static uint32_t nearest(ScaleFormat format, uint32_t last, float value) {
  uint32_t low = 0, high = last;
  while (low < high) {
    uint32_t middle = (low + high + 1) / 2;
    if (scaleFromBits(format, middle) <= value)
      low = middle;
    else
      high = middle - 1;
  }
  float number = scaleFromBits(format, low);
  float step = number - (low ? scaleFromBits(format, low - 1) : 0);
  float next = low < last ? scaleFromBits(format, low + 1) : number + step;
  float below = value - number, above = next - value;
  return above < below || (above == below && low % 2) ? low + 1 : low;
}

uint32_t scaleToBits(ScaleFormat format, float value) {
  switch (format) {
  case ScaleFormat::F32:
    return bitsOf(value);
  case ScaleFormat::F16:
    return floatToHalf(value);
  case ScaleFormat::BF16:
    return toBFloat(value);
  case ScaleFormat::E8M0:
    if (std::isnan(value) || std::isinf(value))
      return 255;
    return value > 0 ? nearest(format, 254, value) : 0;
  case ScaleFormat::E4M3: {
    uint32_t sign = std::signbit(value) ? 0x80 : 0;
    if (std::isnan(value) || std::isinf(value))
      return sign | 0x7F;
    return sign | nearest(format, 0x7E, std::fabs(value));
  }
  }
  return 0;
}

float scaleFromBits(ScaleFormat format, uint32_t bits) {
  switch (format) {
  case ScaleFormat::F32:
    return floatOf(bits);
  case ScaleFormat::F16:
    return halfToFloat(static_cast<uint16_t>(bits));
  case ScaleFormat::BF16:
    return floatOf(bits << 16);
  case ScaleFormat::E8M0:
    return fromE8M0(bits);
  case ScaleFormat::E4M3:
    return fromE4M3(bits);
  }
  return 0;
}

} // namespace lowbit::numerics
