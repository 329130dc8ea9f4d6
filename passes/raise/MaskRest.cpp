//===- MaskRest.cpp - what a mask adds where keys are seen ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskRest.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace lowbit;

/// Operations one behind the other that are computed again.
static constexpr unsigned kDepth = 200;

/// Whether `op`, whose operand `i` is `number`, is the same as its other
/// operand.
static bool isNeutral(Operation *op, unsigned i, double number) {
  bool isTruth = getElementTypeOrSelf(op->getResult(0)).isInteger(1);
  if (isa<arith::AddFOp>(op))
    return number == 0;
  if (isa<arith::SubFOp>(op))
    return number == 0 && i == 1;
  if (isa<arith::MulFOp, arith::MulIOp>(op))
    return number == 1;
  // Where one that decides is known, the whole is known.
  return isTruth && (isa<arith::AndIOp, arith::OrIOp>(op) ||
                     (isa<arith::XOrIOp>(op) && number == 0));
}

Element MaskRest::skip(Element element) const {
  while (true) {
    if (std::optional<Element> source = enterReshape(element)) {
      element = *source;
      continue;
    }
    if (!element.isComputedInside() || seen.getNumber(element))
      return element;
    Operation *op = element.getOp();
    std::optional<unsigned> same;
    if (isa<arith::SelectOp>(op)) {
      if (std::optional<double> number = seen.getNumber(element.getOperand(0)))
        same = *number ? 1 : 2;
    } else if (op->getNumOperands() == 2) {
      for (unsigned i : {0, 1})
        if (std::optional<double> number =
                seen.getNumber(element.getOperand(i));
            number && isNeutral(op, i, *number))
          same = 1 - i;
    }
    if (!same)
      return element;
    element = element.getOperand(*same);
  }
}

LogicalResult MaskRest::collect(const Element &element) {
  dims.resize(element.map.getNumDims());
  return visit(element, /*depth=*/0);
}

LogicalResult MaskRest::visit(const Element &from, unsigned depth) {
  Element element = skip(from);
  if (depth == kDepth)
    return failure();
  if (seen.getNumber(element) ||
      !visited.insert({element.value, element.map}).second)
    return success();
  bool isTensor = isa<RankedTensorType>(element.value.getType());
  if (!element.scope && isTensor) {
    if (!element.map.isProjectedPermutation(/*allowZeroInResults=*/true))
      return failure();
    inputs.insert({element.value, element.map});
    for (unsigned i = 0; i < dims.size(); ++i)
      if (element.map.isFunctionOfDim(i))
        dims.set(i);
    return success();
  }
  if (isTensor)
    return failure();
  if (!element.isComputedInside())
    return success();
  Operation *op = element.getOp();
  if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    AffineExpr place = element.map.getResult(index.getDim());
    if (auto dimension = dyn_cast<AffineDimExpr>(place))
      dims.set(dimension.getPosition());
    return success(isa<AffineDimExpr, AffineConstantExpr>(place));
  }
  if (op->getNumRegions() != 0 || op->getNumResults() != 1 ||
      !isMemoryEffectFree(op))
    return failure();
  for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i)
    if (failed(visit(element.getOperand(i), depth + 1)))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

/// Writes scalars into the body of the new operation.
class MaskRest::Emitter {
public:
  Emitter(const MaskRest &rest, OpBuilder &b, Location loc, ValueRange values)
      : rest(rest), b(b), loc(loc), values(values) {}

  Value emit(const Element &from) {
    Element element = rest.skip(from);
    Value &value = built[{element.value, element.map}];
    if (!value) {
      Value made = make(element);
      built[{element.value, element.map}] = made;
      return made;
    }
    return value;
  }

private:
  Value make(const Element &element);
  Value makeNumber(Type type, double number) {
    TypedAttr attr = isa<FloatType>(type)
                         ? TypedAttr(b.getFloatAttr(type, number))
                         : b.getIntegerAttr(type, static_cast<int64_t>(number));
    return arith::ConstantOp::create(b, loc, attr);
  }
  Value makeIndex(AffineExpr place);

  const MaskRest &rest;
  OpBuilder &b;
  Location loc;
  ValueRange values;
  DenseMap<Key, Value> built;
};

/// The loop of a dimension of the position.
static unsigned getLoop(const llvm::SmallBitVector &dims, unsigned dimension) {
  unsigned loop = 0;
  for (unsigned i : dims.set_bits())
    loop += i < dimension;
  return loop;
}

Value MaskRest::Emitter::makeIndex(AffineExpr place) {
  if (auto constant = dyn_cast<AffineConstantExpr>(place))
    return arith::ConstantIndexOp::create(b, loc, constant.getValue());
  return linalg::IndexOp::create(
      b, loc, getLoop(rest.dims, cast<AffineDimExpr>(place).getPosition()));
}

Value MaskRest::Emitter::make(const Element &element) {
  if (std::optional<double> number = rest.seen.getNumber(element))
    return makeNumber(getElementTypeOrSelf(element.value.getType()), *number);
  Key key{element.value, element.map};
  for (auto [i, input] : llvm::enumerate(rest.inputs))
    if (input == key && !element.scope)
      return values[i];
  if (!element.isComputedInside())
    return element.value;
  Operation *op = element.getOp();
  if (auto index = dyn_cast<linalg::IndexOp>(op))
    return makeIndex(element.map.getResult(index.getDim()));
  SmallVector<Value> operands;
  for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i)
    operands.push_back(emit(element.getOperand(i)));
  Operation *copy = b.clone(*op);
  copy->setOperands(operands);
  return copy->getResult(0);
}

Value MaskRest::build(
    OpBuilder &b, Location loc, const Element &element,
    llvm::function_ref<OpFoldResult(unsigned)> getExtent) const {
  unsigned rank = dims.count();
  SmallVector<AffineExpr> loops(dims.size(), b.getAffineConstantExpr(0));
  SmallVector<OpFoldResult> shape;
  for (unsigned dimension : dims.set_bits()) {
    loops[dimension] = b.getAffineDimExpr(shape.size());
    OpFoldResult extent;
    for (const auto &[tensor, map] : inputs)
      if (auto at = map.getResultPosition(b.getAffineDimExpr(dimension)))
        extent = tensor::getMixedSize(b, loc, tensor, *at);
    shape.push_back(extent ? extent : getExtent(dimension));
  }
  SmallVector<Value> tensors;
  SmallVector<AffineMap> maps;
  for (const auto &[tensor, map] : inputs) {
    tensors.push_back(tensor);
    maps.push_back(map.replaceDimsAndSymbols(loops, {}, rank, 0));
  }
  maps.push_back(b.getMultiDimIdentityMap(rank));
  Type type = getElementTypeOrSelf(element.value.getType());
  Value init = tensor::EmptyOp::create(b, loc, shape, type);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, init.getType(), tensors, init, maps, iterators,
             [&](OpBuilder &b, Location loc, ValueRange values) {
               Emitter emitter(*this, b, loc, values);
               linalg::YieldOp::create(b, loc, emitter.emit(element));
             })
      .getResult(0);
}
