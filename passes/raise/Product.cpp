//===- Product.cpp - contractions with a constant matrix ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A loop of a contraction has one of three parts, by the operands that have it:
// summed over (input and weight), a row of the weight (weight and result), or a
// leading dimension (input and result). All three may have a batch loop only
// where its extent is 1.
//
//===----------------------------------------------------------------------===//

#include "Product.h"

#include "lowbit/Transforms/WeightSource.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace lowbit;

bool lowbit::multipliesFloats(linalg::LinalgOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInputs() != 2 ||
      op.getNumDpsInits() != 1 || op.getNumReductionLoops() == 0)
    return false;
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    if (!type ||
        !isa<Float32Type, Float16Type, BFloat16Type>(type.getElementType()))
      return false;
  }
  // Rounding an operand before the product would be lost.
  if (llvm::any_of(*op.getBlock(), llvm::IsaPred<arith::TruncFOp>))
    return false;
  return linalg::detail::isContractionBody(
      *op.getBlock(), [](Operation *multiply, Operation *add) {
        return isa<arith::MulFOp>(multiply) && isa<arith::AddFOp>(add);
      });
}

bool lowbit::isFloatContraction(linalg::LinalgOp op) {
  return multipliesFloats(op) &&
         llvm::all_of(op.getIndexingMapsArray(), [](AffineMap map) {
           return map.isProjectedPermutation(/*allowZeroInResults=*/true);
         });
}

OpOperand *lowbit::findWeightOperand(linalg::LinalgOp op) {
  OpOperand *lhs = op.getDpsInputOperand(0), *rhs = op.getDpsInputOperand(1);
  bool isLhs = getWeightSource(lhs->get()), isRhs = getWeightSource(rhs->get());
  if (isLhs == isRhs)
    return nullptr;
  return isLhs ? lhs : rhs;
}

static bool isMatrix(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return llvm::count_if(type.getShape(), [](int64_t n) { return n != 1; }) >= 2;
}

Operation *lowbit::findComputedFactor(linalg::LinalgOp op) {
  Value lhs = op.getDpsInputOperand(0)->get(),
        rhs = op.getDpsInputOperand(1)->get();
  Operation *left = findComputedWeight(lhs), *right = findComputedWeight(rhs);
  if (!left == !right)
    return nullptr;
  return isMatrix(left ? lhs : rhs) ? (left ? left : right) : nullptr;
}

static bool reads(AffineMap map, int64_t loop) {
  return map.isFunctionOfDim(loop);
}

/// Takes batch loops of extent 1 out of the weight; they become leading.
static void dropUnitBatches(Product &product, AffineMap input,
                            AffineMap result) {
  auto type = cast<RankedTensorType>(product.weight.root.getType());
  for (auto [dimension, loop] : llvm::enumerate(product.weight.loops))
    if (loop != kNoLoop && reads(input, loop) && reads(result, loop) &&
        type.getDimSize(dimension) == 1)
      loop = kNoLoop;
}

/// Sorts the loops into the product's three lists.
static LogicalResult sortLoops(linalg::LinalgOp op, Product &product,
                               ReasonFn reason) {
  AffineMap input = op.getMatchingIndexingMap(product.input);
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  auto fails = [&](const Twine &text) {
    reason(text);
    return failure();
  };
  auto inWeight = [&](int64_t loop) {
    return llvm::is_contained(product.weight.loops, loop);
  };
  for (AffineExpr expression : result.getResults()) {
    auto dimension = dyn_cast<AffineDimExpr>(expression);
    if (!dimension)
      return fails("the result has a dimension that no loop runs with");
    int64_t loop = dimension.getPosition();
    if (inWeight(loop) && reads(input, loop))
      return fails("the weight differs between batches");
    if (!inWeight(loop) && !reads(input, loop))
      return fails("a dimension of the result is in neither operand");
    (inWeight(loop) ? product.rows : product.leading).push_back(loop);
  }
  for (int64_t loop : product.weight.loops) {
    if (loop == kNoLoop || reads(result, loop))
      continue;
    if (!reads(input, loop))
      return fails("the weight alone is summed over a dimension");
    product.columns.push_back(loop);
  }
  size_t sorted =
      product.rows.size() + product.leading.size() + product.columns.size();
  if (sorted != op.getNumLoops())
    return fails("the input alone is summed over a dimension");
  if (product.rows.empty() || product.columns.empty())
    return fails("the weight is no matrix");
  return success();
}

FailureOr<Product> lowbit::analyzeProduct(linalg::LinalgOp op,
                                          ReasonFn reason) {
  auto fails = [&](const Twine &text) -> FailureOr<Product> {
    reason(text);
    return failure();
  };
  OpOperand *weight = isFloatContraction(op) ? findWeightOperand(op) : nullptr;
  if (!weight) {
    reason("not a contraction of floats with one constant operand");
    return failure();
  }
  auto view = viewWeight(weight->get(), op.getMatchingIndexingMap(weight));
  if (!view)
    return fails("the constant has a dynamic shape");
  Product product{
      op.getDpsInputOperand(1 - weight->getOperandNumber()), *view, {}, {}, {}};
  AffineMap input = op.getMatchingIndexingMap(product.input);
  if (!input.isProjectedPermutation())
    return fails("the input is broadcast by a constant index");
  dropUnitBatches(product, input,
                  op.getMatchingIndexingMap(op.getDpsInitOperand(0)));
  if (failed(sortLoops(op, product, reason)))
    return failure();
  return product;
}
