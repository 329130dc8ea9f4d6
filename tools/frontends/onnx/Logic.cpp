//===- Logic.cpp - comparisons, booleans, selection -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace lowbit::frontend;
namespace arith = mlir::arith;
using llvm::ArrayRef;
using llvm::Error;
using onnx::TensorProto;

//===----------------------------------------------------------------------===//
// Comparisons
//===----------------------------------------------------------------------===//

namespace {
enum class Relation { Equal, Less, LessOrEqual, Greater, GreaterOrEqual };
} // namespace

static arith::CmpFPredicate floatPredicate(Relation relation) {
  switch (relation) {
  case Relation::Equal:
    return arith::CmpFPredicate::OEQ;
  case Relation::Less:
    return arith::CmpFPredicate::OLT;
  case Relation::LessOrEqual:
    return arith::CmpFPredicate::OLE;
  case Relation::Greater:
    return arith::CmpFPredicate::OGT;
  case Relation::GreaterOrEqual:
    return arith::CmpFPredicate::OGE;
  }
  return arith::CmpFPredicate::AlwaysFalse;
}

static arith::CmpIPredicate integerPredicate(Relation relation,
                                             bool isUnsigned) {
  using Predicate = arith::CmpIPredicate;
  switch (relation) {
  case Relation::Equal:
    return Predicate::eq;
  case Relation::Less:
    return isUnsigned ? Predicate::ult : Predicate::slt;
  case Relation::LessOrEqual:
    return isUnsigned ? Predicate::ule : Predicate::sle;
  case Relation::Greater:
    return isUnsigned ? Predicate::ugt : Predicate::sgt;
  case Relation::GreaterOrEqual:
    return isUnsigned ? Predicate::uge : Predicate::sge;
  }
  return Predicate::eq;
}

static bool holds(Relation relation, double a, double b) {
  switch (relation) {
  case Relation::Equal:
    return a == b;
  case Relation::Less:
    return a < b;
  case Relation::LessOrEqual:
    return a <= b;
  case Relation::Greater:
    return a > b;
  case Relation::GreaterOrEqual:
    return a >= b;
  }
  return false;
}

template <Relation relation>
static std::optional<Scalar> foldCompare(Symbols &symbols, ArrayRef<Scalar> x,
                                         int32_t) {
  if (x[0].isReal)
    return Scalar::of(Expr(holds(relation, x[0].real, x[1].real)));
  const Expr &a = x[0].integer, &b = x[1].integer;
  std::optional<bool> truth;
  bool negate =
      relation == Relation::LessOrEqual || relation == Relation::GreaterOrEqual;
  if (relation == Relation::Equal)
    truth = symbols.isEqual(a, b);
  else if (relation == Relation::Less || relation == Relation::GreaterOrEqual)
    truth = symbols.isLess(a, b);
  else
    truth = symbols.isLess(b, a);
  if (!truth)
    return std::nullopt;
  return Scalar::of(Expr(*truth != negate));
}

template <Relation relation>
static Error emitCompare(Importer &im, const Node &node) {
  const Value &a = im.in(node, 0), &b = im.in(node, 1);
  if (Error failed = im.requireSameType(node, a, b))
    return failed;
  if (isBool(a.type) && relation != Relation::Equal)
    return im.error(node, "needs numbers, found bool");
  // Constants of type uint64 are kept as bit patterns, whose order differs.
  Fold fold =
      a.type == TensorProto::UINT64 ? nullptr : Fold(foldCompare<relation>);
  return im.result(
      node, im.elementwise(
                node, {&a, &b}, TensorProto::BOOL,
                [](ScalarBuilder &s, ArrayRef<mlir::Value> x) -> mlir::Value {
                  if (isFloat(s.type))
                    return s.make<arith::CmpFOp>(floatPredicate(relation), x[0],
                                                 x[1]);
                  return s.make<arith::CmpIOp>(
                      integerPredicate(relation, isUnsigned(s.type)), x[0],
                      x[1]);
                },
                fold));
}

//===----------------------------------------------------------------------===//
// Booleans
//===----------------------------------------------------------------------===//

static Error requireBool(Importer &im, const Node &node, const Value &value) {
  if (isBool(value.type))
    return Error::success();
  return im.error(node, "needs booleans, found " + typeName(value.type));
}

template <typename Op, int64_t (*function)(int64_t, int64_t)>
static Error emitBoolean(Importer &im, const Node &node) {
  const Value &a = im.in(node, 0), &b = im.in(node, 1);
  if (Error failed = requireBool(im, node, a))
    return failed;
  if (Error failed = requireBool(im, node, b))
    return failed;
  return im.result(
      node, im.elementwise(
                node, {&a, &b}, a.type,
                [](ScalarBuilder &s, ArrayRef<mlir::Value> x) {
                  return mlir::Value(s.make<Op>(x[0], x[1]));
                },
                [](Symbols &, ArrayRef<Scalar> x, int32_t) {
                  return std::optional(Scalar::of(Expr(function(
                      x[0].integer.constant(), x[1].integer.constant()))));
                }));
}

static int64_t both(int64_t a, int64_t b) { return a & b; }
static int64_t either(int64_t a, int64_t b) { return a | b; }
static int64_t differ(int64_t a, int64_t b) { return a ^ b; }

static Error emitNot(Importer &im, const Node &node) {
  const Value &a = im.in(node, 0);
  if (Error failed = requireBool(im, node, a))
    return failed;
  return im.result(node, im.elementwise(
                             node, {&a}, a.type,
                             [](ScalarBuilder &s, ArrayRef<mlir::Value> x) {
                               return mlir::Value(s.make<arith::XOrIOp>(
                                   x[0], s.constant(x[0], 1)));
                             },
                             [](Symbols &, ArrayRef<Scalar> x, int32_t) {
                               return std::optional(
                                   Scalar::of(Expr(!x[0].integer.constant())));
                             }));
}

static Error emitIsNaN(Importer &im, const Node &node) {
  const Value &a = im.in(node, 0);
  if (Error failed = im.requireFloat(node, a))
    return failed;
  return im.result(
      node, im.elementwise(node, {&a}, TensorProto::BOOL,
                           [](ScalarBuilder &s, ArrayRef<mlir::Value> x) {
                             return mlir::Value(s.make<arith::CmpFOp>(
                                 arith::CmpFPredicate::UNO, x[0], x[0]));
                           }));
}

static Error emitIsInf(Importer &im, const Node &node) {
  const Value &a = im.in(node, 0);
  if (Error failed = im.requireFloat(node, a))
    return failed;
  bool positive = node.integer("detect_positive", 1) != 0;
  bool negative = node.integer("detect_negative", 1) != 0;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return im.result(
      node, im.elementwise(
                node, {&a}, TensorProto::BOOL,
                [&](ScalarBuilder &s, ArrayRef<mlir::Value> x) -> mlir::Value {
                  auto equals = [&](double value) -> mlir::Value {
                    return s.make<arith::CmpFOp>(arith::CmpFPredicate::OEQ,
                                                 x[0], s.constant(x[0], value));
                  };
                  if (positive && negative)
                    return s.make<arith::OrIOp>(equals(infinity),
                                                equals(-infinity));
                  if (positive || negative)
                    return equals(positive ? infinity : -infinity);
                  mlir::Value no = equals(infinity);
                  return s.make<arith::XOrIOp>(no, no);
                }));
}

//===----------------------------------------------------------------------===//
// Bits
//===----------------------------------------------------------------------===//

static Error requireIntegers(Importer &im, const Node &node, const Value &a) {
  if (isInteger(a.type))
    return Error::success();
  return im.error(node, "needs integers, found " + typeName(a.type));
}

template <typename Op>
static Error emitBitwise(Importer &im, const Node &node) {
  const Value &a = im.in(node, 0), &b = im.in(node, 1);
  if (Error failed = requireIntegers(im, node, a))
    return failed;
  if (Error failed = im.requireSameType(node, a, b))
    return failed;
  return im.result(
      node, im.elementwise(node, {&a, &b}, a.type,
                           [](ScalarBuilder &s, ArrayRef<mlir::Value> x) {
                             return mlir::Value(s.make<Op>(x[0], x[1]));
                           }));
}

static Error emitBitShift(Importer &im, const Node &node) {
  return node.string("direction", "") == "LEFT"
             ? emitBitwise<arith::ShLIOp>(im, node)
             : emitBitwise<arith::ShRUIOp>(im, node);
}

static std::string refuseBitShift(const Node &node) {
  std::string direction = node.string("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    return "attribute direction must be LEFT or RIGHT, found '" + direction +
           "'";
  return "";
}

static Error emitBitwiseNot(Importer &im, const Node &node) {
  const Value &a = im.in(node, 0);
  if (Error failed = requireIntegers(im, node, a))
    return failed;
  return im.result(
      node, im.elementwise(node, {&a}, a.type,
                           [](ScalarBuilder &s, ArrayRef<mlir::Value> x) {
                             return mlir::Value(s.make<arith::XOrIOp>(
                                 x[0], s.constant(x[0], -1)));
                           }));
}

//===----------------------------------------------------------------------===//
// Where
//===----------------------------------------------------------------------===//

static std::optional<Scalar> foldWhere(Symbols &, ArrayRef<Scalar> x, int32_t) {
  if (!x[0].integer.isConstant())
    return std::nullopt;
  return x[0].integer.isConstant(0) ? x[2] : x[1];
}

static Error emitWhere(Importer &im, const Node &node) {
  const Value &condition = im.in(node, 0);
  const Value &yes = im.in(node, 1), &no = im.in(node, 2);
  if (Error failed = requireBool(im, node, condition))
    return failed;
  if (Error failed = im.requireSameType(node, yes, no))
    return failed;
  return im.result(node, im.elementwise(
                             node, {&condition, &yes, &no}, yes.type,
                             [](ScalarBuilder &s, ArrayRef<mlir::Value> x) {
                               return mlir::Value(
                                   s.make<arith::SelectOp>(x[0], x[1], x[2]));
                             },
                             foldWhere));
}

void lowbit::frontend::addLogicOperators(OperatorTable &table) {
  table.add({
      {"Equal", 7, newest, 2, 2, 1, "", emitCompare<Relation::Equal>},
      {"Less", 7, newest, 2, 2, 1, "", emitCompare<Relation::Less>},
      {"LessOrEqual", 12, newest, 2, 2, 1, "",
       emitCompare<Relation::LessOrEqual>},
      {"Greater", 7, newest, 2, 2, 1, "", emitCompare<Relation::Greater>},
      {"GreaterOrEqual", 12, newest, 2, 2, 1, "",
       emitCompare<Relation::GreaterOrEqual>},
      {"And", 7, newest, 2, 2, 1, "", emitBoolean<arith::AndIOp, both>},
      {"Or", 7, newest, 2, 2, 1, "", emitBoolean<arith::OrIOp, either>},
      {"Xor", 7, newest, 2, 2, 1, "", emitBoolean<arith::XOrIOp, differ>},
      {"Not", 1, newest, 1, 1, 1, "", emitNot},
      {"IsNaN", 9, newest, 1, 1, 1, "", emitIsNaN},
      {"IsInf", 10, newest, 1, 1, 1, "detect_negative:i detect_positive:i",
       emitIsInf},
      {"BitShift", 11, newest, 2, 2, 1, "direction:s", emitBitShift,
       refuseBitShift},
      {"BitwiseAnd", 18, newest, 2, 2, 1, "", emitBitwise<arith::AndIOp>},
      {"BitwiseOr", 18, newest, 2, 2, 1, "", emitBitwise<arith::OrIOp>},
      {"BitwiseXor", 18, newest, 2, 2, 1, "", emitBitwise<arith::XOrIOp>},
      {"BitwiseNot", 18, newest, 1, 1, 1, "", emitBitwiseNot},
      {"Where", 9, newest, 3, 3, 1, "", emitWhere},
  });
}
