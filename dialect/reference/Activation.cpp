//===- Activation.cpp - activation functions in IR ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// sigmoid is 1 / (1 + exp(-x)): where exp overflows to infinity the quotient is
// the right 0, so no form by cases is needed. NaN goes through all of them.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Reference/Activation.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace lowbit;

namespace {
/// Writes formulas over f32 scalars or vectors.
struct Formula {
  OpBuilder &builder;
  Location loc;
  Type type;

  Value constant(double number) {
    Attribute value = builder.getFloatAttr(getElementTypeOrSelf(type), number);
    if (auto vector = dyn_cast<VectorType>(type))
      value = DenseElementsAttr::get(vector, value);
    return arith::ConstantOp::create(builder, loc, cast<TypedAttr>(value));
  }
  Value add(Value lhs, Value rhs) {
    return arith::AddFOp::create(builder, loc, lhs, rhs);
  }
  Value multiply(Value lhs, Value rhs) {
    return arith::MulFOp::create(builder, loc, lhs, rhs);
  }
  Value maximum(Value lhs, Value rhs) {
    return arith::MaximumFOp::create(builder, loc, lhs, rhs);
  }
  Value sigmoid(Value x) {
    Value exponential = math::ExpOp::create(
        builder, loc, arith::NegFOp::create(builder, loc, x));
    Value one = constant(1);
    return arith::DivFOp::create(builder, loc, one, add(one, exponential));
  }
  /// x (1 + bend) / 2, the shape of both forms of gelu.
  Value halfOnePlus(Value x, Value bend) {
    return multiply(multiply(constant(0.5), x), add(constant(1), bend));
  }
  Value gelu(Value x) {
    Value scaled = multiply(x, constant(0.70710678118654752440)); // 1/sqrt(2)
    return halfOnePlus(x, math::ErfOp::create(builder, loc, scaled));
  }
  Value geluTanh(Value x) {
    Value cube = multiply(multiply(x, x), x);
    Value inner = add(x, multiply(constant(0.044715), cube));
    Value scaled =
        multiply(constant(0.79788456080286535588), inner); // sqrt(2/pi)
    return halfOnePlus(x, math::TanhOp::create(builder, loc, scaled));
  }
  Value hardSigmoid(Value x, double slope, double offset) {
    Value line = add(multiply(constant(slope), x), constant(offset));
    return arith::MinimumFOp::create(builder, loc, maximum(line, constant(0)),
                                     constant(1));
  }
  Value leakyRelu(Value x, double slope) {
    Value isPositive = arith::CmpFOp::create(
        builder, loc, arith::CmpFPredicate::OGT, x, constant(0));
    return arith::SelectOp::create(builder, loc, isPositive, x,
                                   multiply(x, constant(slope)));
  }
};
} // namespace

Value lowbit::buildActivation(OpBuilder &builder, Location loc,
                              ActivationAttr activation, Value value) {
  Formula formula{builder, loc, value.getType()};
  double alpha = activation.getAlpha().convertToDouble();
  double beta = activation.getBeta().convertToDouble();
  switch (activation.getKind()) {
  case ActivationKind::Relu:
    return formula.maximum(value, formula.constant(0));
  case ActivationKind::Gelu:
    return formula.gelu(value);
  case ActivationKind::GeluTanh:
    return formula.geluTanh(value);
  case ActivationKind::Silu:
    return formula.multiply(value, formula.sigmoid(value));
  case ActivationKind::Sigmoid:
    return formula.sigmoid(value);
  case ActivationKind::Tanh:
    return math::TanhOp::create(builder, loc, value);
  case ActivationKind::HardSwish:
    return formula.multiply(value, formula.hardSigmoid(value, alpha, beta));
  case ActivationKind::HardSigmoid:
    return formula.hardSigmoid(value, alpha, beta);
  case ActivationKind::LeakyRelu:
    return formula.leakyRelu(value, alpha);
  }
  llvm_unreachable("every activation has a formula");
}
