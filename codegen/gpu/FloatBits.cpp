//===- FloatBits.cpp - small floats from their bits -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A float with e exponent and m mantissa bits, of exponent field f > 0, is the
// f32 with the same mantissa and the field f + 127 - bias. With field 0 it is
// its mantissa times 2^(1 - bias - m), an integer times a power of two.
//
//===----------------------------------------------------------------------===//

#include "FloatBits.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;

Value lowbit::buildDecodeFloat(ImplicitLocOpBuilder &b, Value word,
                               FloatType type) {
  const llvm::fltSemantics &semantics = type.getFloatSemantics();
  int64_t mantissa = llvm::APFloat::semanticsPrecision(semantics) - 1;
  int64_t least = llvm::APFloat::semanticsMinExponent(semantics);
  Type f32 = b.getF32Type();
  auto word32 = [&](int64_t value) {
    return arith::ConstantIntOp::create(b, value, 32);
  };
  if (type.isBF16() || type.isF32()) {
    Value bits = type.isF32()
                     ? word
                     : arith::ShLIOp::create(b, word, word32(16)).getResult();
    return arith::BitcastOp::create(b, f32, bits);
  }
  // Powers of two alone: no sign, no mantissa, and a field 0 that counts.
  if (isa<Float8E8M0FNUType>(type)) {
    Value bits = arith::ShLIOp::create(b, word, word32(23));
    Value number = arith::BitcastOp::create(b, f32, bits);
    Value isLeast =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, word, word32(0));
    Value smallest =
        arith::ConstantOp::create(b, b.getF32FloatAttr(std::ldexp(1.0f, -127)));
    return arith::SelectOp::create(b, isLeast, smallest, number);
  }
  int64_t width = type.getWidth();
  Value magnitude =
      arith::AndIOp::create(b, word, word32((1 << (width - 1)) - 1));
  Value sign = arith::ShLIOp::create(
      b, arith::ShRUIOp::create(b, word, word32(width - 1)), word32(31));
  Value normal = arith::AddIOp::create(
      b, arith::ShLIOp::create(b, magnitude, word32(23 - mantissa)),
      word32((126 + least) << 23));
  Value subnormal = arith::BitcastOp::create(
      b, b.getI32Type(),
      arith::MulFOp::create(
          b, arith::UIToFPOp::create(b, f32, magnitude),
          arith::ConstantOp::create(
              b, b.getF32FloatAttr(std::ldexp(1.0f, least - mantissa)))));
  Value isNormal = arith::CmpIOp::create(b, arith::CmpIPredicate::uge,
                                         magnitude, word32(1 << mantissa));
  Value bits = arith::SelectOp::create(b, isNormal, normal, subnormal);
  return arith::BitcastOp::create(b, f32, arith::OrIOp::create(b, bits, sign));
}

Value lowbit::buildEncodeHalf(ImplicitLocOpBuilder &b, Value number) {
  auto word = [&](int64_t value) -> Value {
    return arith::ConstantIntOp::create(b, value, 32);
  };
  auto isBelow = [&](Value bits, uint32_t limit) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, bits,
                                 word(limit));
  };
  Value bits = arith::BitcastOp::create(b, b.getI32Type(), number);
  Value magnitude = arith::AndIOp::create(b, bits, word(0x7fffffff));
  Value sign = arith::ShLIOp::create(
      b, arith::ShRUIOp::create(b, bits, word(31)), word(15));
  // A normal number loses 13 bits of its mantissa: half of them less one, and
  // one more if what stays is odd, carry into it where it is to be rounded up.
  Value odd = arith::AndIOp::create(
      b, arith::ShRUIOp::create(b, magnitude, word(13)), word(1));
  Value carried = arith::AddIOp::create(
      b, arith::AddIOp::create(b, magnitude, word(0xfff)), odd);
  Value normal = arith::SubIOp::create(
      b, arith::ShRUIOp::create(b, carried, word(13)), word((127 - 15) << 10));
  // A smaller one is a multiple of 2^-24, which is the step of f32 at 1/2.
  Value half = arith::ConstantOp::create(b, b.getF32FloatAttr(0.5f));
  Value shifted = arith::AddFOp::create(
      b, arith::BitcastOp::create(b, b.getF32Type(), magnitude), half);
  Value subnormal = arith::SubIOp::create(
      b, arith::BitcastOp::create(b, b.getI32Type(), shifted),
      word(0x3f000000));
  // 2^-14, and what rounds to 2^16.
  Value code = arith::SelectOp::create(b, isBelow(magnitude, 0x38800000),
                                       subnormal, normal);
  code = arith::SelectOp::create(b, isBelow(magnitude, 0x477ff000), code,
                                 word(0x7c00));
  // NaN is one, not infinity.
  code = arith::SelectOp::create(b, isBelow(magnitude, 0x7f800001), code,
                                 word(0x7e00));
  return arith::OrIOp::create(b, code, sign);
}
