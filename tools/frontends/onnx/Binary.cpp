//===- Binary.cpp - arithmetic on two or more operands --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each operator is a scalar expression, and where shapes are computed with it,
// a fold on expressions over extents.
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
// Folds
//===----------------------------------------------------------------------===//

/// An integer result: constants wrap at the type's width, expressions stay.
static std::optional<Scalar> integerResult(std::optional<Expr> e,
                                           int32_t type) {
  if (!e)
    return std::nullopt;
  if (e->isConstant())
    return Scalar::of(Expr(wrapTo(type, e->constant())));
  // Narrow integers could wrap where expressions don't.
  if (byteSize(type) < 4)
    return std::nullopt;
  return Scalar::of(*e);
}

static std::optional<Scalar> foldAdd(Symbols &symbols, ArrayRef<Scalar> x,
                                     int32_t type) {
  if (x[0].isReal)
    return Scalar::of(roundTo(type, x[0].real + x[1].real));
  return integerResult(symbols.add(x[0].integer, x[1].integer), type);
}

static std::optional<Scalar> foldSub(Symbols &symbols, ArrayRef<Scalar> x,
                                     int32_t type) {
  if (x[0].isReal)
    return Scalar::of(roundTo(type, x[0].real - x[1].real));
  return integerResult(symbols.sub(x[0].integer, x[1].integer), type);
}

static std::optional<Scalar> foldMul(Symbols &symbols, ArrayRef<Scalar> x,
                                     int32_t type) {
  if (x[0].isReal)
    return Scalar::of(roundTo(type, x[0].real * x[1].real));
  return integerResult(symbols.mul(x[0].integer, x[1].integer), type);
}

/// ONNX truncates; that is what flooring does for operands of one sign.
static std::optional<Scalar> foldDiv(Symbols &symbols, ArrayRef<Scalar> x,
                                     int32_t type) {
  if (x[0].isReal)
    return Scalar::of(roundTo(type, x[0].real / x[1].real));
  const Expr &a = x[0].integer, &b = x[1].integer;
  if (a.isConstant() && b.isConstant() && !isUnsigned(type)) {
    if (b.isConstant(0) || b.isConstant(-1))
      return b.isConstant(0) ? std::nullopt
                             : integerResult(symbols.mul(a, b), type);
    return Scalar::of(Expr(a.constant() / b.constant()));
  }
  if (symbols.lowerBound(a) < 0)
    return std::nullopt;
  return integerResult(symbols.floorDiv(a, b), type);
}

static bool hasNaN(ArrayRef<Scalar> x) {
  return llvm::any_of(
      x, [](const Scalar &one) { return one.isReal && std::isnan(one.real); });
}

static std::optional<Scalar> foldMin(Symbols &symbols, ArrayRef<Scalar> x,
                                     int32_t type) {
  if (isUnsigned(type) || hasNaN(x))
    return std::nullopt;
  if (x[0].isReal)
    return Scalar::of(std::min(x[0].real, x[1].real));
  return integerResult(symbols.min(x[0].integer, x[1].integer), type);
}

static std::optional<Scalar> foldMax(Symbols &symbols, ArrayRef<Scalar> x,
                                     int32_t type) {
  if (isUnsigned(type) || hasNaN(x))
    return std::nullopt;
  if (x[0].isReal)
    return Scalar::of(std::max(x[0].real, x[1].real));
  return integerResult(symbols.max(x[0].integer, x[1].integer), type);
}

/// a mod b for nonnegative a and positive b, where both conventions agree.
static std::optional<Scalar> foldMod(Symbols &symbols, ArrayRef<Scalar> x,
                                     int32_t type) {
  if (x[0].isReal || symbols.lowerBound(x[0].integer) < 0)
    return std::nullopt;
  std::optional<Expr> quotient = symbols.floorDiv(x[0].integer, x[1].integer);
  std::optional<Expr> whole =
      quotient ? symbols.mul(*quotient, x[1].integer) : std::nullopt;
  return whole ? integerResult(symbols.sub(x[0].integer, *whole), type)
               : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Scalar expressions
//===----------------------------------------------------------------------===//

/// `Real` for floats, `Integer` for integers.
template <typename Real, typename Integer>
static mlir::Value realOrInteger(ScalarBuilder &b, ArrayRef<mlir::Value> x) {
  if (isFloat(b.type))
    return b.make<Real>(x[0], x[1]);
  return b.make<Integer>(x[0], x[1]);
}

template <typename Real, typename Signed, typename Unsigned>
static mlir::Value bySignedness(ScalarBuilder &b, ArrayRef<mlir::Value> x) {
  if (isFloat(b.type))
    return b.make<Real>(x[0], x[1]);
  if (isUnsigned(b.type))
    return b.make<Unsigned>(x[0], x[1]);
  return b.make<Signed>(x[0], x[1]);
}

/// Python's modulo: the result has the divisor's sign.
static mlir::Value floorMod(ScalarBuilder &b, ArrayRef<mlir::Value> x) {
  if (isUnsigned(b.type))
    return b.make<arith::RemUIOp>(x[0], x[1]);
  mlir::Value rest = b.make<arith::RemSIOp>(x[0], x[1]);
  mlir::Value zero = b.constant(rest, 0);
  mlir::Value isZero =
      b.make<arith::CmpIOp>(arith::CmpIPredicate::eq, rest, zero);
  mlir::Value mixed = b.make<arith::CmpIOp>(
      arith::CmpIPredicate::slt, b.make<arith::XOrIOp>(rest, x[1]), zero);
  mlir::Value moved = b.make<arith::AddIOp>(rest, x[1]);
  mlir::Value kept = b.make<arith::SelectOp>(mixed, moved, rest);
  return b.make<arith::SelectOp>(isZero, rest, kept);
}

static Expected<Value> arithmetic(Importer &im, const Node &node,
                                  const Value &a, const Value &b, Body body,
                                  Fold fold) {
  if (Error failed = im.requireSameType(node, a, b))
    return std::move(failed);
  if (isBool(a.type))
    return im.error(node, "needs numbers, found bool");
  return im.elementwise(node, {&a, &b}, a.type, body, fold);
}

Expected<Value> Importer::add(const Node &node, const Value &a,
                              const Value &b) {
  return arithmetic(*this, node, a, b,
                    realOrInteger<arith::AddFOp, arith::AddIOp>, foldAdd);
}

Expected<Value> Importer::sub(const Node &node, const Value &a,
                              const Value &b) {
  return arithmetic(*this, node, a, b,
                    realOrInteger<arith::SubFOp, arith::SubIOp>, foldSub);
}

Expected<Value> Importer::mul(const Node &node, const Value &a,
                              const Value &b) {
  return arithmetic(*this, node, a, b,
                    realOrInteger<arith::MulFOp, arith::MulIOp>, foldMul);
}

Expected<Value> Importer::div(const Node &node, const Value &a,
                              const Value &b) {
  return arithmetic(*this, node, a, b,
                    bySignedness<arith::DivFOp, arith::DivSIOp, arith::DivUIOp>,
                    foldDiv);
}

template <Expected<Value> (Importer::*method)(const Node &, const Value &,
                                              const Value &)>
static Error emitArithmetic(Importer &im, const Node &node) {
  return im.result(node, (im.*method)(node, im.in(node, 0), im.in(node, 1)));
}

/// Folds any number of inputs from the left.
static Error emitVariadic(Importer &im, const Node &node, Body body,
                          Fold fold) {
  Value result = im.in(node, 0);
  for (int i = 1; i < node.numInputs(); ++i) {
    if (!node.hasInput(i))
      return im.error(node, "input " + llvm::Twine(i) + " is missing");
    Expected<Value> next =
        arithmetic(im, node, result, im.in(node, i), body, fold);
    if (!next)
      return next.takeError();
    result = std::move(*next);
  }
  im.set(node, 0, std::move(result));
  return Error::success();
}

static Error emitMin(Importer &im, const Node &node) {
  return emitVariadic(
      im, node, bySignedness<arith::MinimumFOp, arith::MinSIOp, arith::MinUIOp>,
      foldMin);
}

static Error emitMax(Importer &im, const Node &node) {
  return emitVariadic(
      im, node, bySignedness<arith::MaximumFOp, arith::MaxSIOp, arith::MaxUIOp>,
      foldMax);
}

static Error emitSum(Importer &im, const Node &node) {
  return emitVariadic(im, node, realOrInteger<arith::AddFOp, arith::AddIOp>,
                      foldAdd);
}

static Error emitMean(Importer &im, const Node &node) {
  if (Error failed = im.requireFloat(node, im.in(node, 0)))
    return failed;
  if (Error failed = emitSum(im, node))
    return failed;
  Value sum = im.output(node, 0);
  return im.result(node,
                   im.div(node, sum, Importer::scalar(sum, node.numInputs())));
}

static Error emitMod(Importer &im, const Node &node) {
  const Value &a = im.in(node, 0), &b = im.in(node, 1);
  if (node.integer("fmod", 0) != 0)
    return im.result(
        node,
        arithmetic(im, node, a, b,
                   bySignedness<arith::RemFOp, arith::RemSIOp, arith::RemUIOp>,
                   foldMod));
  if (isFloat(a.type))
    return im.error(node, "floats need attribute fmod = 1");
  return im.result(node, arithmetic(im, node, a, b, floorMod, foldMod));
}

//===----------------------------------------------------------------------===//
// Pow
//===----------------------------------------------------------------------===//

/// x to a power that cheap operations give, or null.
static mlir::Value cheapPower(ScalarBuilder &b, mlir::Value x,
                              double exponent) {
  if (exponent == 1)
    return x;
  if (exponent == 2 || exponent == 3) {
    mlir::Value square = b.make<arith::MulFOp>(x, x);
    return exponent == 2 ? square : b.make<arith::MulFOp>(square, x);
  }
  if (exponent == 0.5)
    return b.make<math::SqrtOp>(x);
  if (exponent == -0.5)
    return b.make<arith::DivFOp>(b.constant(x, 1), b.make<math::SqrtOp>(x));
  if (exponent == -1)
    return b.make<arith::DivFOp>(b.constant(x, 1), x);
  return nullptr;
}

/// base^exponent by squaring. Exponents of 64 and more overflow, but for bases
/// 0, 1 and -1, which squares of squares leave as they are.
static mlir::Value integerPower(ScalarBuilder &b, ArrayRef<mlir::Value> x) {
  mlir::Value base = x[0], exponent = x[1];
  mlir::Value one = b.constant(base, 1), zero = b.constant(base, 0);
  mlir::Value result = one, square = base, rest = exponent;
  for (int bit = 0; bit < 6; ++bit) {
    mlir::Value odd = b.make<arith::CmpIOp>(
        arith::CmpIPredicate::ne, b.make<arith::AndIOp>(rest, one), zero);
    mlir::Value times = b.make<arith::SelectOp>(odd, square, one);
    result = b.make<arith::MulIOp>(result, times);
    square = b.make<arith::MulIOp>(square, square);
    rest = b.make<arith::ShRUIOp>(rest, one);
  }
  if (isUnsigned(b.type))
    return result;
  // Reciprocals of integers are 0, but for bases 1 and -1.
  mlir::Value magnitude = b.make<math::AbsIOp>(base);
  mlir::Value isUnit =
      b.make<arith::CmpIOp>(arith::CmpIPredicate::eq, magnitude, one);
  mlir::Value negative =
      b.make<arith::CmpIOp>(arith::CmpIPredicate::slt, exponent, zero);
  mlir::Value reciprocal = b.make<arith::SelectOp>(isUnit, result, zero);
  return b.make<arith::SelectOp>(negative, reciprocal, result);
}

static Error emitPow(Importer &im, const Node &node) {
  const Value &base = im.in(node, 0), &power = im.in(node, 1);
  if (isBool(base.type) || isBool(power.type))
    return im.error(node, "needs numbers, found bool");
  const Scalar *exponent = power.uniform();
  if (exponent && exponent->isConstant() && isFloat(base.type) &&
      power.rank() <= base.rank()) {
    double number = exponent->number();
    bool cheap = llvm::is_contained({1.0, 2.0, 3.0, 0.5, -0.5, -1.0}, number);
    if (cheap)
      return im.result(
          node, im.elementwise(node, {&base}, base.type,
                               [&](ScalarBuilder &b, ArrayRef<mlir::Value> x) {
                                 return cheapPower(b, x[0], number);
                               }));
  }
  if (isInteger(base.type) && isInteger(power.type)) {
    if (Error failed = im.requireSameType(node, base, power))
      return failed;
    return im.result(
        node, im.elementwise(node, {&base, &power}, base.type, integerPower));
  }
  // Computed in the float type of the two, returned in the base's type.
  int32_t type = isFloat(base.type) ? base.type : power.type;
  Expected<Value> realBase = im.cast(node, base, type);
  if (!realBase)
    return realBase.takeError();
  Expected<Value> realPower = im.cast(node, power, type);
  if (!realPower)
    return realPower.takeError();
  Expected<Value> result =
      im.elementwise(node, {&*realBase, &*realPower}, type,
                     [](ScalarBuilder &b, ArrayRef<mlir::Value> x) {
                       return b.make<math::PowFOp>(x[0], x[1]);
                     });
  if (!result)
    return result.takeError();
  return im.result(node, im.cast(node, *result, base.type));
}

void lowbit::frontend::addBinaryOperators(OperatorTable &table) {
  table.add({
      {"Add", 7, newest, 2, 2, 1, "", emitArithmetic<&Importer::add>},
      {"Sub", 7, newest, 2, 2, 1, "", emitArithmetic<&Importer::sub>},
      {"Mul", 7, newest, 2, 2, 1, "", emitArithmetic<&Importer::mul>},
      {"Div", 7, newest, 2, 2, 1, "", emitArithmetic<&Importer::div>},
      {"Mod", 10, newest, 2, 2, 1, "fmod:i", emitMod},
      {"Pow", 7, newest, 2, 2, 1, "", emitPow},
      {"Min", 8, newest, 1, variadic, 1, "", emitMin},
      {"Max", 8, newest, 1, variadic, 1, "", emitMax},
      {"Mean", 8, newest, 1, variadic, 1, "", emitMean},
      {"Sum", 8, newest, 1, variadic, 1, "", emitSum},
  });
}
