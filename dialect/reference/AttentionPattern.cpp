//===- AttentionPattern.cpp - attention in linalg -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two contractions around a softmax of whole rows. Heads are split into groups
// of those that share a key, so that all operands are read by loops of their
// own.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "QuantizedValue.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

namespace {
/// Loops are [batch..., group, head of the group, query, key], then the one
/// that a contraction sums over.
class AttentionBuilder {
public:
  AttentionBuilder(OpBuilder &builder, AttentionOp op)
      : b(builder), loc(op.getLoc()), op(op),
        batch(op.getType().getRank() - 3) {}

  Value build(Value query, Value key, Value value, Value mask);

private:
  AffineMap map(ArrayRef<unsigned> dims, unsigned loops);
  SmallVector<unsigned> loops(ArrayRef<unsigned> inner);
  Value splitHeads(Value tensor, unsigned dimension);
  Value filled(ArrayRef<OpFoldResult> sizes, double number);
  Value contract(Value lhs, Value rhs, ArrayRef<unsigned> lhsLoops,
                 ArrayRef<unsigned> rhsLoops, ArrayRef<unsigned> resultLoops,
                 ArrayRef<OpFoldResult> sizes);
  Value combineRows(Value scores, double start, bool isMaximum);
  Value mapScores(Value scores, Value perRow,
                  function_ref<Value(OpBuilder &, Value, Value)> function);
  Value maskScores(Value scores, Value mask);
  AffineMap getMaskMap(RankedTensorType type, bool splits);

  OpBuilder &b;
  Location loc;
  AttentionOp op;
  unsigned batch;
};
} // namespace

AffineMap AttentionBuilder::map(ArrayRef<unsigned> dims, unsigned loops) {
  SmallVector<AffineExpr> results;
  for (unsigned dim : dims)
    results.push_back(b.getAffineDimExpr(dim));
  return AffineMap::get(loops, 0, results, b.getContext());
}

/// All batch loops, then `inner` counted from the group.
SmallVector<unsigned> AttentionBuilder::loops(ArrayRef<unsigned> inner) {
  SmallVector<unsigned> result = llvm::to_vector(llvm::seq(batch));
  for (unsigned loop : inner)
    result.push_back(batch + loop);
  return result;
}

/// Dimension `dimension` of extent H as [G, H / G].
Value AttentionBuilder::splitHeads(Value tensor, unsigned dimension) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t perGroup = op.getHeadsPerGroup();
  SmallVector<int64_t> shape(type.getShape());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, tensor);
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0, next = 0; i < type.getRank(); ++i) {
    groups.push_back({next++});
    if (i == dimension)
      groups.back().push_back(next++);
  }
  shape[dimension] /= perGroup;
  sizes[dimension] = b.getIndexAttr(shape[dimension]);
  shape.insert(shape.begin() + dimension + 1, perGroup);
  sizes.insert(sizes.begin() + dimension + 1, b.getIndexAttr(perGroup));
  return tensor::ExpandShapeOp::create(b, loc, type.clone(shape), tensor,
                                       groups, sizes);
}

Value AttentionBuilder::filled(ArrayRef<OpFoldResult> sizes, double number) {
  Value init = tensor::EmptyOp::create(b, loc, sizes, b.getF32Type());
  Value start = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(number));
  return linalg::FillOp::create(b, loc, start, init).getResult(0);
}

Value AttentionBuilder::contract(Value lhs, Value rhs,
                                 ArrayRef<unsigned> lhsLoops,
                                 ArrayRef<unsigned> rhsLoops,
                                 ArrayRef<unsigned> resultLoops,
                                 ArrayRef<OpFoldResult> sizes) {
  Value init = filled(sizes, 0);
  unsigned count = batch + 5;
  ArrayAttr maps = b.getAffineMapArrayAttr({map(loops(lhsLoops), count),
                                            map(loops(rhsLoops), count),
                                            map(loops(resultLoops), count)});
  return linalg::ContractOp::create(b, loc, init.getType(),
                                    ValueRange{lhs, rhs}, init, maps)
      .getResult(0);
}

/// The sum or the largest of each row of scores.
Value AttentionBuilder::combineRows(Value scores, double start,
                                    bool isMaximum) {
  unsigned rank = batch + 4;
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, scores);
  sizes.pop_back();
  Value init = filled(sizes, start);
  return linalg::GenericOp::create(
             b, loc, init.getType(), scores, init,
             ArrayRef{identity, identity.getMajorSubMap(rank - 1)}, iterators,
             [&](OpBuilder &b, Location loc, ValueRange values) {
               Value result =
                   isMaximum
                       ? arith::MaximumFOp::create(b, loc, values[0], values[1])
                             .getResult()
                       : arith::AddFOp::create(b, loc, values[0], values[1]);
               linalg::YieldOp::create(b, loc, result);
             })
      .getResult(0);
}

/// `function` of each score and its row's number.
Value AttentionBuilder::mapScores(
    Value scores, Value perRow,
    function_ref<Value(OpBuilder &, Value, Value)> function) {
  unsigned rank = batch + 4;
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  Value init = tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, scores), b.getF32Type());
  return linalg::GenericOp::create(
             b, loc, init.getType(), ValueRange{scores, perRow}, init,
             ArrayRef{identity, identity.getMajorSubMap(rank - 1), identity},
             iterators,
             [&](OpBuilder &b, Location loc, ValueRange values) {
               linalg::YieldOp::create(b, loc,
                                       function(b, values[0], values[1]));
             })
      .getResult(0);
}

/// How the scores' loops read the mask, whose head dimension is split if it has
/// one.
AffineMap AttentionBuilder::getMaskMap(RankedTensorType type, bool splits) {
  SmallVector<AffineExpr> results;
  int64_t scoresRank = batch + 4, rank = type.getRank();
  for (int64_t i = 0; i < rank; ++i) {
    // A head dimension of extent 1 stands for both loops of heads.
    int64_t loop = scoresRank - rank + i;
    if (!splits && i + 3 <= rank)
      --loop;
    results.push_back(type.getDimSize(i) == 1 ? b.getAffineConstantExpr(0)
                                              : b.getAffineDimExpr(loop));
  }
  return AffineMap::get(scoresRank, 0, results, b.getContext());
}

/// scale * score + mask, and -infinity for the keys after a query's own.
Value AttentionBuilder::maskScores(Value scores, Value mask) {
  unsigned rank = batch + 4;
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  SmallVector<Value> inputs{scores};
  SmallVector<AffineMap> maps{identity};
  if (mask) {
    auto type = cast<RankedTensorType>(mask.getType());
    bool splits =
        type.getRank() >= 3 && type.getDimSize(type.getRank() - 3) != 1;
    if (splits)
      mask = splitHeads(mask, type.getRank() - 3);
    inputs.push_back(mask);
    maps.push_back(getMaskMap(cast<RankedTensorType>(mask.getType()), splits));
  }
  maps.push_back(identity);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, scores);
  Value init = tensor::EmptyOp::create(b, loc, sizes, b.getF32Type());
  Value queries = getValueOrCreateConstantIndexOp(b, loc, sizes[rank - 2]);
  Value keys = getValueOrCreateConstantIndexOp(b, loc, sizes[rank - 1]);
  auto buildBody = [&](OpBuilder &b, Location loc, ValueRange values) {
    Value scale = arith::ConstantOp::create(b, loc, op.getScaleAttr());
    Value score = arith::MulFOp::create(b, loc, values[0], scale);
    if (mask)
      score =
          arith::AddFOp::create(b, loc, score, extendToF32(b, loc, values[1]));
    if (op.getCausal()) {
      // j + I <= i + J, without negative numbers.
      Value i = linalg::IndexOp::create(b, loc, rank - 2);
      Value j = linalg::IndexOp::create(b, loc, rank - 1);
      Value isSeen =
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule,
                                arith::AddIOp::create(b, loc, j, queries),
                                arith::AddIOp::create(b, loc, i, keys));
      Value never = arith::ConstantOp::create(
          b, loc, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
      score = arith::SelectOp::create(b, loc, isSeen, score, never);
    }
    linalg::YieldOp::create(b, loc, score);
  };
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(b, loc, init.getType(), inputs, init, maps,
                                   iterators, buildBody)
      .getResult(0);
}

Value AttentionBuilder::build(Value query, Value key, Value value, Value mask) {
  enum { Group, Head, Query, Key, Summed };
  query = splitHeads(query, batch);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, query);
  sizes.back() = tensor::getMixedSize(b, loc, key, batch + 1);
  Value scores =
      contract(query, key, {Group, Head, Query, Summed}, {Group, Key, Summed},
               {Group, Head, Query, Key}, sizes);
  scores = maskScores(scores, mask);
  Value largest = combineRows(scores, -std::numeric_limits<double>::infinity(),
                              /*isMaximum=*/true);
  Value powers =
      mapScores(scores, largest, [&](OpBuilder &b, Value score, Value row) {
        Value difference = arith::SubFOp::create(b, loc, score, row);
        return math::ExpOp::create(b, loc, difference);
      });
  Value total = combineRows(powers, 0, /*isMaximum=*/false);
  Value weights =
      mapScores(powers, total, [&](OpBuilder &b, Value power, Value row) {
        return arith::DivFOp::create(b, loc, power, row);
      });
  sizes.back() = tensor::getMixedSize(b, loc, value, batch + 2);
  // The contraction sums over keys; its last loop runs with the value.
  Value result =
      contract(weights, value, {Group, Head, Query, Key}, {Group, Key, Summed},
               {Group, Head, Query, Summed}, sizes);
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < batch; ++i)
    groups.push_back({i});
  int64_t next = batch;
  groups.push_back({next, next + 1});
  groups.push_back({next + 2});
  groups.push_back({next + 3});
  return tensor::CollapseShapeOp::create(b, loc, result, groups);
}

/// `value`, an f32 tensor, in the element type and static shape of `type`.
static Value convertTo(OpBuilder &b, Location loc, Value value,
                       RankedTensorType type) {
  auto found = cast<RankedTensorType>(value.getType());
  if (!type.getElementType().isF32()) {
    AffineMap identity = b.getMultiDimIdentityMap(type.getRank());
    SmallVector<utils::IteratorType> iterators(type.getRank(),
                                               utils::IteratorType::parallel);
    Value init = tensor::EmptyOp::create(
        b, loc, tensor::getMixedSizes(b, loc, value), type.getElementType());
    value = linalg::GenericOp::create(
                b, loc, found.clone(type.getElementType()), value, init,
                ArrayRef{identity, identity}, iterators,
                [&](OpBuilder &b, Location loc, ValueRange values) {
                  linalg::YieldOp::create(
                      b, loc,
                      roundToType(b, loc, values[0], type.getElementType()));
                })
                .getResult(0);
  }
  if (value.getType() == type)
    return value;
  return tensor::CastOp::create(b, loc, type, value);
}

namespace {
struct LowerAttention : OpConversionPattern<AttentionOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(AttentionOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    Value result = AttentionBuilder(rewriter, op)
                       .build(adaptor.getQuery(), adaptor.getKey(),
                              adaptor.getValue(), adaptor.getMask());
    rewriter.replaceOp(op,
                       convertTo(rewriter, op.getLoc(), result, op.getType()));
    return success();
  }
};
} // namespace

void lowbit::populateAttentionPatterns(const TypeConverter &converter,
                                       RewritePatternSet &patterns) {
  patterns.add<LowerAttention>(converter, patterns.getContext());
}
