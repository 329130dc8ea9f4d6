//===- Float16Test.cpp - half precision -----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All halves, all neighbourhoods of the points where rounding decides, and, if
// the compiler has the type, a stride through all floats.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Float16.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace lowbit::numerics;

static float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

TEST(Float16, EveryHalfSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = halfToFloat(static_cast<uint16_t>(bits));
    bool isNaN = (bits & 0x7C00) == 0x7C00 && (bits & 0x3FF);
    ASSERT_EQ(std::isnan(value), isNaN) << bits;
    // A signalling NaN becomes quiet.
    uint32_t expected = isNaN ? bits | 0x200 : bits;
    ASSERT_EQ(floatToHalf(value), expected) << bits;
  }
}

TEST(Float16, HalvesHaveTheirValues) {
  for (uint32_t bits = 0; bits < 0x7C00; ++bits) {
    int exponent = static_cast<int>(bits >> 10), fraction = bits & 0x3FF;
    double expected = exponent ? std::ldexp(1024 + fraction, exponent - 25)
                               : std::ldexp(fraction, -24);
    ASSERT_EQ(halfToFloat(static_cast<uint16_t>(bits)), expected) << bits;
    ASSERT_EQ(halfToFloat(static_cast<uint16_t>(bits | 0x8000)), -expected);
  }
}

TEST(Float16, MidpointsGoToEven) {
  for (uint32_t bits = 0; bits < 0x7BFF; ++bits) {
    float low = halfToFloat(static_cast<uint16_t>(bits));
    float high = halfToFloat(static_cast<uint16_t>(bits + 1));
    float middle = low + (high - low) / 2;
    uint32_t even = bits & 1 ? bits + 1 : bits;
    ASSERT_EQ(floatToHalf(middle), even) << bits;
    ASSERT_EQ(floatToHalf(std::nextafterf(middle, 0)), bits) << bits;
    ASSERT_EQ(floatToHalf(std::nextafterf(middle, INFINITY)), bits + 1) << bits;
  }
}

TEST(Float16, OverflowsFromHalfAUnitAboveTheLargest) {
  EXPECT_EQ(floatToHalf(65519.996f), 0x7BFF);
  EXPECT_EQ(floatToHalf(65520.0f), 0x7C00);
  EXPECT_EQ(floatToHalf(-1e30f), 0xFC00);
  EXPECT_EQ(floatToHalf(INFINITY), 0x7C00);
  EXPECT_EQ(floatToHalf(0x1p-25f), 0);
  EXPECT_EQ(floatToHalf(-0x1.8p-25f), 0x8001);
}

#ifdef __FLT16_MAX__
TEST(Float16, AgreesWithTheCompiler) {
  for (uint64_t bits = 0; bits < 0x100000000u; bits += 4093) {
    float value = floatOf(static_cast<uint32_t>(bits));
    if (std::isnan(value))
      continue;
    auto half = static_cast<_Float16>(value);
    uint16_t expected;
    std::memcpy(&expected, &half, sizeof(expected));
    ASSERT_EQ(floatToHalf(value), expected) << bits;
  }
}
#endif
