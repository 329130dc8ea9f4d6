//===- SideTerm.h - what is added to a layer's output -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PREPARE_SIDETERM_H
#define LOWBIT_PREPARE_SIDETERM_H

#include "LayerGroups.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace lowbit {

/// a op b, elementwise; b may be a vector of the last dimension.
template <typename Op>
mlir::Value combine(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value a,
                    mlir::Value b) {
  auto type = mlir::cast<mlir::RankedTensorType>(a.getType());
  mlir::Value init = mlir::tensor::EmptyOp::create(
      builder, loc, mlir::tensor::getMixedSizes(builder, loc, a),
      type.getElementType());
  mlir::AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  mlir::AffineMap other = identity.getMinorSubMap(
      mlir::cast<mlir::ShapedType>(b.getType()).getRank());
  mlir::SmallVector<mlir::utils::IteratorType> loops(
      type.getRank(), mlir::utils::IteratorType::parallel);
  return mlir::linalg::GenericOp::create(
             builder, loc, init.getType(), mlir::ValueRange{a, b}, init,
             mlir::ArrayRef{identity, other, identity}, loops,
             [](mlir::OpBuilder &b, mlir::Location loc,
                mlir::ValueRange values) {
               mlir::linalg::YieldOp::create(
                   b, loc,
                   Op::create(b, loc, values[0], values[1]).getResult());
             })
      .getResult(0);
}

/// Users of the output of `layer` get its sum with `side`, for
/// `lowbit-fuse-epilogue` to absorb.
inline void addSideTerm(mlir::OpBuilder &builder, LinearOp layer,
                        mlir::Value side) {
  mlir::Value sum =
      combine<mlir::arith::AddFOp>(builder, layer.getLoc(), layer, side);
  layer.getResult().replaceUsesWithIf(sum, [&](mlir::OpOperand &use) {
    return use.getOwner() != sum.getDefiningOp() &&
           !mlir::isa<mlir::tensor::DimOp>(use.getOwner());
  });
}

} // namespace lowbit

#endif // LOWBIT_PREPARE_SIDETERM_H
