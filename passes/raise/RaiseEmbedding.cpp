//===- RaiseEmbedding.cpp - gathers of rows become embeddings -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A gather is a generic op that computes a row number from an index, extracts
// one element of a table, and takes the column from the innermost loop. How the
// row number treats indices outside of the table must be how
// `lowbit.embedding` treats them, or not defined at all.
//
//===----------------------------------------------------------------------===//

#include "RaisePatterns.h"
#include "WeightView.h"

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/PatternNames.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// The row number
//===----------------------------------------------------------------------===//

/// A constant integer, also as the difference of two.
static std::optional<int64_t> getInteger(Value value) {
  if (auto difference = value.getDefiningOp<arith::SubIOp>()) {
    auto lhs = getConstantIntValue(difference.getLhs());
    auto rhs = getConstantIntValue(difference.getRhs());
    if (lhs && rhs)
      return *lhs - *rhs;
  }
  return getConstantIntValue(value);
}

static Value withoutCasts(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::IndexCastOp, arith::ExtSIOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// The operand of `op` beside the constant `number`, null if it has none.
static Value besideConstant(Operation *op, int64_t number) {
  if (getInteger(op->getOperand(1)) == number)
    return op->getOperand(0);
  return getInteger(op->getOperand(0)) == number ? op->getOperand(1) : Value();
}

/// i of `select(i < 0, i + rows, i)` and its mirror images.
static Value unwrapped(arith::SelectOp select, int64_t rows) {
  auto compare = select.getCondition().getDefiningOp<arith::CmpIOp>();
  if (!compare || getInteger(compare.getRhs()) != 0)
    return {};
  Value whenNegative = select.getTrueValue(),
        otherwise = select.getFalseValue();
  if (compare.getPredicate() == arith::CmpIPredicate::sge)
    std::swap(whenNegative, otherwise);
  else if (compare.getPredicate() != arith::CmpIPredicate::slt)
    return {};
  auto moved = withoutCasts(whenNegative).getDefiningOp<arith::AddIOp>();
  if (!moved)
    return {};
  Value index = withoutCasts(otherwise);
  Value base = besideConstant(moved, rows);
  if (!base || withoutCasts(base) != index ||
      withoutCasts(compare.getLhs()) != index)
    return {};
  return index;
}

/// The index that `row` selects a row of a table of `rows` rows with, null
/// where it selects differently from `lowbit.embedding`: counts negative
/// indices from the end, then clamps. Without a clamp an index outside of the
/// table would read outside of it, so anything may be done with it.
static Value getIndexOfRow(Value row, int64_t rows) {
  bool isWrapped = false, isClampedBelow = false;
  while (true) {
    row = withoutCasts(row);
    Operation *op = row.getDefiningOp();
    if (!op)
      return isClampedBelow && !isWrapped ? Value() : row;
    Value next;
    if (isa<arith::MinSIOp>(op) && !isWrapped) {
      next = besideConstant(op, rows - 1);
    } else if (isa<arith::MaxSIOp>(op) && !isWrapped) {
      next = besideConstant(op, 0);
      isClampedBelow = true;
    } else if (auto select = dyn_cast<arith::SelectOp>(op);
               select && !isWrapped) {
      next = unwrapped(select, rows);
      isWrapped = true;
    }
    if (!next)
      return {};
    row = next;
  }
}

//===----------------------------------------------------------------------===//
// The gather
//===----------------------------------------------------------------------===//

/// The `tensor.extract` that `op` yields, widened at most; null otherwise.
static tensor::ExtractOp getExtract(linalg::GenericOp op) {
  Value yielded = op.getBody()->getTerminator()->getOperand(0);
  if (auto widened = yielded.getDefiningOp<arith::ExtFOp>())
    yielded = widened.getIn();
  return yielded.getDefiningOp<tensor::ExtractOp>();
}

/// Whether `map` is (d0, ..., dn) -> (d0, ..., dn-1).
static bool dropsLastDimension(AffineMap map) {
  return map.getNumResults() + 1 == map.getNumDims() &&
         AffineMap::getMultiDimIdentityMap(map.getNumDims(), map.getContext())
                 .getMajorSubMap(map.getNumResults()) == map;
}

namespace {
struct RaiseGather : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    auto declines = [&](const char *reason) {
      return rewriter.notifyMatchFailure(op, reason);
    };
    if (op.getNumDpsInits() != 1 || !op.isAllParallelLoops() ||
        !op.hasPureTensorSemantics() ||
        !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
      return declines("not elementwise");
    tensor::ExtractOp extract = getExtract(op);
    if (!extract || extract.getIndices().size() != 2)
      return declines("doesn't extract from a matrix");
    std::optional<WeightView> table =
        viewWeight(extract.getTensor(), rewriter.getMultiDimIdentityMap(2));
    if (!table || table->loops != ArrayRef<int64_t>{0, 1})
      return declines("the matrix is no weight stored by rows");
    auto column = extract.getIndices()[1].getDefiningOp<linalg::IndexOp>();
    if (!column || column.getDim() + 1 != op.getNumLoops())
      return declines("the column isn't the innermost loop");
    int64_t rows = table->getExtent(0);
    auto result = cast<RankedTensorType>(op->getResult(0).getType());
    if (result.getShape().back() != table->getExtent(1))
      return declines("reads a part of each row");
    auto index = dyn_cast_or_null<BlockArgument>(
        getIndexOfRow(extract.getIndices()[0], rows));
    if (!index || index.getOwner() != op.getBody())
      return declines("the row number is computed in another way");
    OpOperand *indices = op.getMatchingOpOperand(index);
    if (!op.isDpsInput(indices) ||
        !dropsLastDimension(op.getMatchingIndexingMap(indices)))
      return declines("the indices have other dimensions than the result");
    rewriter.replaceOpWithNewOp<EmbeddingOp>(op, result, indices->get(),
                                             table->root);
    return success();
  }
};
} // namespace

void lowbit::populateRaiseEmbeddingPatterns(RewritePatternSet &patterns) {
  patterns.addWithLabel<RaiseGather>({pattern::kEmbedding},
                                     patterns.getContext());
}
