//===- CausalMask.cpp - which keys a mask hides ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CausalMask.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Numbers that depend on a condition
//===----------------------------------------------------------------------===//

/// The number that `element` always is; of truth values 0 or 1.
static std::optional<double> getNumber(const Element &element) {
  IntegerAttr integer;
  if (matchPattern(element.value, m_Constant(&integer)))
    return integer.getType().isInteger(1) ? integer.getValue().getZExtValue()
                                          : integer.getValue().getSExtValue();
  DenseIntElementsAttr integers;
  if (!element.scope && matchPattern(element.value, m_Constant(&integers)) &&
      integers.isSplat()) {
    APInt value = integers.getSplatValue<APInt>();
    return value.getBitWidth() == 1 ? value.getZExtValue()
                                    : value.getSExtValue();
  }
  return getConstantNumber(element);
}

/// `lhs` and `rhs` computed by an operation on numbers.
static std::optional<double> evaluate(Operation *op, double lhs, double rhs) {
  // Sums and products of narrow integers wrap around.
  Type type = getElementTypeOrSelf(op->getResult(0).getType());
  if (isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op) && !type.isIndex() &&
      type.getIntOrFloatBitWidth() < 32)
    return std::nullopt;
  if (isa<arith::AddFOp, arith::AddIOp>(op))
    return lhs + rhs;
  if (isa<arith::SubFOp, arith::SubIOp>(op))
    return lhs - rhs;
  if (isa<arith::MulFOp, arith::MulIOp>(op))
    return lhs * rhs;
  if (isa<arith::DivFOp>(op))
    return lhs / rhs;
  if (isa<arith::XOrIOp>(op) && op->getResult(0).getType().isInteger(1))
    return lhs != rhs;
  if (auto compare = dyn_cast<arith::CmpFOp>(op))
    return arith::applyCmpPredicate(compare.getPredicate(), APFloat(lhs),
                                    APFloat(rhs));
  auto compare = dyn_cast<arith::CmpIOp>(op);
  auto isSmall = [](double number) { return std::abs(number) < 1e9; };
  if (!compare || !isSmall(lhs) || !isSmall(rhs))
    return std::nullopt;
  return arith::applyCmpPredicate(compare.getPredicate(),
                                  APInt(64, static_cast<int64_t>(lhs), true),
                                  APInt(64, static_cast<int64_t>(rhs), true));
}

/// An operation one of whose operands is a number and the other a choice.
static std::optional<Choice> matchBinary(const Element &element) {
  Operation *op = element.getOp();
  for (unsigned i : {1, 0}) {
    std::optional<double> number = getNumber(element.getOperand(i));
    if (!number)
      continue;
    std::optional<Choice> choice = matchChoice(element.getOperand(1 - i));
    if (!choice)
      return std::nullopt;
    auto apply = [&](double other) {
      return i == 1 ? evaluate(op, other, *number)
                    : evaluate(op, *number, other);
    };
    std::optional<double> ifTrue = apply(choice->ifTrue),
                          ifFalse = apply(choice->ifFalse);
    if (!ifTrue || !ifFalse)
      return std::nullopt;
    return Choice{choice->condition, *ifTrue, *ifFalse};
  }
  return std::nullopt;
}

/// A choice between two numbers.
static std::optional<Choice> matchSelect(const Element &element) {
  std::optional<double> ifTrue = getNumber(element.getOperand(1)),
                        ifFalse = getNumber(element.getOperand(2));
  std::optional<Choice> choice = matchChoice(element.getOperand(0));
  if (!ifTrue || !ifFalse || !choice)
    return std::nullopt;
  return Choice{choice->condition, choice->ifTrue ? *ifTrue : *ifFalse,
                choice->ifFalse ? *ifTrue : *ifFalse};
}

/// The choice that the operation of `element` makes of another one.
static std::optional<Choice> matchOperation(const Element &element) {
  Operation *op = element.getOp();
  if (isa<arith::SelectOp>(op))
    return matchSelect(element);
  if (op->getNumOperands() == 2)
    return matchBinary(element);
  if (!isa<arith::ExtUIOp, arith::ExtSIOp, arith::UIToFPOp, arith::SIToFPOp,
           arith::ExtFOp, arith::TruncFOp, arith::TruncIOp, arith::NegFOp>(op))
    return std::nullopt;
  std::optional<Choice> choice = matchChoice(element.getOperand(0));
  if (!choice)
    return std::nullopt;
  // Numbers that don't keep their value.
  bool isUnsigned = isa<arith::ExtUIOp, arith::UIToFPOp>(op);
  if ((isa<arith::TruncIOp>(op) && !op->getResult(0).getType().isInteger(1)) ||
      (isUnsigned && (choice->ifTrue < 0 || choice->ifFalse < 0)))
    return std::nullopt;
  // A truth value as a signed number is -1.
  bool isTruth = op->getOperand(0).getType().isInteger(1);
  bool isNegative = isa<arith::NegFOp>(op) ||
                    (isTruth && isa<arith::ExtSIOp, arith::SIToFPOp>(op));
  auto convert = [&](double number) -> double {
    if (op->getResult(0).getType().isInteger(1))
      return static_cast<int64_t>(number) & 1;
    return isNegative ? -number : number;
  };
  return Choice{choice->condition, convert(choice->ifTrue),
                convert(choice->ifFalse)};
}

std::optional<Choice> lowbit::matchChoice(const Element &element) {
  if (std::optional<Element> source = enterReshape(element))
    return matchChoice(*source);
  if (element.getOp())
    if (std::optional<Choice> choice = matchOperation(element))
      return choice;
  if (getElementTypeOrSelf(element.value.getType()).isInteger(1))
    return Choice{element, 1, 0};
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Conditions of places
//===----------------------------------------------------------------------===//

/// `matchCausalCondition` of a comparison.
static std::optional<int64_t> matchComparison(const Element &condition,
                                              bool negated) {
  auto compare = cast<arith::CmpIOp>(condition.getOp());
  AffineExpr lhs = getIndexExpression(condition.getOperand(0));
  AffineExpr rhs = getIndexExpression(condition.getOperand(1));
  if (!lhs || !rhs)
    return std::nullopt;
  arith::CmpIPredicate predicate = compare.getPredicate();
  if (negated)
    predicate = arith::invertPredicate(predicate);
  if (predicate == arith::CmpIPredicate::sgt ||
      predicate == arith::CmpIPredicate::sge) {
    std::swap(lhs, rhs);
    predicate = predicate == arith::CmpIPredicate::sgt
                    ? arith::CmpIPredicate::slt
                    : arith::CmpIPredicate::sle;
  }
  bool isStrict = predicate == arith::CmpIPredicate::slt;
  if (!isStrict && predicate != arith::CmpIPredicate::sle)
    return std::nullopt;
  unsigned dims = condition.map.getNumDims();
  MLIRContext *context = condition.map.getContext();
  AffineExpr i = getAffineDimExpr(dims - 2, context);
  AffineExpr j = getAffineDimExpr(dims - 1, context);
  // lhs < rhs, or lhs + 1 <= rhs.
  AffineExpr rest = simplifyAffineExpr(rhs - lhs - (isStrict ? 1 : 0) - i + j,
                                       dims, /*numSymbols=*/0);
  auto offset = dyn_cast<AffineConstantExpr>(rest);
  if (!offset)
    return std::nullopt;
  return offset.getValue();
}

std::optional<int64_t> lowbit::matchCausalCondition(const Element &condition,
                                                    bool negated) {
  std::optional<Choice> choice = matchChoice(condition);
  if (!choice || choice->ifTrue == choice->ifFalse)
    return std::nullopt;
  const Element &base = choice->condition;
  negated ^= choice->ifTrue == 0;
  Operation *op = base.getOp();
  if (isa_and_nonnull<arith::CmpIOp>(op))
    return matchComparison(base, negated);
  if (!isa_and_nonnull<arith::AndIOp, arith::OrIOp>(op))
    return std::nullopt;
  auto lhs = matchCausalCondition(base.getOperand(0), negated);
  auto rhs = matchCausalCondition(base.getOperand(1), negated);
  if (!lhs || !rhs)
    return std::nullopt;
  // The opposite of a conjunction is a disjunction of opposites.
  bool areBoth = isa<arith::AndIOp>(op) != negated;
  return areBoth ? std::min(*lhs, *rhs) : std::max(*lhs, *rhs);
}

bool lowbit::isCausalMask(const Element &mask, double hidden) {
  std::optional<Choice> choice = matchChoice(mask);
  if (!choice)
    return false;
  auto chooses = [&](double seen, double other, bool negated) {
    return seen == 0 && other <= hidden &&
           matchCausalCondition(choice->condition, negated) == 0;
  };
  return chooses(choice->ifTrue, choice->ifFalse, false) ||
         chooses(choice->ifFalse, choice->ifTrue, true);
}
