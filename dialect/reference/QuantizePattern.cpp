//===- QuantizePattern.cpp - quantization at run time in linalg -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// scale = round(max |x| / c) unless it is given, code = round(x / scale) within
// [-c', c], where c is the largest code, c' the smallest one's magnitude; or
// the nearest number of an FP8 format. For the maximum, the tensor is seen as
// [rows, groups, columns of a group], the last group filled up with zeros,
// which change nothing.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "QuantizedValue.h"
#include "lowbit/Numerics/Float16.h"
#include "lowbit/Reference/Float8.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;

namespace {
/// Builds the quantization of one tensor.
class Quantizer {
public:
  Quantizer(OpBuilder &builder, Location loc, QuantizedTensorType type)
      : b(builder), loc(loc), type(type), columns(type.getColumns()) {
    numerics::Encoding encoding = type.getEncoding().getNumerics();
    groupColumns = encoding.columnsPerGroup(columns);
    groups = encoding.groupCount(columns);
    if (const numerics::IntegerFormat *integer = encoding.element.integer())
      format = *integer;
    else
      real = cast<SmallFloatAttr>(type.getEncoding().getElement()).getType();
  }

  /// Components and dynamic extents of the quantized `input`, whose scales are
  /// `given` if that isn't null.
  SmallVector<Value> run(Value input, FloatAttr given);

private:
  using Body = llvm::function_ref<Value(OpBuilder &, ValueRange)>;

  Value constant(OpBuilder &b, double number) {
    return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(number));
  }
  /// A generic over the dimensions of the first input. An operand of lower rank
  /// lacks the last one, which is reduced where the result lacks it.
  Value buildGeneric(ValueRange inputs, Value init, Body body);
  /// An uninitialised tensor of the rows of `rows` and further `extents`.
  Value createEmpty(Value rows, ArrayRef<int64_t> extents, Type element);
  Value toRows(Value input);
  Value toGroups(Value matrix);
  Value buildLargest(Value grouped);
  Value buildScales(Value largest);
  Value fillScales(Value matrix, FloatAttr scale);
  Value buildCode(OpBuilder &b, Value number, Value scale);
  Value buildFloatCode(OpBuilder &b, Value level);
  unsigned codeBits() const { return real ? 8 : format.width; }
  double largestCode() const {
    return real ? getLargestNumber(real) : format.largestRuntimeValue();
  }
  Value buildCodes(Value matrix, Value scales);
  Value toBytes(Value codes);

  OpBuilder &b;
  Location loc;
  QuantizedTensorType type;
  int64_t columns, groupColumns, groups;
  /// What codes are: numbers of `real`, or of `format` where that is null.
  FloatType real;
  numerics::IntegerFormat format;
};
} // namespace

Value Quantizer::createEmpty(Value rows, ArrayRef<int64_t> extents,
                             Type element) {
  SmallVector<OpFoldResult> shape{tensor::getMixedSize(b, loc, rows, 0)};
  for (int64_t extent : extents)
    shape.push_back(b.getIndexAttr(extent));
  return tensor::EmptyOp::create(b, loc, shape, element);
}

Value Quantizer::buildGeneric(ValueRange inputs, Value init, Body body) {
  unsigned rank = cast<ShapedType>(inputs.front().getType()).getRank();
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  SmallVector<AffineMap> maps;
  auto addMap = [&](Value operand) {
    maps.push_back(
        identity.getMajorSubMap(cast<ShapedType>(operand.getType()).getRank()));
  };
  llvm::for_each(inputs, addMap);
  addMap(init);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  if (maps.back().getNumResults() < rank)
    iterators.back() = utils::IteratorType::reduction;
  return linalg::GenericOp::create(
             b, loc, init.getType(), inputs, init, maps, iterators,
             [&](OpBuilder &b, Location loc, ValueRange values) {
               linalg::YieldOp::create(b, loc, body(b, values));
             })
      .getResult(0);
}

/// [..., K] as [rows, K].
Value Quantizer::toRows(Value input) {
  auto inputType = cast<RankedTensorType>(input.getType());
  int64_t rank = inputType.getRank();
  if (rank == 2)
    return input;
  if (rank == 1) {
    auto matrix =
        RankedTensorType::get({1, columns}, inputType.getElementType());
    return tensor::ExpandShapeOp::create(
        b, loc, matrix, input, ArrayRef<ReassociationIndices>{{0, 1}});
  }
  ReassociationIndices leading(
      llvm::to_vector<2>(llvm::seq<int64_t>(rank - 1)));
  return tensor::CollapseShapeOp::create(
      b, loc, input, ArrayRef<ReassociationIndices>{leading, {rank - 1}});
}

/// [rows, K] as [rows, groups, group columns].
Value Quantizer::toGroups(Value matrix) {
  Type element = cast<RankedTensorType>(matrix.getType()).getElementType();
  int64_t missing = groups * groupColumns - columns;
  OpFoldResult none = b.getIndexAttr(0);
  if (missing) {
    Value zero = arith::ConstantOp::create(b, loc, b.getFloatAttr(element, 0));
    matrix = tensor::PadOp::create(
        b, loc, Type(), matrix, ArrayRef<OpFoldResult>{none, none},
        ArrayRef<OpFoldResult>{none, b.getIndexAttr(missing)}, zero);
  }
  int64_t rows = cast<RankedTensorType>(matrix.getType()).getDimSize(0);
  SmallVector<OpFoldResult> shape{tensor::getMixedSize(b, loc, matrix, 0),
                                  b.getIndexAttr(groups),
                                  b.getIndexAttr(groupColumns)};
  return tensor::ExpandShapeOp::create(
      b, loc, RankedTensorType::get({rows, groups, groupColumns}, element),
      matrix, ArrayRef<ReassociationIndices>{{0}, {1, 2}}, shape);
}

/// The largest magnitude of each group, in f32.
Value Quantizer::buildLargest(Value grouped) {
  Value init =
      linalg::FillOp::create(b, loc, constant(b, 0),
                             createEmpty(grouped, groups, b.getF32Type()))
          .getResult(0);
  return buildGeneric(grouped, init, [&](OpBuilder &b, ValueRange values) {
    Value magnitude =
        math::AbsFOp::create(b, loc, extendToF32(b, loc, values[0]));
    return arith::MaximumFOp::create(b, loc, magnitude, values[1]);
  });
}

/// Scales in their storage format; beyond its range, its largest number.
Value Quantizer::buildScales(Value largest) {
  FloatType scaleType = type.getEncoding().getScale();
  double largestCode = this->largestCode();
  Value init = createEmpty(largest, groups, scaleType);
  return buildGeneric(largest, init, [&](OpBuilder &b, ValueRange values) {
    Value scale =
        arith::DivFOp::create(b, loc, values[0], constant(b, largestCode));
    if (scaleType.isF16())
      scale = arith::MinimumFOp::create(b, loc, scale,
                                        constant(b, numerics::maxFloat16));
    return roundToType(b, loc, scale, scaleType);
  });
}

/// The one scale of all groups.
Value Quantizer::fillScales(Value matrix, FloatAttr scale) {
  FloatType scaleType = type.getEncoding().getScale();
  Value number =
      roundToType(b, loc, constant(b, scale.getValueAsDouble()), scaleType);
  return linalg::FillOp::create(b, loc, number,
                                createEmpty(matrix, groups, scaleType))
      .getResult(0);
}

/// The code of `number` under `scale` as an unsigned integer of its width.
Value Quantizer::buildCode(OpBuilder &b, Value number, Value scale) {
  // A group of zeros, or of numbers too small for the format, has scale 0.
  Value isZero = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, scale,
                                       constant(b, 0));
  scale = arith::SelectOp::create(b, loc, isZero, constant(b, 1), scale);
  Value level = arith::DivFOp::create(b, loc, number, scale);
  if (real)
    return buildFloatCode(b, level);
  level = math::RoundEvenOp::create(b, loc, level);
  // The bounds also give NaN, which no integer stands for, a code.
  level = arith::MaxNumFOp::create(
      b, loc, level, constant(b, format.decode(format.firstCode())));
  level = arith::MinNumFOp::create(b, loc, level,
                                   constant(b, format.largestRuntimeValue()));
  Value code = arith::FPToSIOp::create(b, loc, b.getI32Type(), level);
  code = arith::AddIOp::create(
      b, loc, code,
      arith::ConstantOp::create(b, loc,
                                b.getI32IntegerAttr(-format.decode(0))));
  return arith::TruncIOp::create(b, loc, b.getIntegerType(format.width), code);
}

/// The bits of the FP8 number that is nearest to `level`, within the format's
/// range; NaN stays one. Few targets round to such floats by themselves.
Value Quantizer::buildFloatCode(OpBuilder &b, Value level) {
  Type word = b.getI32Type();
  auto bits = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
  };
  // By its bits: shaders may take it that no comparison meets a NaN.
  Value isNaN = arith::CmpIOp::create(
      b, loc, arith::CmpIPredicate::ugt,
      arith::AndIOp::create(b, loc,
                            arith::BitcastOp::create(b, loc, word, level),
                            bits(0x7FFFFFFF)),
      bits(0x7F800000));
  level = buildRoundToFloat8(b, loc, level, real);
  // Multiplied, the exponents of all its numbers are those of their codes.
  const llvm::fltSemantics &semantics = real.getFloatSemantics();
  int mantissa = int(llvm::APFloat::semanticsPrecision(semantics)) - 1;
  int bias = 1 - llvm::APFloat::semanticsMinExponent(semantics);
  Value magnitude =
      arith::MulFOp::create(b, loc, math::AbsFOp::create(b, loc, level),
                            constant(b, std::ldexp(1.0, bias - 127)));
  Value code = arith::ShRUIOp::create(
      b, loc, arith::BitcastOp::create(b, loc, word, magnitude),
      bits(23 - mantissa));
  code = arith::SelectOp::create(b, loc, isNaN, bits(0x7F), code);
  Value sign = arith::ShRUIOp::create(
      b, loc, arith::BitcastOp::create(b, loc, word, level), bits(24));
  sign = arith::AndIOp::create(b, loc, sign, bits(0x80));
  code = arith::OrIOp::create(b, loc, code, sign);
  return arith::TruncIOp::create(b, loc, b.getIntegerType(8), code);
}

/// [rows, K] codes as unsigned integers of their width.
Value Quantizer::buildCodes(Value matrix, Value scales) {
  Value init = createEmpty(matrix, columns, b.getIntegerType(codeBits()));
  return buildGeneric(matrix, init, [&](OpBuilder &b, ValueRange values) {
    IndexBuilder builder(b, loc);
    Value row = linalg::IndexOp::create(b, loc, 0);
    Index column = builder.value(linalg::IndexOp::create(b, loc, 1), columns);
    Value group = builder.materialize(builder.divide(column, groupColumns));
    Value scale =
        tensor::ExtractOp::create(b, loc, scales, ValueRange{row, group});
    return buildCode(b, extendToF32(b, loc, values[0]),
                     extendToF32(b, loc, scale));
  });
}

/// [rows, K] codes as the dense stream of bytes, the low byte first.
Value Quantizer::toBytes(Value codes) {
  if (codeBits() == 8)
    return tensor::CollapseShapeOp::create(
        b, loc, codes, ArrayRef<ReassociationIndices>{{0, 1}});
  int64_t bytes = codeBits() / 8;
  Value init = createEmpty(codes, {columns, bytes}, b.getI8Type());
  AffineMap identity = b.getMultiDimIdentityMap(3);
  SmallVector<utils::IteratorType> iterators(3, utils::IteratorType::parallel);
  auto body = [&](OpBuilder &b, Location loc, ValueRange values) {
    Type codeType = values[0].getType();
    Value place = arith::IndexCastOp::create(
        b, loc, codeType, linalg::IndexOp::create(b, loc, 2));
    Value eight =
        arith::ConstantOp::create(b, loc, b.getIntegerAttr(codeType, 8));
    Value shift = arith::MulIOp::create(b, loc, place, eight);
    Value byte = arith::ShRUIOp::create(b, loc, values[0], shift);
    byte = arith::TruncIOp::create(b, loc, b.getI8Type(), byte);
    linalg::YieldOp::create(b, loc, byte);
  };
  Value split =
      linalg::GenericOp::create(b, loc, init.getType(), codes, init,
                                ArrayRef{identity.getMajorSubMap(2), identity},
                                iterators, body)
          .getResult(0);
  return tensor::CollapseShapeOp::create(
      b, loc, split, ArrayRef<ReassociationIndices>{{0, 1, 2}});
}

SmallVector<Value> Quantizer::run(Value input, FloatAttr given) {
  Value matrix = toRows(input);
  Value scales = given ? fillScales(matrix, given)
                       : buildScales(buildLargest(toGroups(matrix)));
  SmallVector<Value> parts{toBytes(buildCodes(matrix, scales)), scales};
  for (auto [i, extent] : llvm::enumerate(type.getShape()))
    if (ShapedType::isDynamic(extent))
      parts.push_back(tensor::DimOp::create(b, loc, input, i));
  return parts;
}

namespace {
struct LowerQuantize : OpConversionPattern<QuantizeOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult
  matchAndRewrite(QuantizeOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    QuantizedTensorType type = op.getType();
    if (type.getLayout() || type.getEncoding().getPermuted())
      return rewriter.notifyMatchFailure(
          op, "requires a dense result with columns in their own order");
    Quantizer quantizer(rewriter, op.getLoc(), type);
    SmallVector<Value> parts =
        quantizer.run(adaptor.getInput(), op.getScaleAttr());
    rewriter.replaceOpWithMultiple(op, {parts});
    return success();
  }
};
} // namespace

void lowbit::populateQuantizePatterns(const TypeConverter &converter,
                                      RewritePatternSet &patterns) {
  patterns.add<LowerQuantize>(converter, patterns.getContext());
}
