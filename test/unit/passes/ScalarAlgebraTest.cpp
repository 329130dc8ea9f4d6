//===- ScalarAlgebraTest.cpp - normal forms coincide when they should -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The lit tests show whole activations; here are the identities that they rest
// on, the near misses, and expressions that must not cost much.
//
//===----------------------------------------------------------------------===//

#include "ScalarAlgebra.h"

#include <gtest/gtest.h>

using namespace lowbit;

namespace {
class ScalarAlgebraTest : public ::testing::Test {
protected:
  using Function = ScalarFunction;

  Function c(double value) { return algebra.constant(value); }
  Function add(Function a, Function b) { return algebra.add(a, b); }
  Function mul(Function a, Function b) { return algebra.mul(a, b); }
  Function div(Function a, Function b) { return algebra.div(a, b); }
  Function max(Function a, Function b) { return algebra.max(a, b); }
  Function min(Function a, Function b) { return algebra.min(a, b); }
  Function exp(Function a) { return algebra.apply(AtomKind::Exp, a); }
  Function erf(Function a) { return algebra.apply(AtomKind::Erf, a); }

  void expectEqual(const Function &a, const Function &b) {
    EXPECT_TRUE(ScalarAlgebra::areEqual(a, b));
  }
  void expectDifferent(const Function &a, const Function &b) {
    EXPECT_TRUE(a.isKnown());
    EXPECT_TRUE(b.isKnown());
    EXPECT_FALSE(ScalarAlgebra::areEqual(a, b));
  }

  ScalarAlgebra algebra;
  Function x = algebra.variable();
};

TEST_F(ScalarAlgebraTest, SumsAndProductsInAnyOrder) {
  expectEqual(mul(add(x, c(1)), x), add(x, mul(x, x)));
  expectEqual(div(x, c(2)), mul(c(0.5), x));
  expectEqual(algebra.power(x, c(3)), mul(mul(x, x), x));
  expectEqual(algebra.sub(x, x), c(0));
}

TEST_F(ScalarAlgebraTest, SymmetriesOfAtoms) {
  expectEqual(erf(mul(c(-1), x)), mul(c(-1), erf(x)));
  expectEqual(div(c(1), exp(x)), exp(mul(c(-1), x)));
  expectEqual(div(c(1), add(c(2), mul(c(2), exp(x)))),
              mul(c(0.5), div(c(1), add(c(1), exp(x)))));
}

TEST_F(ScalarAlgebraTest, ClampsInAnyOrderAndScale) {
  Function shifted = add(x, c(3));
  Function upperFirst = max(min(shifted, c(6)), c(0));
  expectEqual(upperFirst, min(max(shifted, c(0)), c(6)));
  Function unit = add(div(x, c(6)), c(0.5));
  expectEqual(div(upperFirst, c(6)), max(min(unit, c(1)), c(0)));
  expectEqual(max(x, c(0)), algebra.choose(x, x, c(0)));
  expectEqual(max(x, mul(c(-1), x)),
              add(max(x, c(0)), max(mul(c(-1), x), c(0))));
}

TEST_F(ScalarAlgebraTest, ConstantsWithinTheTolerance) {
  expectEqual(mul(c(0.70710678), x), mul(c(0.707106769), x));
  expectDifferent(mul(c(0.7071), x), mul(c(0.707106769), x));
  expectEqual(max(x, c(3)), max(x, c(3.000001)));
  expectDifferent(max(x, c(3)), max(x, c(3.0001)));
}

TEST_F(ScalarAlgebraTest, NearMisses) {
  expectDifferent(max(x, c(0)), min(x, c(0)));
  expectDifferent(exp(x), exp(mul(c(-1), x)));
  expectDifferent(mul(x, erf(x)), erf(mul(x, x)));
}

TEST_F(ScalarAlgebraTest, UnknownSpreads) {
  Function unknown = div(x, c(0));
  EXPECT_FALSE(unknown.isKnown());
  EXPECT_FALSE(add(unknown, x).isKnown());
  EXPECT_FALSE(max(x, unknown).isKnown());
  EXPECT_FALSE(max(exp(x), c(0)).isKnown()) << "where exp(x) crosses zero";
  EXPECT_FALSE(algebra.power(x, c(2.5)).isKnown());
  EXPECT_FALSE(ScalarAlgebra::areEqual(unknown, unknown));
}

TEST_F(ScalarAlgebraTest, GrowthEndsAsUnknown) {
  Function power = add(x, c(1));
  for (int i = 0; i < 64; ++i)
    power = mul(power, power);
  EXPECT_FALSE(power.isKnown());

  Function pieces = x;
  for (int i = 0; i < 64; ++i)
    pieces = add(pieces, max(x, c(i)));
  EXPECT_FALSE(pieces.isKnown());

  Function nested = x;
  for (int i = 0; i < 1024; ++i)
    nested = exp(nested);
  EXPECT_FALSE(nested.isKnown());
}
} // namespace
