//===- QuantRoundTrip.cpp - quantized activations in arithmetic -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A model with quantized activations was trained or calibrated for their
// rounding. Upstream's folder takes the pair of casts away, and its lowering
// truncates where rounding is meant; so the pair is spelled out here, before
// either runs.
//
//===----------------------------------------------------------------------===//

#include "QuantRoundTrip.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

/// Parameters as a constant: a scalar, or one number per position of an axis.
static Value buildParameter(OpBuilder &builder, Location loc, Type element,
                            ArrayRef<double> numbers) {
  SmallVector<Attribute> values;
  for (double number : numbers)
    values.push_back(FloatAttr::get(element, number));
  auto type =
      RankedTensorType::get({static_cast<int64_t>(numbers.size())}, element);
  return arith::ConstantOp::create(builder, loc,
                                   DenseElementsAttr::get(type, values));
}

/// The round trip of one number.
static Value buildScalar(ImplicitLocOpBuilder &b, Value number, Value scale,
                         Value point, quant::QuantizedType type) {
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(
        b, FloatAttr::get(number.getType(), double(value)));
  };
  Value code = arith::DivFOp::create(b, number, scale);
  code = arith::AddFOp::create(b, code, point);
  code = math::RoundEvenOp::create(b, code);
  code = arith::MaximumFOp::create(b, code, constant(type.getStorageTypeMin()));
  code = arith::MinimumFOp::create(b, code, constant(type.getStorageTypeMax()));
  Value shifted = arith::SubFOp::create(b, code, point);
  return arith::MulFOp::create(b, shifted, scale);
}

Value lowbit::buildQuantRoundTrip(OpBuilder &builder, Location loc, Value input,
                                  quant::QuantizedType type) {
  auto tensor = dyn_cast<RankedTensorType>(input.getType());
  SmallVector<double> scales, points;
  AffineExpr position = builder.getAffineConstantExpr(0);
  if (auto uniform = dyn_cast<quant::UniformQuantizedType>(type)) {
    scales = {uniform.getScale()};
    points = {double(uniform.getZeroPoint())};
  } else if (auto axis = dyn_cast<quant::UniformQuantizedPerAxisType>(type)) {
    scales.assign(axis.getScales().begin(), axis.getScales().end());
    points.assign(axis.getZeroPoints().begin(), axis.getZeroPoints().end());
    position = builder.getAffineDimExpr(axis.getQuantizedDimension());
  }
  if (!tensor || scales.empty())
    return {};
  unsigned rank = tensor.getRank();
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  AffineMap parameters = AffineMap::get(rank, 0, position);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  Type element = tensor.getElementType();
  Value init = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, input), element);
  SmallVector<Value> inputs{input,
                            buildParameter(builder, loc, element, scales),
                            buildParameter(builder, loc, element, points)};
  return linalg::GenericOp::create(
             builder, loc, tensor, inputs, init,
             ArrayRef{identity, parameters, parameters, identity}, iterators,
             [&](OpBuilder &b, Location loc, ValueRange values) {
               ImplicitLocOpBuilder inner(loc, b);
               linalg::YieldOp::create(
                   b, loc,
                   buildScalar(inner, values[0], values[1], values[2], type));
             })
      .getResult(0);
}
