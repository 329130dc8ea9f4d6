//===- AttentionTiles.cpp - what tiles of attention are made of -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionTiles.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/TilingInterface.h"

using namespace mlir;
using namespace lowbit;

AttentionTiles::AttentionTiles(IRRewriter &rewriter, AttentionOp op,
                               int64_t keyTile)
    : b(rewriter), op(op), loc(op.getLoc()), keyTile(keyTile),
      rank(op.getType().getRank()) {
  queries = tensor::getMixedSize(b, loc, op.getQuery(), rank - 2);
  depth = tensor::getMixedSize(b, loc, op.getQuery(), rank - 1);
  keys = tensor::getMixedSize(b, loc, op.getKey(), rank - 2);
  width = tensor::getMixedSize(b, loc, op.getValue(), rank - 1);
  query = viewOperand(op.getQuery());
  value = viewOperand(op.getValue());
}

Value AttentionTiles::asValue(OpFoldResult size) {
  return getValueOrCreateConstantIndexOp(b, loc, size);
}

OpFoldResult AttentionTiles::apply(AffineExpr expression,
                                   ArrayRef<OpFoldResult> operands) {
  return affine::makeComposedFoldedAffineApply(b, loc, expression, operands);
}

OpFoldResult AttentionTiles::minimum(ArrayRef<AffineExpr> expressions,
                                     ArrayRef<OpFoldResult> operands) {
  AffineMap map =
      AffineMap::get(0, operands.size(), expressions, b.getContext());
  return affine::makeComposedFoldedAffineMin(b, loc, map, operands);
}

/// Whether each element of the result is made from elements at its place.
static bool isElementwise(linalg::LinalgOp op) {
  if (!op || op->getNumResults() != 1 || !op.hasPureTensorSemantics() ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return false;
  return llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) {
    return map.isProjectedPermutation();
  });
}

/// Whether the tensor is decoded from a cache: by an elementwise op from other
/// elements, halves of rows apart.
static bool isDecodedCache(Value tensor) {
  if (auto collapse = tensor.getDefiningOp<tensor::CollapseShapeOp>())
    tensor = collapse.getSrc();
  auto op = tensor.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInputs() == 0)
    return false;
  Type element =
      getElementTypeOrSelf(op.getDpsInputOperand(0)->get().getType());
  return element != getElementTypeOrSelf(tensor.getType()) && isElementwise(op);
}

AttentionView AttentionTiles::viewOperand(Value tensor) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq(rank));
  auto transpose = tensor.getDefiningOp<linalg::TransposeOp>();
  if (!transpose || transpose.getPermutation().back() != rank - 1)
    return {tensor, order, isDecodedCache(tensor)};
  return {transpose.getInput(),
          SmallVector<int64_t>(transpose.getPermutation())};
}

/// A slice of `tensor`: of what decodes it, so that nothing but the slice is
/// decoded.
static Value sliceTensor(OpBuilder &b, Location loc, Value tensor,
                         ArrayRef<OpFoldResult> offsets,
                         ArrayRef<OpFoldResult> sizes) {
  // Halves of a row, decoded side by side.
  auto collapse = tensor.getDefiningOp<tensor::CollapseShapeOp>();
  if (collapse &&
      collapse.getSrcType().getRank() ==
          static_cast<int64_t>(offsets.size()) + 1 &&
      collapse.getReassociationIndices().back().size() == 2 &&
      isElementwise(collapse.getSrc().getDefiningOp<linalg::LinalgOp>()) &&
      isZeroInteger(offsets.back()) &&
      getConstantIntValue(sizes.back()) ==
          collapse.getResultType().getShape().back()) {
    ArrayRef<int64_t> halves = collapse.getSrcType().getShape().take_back(2);
    SmallVector<OpFoldResult> inner(offsets), innerSizes(sizes.drop_back());
    inner.push_back(b.getIndexAttr(0));
    innerSizes.append({b.getIndexAttr(halves[0]), b.getIndexAttr(halves[1])});
    Value slice = sliceTensor(b, loc, collapse.getSrc(), inner, innerSizes);
    return tensor::CollapseShapeOp::create(b, loc, slice,
                                           collapse.getReassociationIndices());
  }
  if (auto op = tensor.getDefiningOp<linalg::LinalgOp>(); isElementwise(op)) {
    FailureOr<TilingResult> tile =
        cast<TilingInterface>(op.getOperation())
            .getTiledImplementation(b, SmallVector<OpFoldResult>(offsets),
                                    SmallVector<OpFoldResult>(sizes));
    if (succeeded(tile) && tile->tiledOps.size() == 1) {
      auto tiled = cast<linalg::LinalgOp>(tile->tiledOps.front());
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(tiled);
      Value init =
          tensor::EmptyOp::create(b, loc, sizes, getElementTypeOrSelf(tensor));
      tiled.getDpsInitOperand(0)->set(init);
      tiled->getResult(0).setType(init.getType());
      return tiled->getResult(0);
    }
  }
  SmallVector<OpFoldResult> strides(offsets.size(), b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(b, loc, tensor, offsets, sizes,
                                        strides);
}

Value AttentionTiles::readTile(const AttentionView &view,
                               ArrayRef<OpFoldResult> batch, int64_t rowDim,
                               OpFoldResult row, OpFoldResult rows,
                               OpFoldResult column, OpFoldResult columns) {
  Sizes offsets(rank, index(0)), sizes(rank, index(1)), strides(rank, index(1));
  for (auto [i, place] : llvm::enumerate(batch))
    offsets[view.order[i]] = place;
  offsets[view.order[rowDim]] = row;
  offsets[view.order[rank - 1]] = column;
  sizes[view.order[rowDim]] = rows;
  sizes[view.order[rank - 1]] = columns;
  Type element = cast<RankedTensorType>(view.tensor.getType()).getElementType();
  auto type = RankedTensorType::get(
      {getConstantIntValue(rows).value_or(ShapedType::kDynamic),
       getConstantIntValue(columns).value_or(ShapedType::kDynamic)},
      element);
  Value source = view.tensor;
  if (view.isDecoded) {
    source = sliceTensor(b, loc, view.tensor, offsets, sizes);
    offsets.assign(rank, index(0));
  }
  Value tile = tensor::ExtractSliceOp::create(b, loc, type, source, offsets,
                                              sizes, strides);
  if (element.isF32())
    return tile;
  AffineMap identity = b.getMultiDimIdentityMap(2);
  return elementwise(tile, {identity, identity}, {rows, columns},
                     b.getF32Type(), [&](OpBuilder &b, ValueRange values) {
                       return arith::ExtFOp::create(b, loc, b.getF32Type(),
                                                    values[0]);
                     });
}

Value AttentionTiles::filled(const Sizes &sizes, float number) {
  Value init = tensor::EmptyOp::create(b, loc, sizes, b.getF32Type());
  Value start = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(number));
  return linalg::FillOp::create(b, loc, start, init).getResult(0);
}

Value AttentionTiles::elementwise(ValueRange inputs, ArrayRef<AffineMap> maps,
                                  const Sizes &sizes, Type element, Body body) {
  Value init = tensor::EmptyOp::create(b, loc, sizes, element);
  SmallVector<utils::IteratorType> iterators(sizes.size(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, init.getType(), inputs, init, maps, iterators,
             [&](OpBuilder &inner, Location, ValueRange values) {
               linalg::YieldOp::create(inner, loc, body(inner, values));
             })
      .getResult(0);
}

Value AttentionTiles::rowwise(Value matrix, Value rows, Body body) {
  AffineMap identity = b.getMultiDimIdentityMap(2);
  return elementwise(
      {matrix, rows}, {identity, identity.getMajorSubMap(1), identity},
      tensor::getMixedSizes(b, loc, matrix), b.getF32Type(), body);
}

Value AttentionTiles::reduceRows(Value matrix, Value init, Body body) {
  AffineMap identity = b.getMultiDimIdentityMap(2);
  return linalg::GenericOp::create(
             b, loc, init.getType(), matrix, init,
             ArrayRef{identity, identity.getMajorSubMap(1)},
             ArrayRef{utils::IteratorType::parallel,
                      utils::IteratorType::reduction},
             [&](OpBuilder &inner, Location, ValueRange values) {
               linalg::YieldOp::create(inner, loc, body(inner, values));
             })
      .getResult(0);
}

Value AttentionTiles::update(Value target, Value rows, Body body) {
  unsigned dims = cast<RankedTensorType>(target.getType()).getRank();
  AffineMap identity = b.getMultiDimIdentityMap(dims);
  SmallVector<utils::IteratorType> iterators(dims,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, target.getType(), rows, target,
             ArrayRef{identity.getMajorSubMap(1), identity}, iterators,
             [&](OpBuilder &inner, Location, ValueRange values) {
               linalg::YieldOp::create(inner, loc, body(inner, values));
             })
      .getResult(0);
}

Value AttentionTiles::multiply(Value lhs, Value rhs, Value init) {
  return linalg::MatmulOp::create(b, loc, init.getType(), ValueRange{lhs, rhs},
                                  init)
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// A block of keys
//===----------------------------------------------------------------------===//

/// exp(score - largest); 0 where the row has seen nothing but -infinity.
static Value buildPower(OpBuilder &b, Location loc, Value score,
                        Value largest) {
  Value lowest = arith::ConstantOp::create(
      b, loc, b.getF32FloatAttr(std::numeric_limits<float>::lowest()));
  Value base = arith::MaxNumFOp::create(b, loc, largest, lowest);
  return math::ExpOp::create(b, loc,
                             arith::SubFOp::create(b, loc, score, base));
}

/// The larger of two numbers.
static Value buildLarger(OpBuilder &b, Location loc, ValueRange values) {
  return arith::MaxNumFOp::create(b, loc, values[0], values[1]);
}

Value AttentionTiles::largestOfRows(Value scores, float least) {
  Sizes rows{tensor::getMixedSize(b, loc, scores, 0)};
  return reduceRows(scores, filled(rows, least),
                    [&](OpBuilder &b, ValueRange values) {
                      return buildLarger(b, loc, values);
                    });
}

Value AttentionTiles::sumRows(Value matrix, Value init) {
  return reduceRows(matrix, init, [&](OpBuilder &b, ValueRange values) {
    return arith::AddFOp::create(b, loc, values[0], values[1]);
  });
}

RunningRows AttentionTiles::addKeys(Value scores, Value values,
                                    RunningRows running) {
  Sizes rows{tensor::getMixedSize(b, loc, scores, 0)};
  auto larger = [&](OpBuilder &b, ValueRange values) {
    return buildLarger(b, loc, values);
  };
  auto product = [&](OpBuilder &b, ValueRange values) -> Value {
    return arith::MulFOp::create(b, loc, values[0], values[1]);
  };
  Value tileLargest =
      largestOfRows(scores, -std::numeric_limits<float>::infinity());
  // Before the largest so far is written over.
  AffineMap line = b.getMultiDimIdentityMap(1);
  Value correction =
      elementwise({running.largest, tileLargest}, {line, line, line}, rows,
                  b.getF32Type(), [&](OpBuilder &b, ValueRange values) {
                    return buildPower(b, loc, values[0], larger(b, values));
                  });
  Value largest = update(running.largest, tileLargest, larger);
  Value powers = rowwise(scores, largest, [&](OpBuilder &b, ValueRange values) {
    return buildPower(b, loc, values[0], values[1]);
  });
  Value total = sumRows(powers, update(running.total, correction, product));
  Value sums =
      multiply(powers, values, update(running.values, correction, product));
  return {sums, largest, total};
}

Value AttentionTiles::scaled(Value rows) {
  AffineMap identity = b.getMultiDimIdentityMap(2);
  return elementwise(
      rows, {identity, identity}, tensor::getMixedSizes(b, loc, rows),
      b.getF32Type(), [&](OpBuilder &b, ValueRange values) {
        Value scale = arith::ConstantOp::create(b, loc, op.getScaleAttr());
        return arith::MulFOp::create(b, loc, values[0], scale);
      });
}

RunningRows AttentionTiles::start(OpFoldResult rows) {
  Value infinity = filled({rows}, -std::numeric_limits<float>::infinity());
  return {filled({rows, width}, 0), infinity, filled({rows}, 0)};
}

RunningRows AttentionTiles::loopOverKeys(
    OpFoldResult begin, OpFoldResult end, RunningRows running,
    ArrayRef<OpFoldResult> group,
    function_ref<Value(OpFoldResult, OpFoldResult)> score) {
  AffineExpr s0, s1;
  bindSymbols(b.getContext(), s0, s1);
  auto loop = scf::ForOp::create(
      b, loc, asValue(begin), asValue(end), asValue(index(keyTile)),
      ValueRange{running.values, running.largest, running.total});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  OpFoldResult first = loop.getInductionVar();
  OpFoldResult count =
      minimum({b.getAffineConstantExpr(keyTile), s0 - s1}, {end, first});
  auto carried = loop.getRegionIterArgs();
  Value scores = score(first, count);
  Value values =
      readTile(value, group, rank - 2, first, count, index(0), width);
  RunningRows next =
      addKeys(scores, values, {carried[0], carried[1], carried[2]});
  scf::YieldOp::create(b, loc,
                       ValueRange{next.values, next.largest, next.total});
  return {loop.getResult(0), loop.getResult(1), loop.getResult(2)};
}

Value AttentionTiles::finish(const RunningRows &running, OpFoldResult rows) {
  AffineMap identity = b.getMultiDimIdentityMap(2);
  return elementwise({running.values, running.total},
                     {identity, identity.getMajorSubMap(1), identity},
                     {rows, width}, op.getType().getElementType(),
                     [&](OpBuilder &b, ValueRange values) -> Value {
                       Value mean =
                           arith::DivFOp::create(b, loc, values[0], values[1]);
                       Type type = op.getType().getElementType();
                       if (type.isF32())
                         return mean;
                       return arith::TruncFOp::create(b, loc, type, mean);
                     });
}
