//===- Float8.cpp - rounding to floats of 8 bits --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Reference/Float8.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;

double lowbit::getLargestNumber(FloatType type) {
  return APFloat::getLargest(type.getFloatSemantics()).convertToDouble();
}

/// Numbers of one exponent e are multiples of u = 2^(e - mantissa bits), and
/// subnormal ones of the same as those of the least exponent. Next to 1.5 *
/// 2^23 u floats are multiples of u, too: adding that rounds, half to even, and
/// subtracting it is exact.
Value lowbit::buildRoundToFloat8(OpBuilder &builder, Location loc, Value number,
                                 FloatType type) {
  ImplicitLocOpBuilder b(loc, builder);
  Type floats = number.getType();
  Type words = b.getI32Type();
  if (auto vector = dyn_cast<VectorType>(floats))
    words = vector.clone(words);
  auto constant = [&](Type type, Attribute element) -> Value {
    if (auto vector = dyn_cast<VectorType>(type))
      element = DenseElementsAttr::get(vector, element);
    return arith::ConstantOp::create(b, cast<TypedAttr>(element));
  };
  auto real = [&](double value) {
    return constant(floats, b.getF32FloatAttr(value));
  };
  const llvm::fltSemantics &semantics = type.getFloatSemantics();
  int mantissa = int(APFloat::semanticsPrecision(semantics)) - 1;
  double least = std::ldexp(1.0, APFloat::semanticsMinExponent(semantics));
  // Comparisons that NaN fails, so that it passes.
  double largest = getLargestNumber(type);
  auto limit = [&](arith::CmpFPredicate predicate, double bound) {
    Value isBeyond = arith::CmpFOp::create(b, predicate, number, real(bound));
    number = arith::SelectOp::create(b, isBeyond, real(bound), number);
  };
  limit(arith::CmpFPredicate::OGT, largest);
  limit(arith::CmpFPredicate::OLT, -largest);
  Value exponent =
      arith::AndIOp::create(b, arith::BitcastOp::create(b, words, number),
                            constant(words, b.getI32IntegerAttr(0x7F800000)));
  Value power = arith::BitcastOp::create(b, floats, exponent);
  Value isSubnormal =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, power, real(least));
  power = arith::SelectOp::create(b, isSubnormal, real(least), power);
  Value magic =
      arith::MulFOp::create(b, power, real(std::ldexp(1.5, 23 - mantissa)));
  Value sum = arith::AddFOp::create(b, number, magic);
  return arith::SubFOp::create(b, sum, magic);
}
