//===- WholeRows.cpp - tensors of some rows, computed for all -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each operation is built again beside the one that it stands for, so that what
// is built for one attention serves all others, too.
//
//===----------------------------------------------------------------------===//

#include "WholeRows.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace lowbit;

bool WholeRows::isCount(OpFoldResult size) const {
  auto value = dyn_cast<Value>(size);
  return value && value == count;
}

RankedTensorType WholeRows::getType(Value value) const {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  for (int64_t &extent : shape)
    if (ShapedType::isDynamic(extent))
      extent = rows;
  return type.clone(shape);
}

Value WholeRows::get(Value value, std::string &reason) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.hasStaticShape())
    return value;
  if (Value found = known.lookup(value))
    return found;
  Value built = build(value, reason);
  return built ? known[value] = built : Value();
}

Value WholeRows::build(Value value, std::string &reason) {
  auto result = dyn_cast<OpResult>(value);
  if (!result) {
    reason = "an input of the function has the rows of a text";
    return {};
  }
  Operation *op = result.getOwner();
  OpBuilder b(op->getContext());
  b.setInsertionPointAfter(op);
  if (auto empty = dyn_cast<tensor::EmptyOp>(op);
      empty && llvm::all_of(empty.getDynamicSizes(),
                            [&](Value size) { return isCount(size); }))
    return tensor::EmptyOp::create(b, op->getLoc(), getType(value).getShape(),
                                   getType(value).getElementType());
  if (isa<linalg::LinalgOp>(op))
    return buildLinalg(b, result, reason);
  if (isa<tensor::ExtractSliceOp>(op))
    return buildSlice(b, op, reason);
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return buildReshape(b, op, reason);
  reason = ("'" + op->getName().getStringRef() +
            "' is not known to compute each number from those at its place")
               .str();
  return {};
}

Value WholeRows::buildLinalg(OpBuilder &b, OpResult value,
                             std::string &reason) {
  auto op = cast<linalg::LinalgOp>(value.getOwner());
  bool looksUp = op->walk([](tensor::ExtractOp) {
                     return WalkResult::interrupt();
                   }).wasInterrupted();
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  bool capturesRows = llvm::any_of(captured, [](Value used) {
    auto type = dyn_cast<ShapedType>(used.getType());
    return type && !type.hasStaticShape();
  });
  if (op.getNumParallelLoops() != op.getNumLoops() || looksUp || capturesRows) {
    reason = ("'" + op->getName().getStringRef() +
              "' combines numbers of several places")
                 .str();
    return {};
  }
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    operands.push_back(get(operand, reason));
    if (!operands.back())
      return {};
  }
  auto copy = cast<linalg::LinalgOp>(b.clone(*op));
  copy->setOperands(operands);
  for (auto [result, init] :
       llvm::zip_equal(copy->getResults(), copy.getDpsInits()))
    result.setType(init.getType());
  return copy->getResult(value.getResultNumber());
}

/// The first rows of a table become as many as a cache has.
Value WholeRows::buildSlice(OpBuilder &b, Operation *op, std::string &reason) {
  auto slice = cast<tensor::ExtractSliceOp>(op);
  Value source = get(slice.getSource(), reason);
  if (!source)
    return {};
  RankedTensorType from = getType(source);
  SmallVector<OpFoldResult> sizes = slice.getMixedSizes();
  for (auto [i, size] : llvm::enumerate(sizes)) {
    if (isa<Attribute>(size))
      continue;
    auto first = getConstantIntValue(slice.getMixedOffsets()[i]);
    if (!isCount(size) || !first || !isOneInteger(slice.getMixedStrides()[i])) {
      reason = "'tensor.extract_slice' takes other rows than the first ones";
      return {};
    }
    if (*first + rows > from.getDimSize(i)) {
      reason = "a table has " + std::to_string(from.getDimSize(i)) +
               " rows, fewer than the cache, which has " +
               std::to_string(rows) + "; a smaller --max-length helps";
      return {};
    }
    size = b.getIndexAttr(rows);
  }
  ArrayRef<int64_t> shape = getType(slice.getResult()).getShape();
  return tensor::ExtractSliceOp::create(b, op->getLoc(), from.clone(shape),
                                        source, slice.getMixedOffsets(), sizes,
                                        slice.getMixedStrides());
}

/// Units may come and go beside the rows; other extents would move them.
Value WholeRows::buildReshape(OpBuilder &b, Operation *op,
                              std::string &reason) {
  Value source = get(op->getOperand(0), reason);
  if (!source)
    return {};
  auto expand = dyn_cast<tensor::ExpandShapeOp>(op);
  auto groups =
      expand ? expand.getReassociationIndices()
             : cast<tensor::CollapseShapeOp>(op).getReassociationIndices();
  auto split = cast<RankedTensorType>(
      (expand ? op->getResult(0) : op->getOperand(0)).getType());
  for (const ReassociationIndices &group : groups) {
    int64_t dynamic = 0, product = 1;
    for (int64_t dimension : group) {
      dynamic += split.isDynamicDim(dimension);
      if (!split.isDynamicDim(dimension))
        product *= split.getDimSize(dimension);
    }
    if (dynamic > 1 || (dynamic == 1 && product != 1)) {
      reason = ("'" + op->getName().getStringRef() +
                "' mixes rows with another dimension")
                   .str();
      return {};
    }
  }
  RankedTensorType type = getType(op->getResult(0));
  if (expand)
    return tensor::ExpandShapeOp::create(b, op->getLoc(), type, source, groups);
  return tensor::CollapseShapeOp::create(b, op->getLoc(), type, source, groups);
}
