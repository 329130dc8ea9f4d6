//===- LowerOneQuery.cpp - attention of a text's next token ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One query has as many scores as there are keys, so reading keys and values is
// the work: a task reads those of a group once, for all heads that share them,
// where a cache holds them. Scores are sums along the rows of keys, which
// memory runs along, too. The query is the last one, so a causal mask hides
// nothing.
//
//===----------------------------------------------------------------------===//

#include "AttentionTiles.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

namespace {
class OneQuery : AttentionTiles {
public:
  OneQuery(IRRewriter &rewriter, AttentionOp op, int64_t keyTile)
      : AttentionTiles(rewriter, op, keyTile), heads(op.getHeadsPerGroup()) {
    key = viewOperand(op.getKey());
  }

  Value lower(Value result, ArrayRef<int64_t> order);

private:
  Value buildTask();
  Value
  loopOverBlocks(Value init,
                 function_ref<Value(OpFoldResult, OpFoldResult, Value)> body);
  Value buildScores(Value query);
  Value scoreHead(Value head, Value keys, Value init);
  Value addMask(Value scores);
  Value sumValues(Value powers);

  int64_t heads;
  AttentionView key;
  /// Where the task's group is, and the first of its heads.
  Sizes group;
  OpFoldResult firstHead;
};
} // namespace

/// Products of one head's query [D] with each key [keys, D].
Value OneQuery::scoreHead(Value head, Value keys, Value init) {
  AffineMap both = b.getMultiDimIdentityMap(2);
  AffineMap maps[] = {both.getMinorSubMap(1), both, both.getMajorSubMap(1)};
  return linalg::GenericOp::create(
             b, loc, init.getType(), ValueRange{head, keys}, init, maps,
             ArrayRef{utils::IteratorType::parallel,
                      utils::IteratorType::reduction},
             [](OpBuilder &b, Location loc, ValueRange values) {
               Value product =
                   arith::MulFOp::create(b, loc, values[0], values[1]);
               Value sum = arith::AddFOp::create(b, loc, values[2], product);
               linalg::YieldOp::create(b, loc, sum);
             })
      .getResult(0);
}

Value OneQuery::addMask(Value scores) {
  if (!op.getMask())
    return scores;
  RankedTensorType type = op.getMask().getType();
  int64_t maskRank = type.getRank();
  Sizes places(group), offsets, sizes(maskRank, index(1)),
      strides(maskRank, index(1));
  places.back() = firstHead;
  places.append({index(0), index(0)});
  for (int64_t i = 0; i < maskRank; ++i)
    offsets.push_back(type.getDimSize(i) == 1 ? index(0)
                                              : places[rank - maskRank + i]);
  bool hasHeads = maskRank > 2 && type.getDimSize(maskRank - 3) != 1;
  bool hasKeys = type.getDimSize(maskRank - 1) != 1;
  if (hasHeads)
    sizes[maskRank - 3] = index(heads);
  if (hasKeys)
    sizes[maskRank - 1] = keys;
  auto tileType = RankedTensorType::get(
      {hasHeads ? heads : 1,
       hasKeys ? getConstantIntValue(keys).value_or(ShapedType::kDynamic) : 1},
      type.getElementType());
  Value mask = tensor::ExtractSliceOp::create(b, loc, tileType, op.getMask(),
                                              offsets, sizes, strides);
  AffineMap identity = b.getMultiDimIdentityMap(2);
  AffineExpr zero = b.getAffineConstantExpr(0);
  AffineMap read = AffineMap::get(2, 0,
                                  {hasHeads ? identity.getResult(0) : zero,
                                   hasKeys ? identity.getResult(1) : zero},
                                  b.getContext());
  return elementwise(
      {scores, mask}, {identity, read, identity}, {index(heads), keys},
      b.getF32Type(), [&](OpBuilder &b, ValueRange values) -> Value {
        Value added = values[1];
        if (!added.getType().isF32())
          added = arith::ExtFOp::create(b, loc, b.getF32Type(), added);
        return arith::AddFOp::create(b, loc, values[0], added);
      });
}

/// A loop over blocks of keys that carries `init`.
Value OneQuery::loopOverBlocks(
    Value init, function_ref<Value(OpFoldResult, OpFoldResult, Value)> body) {
  AffineExpr s0, s1;
  bindSymbols(b.getContext(), s0, s1);
  auto loop = scf::ForOp::create(b, loc, asValue(index(0)), asValue(keys),
                                 asValue(index(keyTile)), ValueRange{init});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  OpFoldResult first = loop.getInductionVar();
  OpFoldResult count =
      minimum({b.getAffineConstantExpr(keyTile), s0 - s1}, {keys, first});
  Value next = body(first, count, loop.getRegionIterArg(0));
  scf::YieldOp::create(b, loc, next);
  return loop.getResult(0);
}

/// `count` numbers of row `row` of a matrix, from column `column` on.
static Value readRow(OpBuilder &b, Location loc, Value matrix, OpFoldResult row,
                     OpFoldResult column, OpFoldResult count) {
  auto type = RankedTensorType::get(
      {getConstantIntValue(count).value_or(ShapedType::kDynamic)},
      getElementTypeOrSelf(matrix));
  OpFoldResult one = b.getIndexAttr(1);
  return tensor::ExtractSliceOp::create(
      b, loc, type, matrix, ArrayRef<OpFoldResult>{row, column},
      ArrayRef<OpFoldResult>{one, count}, ArrayRef<OpFoldResult>{one, one});
}

/// Scores of all keys, [heads, keys]: a block of keys with every head.
Value OneQuery::buildScores(Value query) {
  auto addBlock = [&](OpFoldResult first, OpFoldResult count, Value scores) {
    Value block = readTile(key, group, rank - 2, first, count, index(0), depth);
    auto loop =
        scf::ForOp::create(b, loc, asValue(index(0)), asValue(index(heads)),
                           asValue(index(1)), ValueRange{scores});
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    OpFoldResult head = loop.getInductionVar();
    Value target = loop.getRegionIterArg(0);
    Value sums = scoreHead(readRow(b, loc, query, head, index(0), depth), block,
                           readRow(b, loc, target, head, first, count));
    Value next = tensor::InsertSliceOp::create(
        b, loc, sums, target, ArrayRef<OpFoldResult>{head, first},
        ArrayRef<OpFoldResult>{index(1), count},
        ArrayRef<OpFoldResult>{index(1), index(1)});
    scf::YieldOp::create(b, loc, next);
    return loop.getResult(0);
  };
  return addMask(loopOverBlocks(filled({index(heads), keys}, 0), addBlock));
}

/// The weighted sums of values, [heads, E].
Value OneQuery::sumValues(Value powers) {
  auto addBlock = [&](OpFoldResult first, OpFoldResult count, Value sums) {
    Value block =
        readTile(value, group, rank - 2, first, count, index(0), width);
    auto type = RankedTensorType::get(
        {heads, getConstantIntValue(count).value_or(ShapedType::kDynamic)},
        b.getF32Type());
    Value weights = tensor::ExtractSliceOp::create(
        b, loc, type, powers, ArrayRef<OpFoldResult>{index(0), first},
        ArrayRef<OpFoldResult>{index(heads), count},
        ArrayRef<OpFoldResult>{index(1), index(1)});
    return multiply(weights, block, sums);
  };
  return loopOverBlocks(filled({index(heads), width}, 0), addBlock);
}

Value OneQuery::buildTask() {
  Value rows = scaled(readTile(query, group, rank - 3, firstHead, index(heads),
                               index(0), depth));
  Value scores = buildScores(rows);
  // A finite number, so that differences to it are numbers.
  Value largest = largestOfRows(scores, std::numeric_limits<float>::lowest());
  Value powers = rowwise(scores, largest, [&](OpBuilder &b, ValueRange values) {
    return math::ExpOp::create(
        b, loc, arith::SubFOp::create(b, loc, values[0], values[1]));
  });
  Value total = sumRows(powers, filled({index(heads)}, 0));
  return finish({sumValues(powers), largest, total}, index(heads));
}

Value OneQuery::lower(Value result, ArrayRef<int64_t> order) {
  Sizes bounds = tensor::getMixedSizes(b, loc, op.getKey());
  bounds.truncate(rank - 2);
  auto forall =
      scf::ForallOp::create(b, loc, bounds, ValueRange{result}, std::nullopt);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(forall.getBody());
  SmallVector<Value> ivs = forall.getInductionVars();
  group.assign(ivs.begin(), ivs.end());
  firstHead = apply(b.getAffineSymbolExpr(0) * heads, {group.back()});
  Value tile = buildTask();
  Sizes offsets(rank, index(0)), sizes(rank, index(1)), strides(rank, index(1));
  for (int64_t i = 0; i + 3 < rank; ++i)
    offsets[order[i]] = group[i];
  offsets[order[rank - 3]] = firstHead;
  sizes[order[rank - 3]] = index(heads);
  sizes[order[rank - 1]] = width;
  b.setInsertionPointToStart(forall.getTerminator().getBody());
  tensor::ParallelInsertSliceOp::create(
      b, loc, tile, forall.getRegionIterArgs()[0], offsets, sizes, strides);
  return forall.getResult(0);
}

Value lowbit::lowerOneQuery(IRRewriter &rewriter, AttentionOp op,
                            int64_t keyTile, Value result,
                            ArrayRef<int64_t> resultOrder) {
  return OneQuery(rewriter, op, keyTile).lower(result, resultOrder);
}
