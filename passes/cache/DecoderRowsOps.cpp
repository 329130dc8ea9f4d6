//===- DecoderRowsOps.cpp - the rows of each kind of operation ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A null value stands for an operation that has no form by rows.
//
//===----------------------------------------------------------------------===//

#include "DecoderRows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace lowbit;

/// There is no form by rows.
static const Value kNone;

//===----------------------------------------------------------------------===//
// Linalg
//===----------------------------------------------------------------------===//

using Loops = SmallVector<std::optional<RowAxis>>;

/// The axis of each loop that the dimensions of a result run with.
static FailureOr<Loops> findLoops(AffineMap written, ArrayRef<RowAxis> axes) {
  Loops loops(written.getNumDims());
  for (auto [expression, axis] : llvm::zip_equal(written.getResults(), axes)) {
    auto dimension = dyn_cast<AffineDimExpr>(expression);
    if (!dimension && axis != RowAxis::Fixed)
      return failure();
    if (!dimension)
      continue;
    std::optional<RowAxis> &loop = loops[dimension.getPosition()];
    if (loop && *loop != axis)
      return failure();
    loop = axis;
  }
  return loops;
}

/// The axes of an operand that is read by `map`. Where an extent is dynamic, a
/// loop of rows must run with it, and such a loop with nothing else.
static FailureOr<RowAxes> findAxes(Type operand, AffineMap map,
                                   const Loops &loops) {
  RowAxes axes;
  auto type = dyn_cast<RankedTensorType>(operand);
  if (!type)
    return axes;
  for (auto [expression, extent] :
       llvm::zip_equal(map.getResults(), type.getShape())) {
    bool isDynamic = ShapedType::isDynamic(extent);
    auto dimension = dyn_cast<AffineDimExpr>(expression);
    std::optional<RowAxis> loop;
    if (dimension)
      loop = loops[dimension.getPosition()];
    bool isRow = loop.value_or(RowAxis::Fixed) != RowAxis::Fixed;
    bool fits = dimension ? isRow == isDynamic
                          : !isDynamic && isa<AffineConstantExpr>(expression);
    if (!fits)
      return failure();
    axes.push_back(isRow ? *loop : RowAxis::Fixed);
  }
  return axes;
}

/// Indices of loops of rows count from the position of the first.
static void shiftIndices(linalg::LinalgOp op, const Loops &loops,
                         function_ref<OpFoldResult(RowAxis)> getFirst) {
  SmallVector<linalg::IndexOp> indices(
      op.getBlock()->getOps<linalg::IndexOp>());
  for (linalg::IndexOp index : indices) {
    std::optional<RowAxis> axis = loops[index.getDim()];
    if (!axis || !isPart(*axis))
      continue;
    OpBuilder b(index->getContext());
    b.setInsertionPointAfter(index);
    Value shifted = arith::AddIOp::create(b, index.getLoc(), index,
                                          cast<Value>(getFirst(*axis)));
    index.getResult().replaceAllUsesExcept(shifted, shifted.getDefiningOp());
  }
}

FailureOr<Value> DecoderRows::buildLinalg(linalg::LinalgOp op, OpResult value,
                                          const RowAxes &axes) {
  if (!op.hasPureTensorSemantics())
    return kNone;
  OpOperand *init = op.getDpsInitOperand(value.getResultNumber());
  FailureOr<Loops> loops = findLoops(op.getMatchingIndexingMap(init), axes);
  if (failed(loops))
    return kNone;
  SmallVector<RowAxes> operandAxes;
  for (OpOperand &operand : op->getOpOperands()) {
    FailureOr<RowAxes> found = findAxes(
        operand.get().getType(), op.getMatchingIndexingMap(&operand), *loops);
    if (failed(found))
      return kNone;
    operandAxes.push_back(std::move(*found));
  }
  SmallVector<Value> operands;
  for (auto [operand, axes] : llvm::zip_equal(op->getOperands(), operandAxes)) {
    Result mapped = get(operand, axes);
    if (failed(mapped))
      return failure();
    operands.push_back(*mapped);
  }
  IRMapping captured;
  SetVector<Value> used;
  getUsedValuesDefinedAbove(op->getRegions(), used);
  for (Value outside : used) {
    Result mapped = getAll(outside);
    if (failed(mapped))
      return failure();
    captured.map(outside, *mapped);
  }
  auto copy = cast<linalg::LinalgOp>(b.clone(*op, captured));
  copy->setOperands(operands);
  for (auto [result, init] :
       llvm::zip_equal(copy->getResults(), copy.getDpsInits()))
    result.setType(init.getType());
  shiftIndices(copy, *loops, [&](RowAxis axis) { return getFirst(axis); });
  return copy->getResult(value.getResultNumber());
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

/// Layers work on each row alone: leading dimensions of operands are those of
/// the result.
FailureOr<Value> DecoderRows::buildLayer(Operation *op, const RowAxes &axes) {
  SmallVector<Value> operands;
  RowAxis rows = *llvm::find_if(axes, isPart);
  for (Value operand : op->getOperands()) {
    RowAxes wanted = getAxes(operand, rows);
    bool isWhole = !llvm::is_contained(wanted, rows);
    size_t shared = std::min(wanted.size(), axes.size() - 1);
    if (!isWhole && ArrayRef(wanted).take_front(shared) !=
                        ArrayRef(axes).take_front(shared))
      return kNone;
    Result mapped = get(operand, wanted);
    if (failed(mapped))
      return failure();
    operands.push_back(*mapped);
  }
  Operation *copy = b.clone(*op);
  copy->setOperands(operands);
  copy->getResult(0).setType(getType(op->getResult(0), axes));
  return copy->getResult(0);
}

/// Everything of a text so far: earlier rows come from the cache.
FailureOr<Value> DecoderRows::appendRows(Value rows) {
  auto type = cast<RankedTensorType>(rows.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape[shape.size() - 2] = target.maxLength;
  size_t count = target.format->getStates(type.clone(shape)).size();
  Result fresh = get(rows, getAxes(rows, RowAxis::New));
  if (failed(fresh))
    return failure();
  ValueRange old = target.function.getArguments().slice(nextState, count);
  nextState += count;
  Location loc = rows.getLoc();
  SmallVector<Value> updated =
      target.format->insert(b, loc, *fresh, old, position);
  states.append(updated);
  return target.format->read(b, loc, updated, length);
}

FailureOr<Value> DecoderRows::buildAttention(AttentionOp op,
                                             const RowAxes &axes) {
  int64_t rank = op.getType().getRank();
  RowAxis rows = axes[rank - 2];
  if (!isPart(rows))
    return refuse(op) << "requires tokens as its queries, found "
                      << op.getType();
  Value mask = op.getMask();
  auto maskType =
      mask ? cast<RankedTensorType>(mask.getType()) : RankedTensorType();
  int64_t maskRank = mask ? maskType.getRank() : 0;
  bool hasRows = mask && maskType.isDynamicDim(maskRank - 2);
  if (!op.getCausal() && !hasRows)
    return refuse(op) << "requires causal attention, or a mask with a row for "
                         "each query; here every token sees those after it";
  for (Value operand : {op.getKey(), op.getValue()})
    if (!dependsOnTokens(operand) ||
        !cast<RankedTensorType>(operand.getType()).isDynamicDim(rank - 2))
      return refuse(op) << "requires keys and values of the text's own tokens, "
                           "found "
                        << operand.getType();
  Value newMask;
  if (mask) {
    RowAxes maskAxes = getAxes(mask, RowAxis::Fixed);
    if (hasRows)
      maskAxes[maskRank - 2] = rows;
    if (maskType.isDynamicDim(maskRank - 1))
      maskAxes[maskRank - 1] = RowAxis::All;
    Result mapped = get(mask, maskAxes);
    if (failed(mapped))
      return failure();
    newMask = *mapped;
  }
  Result query = get(op.getQuery(), getAxes(op.getQuery(), rows));
  if (failed(query))
    return failure();
  Result keys = appendRows(op.getKey());
  if (failed(keys))
    return failure();
  Result values = appendRows(op.getValue());
  if (failed(values))
    return failure();
  return Value(AttentionOp::create(
      b, op.getLoc(), cast<RankedTensorType>(getType(op.getResult(), axes)),
      *query, *keys, *values, newMask, op.getScaleAttr(), op.getCausalAttr()));
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

FailureOr<Value> DecoderRows::buildEmpty(tensor::EmptyOp op,
                                         const RowAxes &axes) {
  SmallVector<OpFoldResult> sizes;
  for (auto [size, axis] : llvm::zip_equal(op.getMixedSizes(), axes)) {
    if (axis != RowAxis::Fixed && !isLength(size))
      return kNone;
    sizes.push_back(axis == RowAxis::Fixed ? size : getExtent(axis));
  }
  return Value(tensor::EmptyOp::create(b, op.getLoc(), sizes,
                                       op.getType().getElementType()));
}

/// Whole rows of a dynamic extent, or as many rows of a table.
FailureOr<Value> DecoderRows::buildExtract(tensor::ExtractSliceOp op,
                                           const RowAxes &axes) {
  RankedTensorType type = op.getSourceType();
  if (type.getRank() != op.getType().getRank() || !op.hasUnitStride())
    return kNone;
  RowAxes sourceAxes;
  SmallVector<OpFoldResult> offsets, sizes;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    OpFoldResult offset = op.getMixedOffsets()[i], size = op.getMixedSizes()[i];
    bool isRow = axis != RowAxis::Fixed;
    bool isTable = isRow && !type.isDynamicDim(i);
    if (isRow != isLength(size) || (!isRow && type.isDynamicDim(i)) ||
        (isRow && !isTable && getConstantIntValue(offset) != 0) ||
        (!isRow && !isa<Attribute>(offset)) ||
        (isTable && getConstantIntValue(offset) != 0))
      return kNone;
    sourceAxes.push_back(isRow && !isTable ? axis : RowAxis::Fixed);
    offsets.push_back(isTable ? getFirst(axis) : offset);
    sizes.push_back(isRow ? getExtent(axis) : size);
  }
  Result source = get(op.getSource(), sourceAxes);
  if (failed(source))
    return failure();
  return Value(tensor::ExtractSliceOp::create(
      b, op.getLoc(), cast<RankedTensorType>(getType(op.getResult(), axes)),
      *source, offsets, sizes, op.getMixedStrides()));
}

FailureOr<Value> DecoderRows::buildInsert(tensor::InsertSliceOp op,
                                          const RowAxes &axes) {
  RankedTensorType type = op.getSourceType();
  if (type.getRank() != op.getType().getRank() || !op.hasUnitStride())
    return kNone;
  SmallVector<OpFoldResult> sizes;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    OpFoldResult offset = op.getMixedOffsets()[i], size = op.getMixedSizes()[i];
    bool isRow = axis != RowAxis::Fixed;
    if (isRow != isLength(size) || type.isDynamicDim(i) != isRow ||
        !isa<Attribute>(offset) || (isRow && getConstantIntValue(offset) != 0))
      return kNone;
    sizes.push_back(isRow ? getExtent(axis) : size);
  }
  Result inserted = get(op.getSource(), axes);
  if (failed(inserted))
    return failure();
  Result dest = get(op.getDest(), axes);
  if (failed(dest))
    return failure();
  return Value(tensor::InsertSliceOp::create(b, op.getLoc(), *inserted, *dest,
                                             op.getMixedOffsets(), sizes,
                                             op.getMixedStrides()));
}

/// The axes of a reshape's other side: a dynamic dimension on one side is one
/// on the other, beside dimensions of extent 1.
static FailureOr<RowAxes> reshapeAxes(ArrayRef<RowAxis> merged,
                                      RankedTensorType split,
                                      ArrayRef<ReassociationIndices> groups) {
  RowAxes axes(split.getRank(), RowAxis::Fixed);
  for (auto [axis, group] : llvm::zip_equal(merged, groups)) {
    if (axis == RowAxis::Fixed)
      continue;
    unsigned rows = 0;
    for (int64_t i : group) {
      if (split.getDimSize(i) == 1)
        continue;
      if (!split.isDynamicDim(i) || rows++ != 0)
        return failure();
      axes[i] = axis;
    }
    if (rows != 1)
      return failure();
  }
  return axes;
}

/// The axes of a reshape's result from those of the side that is split.
static FailureOr<RowAxes> mergeAxes(ArrayRef<RowAxis> split,
                                    RankedTensorType type,
                                    ArrayRef<ReassociationIndices> groups) {
  RowAxes axes;
  for (const ReassociationIndices &group : groups) {
    axes.push_back(RowAxis::Fixed);
    for (int64_t i : group)
      if (split[i] != RowAxis::Fixed)
        axes.back() = split[i];
  }
  // Each side must follow from the other.
  FailureOr<RowAxes> back = reshapeAxes(axes, type, groups);
  if (failed(back) || ArrayRef(*back) != split)
    return failure();
  return axes;
}

FailureOr<Value> DecoderRows::buildReshape(Operation *op, const RowAxes &axes) {
  Value input = op->getOperand(0), result = op->getResult(0);
  FailureOr<RowAxes> inputAxes = RowAxes(axes);
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    inputAxes = mergeAxes(axes, expand.getResultType(),
                          expand.getReassociationIndices());
  else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    inputAxes = reshapeAxes(axes, collapse.getSrcType(),
                            collapse.getReassociationIndices());
  if (failed(inputAxes) ||
      llvm::any_of(llvm::zip_equal(getAxes(input, RowAxis::New), *inputAxes),
                   [](auto pair) {
                     return (std::get<0>(pair) == RowAxis::Fixed) !=
                            (std::get<1>(pair) == RowAxis::Fixed);
                   }))
    return kNone;
  Result mapped = get(input, *inputAxes);
  if (failed(mapped))
    return failure();
  auto type = cast<RankedTensorType>(getType(result, axes));
  Location loc = op->getLoc();
  if (isa<tensor::CastOp>(op))
    return *mapped;
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return Value(tensor::CollapseShapeOp::create(
        b, loc, type, *mapped, collapse.getReassociationIndices()));
  SmallVector<OpFoldResult> sizes;
  for (auto [extent, axis] : llvm::zip_equal(type.getShape(), axes))
    sizes.push_back(axis == RowAxis::Fixed ? b.getIndexAttr(extent)
                                           : getExtent(axis));
  auto expand = cast<tensor::ExpandShapeOp>(op);
  return Value(tensor::ExpandShapeOp::create(
      b, loc, type, *mapped, expand.getReassociationIndices(), sizes));
}
