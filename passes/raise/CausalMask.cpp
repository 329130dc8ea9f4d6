//===- CausalMask.cpp - which keys a mask hides ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CausalMask.h"
#include "ConstantTriangle.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

#include <cmath>

using namespace mlir;
using namespace lowbit;

/// Operations one behind the other that a mask is followed through, and all
/// that one question may look at: sums of sums can be as many as an exponential
/// of their number.
static constexpr unsigned kDepth = 200, kSteps = 1000;

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

/// Whether no other integer is the same double as `integer`: what is computed
/// of those that share one, such as INT64_MAX, would be of another.
static bool isExact(double integer) {
  constexpr double kEnd = int64_t(1) << 53;
  return std::abs(integer) < kEnd;
}

static std::optional<double> convert(const APInt &integer) {
  if (integer.getBitWidth() == 1)
    return integer.getZExtValue();
  double number = integer.roundToDouble(/*isSigned=*/true);
  return isExact(number) ? std::optional(number) : std::nullopt;
}

/// The number that `element` always is; of truth values 0 or 1.
static std::optional<double> getConstant(const Element &element) {
  APInt integer;
  if (element.scope || element.value.getType().isIntOrIndex())
    if (matchPattern(element.value, m_ConstantInt(&integer)))
      return convert(integer);
  DenseIntElementsAttr integers;
  if (!element.scope && matchPattern(element.value, m_Constant(&integers)) &&
      integers.isSplat())
    return convert(integers.getSplatValue<APInt>());
  FloatAttr number;
  if (matchPattern(element.value, m_Constant(&number)))
    return number.getValueAsDouble();
  return element.scope ? std::nullopt : getConstantNumber(element);
}

/// `lhs` and `rhs` computed by an operation on integers, which wrap around
/// where numbers don't.
static std::optional<double> evaluateIntegers(Operation *op, double lhs,
                                              double rhs) {
  Type type = op->getResult(0).getType();
  int width = type.isIndex() ? 64 : int(type.getIntOrFloatBitWidth());
  if (width < 32)
    return std::nullopt;
  double number = isa<arith::AddIOp>(op)   ? lhs + rhs
                  : isa<arith::SubIOp>(op) ? lhs - rhs
                                           : lhs * rhs;
  bool fits = isExact(number) && std::abs(number) < std::ldexp(1.0, width - 1);
  return fits ? std::optional(number) : std::nullopt;
}

/// `lhs` and `rhs` computed by an operation on numbers.
static std::optional<double> evaluate(Operation *op, double lhs, double rhs) {
  if (isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op))
    return evaluateIntegers(op, lhs, rhs);
  if (isa<arith::AddFOp>(op))
    return lhs + rhs;
  if (isa<arith::SubFOp>(op))
    return lhs - rhs;
  if (isa<arith::MulFOp>(op))
    return lhs * rhs;
  if (isa<arith::DivFOp>(op))
    return lhs / rhs;
  if (isa<arith::MinimumFOp, arith::MinNumFOp>(op))
    return std::min(lhs, rhs);
  if (isa<arith::MaximumFOp, arith::MaxNumFOp>(op))
    return std::max(lhs, rhs);
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

/// `number` behind a conversion or a change of sign.
static std::optional<double> convert(Operation *op, double number) {
  Type from = op->getOperand(0).getType(), to = op->getResult(0).getType();
  if (isa<arith::NegFOp>(op))
    return -number;
  if (isa<arith::TruncIOp>(op))
    return to.isInteger(1)
               ? std::optional<double>(static_cast<int64_t>(number) & 1)
               : std::nullopt;
  // A truth value as a signed number is -1.
  if (isa<arith::ExtSIOp, arith::SIToFPOp>(op))
    return from.isInteger(1) ? -number : number;
  if (isa<arith::ExtUIOp, arith::UIToFPOp>(op))
    return number < 0 ? std::nullopt : std::optional(number);
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return number;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Conditions of places
//===----------------------------------------------------------------------===//

std::optional<bool> MaskSide::isSeenUpTo(AffineExpr first) {
  if (side != KeySide::Later && places.isAtMost(ahead, first))
    return true;
  if (side == KeySide::Later && places.isAtMost(first, ahead))
    return false;
  if (side == KeySide::Own && places.isAtMost(first + 1, ahead))
    return false;
  return std::nullopt;
}

std::optional<bool> MaskSide::isPositive(AffineExpr rest, unsigned rank) {
  if (!rest || rank < 2)
    return std::nullopt;
  MLIRContext *context = rest.getContext();
  AffineExpr i = getAffineDimExpr(rank - 2, context);
  AffineExpr j = getAffineDimExpr(rank - 1, context);
  auto withoutPlaces = [&](AffineExpr expression) -> AffineExpr {
    AffineExpr simple =
        simplifyAffineExpr(expression, rank, places.getNumSymbols());
    for (unsigned dimension = 0; dimension < rank; ++dimension)
      if (simple.isFunctionOfDim(dimension))
        return {};
    return simple;
  };
  // j <= i + first
  if (AffineExpr first = withoutPlaces(rest - i + j))
    return isSeenUpTo(first);
  // j >= i - first, the opposite of j <= i - first - 1.
  if (AffineExpr first = withoutPlaces(rest + i - j))
    if (std::optional<bool> holds = isSeenUpTo(-first - 1))
      return !*holds;
  return std::nullopt;
}

std::optional<double> MaskSide::compareIntegers(const Element &element) {
  auto compare = dyn_cast<arith::CmpIOp>(element.getOp());
  if (!compare)
    return std::nullopt;
  AffineExpr lhs = places.get(element.getOperand(0));
  AffineExpr rhs = places.get(element.getOperand(1));
  if (!lhs || !rhs)
    return std::nullopt;
  using Predicate = arith::CmpIPredicate;
  Predicate predicate = compare.getPredicate();
  if (predicate == Predicate::sgt || predicate == Predicate::sge) {
    std::swap(lhs, rhs);
    predicate = predicate == Predicate::sgt ? Predicate::slt : Predicate::sle;
  }
  bool isStrict = predicate == Predicate::slt;
  if (!isStrict && predicate != Predicate::sle)
    return std::nullopt;
  std::optional<bool> holds =
      isPositive(rhs - lhs - (isStrict ? 1 : 0), element.map.getNumDims());
  decided |= holds.has_value();
  return holds;
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// Whether `element` is neither infinite nor no number, whatever the inputs.
bool MaskSide::isFinite(const Element &element, unsigned &steps) {
  if (std::optional<double> number = getNumber(element))
    return std::isfinite(*number);
  if (!element.isComputedInside() || steps == 0)
    return false;
  --steps;
  Operation *op = element.getOp();
  if (isa<arith::SelectOp>(op))
    return isFinite(element.getOperand(1), steps) &&
           isFinite(element.getOperand(2), steps);
  return isa<arith::SIToFPOp, arith::UIToFPOp>(op);
}

std::optional<double> MaskSide::findOfPair(const Element &element) {
  Operation *op = element.getOp();
  if (std::optional<double> holds = compareIntegers(element))
    return holds;
  std::array operands{element.getOperand(0), element.getOperand(1)};
  std::array numbers{getNumber(operands[0]), getNumber(operands[1])};
  bool isTruth = op->getResult(0).getType().isInteger(1);
  unsigned steps = kSteps;
  for (unsigned i : {0, 1}) {
    if (!numbers[i])
      continue;
    if (isTruth && isa<arith::AndIOp>(op))
      return *numbers[i] == 0 ? numbers[i] : numbers[1 - i];
    if (isTruth && isa<arith::OrIOp>(op))
      return *numbers[i] != 0 ? numbers[i] : numbers[1 - i];
    if (*numbers[i] == 0 &&
        (isa<arith::MulIOp>(op) ||
         (isa<arith::MulFOp>(op) && isFinite(operands[1 - i], steps))))
      return 0;
  }
  return numbers[0] && numbers[1] ? evaluate(op, *numbers[0], *numbers[1])
                                  : std::nullopt;
}

std::optional<double> MaskSide::findOfOperation(const Element &element) {
  Operation *op = element.getOp();
  if (isa<arith::SelectOp>(op)) {
    if (std::optional<double> condition = getNumber(element.getOperand(0)))
      return getNumber(element.getOperand(*condition ? 1 : 2));
    std::optional<double> number = getNumber(element.getOperand(1));
    return number == getNumber(element.getOperand(2)) ? number : std::nullopt;
  }
  if (op->getNumOperands() == 2)
    return findOfPair(element);
  if (op->getNumOperands() != 1)
    return std::nullopt;
  std::optional<double> number = getNumber(element.getOperand(0));
  return number ? convert(op, *number) : std::nullopt;
}

/// An element of a constant triangle.
std::optional<double> MaskSide::findOfTensor(const Element &element) {
  std::optional<ConstantTriangle> triangle = matchTriangle(element, places);
  if (!triangle)
    return std::nullopt;
  std::optional<bool> isBelow =
      isPositive(triangle->distance, element.map.getNumDims());
  if (!isBelow)
    return std::nullopt;
  decided = true;
  return *isBelow ? triangle->below : triangle->above;
}

std::optional<double> MaskSide::findNumber(const Element &element) {
  if (std::optional<Element> source = enterReshape(element))
    return getNumber(*source);
  if (std::optional<double> number = getConstant(element))
    return number;
  if (element.isComputedInside() && element.getOp()->getNumRegions() == 0)
    return findOfOperation(element);
  return element.scope ? std::nullopt : findOfTensor(element);
}

std::optional<double> MaskSide::getNumber(const Element &element) {
  std::pair key(element.value, element.map);
  if (auto found = known.find(key); found != known.end())
    return found->second;
  if (depth == kDepth)
    return std::nullopt;
  ++depth;
  std::optional<double> number = findNumber(element);
  --depth;
  known[key] = number;
  return number;
}

/// Whether `mask` is computed from integers, truth values and numbers alone, as
/// exporters compute padding.
bool MaskSide::isOfIntegers(const Element &mask, unsigned &steps) {
  if (std::optional<Element> source = enterReshape(mask))
    return isOfIntegers(*source, steps);
  if (!isa<FloatType>(getElementTypeOrSelf(mask.value)))
    return true;
  if (getNumber(mask))
    return true;
  if (!mask.isComputedInside() || steps == 0)
    return false;
  --steps;
  return llvm::all_of(
      llvm::seq(mask.getOp()->getNumOperands()),
      [&](unsigned i) { return isOfIntegers(mask.getOperand(i), steps); });
}

bool MaskSide::isAtMost(const Element &mask, double hidden) {
  unsigned steps = kSteps;
  return isAtMost(mask, hidden, steps);
}

bool MaskSide::isAtMost(const Element &mask, double hidden, unsigned &steps) {
  if (std::optional<Element> source = enterReshape(mask))
    return isAtMost(*source, hidden, steps);
  if (std::optional<double> number = getNumber(mask))
    return *number <= hidden;
  if (!mask.isComputedInside() || steps == 0)
    return false;
  --steps;
  Operation *op = mask.getOp();
  auto isOperand = [&](unsigned i) {
    return isAtMost(mask.getOperand(i), hidden, steps);
  };
  if (isa<arith::MinimumFOp, arith::MinNumFOp>(op))
    return isOperand(0) || isOperand(1);
  if (isa<arith::AddFOp>(op)) {
    auto hides = [&](unsigned i) {
      return isOperand(i) &&
             (isAtMost(mask.getOperand(i), std::min(hidden, kHiddenFromAny),
                       steps) ||
              isOfIntegers(mask.getOperand(1 - i), steps));
    };
    return hides(0) || hides(1);
  }
  if (isa<arith::MaximumFOp, arith::MaxNumFOp>(op))
    return isOperand(0) && isOperand(1);
  if (isCast(op))
    return isOperand(0);
  if (!isa<arith::SelectOp>(op))
    return false;
  if (std::optional<double> condition = getNumber(mask.getOperand(0)))
    return isOperand(*condition ? 1 : 2);
  return isOperand(1) && isOperand(2);
}
