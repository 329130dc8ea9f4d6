//===- PanelKernelsTest.cpp - vector code on tables and panels ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products, rounding and searches in tables give the same bits on every
// instruction set, and what plain loops give.
//
//===----------------------------------------------------------------------===//

#include "GroupKernels.h"
#include "LaneTables.h"
#include "TestMatrices.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

/// Calls `visit` with each instruction set's kernels.
template <typename Visit> static void forEachKernels(Visit visit) {
  const GroupKernels *kernels[8];
  int64_t count = allGroupKernels(kernels, 8);
  for (int64_t i = 0; i < count; ++i)
    visit(*kernels[i]);
}

static std::vector<float> numbers(int64_t count) {
  return randomWeights(count, count);
}

TEST(PanelKernels, Products) {
  // Neither whole tiles nor a dense result.
  const int64_t depth = 37, count = 17, width = 128, stride = 150;
  std::vector<float> factors = numbers(depth * stride);
  std::vector<float> rows = numbers(depth * stride);
  std::vector<float> before = numbers(count * stride), expected = before;
  for (int64_t t = 0; t < count; ++t)
    for (int64_t n = 0; n < width; ++n) {
      float sum = 0;
      for (int64_t i = 0; i < depth; ++i) {
        // Two roundings, as in the kernels.
        volatile float product = factors[i * stride + t] * rows[i * stride + n];
        sum += product;
      }
      expected[t * stride + n] -= sum;
    }
  forEachKernels([&](const GroupKernels &kernels) {
    std::vector<float> result = before;
    kernels.addProduct({factors.data(), stride, depth, rows.data(), stride,
                        count, width, -1, result.data(), stride});
    EXPECT_EQ(result, expected) << kernels.name;
  });
}

TEST(PanelKernels, RoundingOfColumns) {
  std::vector<float> values = numbers(panelRows);
  ColumnParameters parameters{};
  for (int64_t n = 0; n < panelRows; ++n) {
    parameters.scale[n] = n % 7 ? 0.1f + 0.01f * n : 0;
    parameters.minimum[n] = n % 3 ? -1 : 0;
  }
  GroupProblem problem{GroupModel::Minimum, 0, 15, 1, 4, 15, true, true};
  forEachKernels([&](const GroupKernels &kernels) {
    float decoded[panelRows];
    uint16_t codes[panelRows];
    kernels.roundColumn(problem, values.data(), parameters, 0, decoded, codes);
    for (int64_t n = 0; n < panelRows; ++n) {
      float scale = parameters.scale[n], minimum = parameters.minimum[n];
      float place = scale == 0 ? 0 : (values[n] - minimum) / scale;
      float number = std::nearbyint(std::min(std::max(place, 0.0f), 15.0f));
      EXPECT_EQ(codes[n], number) << kernels.name;
      EXPECT_EQ(decoded[n], number * scale + minimum) << kernels.name;
    }
  });
}

TEST(PanelKernels, TablesOfEverySize) {
  const int64_t length = 24;
  std::vector<float> values = numbers(length * groupLanes);
  std::vector<float> importance =
      randomWeights(length * groupLanes, 3, 4, 0.3f);
  float scales[groupLanes];
  for (int64_t lane = 0; lane < groupLanes; ++lane)
    scales[lane] = lane == 5 ? 0 : 0.2f * (lane - 7.5f);
  for (unsigned valuesPerCode : {1u, 2u, 8u})
    for (unsigned bits : {1u, 2u, 3u, 4u, 6u, 8u}) {
      CodeTable codes{bits, bits, valuesPerCode,
                      randomWeights(int64_t(valuesPerCode) << bits, bits)};
      LaneTables tables(std::make_shared<const CodeTable>(codes));
      TableFit expected{}, found;
      std::vector<uint16_t> expectedEntries, entries(length * groupLanes);
      forEachKernels([&](const GroupKernels &kernels) {
        kernels.fitTable(tables.table(),
                         {values.data(), importance.data(), length}, scales,
                         found);
        kernels.assignTable(tables.table(), values.data(), length, scales,
                            entries.data());
        if (expectedEntries.empty()) {
          expected = found;
          expectedEntries = entries;
        }
        EXPECT_EQ(std::memcmp(&expected, &found, sizeof(found)), 0)
            << kernels.name;
        EXPECT_EQ(expectedEntries, entries) << kernels.name;
      });
    }
}
