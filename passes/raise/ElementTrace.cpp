//===- ElementTrace.cpp - one element through elementwise ops -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementTrace.h"

#include "lowbit/Transforms/Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

#include <cmath>

using namespace mlir;
using namespace lowbit;

/// Whether `op` computes each element of its one result by itself; unlike for
/// fusion, from its position, too.
static bool isComputedByElement(linalg::LinalgOp op) {
  if (!op || !op.hasPureTensorSemantics() || !op.isAllParallelLoops() ||
      op->getNumResults() != 1)
    return false;
  OpOperand *init = op.getDpsInitOperand(0);
  return op.getMatchingIndexingMap(init).isPermutation() &&
         op.getMatchingBlockArgument(init).use_empty();
}

/// An operand of `scope` at the position: the scalar itself, or an element.
static Element enterOperand(linalg::LinalgOp scope, AffineMap map,
                            Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != scope.getBlock())
    return {value, scope, map};
  OpOperand *operand = scope.getMatchingOpOperand(argument);
  if (!isa<RankedTensorType>(operand->get().getType()))
    return {operand->get(), {}, map};
  return {
      operand->get(), {}, scope.getMatchingIndexingMap(operand).compose(map)};
}

/// Follows an element of a tensor to the scalar that computes it.
static Element follow(Element element) {
  while (!element.scope && isa<RankedTensorType>(element.value.getType())) {
    auto op = element.value.getDefiningOp<linalg::LinalgOp>();
    if (!isComputedByElement(op))
      return element;
    AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    element = enterOperand(op, inversePermutation(output).compose(element.map),
                           op.getBlock()->getTerminator()->getOperand(0));
  }
  return element;
}

Operation *Element::getOp() const {
  return scope ? value.getDefiningOp() : nullptr;
}

bool Element::isComputedInside() const {
  Operation *op = getOp();
  linalg::LinalgOp body = scope;
  return op && op->getBlock() == body.getBlock();
}

Element Element::getNearOperand(unsigned i) const {
  return enterOperand(scope, map, getOp()->getOperand(i));
}

Element Element::getOperand(unsigned i) const {
  return follow(getNearOperand(i));
}

Element lowbit::traceElement(Value tensor, AffineMap map) {
  return follow({tensor, {}, map});
}

Element lowbit::traceElement(Value tensor) {
  return traceElement(tensor,
                      AffineMap::getMultiDimIdentityMap(
                          cast<RankedTensorType>(tensor.getType()).getRank(),
                          tensor.getContext()));
}

std::optional<Element> lowbit::enterReshape(const Element &element) {
  if (element.scope)
    return std::nullopt;
  Operation *op = element.value.getDefiningOp();
  auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op);
  auto collapse = dyn_cast_or_null<tensor::CollapseShapeOp>(op);
  if (!expand && !collapse)
    return std::nullopt;
  auto groups = expand ? expand.getReassociationIndices()
                       : collapse.getReassociationIndices();
  auto large = cast<RankedTensorType>(
      (expand ? op->getResult(0) : op->getOperand(0)).getType());
  MLIRContext *context = element.map.getContext();
  AffineExpr zero = getAffineConstantExpr(0, context);
  SmallVector<AffineExpr> places(expand ? groups.size() : large.getRank(),
                                 zero);
  for (auto [i, group] : llvm::enumerate(groups)) {
    bool hasExtent = false;
    for (int64_t dimension : group) {
      if (large.getDimSize(dimension) == 1)
        continue;
      if (std::exchange(hasExtent, true))
        return std::nullopt;
      if (expand)
        places[i] = element.map.getResult(dimension);
      else
        places[dimension] = element.map.getResult(i);
    }
  }
  AffineMap map = AffineMap::get(element.map.getNumDims(), 0, places, context);
  return traceElement(op->getOperand(0), map);
}

bool lowbit::isCast(Operation *op) {
  return isa_and_nonnull<arith::ExtFOp>(op) ||
         (isa_and_nonnull<arith::TruncFOp>(op) &&
          op->getResult(0).getType().getIntOrFloatBitWidth() >= 16);
}

Element lowbit::skipCasts(Element element) {
  while (isCast(element.getOp()))
    element = element.getOperand(0);
  return element;
}

Element lowbit::getUncastOperand(const Element &element, unsigned i) {
  return skipCasts(element.getOperand(i));
}

/// What an operation on numbers gives; nothing for one that isn't known.
static std::optional<double> compute(Operation *op, ArrayRef<double> numbers) {
  if (isa<arith::ExtFOp, arith::TruncFOp>(op))
    return numbers[0];
  if (isa<arith::MulFOp>(op))
    return numbers[0] * numbers[1];
  if (isa<arith::DivFOp>(op))
    return numbers[0] / numbers[1];
  if (isa<math::SqrtOp>(op))
    return std::sqrt(numbers[0]);
  if (isa<math::RsqrtOp>(op))
    return 1 / std::sqrt(numbers[0]);
  if (isa<math::PowFOp>(op))
    return std::pow(numbers[0], numbers[1]);
  return std::nullopt;
}

/// The number that a scalar always is though it is no constant: folders compute
/// roots and powers in f32 and f64 alone, and nothing that an elementwise op
/// has in it.
static std::optional<double> evaluate(const Element &element) {
  Operation *op = element.value.getDefiningOp();
  auto type = dyn_cast<FloatType>(element.value.getType());
  if (!op || !type || op->getNumOperands() == 0 || op->getNumOperands() > 2)
    return std::nullopt;
  SmallVector<double, 2> operands;
  for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
    std::optional<double> number =
        getConstantNumber(element.scope ? element.getOperand(i)
                                        : Element{operand, {}, element.map});
    if (!number)
      return std::nullopt;
    operands.push_back(*number);
  }
  std::optional<double> number = compute(op, operands);
  if (!number)
    return std::nullopt;
  APFloat rounded(*number);
  bool losesInfo;
  rounded.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
  return FloatAttr::get(type, rounded).getValueAsDouble();
}

std::optional<double> lowbit::getConstantNumber(const Element &element) {
  FloatAttr number;
  if (matchPattern(element.value, m_Constant(&number)))
    return number.getValueAsDouble();
  if (!isa<ShapedType>(element.value.getType()))
    return evaluate(element);
  auto scalar = element.value.getDefiningOp<tensor::FromElementsOp>();
  if (scalar && scalar.getElements().size() == 1)
    return getConstantNumber({scalar.getElements()[0], {}, element.map});
  return getUniformValue(element.value);
}
