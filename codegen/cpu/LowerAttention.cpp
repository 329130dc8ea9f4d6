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

#include "AttentionTiles.h"
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

/// So many times the keys of a tile, or fewer, are one where their number is
/// known.
static constexpr int64_t kWholeTiles = 4;

namespace {
/// Queries of a task, and keys whose scores exist at a time.
struct Tiles {
  int64_t queries, keys;
};

class FlashAttention : AttentionTiles {
public:
  FlashAttention(IRRewriter &rewriter, AttentionOp op, Tiles tiles,
                 int64_t keysOfOneQuery)
      : AttentionTiles(rewriter, op, tiles.keys), queryTile(tiles.queries),
        keysOfOneQuery(keysOfOneQuery) {}

  /// Replaces the operation.
  void lower();

private:
  AttentionView viewResult();
  Value transposeKeys(Value key);
  Value lowerQueries();
  Value buildTask(ValueRange ivs, OpFoldResult firstQuery,
                  OpFoldResult queries);
  Value buildScores(Value query, ArrayRef<OpFoldResult> batch,
                    ArrayRef<OpFoldResult> group, OpFoldResult firstQuery,
                    OpFoldResult firstKey, OpFoldResult keys, bool isCausal);
  Value readMask(ArrayRef<OpFoldResult> batch, OpFoldResult firstQuery,
                 OpFoldResult queries, OpFoldResult firstKey,
                 OpFoldResult keys);

  int64_t queryTile, keysOfOneQuery;
  AttentionView keyT, result;
};
} // namespace

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// Where the result goes: through a transposition that is its only use.
AttentionView FlashAttention::viewResult() {
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
                                  ArrayRef<OpFoldResult> group,
                                  OpFoldResult firstQuery,
                                  OpFoldResult firstKey, OpFoldResult keyCount,
                                  bool isCausal) {
  OpFoldResult queryCount = tensor::getMixedSize(b, loc, query, 0);
  AffineExpr s0, s1, s2, s3;
  bindSymbols(b.getContext(), s0, s1, s2, s3);
  Value keyTileT =
      readTile(keyT, group, rank - 2, index(0), depth, firstKey, keyCount);
  Value scores = multiply(query, keyTileT, filled({queryCount, keyCount}, 0));
  Value mask = readMask(batch, firstQuery, queryCount, firstKey, keyCount);
  if (!mask && !isCausal)
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
        if (!isCausal)
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

//===----------------------------------------------------------------------===//
// A block of queries
//===----------------------------------------------------------------------===//

Value FlashAttention::buildTask(ValueRange ivs, OpFoldResult firstQuery,
                                OpFoldResult queryCount) {
  Sizes batch(ivs.drop_back()), group(batch);
  AffineExpr s0, s1, s2, s3;
  bindSymbols(b.getContext(), s0, s1, s2, s3);
  if (!group.empty())
    group.back() = apply(s0.floorDiv(op.getHeadsPerGroup()), {batch.back()});
  Value tile = scaled(readTile(query, batch, rank - 2, firstQuery, queryCount,
                               index(0), depth));
  auto score = [&](bool isCausal) {
    return [&, isCausal](OpFoldResult first, OpFoldResult count) {
      return buildScores(tile, batch, group, firstQuery, first, count,
                         isCausal);
    };
  };
  RunningRows running = start(queryCount);
  if (!op.getCausal()) {
    running =
        loopOverKeys(index(0), keys, running, group, score(/*isCausal=*/false));
    return finish(running, queryCount);
  }
  // Whole blocks of keys that the block's first query sees need no comparison;
  // the last query sees those up to `end`.
  OpFoldResult end =
      minimum({s0, s1 + s2 + s0 - s3}, {keys, firstQuery, queryCount, queries});
  OpFoldResult seen = apply((s0 + 1 + s1 - s2).floorDiv(keyTile) * keyTile,
                            {firstQuery, keys, queries});
  running =
      loopOverKeys(index(0), seen, running, group, score(/*isCausal=*/false));
  Value least =
      arith::MaxSIOp::create(b, loc, asValue(seen), asValue(index(0)));
  running = loopOverKeys(least, end, running, group, score(/*isCausal=*/true));
  return finish(running, queryCount);
}

/// Blocks of queries in parallel.
Value FlashAttention::lowerQueries() {
  keyT = {transposeKeys(op.getKey()), llvm::to_vector(llvm::seq(rank))};
  AffineExpr s0, s1;
  bindSymbols(b.getContext(), s0, s1);
  Sizes bounds = tensor::getMixedSizes(b, loc, op.getQuery());
  bounds.truncate(rank - 2);
  bounds.push_back(apply(s0.ceilDiv(queryTile), {queries}));
  auto forall = scf::ForallOp::create(b, loc, bounds, ValueRange{result.tensor},
                                      std::nullopt);
  OpBuilder::InsertionGuard guard(b);
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
  return forall.getResult(0);
}

/// Whether a task of one query has heads, or at least rows of numbers: a number
/// alone would be computed as such.
static bool hasHeads(AttentionOp op) {
  int64_t rank = op.getType().getRank();
  return rank > 2 && (op.getHeadsPerGroup() > 1 ||
                      (op.getQuery().getType().getDimSize(rank - 1) != 1 &&
                       op.getType().getDimSize(rank - 1) != 1));
}

void FlashAttention::lower() {
  result = viewResult();
  Operation *replaced = op;
  if (!llvm::is_sorted(result.order))
    replaced = *op->getUsers().begin();
  auto oneQuery = [&] {
    return lowerOneQuery(b, op, keysOfOneQuery, result.tensor, result.order);
  };
  Value replacement;
  std::optional<int64_t> known = getConstantIntValue(queries);
  if (!hasHeads(op) || (known && *known != 1)) {
    replacement = lowerQueries();
  } else if (known) {
    replacement = oneQuery();
  } else {
    // A program that extends a text step by step asks for one query each time.
    Value one = asValue(index(1));
    Value isOne = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                        asValue(queries), one);
    auto choice = scf::IfOp::create(b, loc, result.tensor.getType(), isOne,
                                    /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    scf::YieldOp::create(b, loc, oneQuery());
    b.setInsertionPointToStart(choice.elseBlock());
    scf::YieldOp::create(b, loc, lowerQueries());
    replacement = choice.getResult(0);
  }
  b.setInsertionPoint(replaced);
  if (Type type = replaced->getResult(0).getType();
      type != replacement.getType())
    replacement = tensor::CastOp::create(b, loc, type, replacement);
  b.replaceOp(replaced, replacement);
  if (replaced != op)
    b.eraseOp(op);
}

/// All keys at once, for as few queries that there are no more scores than
/// `tiles` has, where they are known and few: then no row is scaled twice, and
/// no short tile of keys is left. With a causal mask, tiles are what tells
/// which scores aren't computed.
static Tiles chooseTiles(AttentionOp op, Tiles tiles) {
  int64_t rows = op.getType().getRank() - 2;
  int64_t keys = op.getKey().getType().getDimSize(rows);
  if (op.getCausal() || ShapedType::isDynamic(keys) || keys <= tiles.keys ||
      keys > kWholeTiles * tiles.keys)
    return tiles;
  int64_t queries = tiles.queries * tiles.keys / keys;
  return {int64_t(1) << llvm::Log2_64(std::max<int64_t>(queries, 1)), keys};
}

/// One key has no rows of scores at all.
static bool isWorthTiles(AttentionOp op) {
  int64_t rows = op.getType().getRank() - 2;
  return (op.getQuery().getType().getDimSize(rows) != 1 || hasHeads(op)) &&
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
    for (AttentionOp op : ops) {
      rewriter.setInsertionPoint(op);
      FlashAttention(rewriter, op, chooseTiles(op, {queryTile, keyTile}),
                     keyTile)
          .lower();
    }
    numLowered += ops.size();
  }
};
} // namespace
