//===- RowReshape.cpp - reshapes between a layer and its users ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowReshape.h"

#include "lowbit/Transforms/Elementwise.h"

using namespace mlir;
using namespace lowbit;

/// Whether the innermost dimension is alone in its group.
static bool keepsRows(ArrayRef<ReassociationIndices> groups) {
  return !groups.empty() && groups.back().size() == 1;
}

/// Whether extents of `wide` follow from those of its groups: no group has more
/// than one that is unknown.
static bool followsFromGroups(RankedTensorType wide,
                              ArrayRef<ReassociationIndices> groups) {
  return llvm::all_of(groups, [&](const ReassociationIndices &group) {
    return llvm::count_if(group, [&](int64_t dimension) {
             return wide.isDynamicDim(dimension);
           }) <= 1;
  });
}

std::optional<RowReshape> RowReshape::get(Operation *op) {
  Groups groups;
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    groups = expand.getReassociationIndices();
  else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    groups = collapse.getReassociationIndices();
  else
    return std::nullopt;
  auto from = cast<RankedTensorType>(op->getOperand(0).getType());
  auto to = cast<RankedTensorType>(op->getResult(0).getType());
  if (from.getRank() == to.getRank() || !keepsRows(groups))
    return std::nullopt;
  // What was collapsed is expanded again without being asked for its extents.
  if (from.getRank() > to.getRank() && !followsFromGroups(from, groups))
    return std::nullopt;
  return RowReshape(from, to, std::move(groups));
}

std::optional<RowReshape> RowReshape::ofUnitLoops(OpOperand &use) {
  auto user = dyn_cast<linalg::LinalgOp>(use.getOwner());
  auto from = dyn_cast<RankedTensorType>(use.get().getType());
  if (!user || !from || !user.isDpsInput(&use) || !isElementwiseOnTensors(user))
    return std::nullopt;
  AffineMap map = user.getMatchingIndexingMap(&use);
  int64_t count = map.getNumDims();
  if (from.getRank() == 0 || from.getRank() >= count)
    return std::nullopt;
  SmallVector<int64_t> extents(count, 1);
  Groups groups(from.getRank());
  int64_t next = 0;
  for (auto [i, expression] : llvm::enumerate(map.getResults())) {
    auto loop = dyn_cast<AffineDimExpr>(expression);
    if (!loop || loop.getPosition() < next)
      return std::nullopt;
    extents[loop.getPosition()] = from.getDimSize(i);
    // Loops in between belong to the dimension before, so that the innermost
    // one stays alone; those before the first to that.
    for (; next < loop.getPosition(); ++next)
      groups[i == 0 ? 0 : i - 1].push_back(next);
    groups[i].push_back(next++);
  }
  auto to = RankedTensorType::get(extents, from.getElementType());
  auto result = cast<RankedTensorType>(user->getResult(0).getType());
  // The other loops must have one turn.
  if (next != count || to.getShape() != result.getShape() || !keepsRows(groups))
    return std::nullopt;
  return RowReshape(from, to, std::move(groups));
}

Value RowReshape::apply(OpBuilder &builder, Location loc, Value value,
                        Value like) const {
  if (isExpanding())
    return tensor::ExpandShapeOp::create(
        builder, loc, to, value, groups,
        tensor::getMixedSizes(builder, loc, like));
  return tensor::CollapseShapeOp::create(builder, loc, to, value, groups);
}

Value RowReshape::undo(OpBuilder &builder, Location loc, Value value) const {
  if (isExpanding())
    return tensor::CollapseShapeOp::create(builder, loc, from, value, groups);
  // The one unknown extent of a group follows from that of its dimension.
  return tensor::ExpandShapeOp::create(builder, loc, from, value, groups);
}
