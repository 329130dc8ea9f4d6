//===- GatherColumns.cpp - columns of a tensor in another order -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/GatherColumns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

Value lowbit::readColumn(OpBuilder &b, Location loc, Value x, Value column,
                         bool isUnsigned) {
  SmallVector<Value> place;
  int64_t rank = cast<RankedTensorType>(x.getType()).getRank();
  for (int64_t i = 0; i + 1 < rank; ++i)
    place.push_back(linalg::IndexOp::create(b, loc, i));
  Type index = b.getIndexType();
  place.push_back(
      isUnsigned ? Value(arith::IndexCastUIOp::create(b, loc, index, column))
                 : Value(arith::IndexCastOp::create(b, loc, index, column)));
  return tensor::ExtractOp::create(b, loc, x, place);
}

Value lowbit::gatherColumns(OpBuilder &builder, Location loc, Value x,
                            Value columns) {
  auto type = cast<RankedTensorType>(x.getType());
  int64_t rank = type.getRank();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  sizes.back() = builder.getIndexAttr(
      cast<RankedTensorType>(columns.getType()).getDimSize(0));
  Value init =
      tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  auto body = [&](OpBuilder &b, Location loc, ValueRange values) {
    Value read = readColumn(b, loc, x, values[0], /*isUnsigned=*/false);
    linalg::YieldOp::create(b, loc, read);
  };
  return linalg::GenericOp::create(
             builder, loc, init.getType(), columns, init,
             ArrayRef{identity.getMinorSubMap(1), identity}, loops, body)
      .getResult(0);
}
