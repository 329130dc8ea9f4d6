//===- BlockScaled.cpp - arithmetic on block-scaled floats ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// OCP Microscaling Formats, version 1.0, with the choice of scale that TOSA's
// users emulate: the largest magnitude never saturates. All of it is exact in
// f32: masking a number's mantissa leaves the power of two below it, and
// products and quotients with powers of two round nothing.
//
//===----------------------------------------------------------------------===//

#include "BlockScaled.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;

BlockElement BlockElement::of(Type type) {
  auto number = dyn_cast<FloatType>(type);
  // mxint8: multiples of 2^-6 below 2, so that no leading bit is above 1.
  if (!number)
    return {127.0 / 64, 0, 6};
  const llvm::fltSemantics &semantics = number.getFloatSemantics();
  APFloat largest = APFloat::getLargest(semantics);
  return {largest.convertToDouble(), APFloat::semanticsMinExponent(semantics),
          static_cast<int>(APFloat::semanticsPrecision(semantics)) - 1};
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static SmallVector<ReassociationIndices> blockGroups(int64_t rank) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i + 1 < rank; ++i)
    groups.push_back({i});
  groups.push_back({rank - 1, rank});
  return groups;
}

Value lowbit::toBlocks(OpBuilder &builder, Location loc, Value input,
                       int64_t size) {
  auto type = cast<RankedTensorType>(input.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.back() /= size;
  shape.push_back(size);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, input);
  sizes.back() = builder.getIndexAttr(type.getShape().back() / size);
  sizes.push_back(builder.getIndexAttr(size));
  return tensor::ExpandShapeOp::create(builder, loc, type.clone(shape), input,
                                       blockGroups(type.getRank()), sizes);
}

Value lowbit::fromBlocks(OpBuilder &builder, Location loc, Value blocks) {
  int64_t rank = cast<RankedTensorType>(blocks.getType()).getRank();
  return tensor::CollapseShapeOp::create(builder, loc, blocks,
                                         blockGroups(rank - 1));
}

using Body = llvm::function_ref<Value(ImplicitLocOpBuilder &, ValueRange)>;

/// A generic over the dimensions of the first input; a second one lacks the
/// last.
static Value buildGeneric(OpBuilder &builder, Location loc, ValueRange inputs,
                          Type element, Body body) {
  auto type = cast<RankedTensorType>(inputs.front().getType());
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  SmallVector<AffineMap> maps;
  for (Value input : inputs)
    maps.push_back(identity.getMajorSubMap(
        cast<RankedTensorType>(input.getType()).getRank()));
  maps.push_back(identity);
  Value init = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, inputs.front()),
      element);
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      builder, loc, init.getType(), inputs, init, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange values) {
        ImplicitLocOpBuilder inner(loc, b);
        linalg::YieldOp::create(b, loc, body(inner, values));
      });
  return generic.getResult(0);
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

static Value number(ImplicitLocOpBuilder &b, double value) {
  return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
}

/// `value`, a float of any width, as `type`.
static Value convert(ImplicitLocOpBuilder &b, Value value, Type type) {
  unsigned from = value.getType().getIntOrFloatBitWidth();
  unsigned to = type.getIntOrFloatBitWidth();
  if (value.getType() == type)
    return value;
  if (from < to)
    return arith::ExtFOp::create(b, type, value);
  return arith::TruncFOp::create(b, type, value);
}

/// The power of two below the magnitude of `value`, an f32; 0 for subnormals.
static Value leadingPower(ImplicitLocOpBuilder &b, Value value) {
  Type i32 = b.getI32Type();
  Value bits = arith::BitcastOp::create(b, i32, value);
  Value exponent =
      arith::ConstantOp::create(b, b.getI32IntegerAttr(0x7f800000));
  bits = arith::AndIOp::create(b, bits, exponent);
  return arith::BitcastOp::create(b, b.getF32Type(), bits);
}

/// The scale for a block whose largest magnitude is `largest`.
static Value buildScale(ImplicitLocOpBuilder &b, Value largest,
                        const BlockElement &element) {
  int exponent = std::ilogb(element.largest);
  Value power = leadingPower(b, largest);
  Value limit = arith::MulFOp::create(
      b, power, number(b, std::ldexp(element.largest, -exponent)));
  Value exceeds =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, largest, limit);
  Value factor =
      arith::SelectOp::create(b, exceeds, number(b, std::ldexp(2.0, -exponent)),
                              number(b, std::ldexp(1.0, -exponent)));
  Value scale = arith::MulFOp::create(b, power, factor);
  return arith::MaximumFOp::create(b, scale, number(b, 0x1p-127));
}

/// `value` rounded to a number that the element has. It is in its range.
static Value roundToElement(ImplicitLocOpBuilder &b, Value value,
                            const BlockElement &element) {
  Value power = arith::MaximumFOp::create(
      b, leadingPower(b, value), number(b, std::ldexp(1, element.minExponent)));
  Value quantum = arith::MulFOp::create(
      b, power, number(b, std::ldexp(1, -element.mantissaBits)));
  Value steps =
      math::RoundEvenOp::create(b, arith::DivFOp::create(b, value, quantum));
  return arith::MulFOp::create(b, steps, quantum);
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

Value lowbit::buildBlockScales(OpBuilder &builder, Location loc, Value blocks,
                               const BlockElement &element) {
  auto type = cast<RankedTensorType>(blocks.getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, blocks);
  sizes.pop_back();
  Type f32 = builder.getF32Type();
  Value init = tensor::EmptyOp::create(builder, loc, sizes, f32);
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getF32FloatAttr(0));
  init = linalg::FillOp::create(builder, loc, zero, init).getResult(0);
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  auto largest = linalg::GenericOp::create(
      builder, loc, init.getType(), blocks, init,
      ArrayRef{identity, identity.getMajorSubMap(type.getRank() - 1)},
      iterators, [&](OpBuilder &b, Location loc, ValueRange values) {
        ImplicitLocOpBuilder inner(loc, b);
        Value magnitude =
            math::AbsFOp::create(inner, convert(inner, values[0], f32));
        linalg::YieldOp::create(
            b, loc,
            arith::MaximumFOp::create(inner, magnitude, values[1]).getResult());
      });
  return buildGeneric(builder, loc, largest.getResult(0), f32,
                      [&](ImplicitLocOpBuilder &b, ValueRange values) {
                        return buildScale(b, values[0], element);
                      });
}

Value lowbit::buildRounded(OpBuilder &builder, Location loc, Value blocks,
                           Value scales, const BlockElement &element,
                           bool isRescaled, Type type) {
  return buildGeneric(
      builder, loc, {blocks, scales}, type,
      [&](ImplicitLocOpBuilder &b, ValueRange values) {
        Value wide = convert(b, values[0], b.getF32Type());
        Value rounded = roundToElement(
            b, arith::DivFOp::create(b, wide, values[1]), element);
        if (isRescaled)
          rounded = arith::MulFOp::create(b, rounded, values[1]);
        return convert(b, rounded, type);
      });
}

Value lowbit::buildScaled(OpBuilder &builder, Location loc, Value data,
                          Value scales, Type type) {
  return buildGeneric(builder, loc, {data, scales}, type,
                      [&](ImplicitLocOpBuilder &b, ValueRange values) {
                        Type f32 = b.getF32Type();
                        Value product =
                            arith::MulFOp::create(b, convert(b, values[0], f32),
                                                  convert(b, values[1], f32));
                        return convert(b, product, type);
                      });
}

Value lowbit::buildNarrowed(OpBuilder &builder, Location loc, Value value,
                            Type type) {
  return buildGeneric(builder, loc, value, type,
                      [&](ImplicitLocOpBuilder &b, ValueRange values) {
                        return convert(b, values[0], type);
                      });
}
