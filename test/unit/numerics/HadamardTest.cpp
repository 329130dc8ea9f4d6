//===- HadamardTest.cpp - rotations that spread outliers ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Hadamard.h"
#include "TestMatrices.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

TEST(Hadamard, BlocksArePowersOfTwo) {
  EXPECT_EQ(hadamardBlock(256), 256);
  EXPECT_EQ(hadamardBlock(768), 256);
  EXPECT_EQ(hadamardBlock(3), 1);
}

TEST(Hadamard, FastTransformIsTheMatrix) {
  std::vector<float> rows = randomWeights(2 * 48, 1), fast = rows;
  std::vector<float> matrix = hadamardMatrix(16);
  rotateBlocks(fast.data(), 2, 48);
  for (int n = 0; n < 2; ++n)
    for (int k = 0; k < 48; ++k) {
      double sum = 0;
      for (int j = 0; j < 16; ++j)
        sum += double(rows[n * 48 + k / 16 * 16 + j]) * matrix[j * 16 + k % 16];
      EXPECT_NEAR(fast[n * 48 + k], sum, 1e-5);
    }
}

TEST(Hadamard, RotationsKeepProducts) {
  // x Wᵀ = (x Q) (W Q)ᵀ, also where the size is not a power of two.
  const int columns = 24;
  std::vector<float> x = randomWeights(columns, 1),
                     w = randomWeights(columns, 2);
  auto dot = [&] {
    double sum = 0;
    for (int k = 0; k < columns; ++k)
      sum += double(x[k]) * w[k];
    return sum;
  };
  double before = dot();
  rotateRows(x.data(), 1, columns);
  rotateRows(w.data(), 1, columns);
  EXPECT_NEAR(dot(), before, 1e-5);
}

TEST(Hadamard, ColumnsOfAWriterGiveRotatedRows) {
  // y = W x rotated is (Qᵀ W) x.
  std::vector<float> w = randomWeights(12, 1), y = w;
  rotateColumns(w.data(), 12, 1);
  rotateRows(y.data(), 1, 12);
  EXPECT_EQ(w, y);
}

TEST(Hadamard, AnOutlierIsSpread) {
  std::vector<float> row(768, 0);
  row[5] = 100;
  rotateRows(row.data(), 1, 768);
  for (float value : row)
    EXPECT_LT(std::abs(value), 5);
}
