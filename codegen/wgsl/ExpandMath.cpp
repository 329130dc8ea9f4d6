//===- ExpandMath.cpp - functions that WGSL lacks or leaves open ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/WGSL/Passes.h"
#include "lowbit/Reference/SineTerms.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lowbit {
#define GEN_PASS_DEF_WGSLEXPANDMATHPASS
#include "lowbit/CodeGen/WGSL/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {

/// Builds expressions over f32 or vectors of it.
class Expression {
public:
  Expression(OpBuilder &builder, Location loc, Type type)
      : b(loc, builder), type(type) {}

  Value number(double value) {
    FloatAttr number = b.getFloatAttr(getElementTypeOrSelf(type), value);
    return createScalarOrSplatConstant(b, b.getLoc(), type, number.getValue());
  }
  Value integer(int64_t value) {
    return createScalarOrSplatConstant(b, b.getLoc(), integers(), value);
  }
  Type integers() {
    if (auto vector = dyn_cast<VectorType>(type))
      return vector.clone(b.getI32Type());
    return b.getI32Type();
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  Value abs(Value x) { return math::AbsFOp::create(b, x); }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, condition, x, y);
  }
  Value compare(arith::CmpFPredicate predicate, Value x, Value y) {
    return arith::CmpFOp::create(b, predicate, x, y);
  }
  /// Polynomial in `x`, the coefficient of the highest power first.
  Value polynomial(Value x, ArrayRef<float> coefficients) {
    Value sum = number(coefficients.front());
    for (float coefficient : coefficients.drop_front())
      sum = add(mul(sum, x), number(coefficient));
    return sum;
  }

  ImplicitLocOpBuilder b;

private:
  Type type;
};

/// tanh(89) is not a number on SwiftShader: it divides one infinity by another.
struct ClampTanh : OpRewritePattern<math::TanhOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::TanhOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getOperand().getDefiningOp<math::ClampFOp>())
      return rewriter.notifyMatchFailure(op, "is clamped");
    Expression e(rewriter, op.getLoc(), op.getType());
    Value clamped = math::ClampFOp::create(e.b, op.getOperand(),
                                           e.number(-10.0), e.number(10.0));
    rewriter.modifyOpInPlace(op,
                             [&] { op.getOperandMutable().assign(clamped); });
    return success();
  }
};

/// Abramowitz and Stegun, 7.1.26, an odd function by the sign of x:
/// erf(x) = 1 - t (a1 + t (a2 + ... a5 t^4)) exp(-x^2), t = 1 / (1 + p x).
struct ExpandErf : OpRewritePattern<math::ErfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ErfOp op,
                                PatternRewriter &rewriter) const override {
    Expression e(rewriter, op.getLoc(), op.getType());
    Value x = op.getOperand();
    Value size = e.abs(x);
    Value one = e.number(1.0);
    Value t = e.div(one, e.add(one, e.mul(e.number(0.3275911), size)));
    Value series =
        e.mul(t, e.polynomial(t, {1.061405429f, -1.453152027f, 1.421413741f,
                                  -0.284496736f, 0.254829592f}));
    Value square = e.mul(size, size);
    Value decay = math::ExpOp::create(e.b, e.sub(e.number(0.0), square));
    Value result = e.sub(one, e.mul(series, decay));
    Value negative = e.compare(arith::CmpFPredicate::OLT, x, e.number(0.0));
    rewriter.replaceOp(
        op, e.select(negative, e.sub(e.number(0.0), result), result));
    return success();
  }
};

/// sin(x + quarters pi/2). The argument is reduced to [-pi/4, pi/4] by pi/2 in
/// three parts (Cody and Waite), the first two of so few bits that their
/// products with up to 2^13 turns are exact without a fused multiply-add, which
/// WGSL doesn't promise.
Value buildSine(Expression &e, Value x, int32_t quarters) {
  constexpr double kHalfPi[3] = {1.5703125, 4.837512969970703125e-4,
                                 7.54978995489e-8};
  Value turns =
      math::RoundEvenOp::create(e.b, e.mul(x, e.number(0.63661977236758134)));
  Value r = x;
  for (double part : kHalfPi)
    r = e.sub(r, e.mul(turns, e.number(part)));
  Value quadrant = arith::AddIOp::create(
      e.b, arith::FPToSIOp::create(e.b, e.integers(), turns),
      e.integer(quarters));

  Value square = e.mul(r, r);
  Value sine = e.polynomial(square, kSineTerms);
  sine = e.add(e.mul(e.mul(sine, square), r), r);
  Value cosine = e.polynomial(square, kCosineTerms);
  cosine = e.add(
      e.sub(e.mul(e.mul(cosine, square), square), e.mul(e.number(0.5), square)),
      e.number(1.0));

  auto hasBit = [&](int32_t bit) {
    Value masked = arith::AndIOp::create(e.b, quadrant, e.integer(bit));
    return arith::CmpIOp::create(e.b, arith::CmpIPredicate::ne, masked,
                                 e.integer(0));
  };
  Value result = e.select(hasBit(1), cosine, sine);
  return e.select(hasBit(2), e.sub(e.number(0.0), result), result);
}

template <typename OpTy, int32_t quarters>
struct ExpandSine : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "the reduction is of f32");
    Expression e(rewriter, op.getLoc(), op.getType());
    rewriter.replaceOp(op, buildSine(e, op.getOperand(), quarters));
    return success();
  }
};

/// WGSL's pow is undefined for negative numbers: x^y = exp2(y log2 |x|), with
/// the sign of x where y is an odd number. Not an integral power of a negative
/// number, which isn't a real number, is that of its absolute value.
struct ExpandPower : OpRewritePattern<math::PowFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::PowFOp op,
                                PatternRewriter &rewriter) const override {
    Expression e(rewriter, op.getLoc(), op.getType());
    Value x = op.getLhs(), y = op.getRhs();
    Value zero = e.number(0.0), half = e.number(0.5);
    // log2(0) is infinite, which no adapter needs to know.
    Value logarithm = math::Log2Op::create(e.b, e.abs(x));
    Value power = math::Exp2Op::create(e.b, e.mul(y, logarithm));
    Value fraction =
        e.sub(e.mul(y, half), math::FloorOp::create(e.b, e.mul(y, half)));
    Value isOdd = e.compare(arith::CmpFPredicate::OEQ, fraction, half);
    Value isNegative = e.compare(arith::CmpFPredicate::OLT, x, zero);
    Value flips = arith::AndIOp::create(e.b, isOdd, isNegative);
    Value result = e.select(flips, e.sub(zero, power), power);
    Value isZero = e.compare(arith::CmpFPredicate::OEQ, x, zero);
    Value ofZero = e.select(e.compare(arith::CmpFPredicate::OEQ, y, zero),
                            e.number(1.0), zero);
    rewriter.replaceOp(op, e.select(isZero, ofZero, result));
    return success();
  }
};

/// log(1 + x) and exp(x) - 1 as they are written.
template <typename OpTy, typename Inner, bool isLog>
struct ExpandNearOne : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    Expression e(rewriter, op.getLoc(), op.getType());
    Value x = op.getOperand(), one = e.number(1.0);
    if (isLog)
      rewriter.replaceOp(op, Inner::create(e.b, e.add(x, one)));
    else
      rewriter.replaceOp(op, e.sub(Inner::create(e.b, x), one));
    return success();
  }
};

/// The largest number of an infinity's sign.
APFloat makeFinite(APFloat value) {
  if (!value.isInfinity())
    return value;
  return APFloat::getLargest(value.getSemantics(), value.isNegative());
}

/// Infinities are errors where WGSL evaluates a constant.
struct ReplaceInfinities : OpRewritePattern<arith::ConstantOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ConstantOp op,
                                PatternRewriter &rewriter) const override {
    TypedAttr replaced;
    if (auto number = dyn_cast<FloatAttr>(op.getValue())) {
      if (number.getValue().isInfinity())
        replaced =
            FloatAttr::get(number.getType(), makeFinite(number.getValue()));
    } else if (auto elements = dyn_cast<DenseFPElementsAttr>(op.getValue())) {
      if (llvm::any_of(elements, [](APFloat x) { return x.isInfinity(); }))
        replaced = cast<TypedAttr>(Attribute(
            elements.mapValues(elements.getElementType(), [](const APFloat &x) {
              return makeFinite(x).bitcastToAPInt();
            })));
    }
    if (!replaced)
      return rewriter.notifyMatchFailure(op, "holds no infinity");
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(op, replaced);
    return success();
  }
};

struct WGSLExpandMathPass
    : lowbit::impl::WGSLExpandMathPassBase<WGSLExpandMathPass> {
  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      if (isa<math::TanhOp, math::ErfOp, math::SinOp, math::CosOp, math::PowFOp,
              math::Log1pOp, math::ExpM1Op>(op))
        ++numExpanded;
      FloatAttr number;
      if (auto constant = dyn_cast<arith::ConstantOp>(op))
        number = dyn_cast<FloatAttr>(constant.getValue());
      if (number && number.getValue().isInfinity())
        ++numInfinities;
    });
    RewritePatternSet patterns(&getContext());
    populateWGSLExpandMathPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace

void lowbit::populateWGSLExpandMathPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  patterns
      .add<ClampTanh, ExpandErf, ExpandSine<math::SinOp, 0>,
           ExpandSine<math::CosOp, 1>,
           ExpandNearOne<math::Log1pOp, math::LogOp, true>,
           ExpandNearOne<math::ExpM1Op, math::ExpOp, false>, ReplaceInfinities>(
          context);
  // Powers that are products or roots come first.
  patterns.add<ExpandPower>(context, /*benefit=*/0);
  populateMathAlgebraicSimplificationPatterns(patterns);
  math::populateExpansionPatterns(patterns,
                                  {"fpowi", "round", "copysign", "ctlz"});
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
}
