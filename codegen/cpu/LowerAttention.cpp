//===- LowerAttention.cpp - attention by blocks of queries and keys -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The form of Dao et al., "FlashAttention" (2022): a task has a block of
// queries of one head and goes through the keys block by block, with the
// largest score and the sum of exponentials of each row so far. What was summed
// before a larger score appeared is scaled down. So no more scores exist at a
// time than fit the first-level cache, and with a causal mask blocks that no
// query sees are never computed.
//
// Everything is linalg on tiles; the rest of the pipeline vectorizes it.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/CPU/Passes.h"

#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

namespace lowbit {
#define GEN_PASS_DEF_CPULOWERATTENTIONPASS
#include "lowbit/CodeGen/CPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
/// A tensor whose dimension order[i] is the i-th of the attention's.
struct View {
  Value tensor;
  SmallVector<int64_t> order;
};

/// Running results of a block of queries: sums of values [rows, E], largest
/// scores [rows], sums of exponentials [rows].
struct Running {
  Value values, largest, total;
};

class FlashAttention {
public:
  FlashAttention(IRRewriter &rewriter, AttentionOp op, int64_t queryTile,
                 int64_t keyTile)
      : b(rewriter), op(op), loc(op.getLoc()), queryTile(queryTile),
        keyTile(keyTile), rank(op.getType().getRank()) {}

  /// Replaces the operation.
  void lower();

private:
  using Sizes = SmallVector<OpFoldResult>;
  using Body = function_ref<Value(OpBuilder &, ValueRange)>;

  OpFoldResult index(int64_t value) { return b.getIndexAttr(value); }
  Value asValue(OpFoldResult size) {
    return getValueOrCreateConstantIndexOp(b, loc, size);
  }
  OpFoldResult apply(AffineExpr expression, ArrayRef<OpFoldResult> operands) {
    return affine::makeComposedFoldedAffineApply(b, loc, expression, operands);
  }
  OpFoldResult minimum(ArrayRef<AffineExpr> expressions,
                       ArrayRef<OpFoldResult> operands);

  View viewOperand(Value tensor);
  View viewResult();
  Value transposeKeys(Value key);
  Value readTile(const View &view, ArrayRef<OpFoldResult> batch,
                 OpFoldResult row, OpFoldResult rows, OpFoldResult column,
                 OpFoldResult columns);
  Value filled(const Sizes &sizes, float number);
  Value elementwise(ValueRange inputs, ArrayRef<AffineMap> maps,
                    const Sizes &sizes, Type element, Body body);
  Value rowwise(Value matrix, Value rows, Body body);
  Value update(Value target, Value rows, Body body);
  Value reduceRows(Value matrix, Value init, Body body);
  Value multiply(Value lhs, Value rhs, Value init);

  Value buildTask(ValueRange ivs, OpFoldResult firstQuery,
                  OpFoldResult queries);
  Running addKeys(Value query, ArrayRef<OpFoldResult> batch,
                  OpFoldResult firstQuery, OpFoldResult firstKey,
                  OpFoldResult keys, Running running);
  Value buildScores(Value query, ArrayRef<OpFoldResult> batch,
                    OpFoldResult firstQuery, OpFoldResult firstKey,
                    OpFoldResult keys);
  Value readMask(ArrayRef<OpFoldResult> batch, OpFoldResult firstQuery,
                 OpFoldResult queries, OpFoldResult firstKey,
                 OpFoldResult keys);

  IRRewriter &b;
  AttentionOp op;
  Location loc;
  int64_t queryTile, keyTile, rank;
  View query, keyT, value, result;
  OpFoldResult queries, keys, depth, width;
};
} // namespace

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

OpFoldResult FlashAttention::minimum(ArrayRef<AffineExpr> expressions,
                                     ArrayRef<OpFoldResult> operands) {
  AffineMap map =
      AffineMap::get(0, operands.size(), expressions, b.getContext());
  return affine::makeComposedFoldedAffineMin(b, loc, map, operands);
}

/// Reads through a transposition that keeps the last dimension.
View FlashAttention::viewOperand(Value tensor) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq(rank));
  auto transpose = tensor.getDefiningOp<linalg::TransposeOp>();
  if (!transpose || transpose.getPermutation().back() != rank - 1)
    return {tensor, order};
  return {transpose.getInput(),
          SmallVector<int64_t>(transpose.getPermutation())};
}

/// Where the result goes: through a transposition that is its only use.
View FlashAttention::viewResult() {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq(rank));
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(b, loc, op.getQuery());
  sizes.back() = width;
  if (op->hasOneUse())
    if (auto transpose = dyn_cast<linalg::TransposeOp>(*op->getUsers().begin());
        transpose && transpose.getInput() == op.getResult() &&
        transpose.getPermutation().back() == rank - 1)
      order = invertPermutationVector(transpose.getPermutation());
  Sizes permuted(rank);
  for (int64_t i = 0; i < rank; ++i)
    permuted[order[i]] = sizes[i];
  return {
      tensor::EmptyOp::create(b, loc, permuted, op.getType().getElementType()),
      order};
}

/// [..., D, J]: vectors of scores run along keys.
Value FlashAttention::transposeKeys(Value key) {
  SmallVector<int64_t> permutation = llvm::to_vector(llvm::seq(rank));
  std::swap(permutation[rank - 1], permutation[rank - 2]);
  Sizes sizes = tensor::getMixedSizes(b, loc, key);
  std::swap(sizes[rank - 1], sizes[rank - 2]);
  Value init = tensor::EmptyOp::create(
      b, loc, sizes, cast<RankedTensorType>(key.getType()).getElementType());
  return linalg::TransposeOp::create(b, loc, key, init, permutation)
      ->getResult(0);
}

/// A matrix of f32 out of a view, at [batch..., row, column].
Value FlashAttention::readTile(const View &view, ArrayRef<OpFoldResult> batch,
                               OpFoldResult row, OpFoldResult rows,
                               OpFoldResult column, OpFoldResult columns) {
  Sizes offsets(rank), sizes(rank, index(1)), strides(rank, index(1));
  for (int64_t i = 0; i + 2 < rank; ++i)
    offsets[view.order[i]] = batch[i];
  offsets[view.order[rank - 2]] = row;
  offsets[view.order[rank - 1]] = column;
  sizes[view.order[rank - 2]] = rows;
  sizes[view.order[rank - 1]] = columns;
  Type element = cast<RankedTensorType>(view.tensor.getType()).getElementType();
  auto type = RankedTensorType::get(
      {getConstantIntValue(rows).value_or(ShapedType::kDynamic),
       getConstantIntValue(columns).value_or(ShapedType::kDynamic)},
      element);
  Value tile = tensor::ExtractSliceOp::create(b, loc, type, view.tensor,
                                              offsets, sizes, strides);
  if (element.isF32())
    return tile;
  AffineMap identity = b.getMultiDimIdentityMap(2);
  return elementwise(tile, {identity, identity}, {rows, columns},
                     b.getF32Type(), [&](OpBuilder &b, ValueRange values) {
                       return arith::ExtFOp::create(b, loc, b.getF32Type(),
                                                    values[0]);
                     });
}

Value FlashAttention::filled(const Sizes &sizes, float number) {
  Value init = tensor::EmptyOp::create(b, loc, sizes, b.getF32Type());
  Value start = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(number));
  return linalg::FillOp::create(b, loc, start, init).getResult(0);
}

Value FlashAttention::elementwise(ValueRange inputs, ArrayRef<AffineMap> maps,
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

/// `body` of each element of a matrix and its row's number.
Value FlashAttention::rowwise(Value matrix, Value rows, Body body) {
  AffineMap identity = b.getMultiDimIdentityMap(2);
  return elementwise(
      {matrix, rows}, {identity, identity.getMajorSubMap(1), identity},
      tensor::getMixedSizes(b, loc, matrix), b.getF32Type(), body);
}

Value FlashAttention::reduceRows(Value matrix, Value init, Body body) {
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

/// `target`, whose rows run with `rows`, as `body` of its elements and those;
/// in place, since a loop carries it.
Value FlashAttention::update(Value target, Value rows, Body body) {
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

Value FlashAttention::multiply(Value lhs, Value rhs, Value init) {
  return linalg::MatmulOp::create(b, loc, init.getType(), ValueRange{lhs, rhs},
                                  init)
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// A block of keys
//===----------------------------------------------------------------------===//

/// The mask's element for each score of the tile, or null.
Value FlashAttention::readMask(ArrayRef<OpFoldResult> batch,
                               OpFoldResult firstQuery, OpFoldResult queries,
                               OpFoldResult firstKey, OpFoldResult keys) {
  Value mask = op.getMask();
  if (!mask)
    return nullptr;
  RankedTensorType type = op.getMask().getType();
  int64_t maskRank = type.getRank();
  Sizes offsets, sizes(maskRank, index(1)), strides(maskRank, index(1));
  Sizes places(batch);
  places.append({firstQuery, firstKey});
  for (int64_t i = 0; i < maskRank; ++i)
    offsets.push_back(type.getDimSize(i) == 1 ? index(0)
                                              : places[rank - maskRank + i]);
  if (type.getDimSize(maskRank - 2) != 1)
    sizes[maskRank - 2] = queries;
  if (type.getDimSize(maskRank - 1) != 1)
    sizes[maskRank - 1] = keys;
  auto extent = [&](int64_t i) {
    return getConstantIntValue(sizes[maskRank - 2 + i])
        .value_or(ShapedType::kDynamic);
  };
  auto tileType =
      RankedTensorType::get({extent(0), extent(1)}, type.getElementType());
  return tensor::ExtractSliceOp::create(b, loc, tileType, mask, offsets, sizes,
                                        strides);
}

/// Scores of a tile: products, plus the mask, -infinity for keys that a query
/// doesn't see. The query is scaled already.
Value FlashAttention::buildScores(Value query, ArrayRef<OpFoldResult> batch,
                                  OpFoldResult firstQuery,
                                  OpFoldResult firstKey,
                                  OpFoldResult keyCount) {
  OpFoldResult queryCount = tensor::getMixedSize(b, loc, query, 0);
  Sizes group(batch);
  AffineExpr s0, s1, s2, s3;
  bindSymbols(b.getContext(), s0, s1, s2, s3);
  group.back() = apply(s0.floorDiv(op.getHeadsPerGroup()), {batch.back()});
  Value keyTileT = readTile(keyT, group, index(0), depth, firstKey, keyCount);
  Value scores = multiply(query, keyTileT, filled({queryCount, keyCount}, 0));
  Value mask = readMask(batch, firstQuery, queryCount, firstKey, keyCount);
  if (!mask && !op.getCausal())
    return scores;
  AffineMap identity = b.getMultiDimIdentityMap(2);
  SmallVector<Value> inputs{scores};
  SmallVector<AffineMap> maps{identity};
  if (mask) {
    SmallVector<AffineExpr> read;
    for (int64_t i : {0, 1}) {
      bool isOne = op.getMask().getType().getDimSize(
                       op.getMask().getType().getRank() - 2 + i) == 1;
      read.push_back(isOne ? b.getAffineConstantExpr(0)
                           : b.getAffineDimExpr(i));
    }
    inputs.push_back(mask);
    maps.push_back(AffineMap::get(2, 0, read, b.getContext()));
  }
  maps.push_back(identity);
  // Key c of the tile is seen by query r where c <= r + shift.
  Value shift =
      asValue(apply(s0 + s1 - s2 - s3, {firstQuery, keys, firstKey, queries}));
  return elementwise(
      inputs, maps, {queryCount, keyCount}, b.getF32Type(),
      [&](OpBuilder &b, ValueRange values) -> Value {
        Value score = values[0];
        if (mask) {
          Value added = values[1];
          if (!added.getType().isF32())
            added = arith::ExtFOp::create(b, loc, b.getF32Type(), added);
          score = arith::AddFOp::create(b, loc, score, added);
        }
        if (!op.getCausal())
          return score;
        Value last = arith::AddIOp::create(
            b, loc, linalg::IndexOp::create(b, loc, 0), shift);
        Value isSeen =
            arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sle,
                                  linalg::IndexOp::create(b, loc, 1), last);
        Value never = arith::ConstantOp::create(
            b, loc, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
        return arith::SelectOp::create(b, loc, isSeen, score, never);
      });
}

/// exp(score - largest); 0 where the row has seen nothing but -infinity.
static Value buildPower(OpBuilder &b, Location loc, Value score,
                        Value largest) {
  Value lowest = arith::ConstantOp::create(
      b, loc, b.getF32FloatAttr(std::numeric_limits<float>::lowest()));
  Value base = arith::MaxNumFOp::create(b, loc, largest, lowest);
  return math::ExpOp::create(b, loc,
                             arith::SubFOp::create(b, loc, score, base));
}

Running FlashAttention::addKeys(Value query, ArrayRef<OpFoldResult> batch,
                                OpFoldResult firstQuery, OpFoldResult firstKey,
                                OpFoldResult keyCount, Running running) {
  Value scores = buildScores(query, batch, firstQuery, firstKey, keyCount);
  Sizes rows{tensor::getMixedSize(b, loc, query, 0)};
  auto larger = [&](OpBuilder &b, ValueRange values) -> Value {
    return arith::MaxNumFOp::create(b, loc, values[0], values[1]);
  };
  auto product = [&](OpBuilder &b, ValueRange values) -> Value {
    return arith::MulFOp::create(b, loc, values[0], values[1]);
  };
  Value tileLargest = reduceRows(
      scores, filled(rows, -std::numeric_limits<float>::infinity()), larger);
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
  Value total =
      reduceRows(powers, update(running.total, correction, product),
                 [&](OpBuilder &b, ValueRange values) {
                   return arith::AddFOp::create(b, loc, values[0], values[1]);
                 });
  Sizes group(batch);
  AffineExpr head = getAffineSymbolExpr(0, b.getContext());
  group.back() = apply(head.floorDiv(op.getHeadsPerGroup()), {batch.back()});
  Value valueTile = readTile(value, group, firstKey, keyCount, index(0), width);
  Value values =
      multiply(powers, valueTile, update(running.values, correction, product));
  return {values, largest, total};
}

//===----------------------------------------------------------------------===//
// A block of queries
//===----------------------------------------------------------------------===//

Value FlashAttention::buildTask(ValueRange ivs, OpFoldResult firstQuery,
                                OpFoldResult queryCount) {
  Sizes batch(ivs.drop_back());
  Value tile = readTile(query, batch, firstQuery, queryCount, index(0), depth);
  AffineMap identity = b.getMultiDimIdentityMap(2);
  tile = elementwise(tile, {identity, identity}, {queryCount, depth},
                     b.getF32Type(), [&](OpBuilder &b, ValueRange values) {
                       Value scale =
                           arith::ConstantOp::create(b, loc, op.getScaleAttr());
                       return arith::MulFOp::create(b, loc, values[0], scale);
                     });
  Value infinity =
      filled({queryCount}, -std::numeric_limits<float>::infinity());
  Value values = filled({queryCount, width}, 0);
  Value total = filled({queryCount}, 0);
  AffineExpr s0, s1, s2, s3;
  bindSymbols(b.getContext(), s0, s1, s2, s3);
  OpFoldResult end = keys;
  if (op.getCausal()) // The keys that the block's last query sees.
    end = minimum({s0, s1 + s2 + s0 - s3},
                  {keys, firstQuery, queryCount, queries});
  auto loop = scf::ForOp::create(b, loc, asValue(index(0)), asValue(end),
                                 asValue(index(keyTile)),
                                 ValueRange{values, infinity, total});
  b.setInsertionPointToStart(loop.getBody());
  Value firstKey = loop.getInductionVar();
  auto running = loop.getRegionIterArgs();
  OpFoldResult count =
      minimum({b.getAffineConstantExpr(keyTile), s0 - s1}, {end, firstKey});
  Running next = addKeys(tile, batch, firstQuery, firstKey, count,
                         {running[0], running[1], running[2]});
  scf::YieldOp::create(b, loc,
                       ValueRange{next.values, next.largest, next.total});
  b.setInsertionPointAfter(loop);
  AffineMap rows = identity.getMajorSubMap(1);
  return elementwise(
      {loop.getResult(0), loop.getResult(2)}, {identity, rows, identity},
      {queryCount, width}, op.getType().getElementType(),
      [&](OpBuilder &b, ValueRange values) -> Value {
        Value mean = arith::DivFOp::create(b, loc, values[0], values[1]);
        Type type = op.getType().getElementType();
        if (type.isF32())
          return mean;
        return arith::TruncFOp::create(b, loc, type, mean);
      });
}

void FlashAttention::lower() {
  b.setInsertionPoint(op);
  queries = tensor::getMixedSize(b, loc, op.getQuery(), rank - 2);
  depth = tensor::getMixedSize(b, loc, op.getQuery(), rank - 1);
  keys = tensor::getMixedSize(b, loc, op.getKey(), rank - 2);
  width = tensor::getMixedSize(b, loc, op.getValue(), rank - 1);
  query = viewOperand(op.getQuery());
  value = viewOperand(op.getValue());
  keyT = {transposeKeys(op.getKey()), llvm::to_vector(llvm::seq(rank))};
  result = viewResult();
  Operation *replaced = op;
  if (!llvm::is_sorted(result.order))
    replaced = *op->getUsers().begin();

  AffineExpr s0, s1;
  bindSymbols(b.getContext(), s0, s1);
  Sizes bounds = tensor::getMixedSizes(b, loc, op.getQuery());
  bounds.truncate(rank - 2);
  bounds.push_back(apply(s0.ceilDiv(queryTile), {queries}));
  auto forall = scf::ForallOp::create(b, loc, bounds, ValueRange{result.tensor},
                                      std::nullopt);
  b.setInsertionPointToStart(forall.getBody());
  SmallVector<Value> ivs = forall.getInductionVars();
  OpFoldResult first = apply(s0 * queryTile, {ivs.back()});
  OpFoldResult count =
      minimum({b.getAffineConstantExpr(queryTile), s0 - s1}, {queries, first});
  Value tile = buildTask(ivs, first, count);
  Sizes offsets(rank, index(0)), sizes(rank, index(1)), strides(rank, index(1));
  for (int64_t i = 0; i + 2 < rank; ++i)
    offsets[result.order[i]] = ivs[i];
  offsets[result.order[rank - 2]] = first;
  sizes[result.order[rank - 2]] = count;
  sizes[result.order[rank - 1]] = width;
  b.setInsertionPointToStart(forall.getTerminator().getBody());
  tensor::ParallelInsertSliceOp::create(
      b, loc, tile, forall.getRegionIterArgs()[0], offsets, sizes, strides);
  b.setInsertionPoint(replaced);
  Value replacement = forall.getResult(0);
  if (Type type = replaced->getResult(0).getType();
      type != replacement.getType())
    replacement = tensor::CastOp::create(b, loc, type, replacement);
  b.replaceOp(replaced, replacement);
  if (replaced != op)
    b.eraseOp(op);
}

/// One query has one row of scores, no more than its keys; one key has no rows
/// at all. What is carried for each row would be computed number by number.
static bool isWorthTiles(AttentionOp op) {
  int64_t rows = op.getType().getRank() - 2;
  return op.getQuery().getType().getDimSize(rows) != 1 &&
         op.getKey().getType().getDimSize(rows) != 1;
}

namespace {
struct CPULowerAttentionPass
    : lowbit::impl::CPULowerAttentionPassBase<CPULowerAttentionPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<AttentionOp> ops;
    getOperation()->walk([&](AttentionOp op) {
      if (isWorthTiles(op))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (AttentionOp op : ops)
      FlashAttention(rewriter, op, queryTile, keyTile).lower();
    numLowered += ops.size();
  }
};
} // namespace
