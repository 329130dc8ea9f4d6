//===- MathApproximation.cpp - math functions on vectors ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MathApproximation.h"

#include "lowbit/Reference/SineTerms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace {
/// Builds expressions over values of one shape.
class VectorMath {
public:
  VectorMath(OpBuilder &builder, Location loc, Type type)
      : b(loc, builder), type(type) {}

  Value f32(float value) {
    return createScalarOrSplatConstant(b, b.getLoc(), type, APFloat(value));
  }
  Value i32(int64_t value) {
    return createScalarOrSplatConstant(b, b.getLoc(), intType(), value);
  }
  Type intType() {
    if (auto vector = dyn_cast<VectorType>(type))
      return vector.clone(b.getI32Type());
    return b.getI32Type();
  }
  Value fma(Value x, Value y, Value z) {
    return math::FmaOp::create(b, x, y, z);
  }
  /// Polynomial in `x`, the coefficient of the highest power first.
  Value polynomial(Value x, ArrayRef<float> coefficients) {
    Value sum = f32(coefficients.front());
    for (float coefficient : coefficients.drop_front())
      sum = fma(sum, x, f32(coefficient));
    return sum;
  }

  ImplicitLocOpBuilder b;

private:
  Type type;
};

/// sin(x + quarters * pi/2). The argument is reduced to [-pi/4, pi/4] with pi/2
/// in three parts (Cody and Waite), each product exact in a fused multiply-add:
/// the error of the argument stays below 1e-7 up to |x| = 2^16.
Value buildSine(VectorMath &m, Value x, int32_t quarters) {
  ImplicitLocOpBuilder &b = m.b;
  using lowbit::kRoundsOnceAttrName;
  constexpr float kTwoOverPi = 0.636619772f;
  constexpr float kHalfPi[3] = {1.57079637e+00f, -4.37113883e-08f,
                                -1.71512451e-15f};
  Value turns = math::RoundEvenOp::create(
      b, arith::MulFOp::create(b, x, m.f32(kTwoOverPi)));
  Value r = x;
  for (float part : kHalfPi) {
    r = m.fma(turns, m.f32(-part), r);
    r.getDefiningOp()->setAttr(kRoundsOnceAttrName, b.getUnitAttr());
  }
  Value quadrant = arith::AddIOp::create(
      b, arith::FPToSIOp::create(b, m.intType(), turns), m.i32(quarters));

  Value square = arith::MulFOp::create(b, r, r);
  Value sine = m.polynomial(square, lowbit::kSineTerms);
  sine = m.fma(arith::MulFOp::create(b, sine, square), r, r);
  Value cosine = m.polynomial(square, lowbit::kCosineTerms);
  cosine = m.fma(cosine, arith::MulFOp::create(b, square, square),
                 m.fma(square, m.f32(-0.5f), m.f32(1.0f)));

  auto hasBit = [&](int32_t bit) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                 arith::AndIOp::create(b, quadrant, m.i32(bit)),
                                 m.i32(0));
  };
  Value magnitude = arith::SelectOp::create(b, hasBit(1), cosine, sine);
  return arith::SelectOp::create(
      b, hasBit(2), arith::NegFOp::create(b, magnitude), magnitude);
}

Value buildSin(VectorMath &m, Value x) { return buildSine(m, x, 0); }
Value buildCos(VectorMath &m, Value x) { return buildSine(m, x, 1); }

/// x P(x^2) / Q(x^2), whose relative error up to the limit is least; behind it
/// the function is 1 to half a unit of the last place. No coefficient is
/// negative, so nothing cancels: the error stays below 4e-7 of the result,
/// which is never above 1.
Value buildErf(VectorMath &m, Value x) {
  constexpr float kLimit = 3.9192f;
  constexpr float kNumerator[] = {2.05074571e-06f, 2.84888956e-04f,
                                  3.76448943e-03f, 5.27453795e-02f,
                                  1.90376028e-01f, 1.12837911f};
  constexpr float kDenominator[] = {3.80988349e-05f, 1.16232014e-03f,
                                    1.49669433e-02f, 1.14097148e-01f,
                                    5.02049088e-01f, 1.0f};
  ImplicitLocOpBuilder &b = m.b;
  Value square = arith::MulFOp::create(b, x, x);
  Value magnitude = math::AbsFOp::create(b, x);
  Value numerator =
      arith::MulFOp::create(b, magnitude, m.polynomial(square, kNumerator));
  Value ratio =
      arith::DivFOp::create(b, numerator, m.polynomial(square, kDenominator));
  // Rounding may leave the ratio a unit above 1. NaN isn't above the limit, and
  // its ratio is NaN.
  Value one = m.f32(1.0f);
  ratio = arith::MinimumFOp::create(b, ratio, one);
  Value isLarge = arith::CmpFOp::create(b, arith::CmpFPredicate::OGE, magnitude,
                                        m.f32(kLimit));
  Value bounded = arith::SelectOp::create(b, isLarge, one, ratio);
  return math::CopySignOp::create(b, bounded, x);
}

template <typename OpT, Value (*build)(VectorMath &, Value)>
struct Approximate : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpT op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType(), element = getElementTypeOrSelf(type);
    if (!element.isF32() && !element.isF16() && !element.isBF16())
      return rewriter.notifyMatchFailure(op, "more than 32 bits");
    Type wide = rewriter.getF32Type();
    if (auto shaped = dyn_cast<ShapedType>(type))
      wide = shaped.clone(wide);
    Value x = op.getOperand();
    if (type != wide)
      x = arith::ExtFOp::create(rewriter, op.getLoc(), wide, x);
    VectorMath m(rewriter, op.getLoc(), wide);
    Value result = build(m, x);
    if (type != wide)
      result = arith::TruncFOp::create(rewriter, op.getLoc(), type, result);
    rewriter.replaceOp(op, result);
    return success();
  }
};
} // namespace

void lowbit::populateMathApproximationPatterns(RewritePatternSet &patterns) {
  patterns.add<Approximate<math::SinOp, buildSin>,
               Approximate<math::CosOp, buildCos>,
               Approximate<math::ErfOp, buildErf>>(patterns.getContext(),
                                                   /*benefit=*/2);
  static constexpr StringLiteral kUpstream[] = {
      "math.atan", "math.atan2", "math.tanh",  "math.log",
      "math.log2", "math.log1p", "math.erfc",  "math.asin",
      "math.acos", "math.exp",   "math.expm1", "math.cbrt"};
  populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
    return llvm::is_contained(kUpstream, name);
  });
  populateMathF32ExpansionPatterns(patterns, [](StringRef name) {
    return llvm::is_contained(kUpstream, name);
  });
  // Through exponential and logarithm: powf, sinh, cosh and others.
  math::populateExpansionPatterns(patterns, {"sinh", "cosh", "tan", "asinh",
                                             "acosh", "atanh", "powf", "fpowi",
                                             "exp2", "clampf", "rsqrt"});
}
