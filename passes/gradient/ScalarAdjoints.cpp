//===- ScalarAdjoints.cpp - derivatives of arith and math -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The derivative of y = f(x), times the gradient g of y. Where y itself helps,
// it is used: it has been computed already. At a kink the slope of one side is
// taken, and of relu that of the flat one.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/Adjoints.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;

namespace {
/// Writes formulas as IR.
class Formula {
public:
  Formula(Operation *op, Gradients &gradients)
      : builder(gradients.builder), loc(op->getLoc()),
        gradient(gradients.get(op->getResult(0))) {}

  Value number(double value) {
    return arith::ConstantOp::create(
        builder, loc, builder.getFloatAttr(gradient.getType(), value));
  }
  Value add(Value a, Value b) {
    return arith::AddFOp::create(builder, loc, a, b);
  }
  Value sub(Value a, Value b) {
    return arith::SubFOp::create(builder, loc, a, b);
  }
  Value mul(Value a, Value b) {
    return arith::MulFOp::create(builder, loc, a, b);
  }
  Value div(Value a, Value b) {
    return arith::DivFOp::create(builder, loc, a, b);
  }
  Value neg(Value a) { return arith::NegFOp::create(builder, loc, a); }
  Value isGreater(Value a, Value b) {
    return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(builder, loc, condition, a, b);
  }
  template <typename Op> Value call(Value a) {
    return Op::create(builder, loc, a);
  }

  OpBuilder &builder;
  Location loc;
  /// That of the operation's result.
  Value gradient;
};
} // namespace

//===----------------------------------------------------------------------===//
// Functions of one number
//===----------------------------------------------------------------------===//

/// The gradient of x, given x, y = f(x) and the formula's gradient of y.
using Slope = Value (*)(Formula &f, Value x, Value y);

template <typename Op, Slope slope> static void addSlope(AdjointRegistry &to) {
  to.add<Op>([](Op op, Gradients &gradients) {
    Formula formula(op, gradients);
    Value x = op->getOperand(0);
    gradients.add(x, slope(formula, x, op->getResult(0)));
  });
}

static Value slopeOfNeg(Formula &f, Value, Value) { return f.neg(f.gradient); }
static Value slopeOfExp(Formula &f, Value, Value y) {
  return f.mul(f.gradient, y);
}
static Value slopeOfExp2(Formula &f, Value, Value y) {
  return f.mul(f.gradient, f.mul(y, f.number(M_LN2)));
}
static Value slopeOfExpM1(Formula &f, Value, Value y) {
  return f.mul(f.gradient, f.add(y, f.number(1)));
}
static Value slopeOfLog(Formula &f, Value x, Value) {
  return f.div(f.gradient, x);
}
static Value slopeOfLog2(Formula &f, Value x, Value) {
  return f.div(f.gradient, f.mul(x, f.number(M_LN2)));
}
static Value slopeOfLog10(Formula &f, Value x, Value) {
  return f.div(f.gradient, f.mul(x, f.number(M_LN10)));
}
static Value slopeOfLog1p(Formula &f, Value x, Value) {
  return f.div(f.gradient, f.add(x, f.number(1)));
}
static Value slopeOfSqrt(Formula &f, Value, Value y) {
  return f.div(f.mul(f.gradient, f.number(0.5)), y);
}
static Value slopeOfRsqrt(Formula &f, Value, Value y) {
  return f.mul(f.mul(f.gradient, f.number(-0.5)), f.mul(y, f.mul(y, y)));
}
static Value slopeOfTanh(Formula &f, Value, Value y) {
  return f.mul(f.gradient, f.sub(f.number(1), f.mul(y, y)));
}
static Value slopeOfErf(Formula &f, Value x, Value) {
  Value bell = f.call<math::ExpOp>(f.neg(f.mul(x, x)));
  return f.mul(f.gradient, f.mul(bell, f.number(M_2_SQRTPI)));
}
static Value slopeOfSin(Formula &f, Value x, Value) {
  return f.mul(f.gradient, f.call<math::CosOp>(x));
}
static Value slopeOfCos(Formula &f, Value x, Value) {
  return f.neg(f.mul(f.gradient, f.call<math::SinOp>(x)));
}
static Value slopeOfTan(Formula &f, Value, Value y) {
  return f.mul(f.gradient, f.add(f.number(1), f.mul(y, y)));
}
static Value slopeOfSinh(Formula &f, Value x, Value) {
  return f.mul(f.gradient, f.call<math::CoshOp>(x));
}
static Value slopeOfCosh(Formula &f, Value x, Value) {
  return f.mul(f.gradient, f.call<math::SinhOp>(x));
}
static Value slopeOfAtan(Formula &f, Value x, Value) {
  return f.div(f.gradient, f.add(f.number(1), f.mul(x, x)));
}
static Value slopeOfAbs(Formula &f, Value x, Value) {
  return f.select(f.isGreater(x, f.number(0)), f.gradient, f.neg(f.gradient));
}

/// Conversions between floats: the gradient is converted back.
template <typename Op, typename Back>
static void addConversion(AdjointRegistry &to) {
  to.add<Op>([](Op op, Gradients &gradients) {
    gradients.add(op.getIn(), Back::create(gradients.builder, op.getLoc(),
                                           op.getIn().getType(),
                                           gradients.get(op.getResult())));
  });
}

/// Steps: their slope is zero.
template <typename... Ops> static void addSteps(AdjointRegistry &to) {
  (to.add<Ops>([](Ops, Gradients &) {}), ...);
}

//===----------------------------------------------------------------------===//
// Functions of two and more
//===----------------------------------------------------------------------===//

static void differentiateAdd(arith::AddFOp op, Gradients &gradients) {
  Value gradient = gradients.get(op.getResult());
  gradients.add(op.getLhs(), gradient);
  gradients.add(op.getRhs(), gradient);
}

static void differentiateSub(arith::SubFOp op, Gradients &gradients) {
  Formula f(op, gradients);
  gradients.add(op.getLhs(), f.gradient);
  if (gradients.isActive(op.getRhs()))
    gradients.add(op.getRhs(), f.neg(f.gradient));
}

static void differentiateMul(arith::MulFOp op, Gradients &gradients) {
  Formula f(op, gradients);
  if (gradients.isActive(op.getLhs()))
    gradients.add(op.getLhs(), f.mul(f.gradient, op.getRhs()));
  if (gradients.isActive(op.getRhs()))
    gradients.add(op.getRhs(), f.mul(f.gradient, op.getLhs()));
}

static void differentiateDiv(arith::DivFOp op, Gradients &gradients) {
  Formula f(op, gradients);
  Value scaled = f.div(f.gradient, op.getRhs());
  gradients.add(op.getLhs(), scaled);
  if (gradients.isActive(op.getRhs()))
    gradients.add(op.getRhs(), f.neg(f.mul(scaled, op.getResult())));
}

static void differentiateFma(math::FmaOp op, Gradients &gradients) {
  Formula f(op, gradients);
  if (gradients.isActive(op.getA()))
    gradients.add(op.getA(), f.mul(f.gradient, op.getB()));
  if (gradients.isActive(op.getB()))
    gradients.add(op.getB(), f.mul(f.gradient, op.getA()));
  gradients.add(op.getC(), f.gradient);
}

static void differentiatePow(math::PowFOp op, Gradients &gradients) {
  Formula f(op, gradients);
  Value base = op.getLhs(), exponent = op.getRhs();
  if (gradients.isActive(base)) {
    Value lower = math::PowFOp::create(f.builder, f.loc, base,
                                       f.sub(exponent, f.number(1)));
    gradients.add(base, f.mul(f.gradient, f.mul(exponent, lower)));
  }
  if (gradients.isActive(exponent))
    gradients.add(
        exponent,
        f.mul(f.gradient, f.mul(op.getResult(), f.call<math::LogOp>(base))));
}

/// The larger operand, or the smaller, takes the gradient; of equal ones the
/// second, but not where the first is a constant: relu is flat at 0.
template <typename Op, bool isMaximum>
static void differentiateExtremum(Op op, Gradients &gradients) {
  Formula f(op, gradients);
  Value lhs = op.getLhs(), rhs = op.getRhs(), zero = f.number(0);
  auto wins = [&](Value a, Value b) {
    return isMaximum ? f.isGreater(a, b) : f.isGreater(b, a);
  };
  if (gradients.isActive(lhs))
    gradients.add(lhs, f.select(wins(lhs, rhs), f.gradient, zero));
  if (!gradients.isActive(rhs))
    return;
  if (gradients.isActive(lhs))
    gradients.add(rhs, f.select(wins(lhs, rhs), zero, f.gradient));
  else
    gradients.add(rhs, f.select(wins(rhs, lhs), f.gradient, zero));
}

static void differentiateSelect(arith::SelectOp op, Gradients &gradients) {
  Formula f(op, gradients);
  Value zero = f.number(0), condition = op.getCondition();
  if (gradients.isActive(op.getTrueValue()))
    gradients.add(op.getTrueValue(), f.select(condition, f.gradient, zero));
  if (gradients.isActive(op.getFalseValue()))
    gradients.add(op.getFalseValue(), f.select(condition, zero, f.gradient));
}

/// Choices between tensors, or by a vector of conditions, are not scalar.
static std::string checkSelect(arith::SelectOp op, const Activity &,
                               const AdjointRegistry &) {
  return isa<FloatType>(op.getType()) ? "" : "it has one on scalars alone";
}

void lowbit::populateScalarAdjoints(AdjointRegistry &registry) {
  addSlope<arith::NegFOp, slopeOfNeg>(registry);
  addSlope<math::ExpOp, slopeOfExp>(registry);
  addSlope<math::Exp2Op, slopeOfExp2>(registry);
  addSlope<math::ExpM1Op, slopeOfExpM1>(registry);
  addSlope<math::LogOp, slopeOfLog>(registry);
  addSlope<math::Log2Op, slopeOfLog2>(registry);
  addSlope<math::Log10Op, slopeOfLog10>(registry);
  addSlope<math::Log1pOp, slopeOfLog1p>(registry);
  addSlope<math::SqrtOp, slopeOfSqrt>(registry);
  addSlope<math::RsqrtOp, slopeOfRsqrt>(registry);
  addSlope<math::TanhOp, slopeOfTanh>(registry);
  addSlope<math::ErfOp, slopeOfErf>(registry);
  addSlope<math::SinOp, slopeOfSin>(registry);
  addSlope<math::CosOp, slopeOfCos>(registry);
  addSlope<math::TanOp, slopeOfTan>(registry);
  addSlope<math::SinhOp, slopeOfSinh>(registry);
  addSlope<math::CoshOp, slopeOfCosh>(registry);
  addSlope<math::AtanOp, slopeOfAtan>(registry);
  addSlope<math::AbsFOp, slopeOfAbs>(registry);
  addConversion<arith::ExtFOp, arith::TruncFOp>(registry);
  addConversion<arith::TruncFOp, arith::ExtFOp>(registry);
  addSteps<math::FloorOp, math::CeilOp, math::RoundOp, math::RoundEvenOp,
           math::TruncOp>(registry);
  registry.add<arith::AddFOp>(differentiateAdd);
  registry.add<arith::SubFOp>(differentiateSub);
  registry.add<arith::MulFOp>(differentiateMul);
  registry.add<arith::DivFOp>(differentiateDiv);
  registry.add<math::FmaOp>(differentiateFma);
  registry.add<math::PowFOp>(differentiatePow);
  registry.add<arith::MaximumFOp>(
      differentiateExtremum<arith::MaximumFOp, true>);
  registry.add<arith::MaxNumFOp>(differentiateExtremum<arith::MaxNumFOp, true>);
  registry.add<arith::MinimumFOp>(
      differentiateExtremum<arith::MinimumFOp, false>);
  registry.add<arith::MinNumFOp>(
      differentiateExtremum<arith::MinNumFOp, false>);
  registry.add<arith::SelectOp>(differentiateSelect, checkSelect);
}
