//===- DecoderRows.cpp - the rows of a decoder for new tokens -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A dynamic extent of the decoder is the length of the text. Of a value that is
// made from tokens, the rows of the new tokens are built. What isn't, such as
// masks and tables of positions, is built as it is asked for, with each dynamic
// dimension being the new positions or all so far: an index counts from the
// position there, a slice of a table begins at it. What has no such form is
// computed for the whole length, and its rows are taken.
//
//===----------------------------------------------------------------------===//

#include "DecoderRows.h"

#include "lowbit/Transforms/Elementwise.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lowbit;

DecoderRows::DecoderRows(func::FuncOp source, ArrayRef<InputMeaning> meanings,
                         DecoderTarget &target)
    : source(source), meanings(meanings), target(target),
      b(target.function.getContext()), nextState(target.firstState) {}

//===----------------------------------------------------------------------===//
// What depends on tokens
//===----------------------------------------------------------------------===//

/// Extents say nothing about tokens, so `tensor.dim` doesn't depend on them.
void DecoderRows::findDependents() {
  for (auto [argument, meaning] :
       llvm::zip_equal(source.getArguments(), meanings))
    if (meaning == InputMeaning::Tokens)
      dependents.insert(argument);
  for (Operation &op : source.getBody().front()) {
    if (isa<tensor::DimOp>(op))
      continue;
    bool depends = op.walk([&](Operation *inner) {
                       return llvm::any_of(inner->getOperands(),
                                           [&](Value value) {
                                             return dependsOnTokens(value);
                                           })
                                  ? WalkResult::interrupt()
                                  : WalkResult::advance();
                     }).wasInterrupted();
    if (depends)
      dependents.insert(op.result_begin(), op.result_end());
  }
}

/// Keys and values of all new tokens go to caches; with them all that they are
/// made from. What is made from the last token alone saves the others' work.
void DecoderRows::findWhole() {
  SmallVector<Value> queue;
  source.walk(
      [&](AttentionOp op) { queue.append({op.getKey(), op.getValue()}); });
  while (!queue.empty()) {
    Value value = queue.pop_back_val();
    if (!dependsOnTokens(value) || !whole.insert(value).second)
      continue;
    Operation *op = value.getDefiningOp();
    if (!op)
      continue;
    SetVector<Value> used(op->operand_begin(), op->operand_end());
    getUsedValuesDefinedAbove(op->getRegions(), used);
    queue.append(used.begin(), used.end());
  }
}

InFlightDiagnostic DecoderRows::refuse(Operation *op) {
  return op->emitOpError() << "stands in the way of a KV cache: ";
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

RowAxes DecoderRows::getAxes(Value value, RowAxis dynamic) const {
  RowAxes axes;
  if (auto type = dyn_cast<ShapedType>(value.getType()))
    for (int64_t extent : type.getShape())
      axes.push_back(ShapedType::isDynamic(extent) ? dynamic : RowAxis::Fixed);
  return axes;
}

Type DecoderRows::getType(Value value, ArrayRef<RowAxis> axes) const {
  auto type = dyn_cast<ShapedType>(value.getType());
  if (!type)
    return value.getType();
  SmallVector<int64_t> shape(type.getShape());
  for (auto [extent, axis] : llvm::zip_equal(shape, axes))
    if (axis == RowAxis::New)
      extent = target.newTokens;
    else if (axis == RowAxis::Last)
      extent = 1;
  return type.cloneWith(shape, type.getElementType());
}

OpFoldResult DecoderRows::getExtent(RowAxis axis) const {
  OpBuilder builder(length.getContext());
  if (axis == RowAxis::All)
    return length;
  if (axis == RowAxis::Last)
    return builder.getIndexAttr(1);
  if (ShapedType::isStatic(target.newTokens))
    return builder.getIndexAttr(target.newTokens);
  return newTokens;
}

OpFoldResult DecoderRows::getFirst(RowAxis axis) const {
  if (!isPart(axis))
    return OpBuilder(length.getContext()).getIndexAttr(0);
  return axis == RowAxis::New ? position : last;
}

/// The position, within the cache whatever the caller says, and lengths.
void DecoderRows::buildExtents() {
  Location loc = source.getLoc();
  Value tokens = target.function.getArgument(0);
  newTokens =
      ShapedType::isStatic(target.newTokens)
          ? Value(arith::ConstantIndexOp::create(b, loc, target.newTokens))
          : b.createOrFold<tensor::DimOp>(loc, tokens, 1);
  Value given = tensor::ExtractOp::create(
      b, loc, target.function.getArgument(1), ValueRange());
  Value index = arith::IndexCastOp::create(b, loc, b.getIndexType(), given);
  // Affine forms have bounds that later passes can find: the smaller of two
  // numbers has one, the larger has none.
  AffineExpr s0 = b.getAffineSymbolExpr(0), s1 = b.getAffineSymbolExpr(1);
  AffineMap lower =
      AffineMap::get(0, 1, {s0, b.getAffineConstantExpr(0)}, b.getContext());
  AffineMap upper =
      AffineMap::get(0, 2, {s0, target.maxLength - s1}, b.getContext());
  Value least = affine::AffineMaxOp::create(b, loc, lower, index);
  position =
      affine::AffineMinOp::create(b, loc, upper, ValueRange{least, newTokens});
  length = affine::AffineApplyOp::create(b, loc, s0 + s1,
                                         ValueRange{position, newTokens});
  if (target.lastOnly)
    last = affine::AffineApplyOp::create(b, loc, s0 - 1, ValueRange{length});
}

bool DecoderRows::isLength(OpFoldResult size) {
  auto value = dyn_cast<Value>(size);
  if (!value)
    return false;
  Result mapped = get(value, {});
  return succeeded(mapped) && *mapped == length;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

FailureOr<Value> DecoderRows::get(Value value, ArrayRef<RowAxis> axes) {
  std::pair<void *, RowAxes> key(value.getAsOpaquePointer(), RowAxes(axes));
  auto found = built.find(key);
  if (found != built.end())
    return found->second;
  Result result = create(value, key.second);
  if (failed(result))
    return failure();
  built[key] = *result;
  return result;
}

FailureOr<Value> DecoderRows::create(Value value, const RowAxes &axes) {
  if (auto input = dyn_cast<BlockArgument>(value))
    return buildInput(input, axes);
  auto result = cast<OpResult>(value);
  Operation *op = result.getOwner();
  if (auto dim = dyn_cast<tensor::DimOp>(op))
    return buildDim(dim);
  if (dependsOnTokens(value)) {
    if (llvm::count(axes, RowAxis::Fixed) + 1 !=
        static_cast<int64_t>(axes.size()))
      return refuse(op) << "requires results with one row for each token, "
                           "found "
                        << value.getType()
                        << "; only lowbit.attention may combine tokens";
    if (llvm::is_contained(axes, RowAxis::All))
      return refuse(op) << "its numbers for all tokens are needed at once, "
                           "which only lowbit.attention may ask for";
  }
  if (llvm::none_of(axes, isPart))
    return buildWhole(result, axes);
  if (llvm::is_contained(axes, RowAxis::Last) && whole.contains(value))
    return takeLast(value, axes);
  Result rows =
      llvm::TypeSwitch<Operation *, Result>(op)
          .Case([&](AttentionOp op) { return buildAttention(op, axes); })
          .Case<LinearOp, EmbeddingOp, QuantizeOp, DequantizeOp>(
              [&](Operation *op) { return buildLayer(op, axes); })
          .Case([&](tensor::EmptyOp op) { return buildEmpty(op, axes); })
          .Case(
              [&](tensor::ExtractSliceOp op) { return buildExtract(op, axes); })
          .Case([&](tensor::InsertSliceOp op) { return buildInsert(op, axes); })
          .Case<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
              [&](Operation *op) { return buildReshape(op, axes); })
          .Case([&](linalg::LinalgOp op) {
            return buildLinalg(op, result, axes);
          })
          .Default([&](Operation *) { return Result(Value()); });
  // A null value is no error: there is no form by rows.
  if (failed(rows) || *rows)
    return rows;
  return buildWhole(result, axes);
}

Value DecoderRows::fill(ArrayRef<RowAxis> axes, Value input, int64_t number) {
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<OpFoldResult> sizes;
  for (auto [extent, axis] : llvm::zip_equal(type.getShape(), axes))
    sizes.push_back(axis == RowAxis::Fixed ? b.getIndexAttr(extent)
                                           : getExtent(axis));
  Location loc = input.getLoc();
  Value init = tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
  Value scalar = arith::ConstantOp::create(
      b, loc, b.getIntegerAttr(type.getElementType(), number));
  return linalg::FillOp::create(b, loc, scalar, init).getResult(0);
}

/// The last of rows that are there.
FailureOr<Value> DecoderRows::takeLast(Value value, const RowAxes &axes) {
  Result rows = get(value, getAxes(value, RowAxis::New));
  if (failed(rows))
    return failure();
  auto type = cast<RankedTensorType>(getType(value, axes));
  Location loc = value.getLoc();
  OpFoldResult place = affine::makeComposedFoldedAffineApply(
      b, loc, b.getAffineSymbolExpr(0) - 1, {getExtent(RowAxis::New)});
  SmallVector<OpFoldResult> offsets, sizes,
      strides(type.getRank(), b.getIndexAttr(1));
  for (auto [extent, axis] : llvm::zip_equal(type.getShape(), axes)) {
    offsets.push_back(axis == RowAxis::Last ? place : b.getIndexAttr(0));
    sizes.push_back(b.getIndexAttr(extent));
  }
  return Value(tensor::ExtractSliceOp::create(b, loc, type, *rows, offsets,
                                              sizes, strides));
}

FailureOr<Value> DecoderRows::buildInput(BlockArgument input,
                                         const RowAxes &axes) {
  InputMeaning meaning = meanings[input.getArgNumber()];
  if (meaning == InputMeaning::Tokens) {
    if (llvm::is_contained(axes, RowAxis::Last))
      return takeLast(input, axes);
    if (!llvm::is_contained(axes, RowAxis::All))
      return Value(target.function.getArgument(0));
    return source.emitError("the tokens of the whole text are needed at once, "
                            "which a KV cache doesn't keep");
  }
  if (meaning != InputMeaning::Positions)
    return fill(axes, input, meaning == InputMeaning::Ones);
  Value init = fill(axes, input, 0);
  auto type = cast<RankedTensorType>(init.getType());
  AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  auto build = [&](OpBuilder &b, Location loc, ValueRange) {
    Value place = linalg::IndexOp::create(b, loc, type.getRank() - 1);
    if (isPart(axes.back()))
      place = arith::AddIOp::create(b, loc, place,
                                    cast<Value>(getFirst(axes.back())));
    Value number =
        arith::IndexCastOp::create(b, loc, type.getElementType(), place);
    linalg::YieldOp::create(b, loc, number);
  };
  return linalg::GenericOp::create(b, input.getLoc(), type, ValueRange(), init,
                                   identity, iterators, build)
      .getResult(0);
}

/// Every dynamic extent is the length of the text.
FailureOr<Value> DecoderRows::buildDim(tensor::DimOp op) {
  std::optional<int64_t> index = op.getConstantIndex();
  auto type = dyn_cast<RankedTensorType>(op.getSource().getType());
  if (!index || !type || *index >= type.getRank())
    return refuse(op) << "requires a known dimension of a ranked tensor";
  if (!type.isDynamicDim(*index))
    return Value(arith::ConstantIndexOp::create(b, op.getLoc(),
                                                type.getDimSize(*index)));
  return length;
}

/// For the whole length; rows of new positions are taken from that.
FailureOr<Value> DecoderRows::buildWhole(OpResult value, const RowAxes &axes) {
  Operation *op = value.getOwner();
  if (dependsOnTokens(value))
    return refuse(op) << "it is not known to compute the numbers of each token "
                         "from that token's alone";
  Location loc = op->getLoc();
  if (llvm::any_of(axes, isPart)) {
    Result all = getAll(value);
    if (failed(all))
      return failure();
    auto type = cast<RankedTensorType>(getType(value, axes));
    SmallVector<OpFoldResult> offsets, sizes,
        strides(type.getRank(), b.getIndexAttr(1));
    for (auto [i, axis] : llvm::enumerate(axes)) {
      offsets.push_back(getFirst(axis));
      sizes.push_back(axis == RowAxis::Fixed
                          ? b.getIndexAttr(type.getDimSize(i))
                          : getExtent(axis));
    }
    return Value(tensor::ExtractSliceOp::create(b, loc, type, *all, offsets,
                                                sizes, strides));
  }
  IRMapping mapping;
  SetVector<Value> used(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), used);
  for (Value operand : used) {
    Result mapped = getAll(operand);
    if (failed(mapped))
      return failure();
    mapping.map(operand, *mapped);
  }
  Operation *copy = b.clone(*op, mapping);
  SmallVector<OpFoldResult> folded;
  if (copy->getNumResults() == 1 && succeeded(copy->fold(folded)) &&
      folded.size() == 1 && isa<Value>(folded[0]) &&
      cast<Value>(folded[0]) != copy->getResult(0)) {
    copy->erase();
    return cast<Value>(folded[0]);
  }
  return copy->getResult(value.getResultNumber());
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

LogicalResult DecoderRows::build() {
  findDependents();
  findWhole();
  b.setInsertionPointToStart(target.function.addEntryBlock());
  buildExtents();
  Block &body = source.getBody().front();
  // In order, so that what is asked for is there and recursion stays shallow.
  for (Operation &op : body.without_terminator())
    for (Value result : op.getResults())
      if (dependsOnTokens(result) &&
          failed(get(result, getAxes(result, getRows(result)))))
        return failure();
  SmallVector<Value> results;
  for (Value result : body.getTerminator()->getOperands()) {
    Result rows = get(result, getAxes(result, target.lastOnly ? RowAxis::Last
                                                              : RowAxis::New));
    if (failed(rows))
      return failure();
    Type declared = target.function.getResultTypes()[results.size()];
    Type element = getElementTypeOrSelf(declared);
    results.push_back(isa<FloatType>(element)
                          ? convertFloats(b, result.getLoc(), *rows, element)
                          : *rows);
  }
  results.append(states);
  func::ReturnOp::create(b, source.getLoc(), results);
  return success();
}
