//===- EffectiveBitsTest.cpp - sizes as stored ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes that can be computed by hand.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/EffectiveBits.h"
#include "lowbit/Numerics/Layouts.h"
#include <gtest/gtest.h>

using namespace lowbit::numerics;

TEST(EffectiveBits, CountsParametersAndPadding) {
  Encoding encoding{{4, IntegerKind::Unsigned},
                    ZeroPointKind::None,
                    false,
                    Granularity::Group,
                    128,
                    ScaleFormat::F16};
  EXPECT_DOUBLE_EQ(effectiveBits(encoding, 64, 512), 4.125);
  encoding.hasMinimum = true;
  EXPECT_DOUBLE_EQ(effectiveBits(encoding, 64, 512), 4.25);
  encoding.hasMinimum = false;
  encoding.zeroPoint = ZeroPointKind::Integer;
  EXPECT_DOUBLE_EQ(effectiveBits(encoding, 64, 512), 4.1875);
  encoding.granularity = Granularity::Tensor;
  encoding.scale = ScaleFormat::F32;
  EXPECT_EQ(storedBytes(encoding, 3, 5), 8 + 4 + 1);
  EXPECT_EQ(effectiveBits(encoding, 0, 5), 0);
  // 33 rows take two blocks of 32.
  encoding.zeroPoint = ZeroPointKind::None;
  encoding.granularity = Granularity::Channel;
  BoundLayout layout(planes(4), encoding, 33, 8);
  EXPECT_EQ(storedBytes(layout), 2 * (32 * 4 + 32 * 8 / 2));
}
