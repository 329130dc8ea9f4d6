//===- Unary.cpp - functions of one operand, and casts --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace lowbit::frontend;
namespace arith = mlir::arith;
namespace math = mlir::math;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using onnx::TensorProto;

//===----------------------------------------------------------------------===//
// Functions of floats
//===----------------------------------------------------------------------===//

static Error emitFloat(Importer &im, const Node &node, Body body,
                       Fold fold = nullptr) {
  const Value &x = im.in(node, 0);
  if (Error failed = im.requireFloat(node, x))
    return failed;
  return im.result(node, im.elementwise(node, {&x}, x.type, body, fold));
}

template <typename Op>
static Error emitFunction(Importer &im, const Node &node) {
  return emitFloat(im, node, [](ScalarBuilder &b, ArrayRef<mlir::Value> x) {
    return mlir::Value(b.make<Op>(x[0]));
  });
}

/// Functions that shape arithmetic uses on floats, as in `ceil(seq / 2.0)` of
/// constants. Square roots and rounding are exact to the result's last bit.
template <typename Op, double (*function)(double)>
static Error emitFoldable(Importer &im, const Node &node) {
  return emitFloat(
      im, node,
      [](ScalarBuilder &b, ArrayRef<mlir::Value> x) {
        return mlir::Value(b.make<Op>(x[0]));
      },
      [](Symbols &, ArrayRef<Scalar> x, int32_t type) {
        return std::optional(Scalar::of(roundTo(type, function(x[0].real))));
      });
}

static Error emitReciprocal(Importer &im, const Node &node) {
  return emitFloat(
      im, node,
      [](ScalarBuilder &b, ArrayRef<mlir::Value> x) {
        return mlir::Value(b.make<arith::DivFOp>(b.constant(x[0], 1), x[0]));
      },
      [](Symbols &, ArrayRef<Scalar> x, int32_t type) {
        return std::optional(Scalar::of(roundTo(type, 1 / x[0].real)));
      });
}

//===----------------------------------------------------------------------===//
// Functions of any number
//===----------------------------------------------------------------------===//

static Error emitNumber(Importer &im, const Node &node, Body body,
                        Fold fold = nullptr) {
  const Value &x = im.in(node, 0);
  if (isBool(x.type))
    return im.error(node, "needs numbers, found bool");
  return im.result(node, im.elementwise(node, {&x}, x.type, body, fold));
}

static std::optional<Scalar> foldNeg(Symbols &symbols, ArrayRef<Scalar> x,
                                     int32_t type) {
  if (x[0].isReal)
    return Scalar::of(-x[0].real);
  std::optional<Expr> negated = symbols.mul(x[0].integer, Expr(-1));
  if (!negated || byteSize(type) < 4)
    return std::nullopt;
  return Scalar::of(negated->isConstant()
                        ? Expr(wrapTo(type, negated->constant()))
                        : *negated);
}

static Error emitNeg(Importer &im, const Node &node) {
  return emitNumber(
      im, node,
      [](ScalarBuilder &b, ArrayRef<mlir::Value> x) -> mlir::Value {
        if (isFloat(b.type))
          return b.make<arith::NegFOp>(x[0]);
        return b.make<arith::SubIOp>(b.constant(x[0], 0), x[0]);
      },
      foldNeg);
}

static Error emitAbs(Importer &im, const Node &node) {
  return emitNumber(
      im, node, [](ScalarBuilder &b, ArrayRef<mlir::Value> x) -> mlir::Value {
        if (isFloat(b.type))
          return b.make<math::AbsFOp>(x[0]);
        return isUnsigned(b.type) ? x[0]
                                  : mlir::Value(b.make<math::AbsIOp>(x[0]));
      });
}

/// -1, 0 or 1; NaN stays NaN.
static mlir::Value signOf(ScalarBuilder &b, ArrayRef<mlir::Value> x) {
  mlir::Value zero = b.constant(x[0], 0), one = b.constant(x[0], 1);
  if (isFloat(b.type)) {
    mlir::Value isZeroOrNaN =
        b.make<arith::CmpFOp>(arith::CmpFPredicate::UEQ, x[0], zero);
    return b.make<arith::SelectOp>(isZeroOrNaN, x[0],
                                   b.make<math::CopySignOp>(one, x[0]));
  }
  mlir::Value isZero =
      b.make<arith::CmpIOp>(arith::CmpIPredicate::eq, x[0], zero);
  mlir::Value sign = one;
  if (!isUnsigned(b.type)) {
    mlir::Value isNegative =
        b.make<arith::CmpIOp>(arith::CmpIPredicate::slt, x[0], zero);
    sign = b.make<arith::SelectOp>(isNegative, b.constant(x[0], -1), one);
  }
  return b.make<arith::SelectOp>(isZero, zero, sign);
}

static Error emitSign(Importer &im, const Node &node) {
  return emitNumber(im, node, signOf);
}

//===----------------------------------------------------------------------===//
// Casts
//===----------------------------------------------------------------------===//

static mlir::Value fromFloat(ScalarBuilder &b, mlir::Value x, mlir::Type to) {
  if (isBool(b.resultType))
    return b.make<arith::CmpFOp>(arith::CmpFPredicate::UNE, x,
                                 b.constant(x, 0));
  if (isInteger(b.resultType))
    return isUnsigned(b.resultType)
               ? mlir::Value(b.make<arith::FPToUIOp>(to, x))
               : mlir::Value(b.make<arith::FPToSIOp>(to, x));
  unsigned from = x.getType().getIntOrFloatBitWidth();
  unsigned width = to.getIntOrFloatBitWidth();
  if (from == width) // f16 and bf16 meet in f32.
    x = b.make<arith::ExtFOp>(b.builder.getF32Type(), x);
  if (width > from)
    return b.make<arith::ExtFOp>(to, x);
  return b.make<arith::TruncFOp>(to, x);
}

static mlir::Value fromInteger(ScalarBuilder &b, mlir::Value x, mlir::Type to) {
  bool zeroExtend = isUnsigned(b.type) || isBool(b.type);
  if (isFloat(b.resultType))
    return zeroExtend ? mlir::Value(b.make<arith::UIToFPOp>(to, x))
                      : mlir::Value(b.make<arith::SIToFPOp>(to, x));
  if (isBool(b.resultType))
    return b.make<arith::CmpIOp>(arith::CmpIPredicate::ne, x, b.constant(x, 0));
  unsigned from = x.getType().getIntOrFloatBitWidth();
  unsigned width = to.getIntOrFloatBitWidth();
  if (from == width)
    return x;
  if (from > width)
    return b.make<arith::TruncIOp>(to, x);
  return zeroExtend ? mlir::Value(b.make<arith::ExtUIOp>(to, x))
                    : mlir::Value(b.make<arith::ExtSIOp>(to, x));
}

/// A number of type `type`, or nothing for an expression that might not fit
/// and for numbers whose conversion ONNX leaves undefined.
static std::optional<Scalar> foldCast(Symbols &symbols, ArrayRef<Scalar> x,
                                      int32_t type) {
  const Scalar &s = x[0];
  if (!s.isConstant()) {
    bool keeps = isInteger(type) && byteSize(type) >= 4;
    return keeps ? std::optional(s) : std::nullopt;
  }
  if (isFloat(type))
    return Scalar::of(roundTo(type, s.number()));
  if (isBool(type))
    return Scalar::of(Expr(s.isReal ? s.real != 0 : !s.integer.isConstant(0)));
  if (!s.isReal)
    return Scalar::of(Expr(wrapTo(type, s.integer.constant())));
  if (!(std::fabs(s.real) < 9.0e18))
    return std::nullopt;
  return Scalar::of(Expr(wrapTo(type, int64_t(s.real))));
}

Expected<Value> Importer::cast(const Node &node, const Value &input,
                               int32_t type) {
  if (type == input.type)
    return input;
  if (bitSize(type) < 8)
    return error(node, "element type " + typeName(type) + " is not supported");
  // Constants of type uint64 are kept as bit patterns.
  Fold fold = input.type == TensorProto::UINT64 ? nullptr : foldCast;
  mlir::Type to = elementType(type);
  Expected<Value> result = elementwise(
      node, {&input}, type,
      [&](ScalarBuilder &b, ArrayRef<mlir::Value> x) {
        return isFloat(b.type) ? fromFloat(b, x[0], to)
                               : fromInteger(b, x[0], to);
      },
      fold);
  const Scalar *number = input.uniform();
  if (result && result->tensor && number && !number->isReal)
    castIntegers[result->tensor] = number->integer;
  return result;
}

std::optional<Expr> Importer::castFrom(const Value &value) const {
  auto found = castIntegers.find(value.tensor);
  return found == castIntegers.end() ? std::nullopt
                                     : std::optional(found->second);
}

static Error emitCastTo(Importer &im, const Node &node, int32_t type) {
  const Value &x = im.in(node, 0);
  if (std::optional<Value> weight = im.castWeight(node, x, type))
    return im.result(node, std::move(*weight));
  return im.result(node, im.cast(node, x, type));
}

static Error emitCast(Importer &im, const Node &node) {
  return emitCastTo(im, node, node.integer("to", 0));
}

static Error emitCastLike(Importer &im, const Node &node) {
  return emitCastTo(im, node, im.in(node, 1).type);
}

static std::string refuseCast(const Node &node) {
  int64_t type = node.integer("to", 0);
  if (type < 0 || type > 1000 || bitSize(type) < 8)
    return "attribute to = " + std::to_string(type) + " is not supported";
  return "";
}

void lowbit::frontend::addUnaryOperators(OperatorTable &table) {
  table.add({
      {"Sqrt", 6, newest, 1, 1, 1, "", emitFoldable<math::SqrtOp, std::sqrt>},
      {"Floor", 6, newest, 1, 1, 1, "",
       emitFoldable<math::FloorOp, std::floor>},
      {"Ceil", 6, newest, 1, 1, 1, "", emitFoldable<math::CeilOp, std::ceil>},
      {"Round", 11, newest, 1, 1, 1, "", emitFunction<math::RoundEvenOp>},
      {"Exp", 6, newest, 1, 1, 1, "", emitFunction<math::ExpOp>},
      {"Log", 6, newest, 1, 1, 1, "", emitFunction<math::LogOp>},
      {"Sin", 7, newest, 1, 1, 1, "", emitFunction<math::SinOp>},
      {"Cos", 7, newest, 1, 1, 1, "", emitFunction<math::CosOp>},
      {"Tan", 7, newest, 1, 1, 1, "", emitFunction<math::TanOp>},
      {"Asin", 7, newest, 1, 1, 1, "", emitFunction<math::AsinOp>},
      {"Acos", 7, newest, 1, 1, 1, "", emitFunction<math::AcosOp>},
      {"Atan", 7, newest, 1, 1, 1, "", emitFunction<math::AtanOp>},
      {"Sinh", 9, newest, 1, 1, 1, "", emitFunction<math::SinhOp>},
      {"Cosh", 9, newest, 1, 1, 1, "", emitFunction<math::CoshOp>},
      {"Asinh", 9, newest, 1, 1, 1, "", emitFunction<math::AsinhOp>},
      {"Acosh", 9, newest, 1, 1, 1, "", emitFunction<math::AcoshOp>},
      {"Atanh", 9, newest, 1, 1, 1, "", emitFunction<math::AtanhOp>},
      {"Tanh", 6, newest, 1, 1, 1, "", emitFunction<math::TanhOp>},
      {"Erf", 9, newest, 1, 1, 1, "", emitFunction<math::ErfOp>},
      {"Reciprocal", 6, newest, 1, 1, 1, "", emitReciprocal},
      {"Neg", 6, newest, 1, 1, 1, "", emitNeg},
      {"Abs", 6, newest, 1, 1, 1, "", emitAbs},
      {"Sign", 9, newest, 1, 1, 1, "", emitSign},
      {"Cast", 6, newest, 1, 1, 1, "to:i saturate:i", emitCast, refuseCast},
      {"CastLike", 15, newest, 2, 2, 1, "saturate:i", emitCastLike},
  });
}
