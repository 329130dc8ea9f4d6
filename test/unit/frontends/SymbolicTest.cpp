//===- SymbolicTest.cpp - arithmetic on extents ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Symbolic.h"

#include <gtest/gtest.h>

#include <limits>

using namespace lowbit::frontend;

namespace {

class SymbolicTest : public ::testing::Test {
protected:
  Symbols s;
  Expr n = s.addDim("n", 0, 0, 1);
  Expr m = s.addDim("m", 0, 1, 1);
  Expr past = s.addDim("past", 1, 0, 0);
};

TEST_F(SymbolicTest, EqualPolynomialsAreEqual) {
  Expr left = *s.mul(*s.add(n, m), *s.sub(n, m));
  Expr right = *s.sub(*s.mul(n, n), *s.mul(m, m));
  EXPECT_EQ(left, right);
  EXPECT_NE(left, *s.add(right, Expr(1)));
  EXPECT_EQ(*s.sub(left, right), Expr(0));
}

TEST_F(SymbolicTest, ExactDivision) {
  Expr product = *s.mul(*s.mul(n, m), Expr(12));
  EXPECT_EQ(*s.divideExactly(product, *s.mul(m, Expr(4))), *s.mul(n, Expr(3)));
  Expr sum = *s.add(n, m);
  EXPECT_EQ(*s.divideExactly(*s.mul(sum, sum), sum), sum);
  EXPECT_FALSE(s.divideExactly(n, m));
  EXPECT_FALSE(s.divideExactly(n, Expr(2)));
  EXPECT_FALSE(s.divideExactly(n, Expr(0)));
}

TEST_F(SymbolicTest, FloorDivisionTakesOutWhatDivides) {
  Expr even = *s.add(*s.mul(n, Expr(4)), Expr(3));
  EXPECT_EQ(*s.floorDiv(even, Expr(2)), *s.add(*s.mul(n, Expr(2)), Expr(1)));
  EXPECT_EQ(*s.floorDiv(n, Expr(2)), *s.floorDiv(n, Expr(2)));
  EXPECT_EQ(*s.floorDiv(Expr(-3), Expr(2)), Expr(-2));
  EXPECT_FALSE(s.floorDiv(n, *s.sub(n, Expr(5))));
}

TEST_F(SymbolicTest, OrderByBounds) {
  EXPECT_EQ(s.isLess(Expr(0), n), true);
  EXPECT_EQ(s.isLess(n, *s.add(n, Expr(1))), true);
  EXPECT_FALSE(s.isLess(n, m).has_value());
  EXPECT_EQ(s.isEqual(n, Expr(-1)), false);
  EXPECT_FALSE(s.isEqual(past, Expr(0)).has_value());
  EXPECT_EQ(*s.max(*s.sub(n, Expr(1)), Expr(0)), *s.sub(n, Expr(1)));
  EXPECT_EQ(*s.min(Expr(std::numeric_limits<int64_t>::max()), n), n);
  EXPECT_EQ(*s.min(n, m), *s.min(m, n));
}

TEST_F(SymbolicTest, PartsAreNoMoreThanTheWhole) {
  Expr half = *s.floorDiv(n, Expr(2));
  EXPECT_EQ(*s.min(n, half), half);
  EXPECT_TRUE(s.isNonNegative(*s.sub(n, half)));
  EXPECT_TRUE(s.isNonNegative(*s.sub(m, *s.min(n, m))));
  EXPECT_TRUE(s.isNonNegative(*s.sub(*s.max(n, m), n)));
  EXPECT_FALSE(s.isNonNegative(*s.sub(half, Expr(1))));
  EXPECT_FALSE(s.isNonNegative(*s.sub(*s.min(n, m), n)));
  EXPECT_FALSE(s.isNonNegative(*s.sub(n, *s.max(n, m))));
}

TEST_F(SymbolicTest, OverflowGivesNothing) {
  Expr big(std::numeric_limits<int64_t>::max());
  EXPECT_FALSE(s.add(big, Expr(1)));
  EXPECT_FALSE(s.mul(big, Expr(2)));
  EXPECT_FALSE(s.mul(*s.mul(big, n), Expr(3)));
  Expr power = n;
  bool stopped = false;
  for (int i = 0; i < 10 && !stopped; ++i) {
    auto next = s.mul(power, power);
    stopped = !next;
    if (next)
      power = *next;
  }
  EXPECT_TRUE(stopped);
}

TEST_F(SymbolicTest, NestingIsBounded) {
  Expr e = n;
  bool stopped = false;
  for (int i = 0; i < 100 && !stopped; ++i) {
    auto next = s.floorDiv(*s.add(e, m), Expr(2));
    stopped = !next;
    if (next)
      e = *next;
  }
  EXPECT_TRUE(stopped);
  EXPECT_LT(s.str(e).size(), 1000u);
  EXPECT_FALSE(s.firstDim(e).empty());
}

TEST_F(SymbolicTest, Spelling) {
  EXPECT_EQ(s.str(Expr(0)), "0");
  EXPECT_EQ(s.str(*s.add(*s.mul(n, Expr(2)), Expr(1))), "2*n + 1");
  EXPECT_EQ(s.str(*s.floorDiv(n, Expr(2))), "(n) / (2)");
}

//===----------------------------------------------------------------------===//
// Assumptions
//===----------------------------------------------------------------------===//

TEST_F(SymbolicTest, MinimumBecomesABound) {
  Expr clipped = *s.min(n, Expr(64));
  EXPECT_TRUE(s.assumeEqual(n, clipped));
  EXPECT_EQ(*s.min(n, Expr(64)), n);
  EXPECT_EQ(s.upperBound(n), 64);
  ASSERT_EQ(s.getAssumptions().size(), 1u);
  EXPECT_EQ(s.getAssumptions()[0].value, *s.sub(Expr(64), n));
  EXPECT_FALSE(s.assumeEqual(n, n));
}

TEST_F(SymbolicTest, SumsAreComparedByWhatIsAssumed) {
  Expr total = *s.add(past, n);
  EXPECT_TRUE(s.assumeEqual(total, *s.min(total, Expr(64))));
  EXPECT_EQ(*s.min(total, Expr(64)), total);
  EXPECT_EQ(*s.min(past, Expr(64)), past);
}

TEST_F(SymbolicTest, ADimensionBecomesWhatItMustEqual) {
  Expr total = *s.add(past, n);
  EXPECT_TRUE(s.assumeEqual(m, total));
  EXPECT_EQ(s.resolve(m), total);
  EXPECT_EQ(s.resolve(n), n);
  EXPECT_TRUE(s.isEqual(m, total).value_or(false));
}

TEST_F(SymbolicTest, FactorsThatCannotVanishAreDividedOut) {
  EXPECT_TRUE(s.assumeEqual(*s.mul(n, m), *s.mul(m, Expr(4))));
  EXPECT_EQ(s.resolve(n), Expr(4));
  EXPECT_FALSE(s.assumeEqual(*s.mul(past, n), past));
}

TEST_F(SymbolicTest, WhatIsNotAssumed) {
  // Two names are two extents, products can't be checked, and what is wrong
  // stays wrong.
  EXPECT_FALSE(s.assumeEqual(n, m));
  EXPECT_FALSE(s.assumeNonNegative(*s.sub(*s.mul(n, m), Expr(9))));
  EXPECT_FALSE(s.assumeNonNegative(*s.sub(Expr(0), n)));
  EXPECT_FALSE(s.assumeNonNegative(n));
  EXPECT_TRUE(s.getAssumptions().empty());
}

TEST_F(SymbolicTest, QuotientsBoundTheirOperand) {
  Expr frames = *s.floorDiv(*s.sub(n, Expr(10)), Expr(5));
  EXPECT_FALSE(s.isNonNegative(frames));
  EXPECT_TRUE(s.assumeNonNegative(frames));
  EXPECT_EQ(s.lowerBound(n), 10);
  EXPECT_TRUE(s.isNonNegative(frames));
}

TEST_F(SymbolicTest, RemaindersHaveBounds) {
  Expr rest = *s.sub(n, *s.mul(*s.floorDiv(n, Expr(4)), Expr(4)));
  EXPECT_EQ(s.lowerBound(rest), 0);
  EXPECT_EQ(s.upperBound(rest), 3);
  EXPECT_EQ(*s.floorDiv(rest, Expr(4)), Expr(0));
}

TEST_F(SymbolicTest, MultiplesAreDividedEvenly) {
  Expr quotient = *s.floorDiv(n, Expr(4));
  Expr whole = *s.mul(quotient, Expr(4));
  EXPECT_TRUE(s.assumeEqual(*s.mul(n, m), *s.mul(whole, m)));
  EXPECT_EQ(s.resolve(n), whole);
  EXPECT_EQ(s.lowerBound(s.resolve(n)), 4);
  EXPECT_EQ(*s.floorDiv(s.resolve(n), Expr(2)), *s.mul(quotient, Expr(2)));
  EXPECT_EQ(s.str(whole), "n");
  EXPECT_FALSE(s.assumeEqual(n, whole));
}

TEST_F(SymbolicTest, BoundsThatAreNotKnownStayUnknown) {
  Expr big = n;
  for (int i = 0; i < 3; ++i)
    big = *s.mul(big, n);
  Expr least(std::numeric_limits<int64_t>::min() + 1);
  // n^4 may be anything from 1 on: nothing that is taken away bounds it.
  EXPECT_FALSE(s.isLess(*s.add(big, least), Expr(1)).has_value());
  EXPECT_FALSE(s.isLess(Expr(-1), *s.sub(Expr(5), big)).has_value());
  EXPECT_EQ(s.isLess(*s.mul(big, Expr(-2)), Expr(0)), true);
  EXPECT_EQ(s.upperBound(*s.mul(big, Expr(-1))), -1);
}

TEST_F(SymbolicTest, NumbersAtTheEndAreNotAssumed) {
  Expr least(std::numeric_limits<int64_t>::min());
  Expr scaled = *s.mul(n, least);
  EXPECT_FALSE(s.assumeEqual(scaled, m));
  EXPECT_FALSE(s.assumeNonNegative(*s.add(scaled, Expr(5))));
  // 2^60 n / 3 >= 2^62: three times the bound is no number of 64 bits.
  Expr third = *s.floorDiv(*s.mul(n, Expr(int64_t(1) << 60)), Expr(3));
  EXPECT_TRUE(s.assumeNonNegative(*s.sub(third, Expr((int64_t(1) << 62) - 1))));
  EXPECT_TRUE(s.assumeNonNegative(
      *s.sub(Expr((int64_t(1) << 62) - 1),
             *s.floorDiv(*s.mul(m, Expr(int64_t(1) << 60)), Expr(3)))));
}

TEST_F(SymbolicTest, SharedPartsAreNoMoreThanTheirSum) {
  // Each step holds the one before it twice, and more: millions of terms, if
  // they were written out.
  Expr a = n, b = m;
  for (int i = 0; i < 15; ++i) {
    Expr sum = *s.add(a, b);
    a = *s.floorDiv(sum, Expr(3));
    b = *s.floorDiv(*s.add(sum, a), Expr(5));
  }
  EXPECT_FALSE(s.isCheckable(a));
  EXPECT_EQ(s.firstDim(a), "n");
  EXPECT_FALSE(s.assumeEqual(a, past));
}

} // namespace
