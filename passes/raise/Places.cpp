//===- Places.cpp - integers that follow from a position ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Places.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lowbit;

/// Exporters' masks need a handful.
static constexpr unsigned kSteps = 256;

/// Whether `op` keeps the integer that it reads, as long as that is an extent
/// or a place.
static bool keepsInteger(Operation *op) {
  return isa_and_nonnull<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp>(
      op);
}

static AffineExpr combine(Operation *op, AffineExpr lhs, AffineExpr rhs) {
  if (!lhs || !rhs)
    return {};
  return isa<arith::AddIOp>(op) ? lhs + rhs : lhs - rhs;
}

AffineExpr Places::getSymbol(Value value, std::optional<int64_t> dimension) {
  std::pair number(value, dimension);
  auto *found = llvm::find(numbers, number);
  size_t place = found - numbers.begin();
  if (found == numbers.end()) {
    numbers.push_back(number);
    variables.push_back(dimension ? Variable(value, *dimension)
                                  : Variable(value));
  }
  return getAffineSymbolExpr(place, value.getContext());
}

AffineExpr Places::getExtent(Value tensor, int64_t dimension) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dimension))
    return getAffineConstantExpr(type.getDimSize(dimension),
                                 tensor.getContext());
  return getSymbol(tensor, dimension);
}

AffineExpr Places::find(OpFoldResult number, unsigned &steps) {
  if (std::optional<int64_t> constant = getConstantIntValue(number))
    return getAffineConstantExpr(*constant, number.getContext());
  auto value = dyn_cast<Value>(number);
  if (!value || steps == 0)
    return {};
  --steps;
  Operation *op = value.getDefiningOp();
  if (keepsInteger(op))
    return find(OpFoldResult(op->getOperand(0)), steps);
  if (isa_and_nonnull<arith::AddIOp, arith::SubIOp>(op))
    return combine(op, find(OpFoldResult(op->getOperand(0)), steps),
                   find(OpFoldResult(op->getOperand(1)), steps));
  if (auto dim = dyn_cast_or_null<tensor::DimOp>(op)) {
    std::optional<int64_t> index = dim.getConstantIndex();
    auto type = dyn_cast<RankedTensorType>(dim.getSource().getType());
    if (index && type && *index < type.getRank())
      return getExtent(dim.getSource(), *index);
  }
  return value.getType().isIndex() ? getSymbol(value, std::nullopt)
                                   : AffineExpr();
}

AffineExpr Places::find(const Element &element, unsigned &steps) {
  if (std::optional<Element> source = enterReshape(element))
    return find(*source, steps);
  IntegerAttr constant;
  if (matchPattern(element.value, m_Constant(&constant)))
    return getAffineConstantExpr(constant.getInt(), element.map.getContext());
  if (!element.value.getType().isIntOrIndex() || steps == 0)
    return {};
  --steps;
  if (!element.isComputedInside())
    return find(OpFoldResult(element.value), steps);
  Operation *op = element.getOp();
  if (auto index = dyn_cast<linalg::IndexOp>(op))
    return element.map.getResult(index.getDim());
  if (keepsInteger(op))
    return find(element.getOperand(0), steps);
  if (!isa<arith::AddIOp, arith::SubIOp>(op))
    return {};
  return combine(op, find(element.getOperand(0), steps),
                 find(element.getOperand(1), steps));
}

AffineExpr Places::get(const Element &element) {
  unsigned steps = kSteps;
  return find(element, steps);
}

AffineExpr Places::get(OpFoldResult number) {
  unsigned steps = kSteps;
  return find(number, steps);
}

bool Places::isAtMost(AffineExpr lhs, AffineExpr rhs) const {
  AffineExpr rest = simplifyAffineExpr(rhs - lhs, 0, variables.size());
  if (auto constant = dyn_cast<AffineConstantExpr>(rest))
    return constant.getValue() >= 0;
  auto variable = [&](AffineExpr expression) {
    return Variable(AffineMap::get(0, variables.size(), expression), variables);
  };
  return ValueBoundsConstraintSet::compare(
      variable(lhs), ValueBoundsConstraintSet::LE, variable(rhs));
}
