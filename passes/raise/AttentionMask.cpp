//===- AttentionMask.cpp - what is added to scores, in one tensor ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionMask.h"
#include "WeightView.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace lowbit;

/// Dimensions of the scores that one of `masks` has.
static llvm::SmallBitVector getMaskedDims(ArrayRef<ScoreMask> masks,
                                          unsigned rank) {
  llvm::SmallBitVector dims(rank);
  for (const ScoreMask &mask : masks)
    for (unsigned i = 0; i < rank; ++i)
      if (mask.map.isFunctionOfDim(i))
        dims.set(i);
  return dims;
}

Value lowbit::expandMask(OpBuilder &b, Location loc, const ScoreMask &mask) {
  auto type = cast<RankedTensorType>(mask.tensor.getType());
  int64_t rank = mask.map.getNumDims(), dims = type.getRank();
  auto isPlace = [&](int64_t i) {
    AffineExpr expression = mask.map.getResult(i);
    return isa<AffineConstantExpr>(expression) ||
           expression == b.getAffineDimExpr(rank - dims + i);
  };
  if (dims >= 2 && llvm::all_of(llvm::seq<int64_t>(0, dims), isPlace))
    return mask.tensor;
  // Units that stand elsewhere join a neighbour; then units are put between.
  SmallVector<int64_t> sizes, places;
  for (AffineExpr expression : mask.map.getResults()) {
    auto dimension = dyn_cast<AffineDimExpr>(expression);
    if (!dimension || (places.empty() && !sizes.empty()))
      sizes.empty() ? sizes.push_back(1) : void(++sizes.back());
    else
      sizes.push_back(1);
    if (dimension)
      places.push_back(dimension.getPosition());
  }
  Value dense = collapsed(b, loc, mask.tensor, sizes);
  int64_t first = std::min(places.front(), rank - 2);
  SmallVector<OpFoldResult> shape(rank - first, b.getIndexAttr(1));
  SmallVector<ReassociationIndices> groups(places.size());
  for (auto [i, place] : llvm::enumerate(places)) {
    shape[place - first] = tensor::getMixedSize(b, loc, dense, i);
    int64_t begin = i == 0 ? first : place;
    int64_t end = i + 1 == places.size() ? rank : places[i + 1];
    for (int64_t dimension = begin; dimension < end; ++dimension)
      groups[i].push_back(dimension - first);
  }
  auto expandedType = RankedTensorType::get(decomposeMixedValues(shape).first,
                                            type.getElementType());
  return tensor::ExpandShapeOp::create(b, loc, expandedType, dense, groups,
                                       shape);
}

/// What `mask` adds to a score, `element` being the one of its tensor.
static Value buildAddend(OpBuilder &b, Location loc, const ScoreMask &mask,
                         Value element) {
  auto number = [&](double value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
  };
  if (mask.hidden) {
    Value seen = number(0), hidden = number(*mask.hidden);
    if (mask.hidesTrue)
      std::swap(seen, hidden);
    return arith::SelectOp::create(b, loc, element, seen, hidden);
  }
  element = convertScalarToDtype(b, loc, element, b.getF32Type(),
                                 /*isUnsignedCast=*/false);
  if (mask.factor == 1)
    return element;
  return arith::MulFOp::create(b, loc, element, number(mask.factor));
}

Value lowbit::buildAttentionMask(OpBuilder &b, Location loc,
                                 ArrayRef<ScoreMask> masks) {
  const ScoreMask &only = masks.front();
  if (masks.size() == 1 && !only.hidden && only.factor == 1 &&
      getElementTypeOrSelf(only.tensor).isF32())
    return expandMask(b, loc, only);
  unsigned scoresRank = only.map.getNumDims();
  llvm::SmallBitVector dims = getMaskedDims(masks, scoresRank);
  SmallVector<AffineExpr> loops(scoresRank, b.getAffineConstantExpr(0));
  SmallVector<OpFoldResult> shape;
  SmallVector<AffineExpr> kept;
  for (unsigned dimension : dims.set_bits()) {
    loops[dimension] = b.getAffineDimExpr(shape.size());
    kept.push_back(b.getAffineDimExpr(dimension));
    for (const ScoreMask &mask : masks)
      if (auto at = mask.map.getResultPosition(kept.back())) {
        shape.push_back(tensor::getMixedSize(b, loc, mask.tensor, *at));
        break;
      }
  }
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (const ScoreMask &mask : masks) {
    inputs.push_back(mask.tensor);
    maps.push_back(mask.map.replaceDimsAndSymbols(loops, {}, shape.size(), 0));
  }
  maps.push_back(b.getMultiDimIdentityMap(shape.size()));
  Value init = tensor::EmptyOp::create(b, loc, shape, b.getF32Type());
  SmallVector<utils::IteratorType> iterators(shape.size(),
                                             utils::IteratorType::parallel);
  auto sum = linalg::GenericOp::create(
      b, loc, init.getType(), inputs, init, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange values) {
        Value sum = buildAddend(b, loc, only, values[0]);
        for (auto [mask, value] :
             llvm::zip(masks.drop_front(), values.drop_front()))
          sum = arith::AddFOp::create(b, loc, sum,
                                      buildAddend(b, loc, mask, value));
        linalg::YieldOp::create(b, loc, sum);
      });
  AffineMap map = AffineMap::get(scoresRank, 0, kept, b.getContext());
  return expandMask(b, loc, {sum.getResult(0), map, 1, std::nullopt});
}
