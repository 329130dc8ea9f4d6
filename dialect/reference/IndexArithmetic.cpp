//===- IndexArithmetic.cpp - index expressions that fold ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Indices are never negative here, so divisions are the unsigned ones: they
// lower to shifts and masks without the corrections that signed ones need.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Reference/IndexArithmetic.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace lowbit;

std::optional<int64_t> Index::getConstant() const {
  return getConstantIntValue(value);
}

/// The largest value of `index`, where known.
static std::optional<int64_t> largest(const Index &index) {
  if (!index.limit)
    return std::nullopt;
  return *index.limit - 1;
}

/// The limit that the largest value of a result gives; none on overflow.
template <typename Fn>
static std::optional<int64_t> limitOf(const Index &lhs, const Index &rhs,
                                      Fn combine) {
  std::optional<int64_t> left = largest(lhs), right = largest(rhs);
  int64_t result;
  if (!left || !right || combine(*left, *right, result) || result == INT64_MAX)
    return std::nullopt;
  return result + 1;
}

Index IndexBuilder::constant(int64_t number) {
  return {builder.getIndexAttr(number), number, number + 1};
}

Index IndexBuilder::value(Value value, std::optional<int64_t> limit) {
  if (std::optional<int64_t> number = getConstantIntValue(value))
    return constant(*number);
  return limit == 1 ? constant(0) : Index{value, 1, limit};
}

Index IndexBuilder::add(const Index &lhs, const Index &rhs) {
  std::optional<int64_t> left = lhs.getConstant(), right = rhs.getConstant();
  if (left && right)
    return constant(*left + *right);
  if (left == 0)
    return rhs;
  if (right == 0)
    return lhs;
  Value sum =
      arith::AddIOp::create(builder, loc, materialize(lhs), materialize(rhs));
  return {sum, std::gcd(lhs.divisor, rhs.divisor),
          limitOf(lhs, rhs, llvm::AddOverflow<int64_t>)};
}

Index IndexBuilder::multiply(const Index &lhs, const Index &rhs) {
  std::optional<int64_t> left = lhs.getConstant(), right = rhs.getConstant();
  if (left == 0 || right == 0)
    return constant(0);
  if (left && right)
    return constant(*left * *right);
  if (left == 1)
    return rhs;
  if (right == 1)
    return lhs;
  Value product =
      arith::MulIOp::create(builder, loc, materialize(lhs), materialize(rhs));
  int64_t divisor;
  if (llvm::MulOverflow(lhs.divisor, rhs.divisor, divisor))
    divisor = lhs.divisor;
  return {product, divisor, limitOf(lhs, rhs, llvm::MulOverflow<int64_t>)};
}

Index IndexBuilder::multiply(const Index &lhs, int64_t rhs) {
  return multiply(lhs, constant(rhs));
}

Index IndexBuilder::divide(const Index &lhs, int64_t rhs) {
  if (rhs == 1)
    return lhs;
  if (std::optional<int64_t> number = lhs.getConstant())
    return constant(*number / rhs);
  if (lhs.limit && *lhs.limit <= rhs)
    return constant(0);
  Value quotient = arith::DivUIOp::create(builder, loc, materialize(lhs),
                                          materialize(constant(rhs)));
  Index result{quotient, lhs.isMultipleOf(rhs) ? lhs.divisor / rhs : 1,
               std::nullopt};
  if (lhs.limit)
    result.limit = (*lhs.limit - 1) / rhs + 1;
  return result;
}

Index IndexBuilder::remainder(const Index &lhs, int64_t rhs) {
  if (std::optional<int64_t> number = lhs.getConstant())
    return constant(*number % rhs);
  if (lhs.isMultipleOf(rhs))
    return constant(0);
  if (lhs.limit && *lhs.limit <= rhs)
    return lhs;
  Value rest = arith::RemUIOp::create(builder, loc, materialize(lhs),
                                      materialize(constant(rhs)));
  return {rest, std::gcd(lhs.divisor, rhs), rhs};
}

Value IndexBuilder::materialize(const Index &index) {
  return getValueOrCreateConstantIndexOp(builder, loc, index.value);
}
