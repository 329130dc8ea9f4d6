//===- FlatTensors.cpp - tensors as kernels take them ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FlatTensors.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

Value cpu::asDynamic(ImplicitLocOpBuilder &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  RankedTensorType dynamic = flatTensor(type.getElementType());
  if (type == dynamic)
    return tensor;
  return tensor::CastOp::create(b, dynamic, tensor);
}

Value cpu::convertFloats(ImplicitLocOpBuilder &b, Value tensor, Type element) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getElementType() == element)
    return tensor;
  Value init = tensor::EmptyOp::create(
      b, tensor::getMixedSizes(b, b.getLoc(), tensor), element);
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  bool widens = element.isF32();
  auto body = [&](OpBuilder &builder, Location loc, ValueRange values) {
    Value result =
        widens ? arith::ExtFOp::create(builder, loc, element, values[0])
                     .getResult()
               : arith::TruncFOp::create(builder, loc, element, values[0])
                     .getResult();
    linalg::YieldOp::create(builder, loc, result);
  };
  return linalg::GenericOp::create(b, init.getType(), tensor, init, maps, loops,
                                   body)
      .getResult(0);
}

FlatRows cpu::flattenRows(ImplicitLocOpBuilder &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Value count = arith::ConstantIndexOp::create(b, 1);
  for (int64_t i = 0; i + 1 < type.getRank(); ++i)
    count =
        arith::MulIOp::create(b, count, tensor::DimOp::create(b, tensor, i));
  if (type.getRank() > 1) {
    SmallVector<ReassociationIndices> all(
        1, llvm::to_vector(llvm::seq(type.getRank())));
    tensor = tensor::CollapseShapeOp::create(b, tensor, all);
  }
  return {asDynamic(b, tensor), count};
}

FlatRows cpu::flattenAll(ImplicitLocOpBuilder &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getRank() == 0)
    return {
        asDynamic(b, tensor::ExpandShapeOp::create(
                         b, RankedTensorType::get({1}, type.getElementType()),
                         tensor, ArrayRef<ReassociationIndices>{})),
        arith::ConstantIndexOp::create(b, 1)};
  FlatRows rows = flattenRows(b, tensor);
  Value last = tensor::DimOp::create(b, tensor, type.getRank() - 1);
  return {rows.flat, arith::MulIOp::create(b, rows.count, last)};
}

Value cpu::unflatten(ImplicitLocOpBuilder &b, Value flat, Value like,
                     RankedTensorType type) {
  if (type.getRank() == 1)
    return tensor::CastOp::create(b, type, flat);
  SmallVector<OpFoldResult> sizes;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      sizes.push_back(tensor::DimOp::create(b, like, i).getResult());
    else
      sizes.push_back(b.getIndexAttr(type.getDimSize(i)));
  if (type.hasStaticShape())
    flat = tensor::CastOp::create(
        b,
        RankedTensorType::get({type.getNumElements()}, type.getElementType()),
        flat);
  SmallVector<ReassociationIndices> all(
      1, llvm::to_vector(llvm::seq(type.getRank())));
  return tensor::ExpandShapeOp::create(b, type, flat, all, sizes);
}
