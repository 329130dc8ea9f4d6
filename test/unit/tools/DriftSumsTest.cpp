//===- DriftSumsTest.cpp - moments of two models side by side -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tune/DriftSums.h"
#include "llvm/ADT/STLExtras.h"
#include <gtest/gtest.h>

using namespace lowbit;

namespace {

using Numbers = std::vector<float>;

/// All moments, one after the other, of rows of two columns that are added to
/// a residual stream of one.
Numbers sumUp(const Numbers &x, const Numbers &y, const Numbers &r,
              const Numbers &s, const Numbers &weights) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  DriftSums sums(2, {1});
  EXPECT_FALSE(bool(sums.add({x, y, {r}, {s}, weights}, &context)));
  Numbers all;
  for (const HostTensor &moment :
       {sums.getSecondMoment(), sums.getMeanSquare(), sums.getCrossMoment(),
        sums.getResidualMoment(0)})
    llvm::append_range(all, moment.getAs<float>());
  return all;
}

TEST(DriftSums, RowsThatCountTwiceAreAsTwoRows) {
  Numbers twice = sumUp({1, 2, 3, -4}, {1, 1, 2, -2}, {5, 6}, {5, 4}, {2, 1});
  Numbers repeated =
      sumUp({1, 2, 1, 2, 3, -4}, {1, 1, 1, 1, 2, -2}, {5, 5, 6}, {5, 5, 4}, {});
  ASSERT_EQ(twice.size(), repeated.size());
  for (size_t i = 0; i < twice.size(); ++i)
    EXPECT_NEAR(twice[i], repeated[i], 1e-6) << i;
  // E[y^T y], its diagonal, E[x^T y] and E[(r - s)^T y], by hand.
  Numbers expected = {2,       -2.f / 3, -2.f / 3, 2, 2,       2,
                      8.f / 3, -4.f / 3, -4.f / 3, 4, 4.f / 3, -4.f / 3};
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(repeated[i], expected[i], 1e-6) << i;
}

TEST(DriftSums, RowsThatCountNothingAreNotThere) {
  EXPECT_EQ(sumUp({1, 2, 3, -4}, {1, 1, 2, -2}, {5, 6}, {5, 4}, {1, 0}),
            sumUp({1, 2}, {1, 1}, {5}, {5}, {}));
}

} // namespace
