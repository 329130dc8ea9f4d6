//===- QuantizeLinear.cpp - to integers and back --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// On activations, the arithmetic that ONNX defines, exactly: division and
// rounding half to even in f32, then the zero point, then saturation. Constants
// are converted at import; a matrix of codes becomes a quantized weight.
//
//===----------------------------------------------------------------------===//

#include "OperatorTable.h"
#include "Quantization.h"
#include "QuantizedWeight.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

using namespace lowbit::frontend;
namespace arith = mlir::arith;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using llvm::Twine;
using onnx::TensorProto;
using Kind = Quantization::Kind;

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

bool Quantization::isConstant() const {
  return scale->isConstant() && (!zeroPoint || zeroPoint->isConstant());
}

std::pair<int64_t, int64_t> lowbit::frontend::rangeOf(int32_t type) {
  unsigned bits = bitSize(type);
  if (isUnsigned(type))
    return {0, llvm::maxUIntN(bits)};
  return {llvm::minIntN(bits), llvm::maxIntN(bits)};
}

/// Sets kind, axis and block size from the shape of the scale.
static Error readKind(Importer &im, const Node &node, Quantization &result) {
  const Value &x = im.in(node, 0), &scale = *result.scale;
  int64_t blockSize = node.integer("block_size", 0);
  if (blockSize < 0 || blockSize > INT32_MAX)
    return im.error(node, "block_size must be between 0 and 2^31 - 1, found " +
                              Twine(blockSize));
  if (scale.rank() == 0 ||
      (scale.rank() == 1 && scale.dims[0].isConstant(1) && blockSize == 0))
    return Error::success();
  Expected<int64_t> axis = im.axis(node, node.integer("axis", 1), x.rank());
  if (!axis)
    return axis.takeError();
  result.axis = *axis;
  const Expr &extent = x.dims[*axis];
  Dims wanted{extent};
  result.kind = Kind::Axis;
  if (blockSize != 0) {
    if (!extent.isConstant())
      return im.error(node, "blocks need an axis whose extent is a number, "
                            "found axis " +
                                Twine(*axis) + " of " + im.str(x.dims) +
                                im.advice(extent));
    wanted = x.dims;
    wanted[*axis] = int64_t(llvm::divideCeil(extent.constant(), blockSize));
    result.kind = Kind::Block;
    result.blockSize = blockSize;
  }
  if (scale.dims == wanted)
    return Error::success();
  return im.error(
      node, "scale must be a scalar or " + im.str(wanted) +
                " for an input of " + im.str(x.dims) + " and axis " +
                Twine(*axis) +
                (blockSize ? " in blocks of " + Twine(blockSize) : Twine()) +
                ", found " + im.str(scale.dims));
}

Expected<Quantization> lowbit::frontend::readQuantization(Importer &im,
                                                          const Node &node) {
  Quantization result;
  result.scale = &im.in(node, 1);
  result.zeroPoint = node.hasInput(2) ? &im.in(node, 2) : nullptr;
  if (!isFloat(result.scale->type) || byteSize(result.scale->type) > 4)
    return im.error(node, "scale must be of type float, float16 or bfloat16, "
                          "found " +
                              typeName(result.scale->type));
  if (result.zeroPoint && result.zeroPoint->dims != result.scale->dims &&
      !(result.zeroPoint->size() == 1 && result.scale->size() == 1))
    return im.error(node, "zero point must have the scale's shape " +
                              im.str(result.scale->dims) + ", found " +
                              im.str(result.zeroPoint->dims));
  if (Error failed = readKind(im, node, result))
    return std::move(failed);
  return result;
}

//===----------------------------------------------------------------------===//
// Arithmetic on activations
//===----------------------------------------------------------------------===//

mlir::Value lowbit::frontend::asFloat(ScalarBuilder &b, mlir::Value x,
                                      int32_t type) {
  mlir::Type f32 = b.builder.getF32Type();
  if (!isFloat(type))
    return isUnsigned(type) ? mlir::Value(b.make<arith::UIToFPOp>(f32, x))
                            : mlir::Value(b.make<arith::SIToFPOp>(f32, x));
  if (x.getType().isF64())
    return b.make<arith::TruncFOp>(f32, x);
  return x.getType() == f32 ? x : mlir::Value(b.make<arith::ExtFOp>(f32, x));
}

mlir::Value lowbit::frontend::buildSaturated(ScalarBuilder &b, mlir::Value x,
                                             mlir::Value zero) {
  mlir::Value number = b.make<mlir::math::RoundEvenOp>(x);
  if (zero)
    number = b.make<arith::AddFOp>(number, zero);
  auto [low, high] = rangeOf(b.resultType);
  number = b.make<arith::MaxNumFOp>(number, b.constant(number, low));
  number = b.make<arith::MinNumFOp>(number, b.constant(number, high));
  mlir::Type i32 = b.builder.getI32Type();
  mlir::Value integer = b.make<arith::FPToSIOp>(i32, number);
  return b.make<arith::TruncIOp>(
      b.builder.getIntegerType(8 * byteSize(b.resultType)), integer);
}

/// A parameter as a value that broadcasts against `x`.
static Expected<Value> alongAxis(Importer &im, const Node &node,
                                 const Quantization &parameters,
                                 const Value &parameter, const Value &x) {
  if (parameters.kind == Kind::Tensor)
    return im.reshape(node, parameter, {});
  Dims dims(x.rank() - parameters.axis, Expr(1));
  dims[0] = parameter.dims[0];
  return im.reshape(node, parameter, dims);
}

/// x, scale and zero point (if any) ready for an elementwise operation.
static Expected<std::vector<Value>> operandsOf(Importer &im, const Node &node,
                                               const Quantization &parameters) {
  const Value &x = im.in(node, 0);
  if (parameters.kind == Kind::Block)
    return im.error(node, "blocks are supported for constants of at most 8 "
                          "bits only, found " +
                              typeName(x.type) + " " + im.str(x.dims) +
                              (x.known || x.weight ? "" : " of the model"));
  std::vector<Value> operands{x};
  for (const Value *parameter : {parameters.scale, parameters.zeroPoint}) {
    if (!parameter)
      continue;
    Expected<Value> view = alongAxis(im, node, parameters, *parameter, x);
    if (!view)
      return view.takeError();
    operands.push_back(std::move(*view));
  }
  return operands;
}

static llvm::SmallVector<const Value *, 3>
pointersTo(const std::vector<Value> &values) {
  llvm::SmallVector<const Value *, 3> pointers;
  for (const Value &value : values)
    pointers.push_back(&value);
  return pointers;
}

//===----------------------------------------------------------------------===//
// QuantizeLinear
//===----------------------------------------------------------------------===//

/// Integers of 4, 8 or 16 bits.
static bool isQuantizedType(int32_t type) {
  return isInteger(type) && bitSize(type) >= 4 && bitSize(type) <= 16;
}

static Error emitQuantize(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  Expected<Quantization> parameters = readQuantization(im, node);
  if (!parameters)
    return parameters.takeError();
  int32_t type = node.integer("output_dtype", 0);
  if (type == 0)
    type = parameters->zeroPoint ? parameters->zeroPoint->type
                                 : int32_t(TensorProto::UINT8);
  if (!isQuantizedType(type))
    return im.error(node,
                    "result must be an integer of 4, 8 or 16 bits, found " +
                        typeName(type));
  if (parameters->zeroPoint && parameters->zeroPoint->type != type)
    return im.error(node, "zero point must be " + typeName(type) + ", found " +
                              typeName(parameters->zeroPoint->type));
  if (x.type != TensorProto::INT32 &&
      (!isFloat(x.type) || byteSize(x.type) > 4))
    return im.error(node, "needs float, float16, bfloat16 or int32, found " +
                              typeName(x.type));
  if (auto data = quantizeConstant(x, *parameters, type)) {
    im.set(node, 0, im.makeConstant(node.getProto().output(0), *data));
    return Error::success();
  }
  Expected<std::vector<Value>> operands = operandsOf(im, node, *parameters);
  if (!operands)
    return operands.takeError();
  return im.result(
      node, im.elementwise(node, pointersTo(*operands), type,
                           [&](ScalarBuilder &b, ArrayRef<mlir::Value> args) {
                             mlir::Value zero;
                             if (args.size() == 3)
                               zero = asFloat(b, args[2], type);
                             mlir::Value quotient = b.make<arith::DivFOp>(
                                 asFloat(b, args[0], x.type),
                                 asFloat(b, args[1], parameters->scale->type));
                             return buildSaturated(b, quotient, zero);
                           }));
}

//===----------------------------------------------------------------------===//
// DequantizeLinear
//===----------------------------------------------------------------------===//

/// (x - zero point) * scale; the difference is taken between integers.
static Expected<Value> dequantize(Importer &im, const Node &node,
                                  const Quantization &parameters,
                                  int32_t type) {
  Expected<std::vector<Value>> operands = operandsOf(im, node, parameters);
  if (!operands)
    return operands.takeError();
  mlir::Type i32 = im.ops().getI32Type(), result = im.elementType(type);
  int32_t stored = (*operands)[0].type;
  auto widen = [&](ScalarBuilder &b, mlir::Value x) -> mlir::Value {
    if (x.getType() == i32)
      return x;
    return isUnsigned(stored) ? mlir::Value(b.make<arith::ExtUIOp>(i32, x))
                              : mlir::Value(b.make<arith::ExtSIOp>(i32, x));
  };
  return im.elementwise(
      node, pointersTo(*operands), type,
      [&](ScalarBuilder &b, ArrayRef<mlir::Value> args) {
        mlir::Value number = widen(b, args[0]);
        if (args.size() == 3)
          number = b.make<arith::SubIOp>(number, widen(b, args[2]));
        number =
            b.make<arith::MulFOp>(asFloat(b, number, TensorProto::INT32),
                                  asFloat(b, args[1], parameters.scale->type));
        if (number.getType() != result)
          number = b.make<arith::TruncFOp>(result, number);
        return number;
      });
}

/// Whether all extents but the last are 1.
static bool isVector(const Value &value) {
  return llvm::all_of(ArrayRef<Expr>(value.dims).drop_back(value.rank() > 0),
                      [](const Expr &dim) { return dim.isConstant(1); });
}

static Error emitDequantize(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (!isQuantizedType(x.type) && x.type != TensorProto::INT32)
    return im.error(node, "needs integers of 4, 8, 16 or 32 bits, found " +
                              typeName(x.type));
  Expected<Quantization> parameters = readQuantization(im, node);
  if (!parameters)
    return parameters.takeError();
  if (parameters->zeroPoint && parameters->zeroPoint->type != x.type)
    return im.error(node, "zero point must be " + typeName(x.type) +
                              ", found " +
                              typeName(parameters->zeroPoint->type));
  int32_t type = node.integer("output_dtype", 0);
  if (type == 0)
    type = parameters->scale->type;
  if (!isFloat(type) || byteSize(type) > 4)
    return im.error(node, "result must be float, float16 or bfloat16, found " +
                              typeName(type));
  bool isConstant = x.isConstant() && parameters->isConstant();
  if (isConstant && isVector(x)) {
    if (auto data = dequantizeConstant(x, *parameters, type)) {
      im.set(node, 0, im.makeConstant(node.getProto().output(0), *data));
      return Error::success();
    }
  }
  if (isConstant && isCodeType(x.type) && !isVector(x) && *x.size() > 0)
    return im.result(node, dequantizedWeight(im, node, *parameters, type));
  return im.result(node, dequantize(im, node, *parameters, type));
}

//===----------------------------------------------------------------------===//
// DynamicQuantizeLinear
//===----------------------------------------------------------------------===//

/// The scale for [low, high], which is widened to hold 0.
static mlir::Value buildScale(ScalarBuilder &b, ArrayRef<mlir::Value> range) {
  mlir::Value zero = b.constant(range[0], 0);
  mlir::Value low = b.make<arith::MinimumFOp>(range[0], zero);
  mlir::Value high = b.make<arith::MaximumFOp>(range[1], zero);
  mlir::Value isPoint =
      b.make<arith::CmpFOp>(arith::CmpFPredicate::OEQ, low, high);
  mlir::Value scale = b.make<arith::DivFOp>(b.make<arith::SubFOp>(high, low),
                                            b.constant(range[0], 255));
  return b.make<arith::SelectOp>(isPoint, b.constant(range[0], 1), scale);
}

/// round(saturate(0 - low / scale)), still as a number.
static mlir::Value buildZeroPoint(ScalarBuilder &b,
                                  ArrayRef<mlir::Value> args) {
  mlir::Value zero = b.constant(args[0], 0);
  mlir::Value low = b.make<arith::MinimumFOp>(args[0], zero);
  mlir::Value point = b.make<arith::SubFOp>(
      zero, mlir::Value(b.make<arith::DivFOp>(low, args[1])));
  point = b.make<arith::MinimumFOp>(point, b.constant(point, 255));
  return b.make<mlir::math::RoundEvenOp>(point);
}

static Error emitDynamicQuantize(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (x.type != TensorProto::FLOAT)
    return im.error(node, "needs float, found " + typeName(x.type));
  Axes all;
  for (int64_t axis = 0; axis < x.rank(); ++axis)
    all.push_back(axis);
  Expected<Value> low =
      im.reduce(node, x, all, ReduceKind::Min, /*keepDims=*/false);
  if (!low)
    return low.takeError();
  Expected<Value> high =
      im.reduce(node, x, all, ReduceKind::Max, /*keepDims=*/false);
  if (!high)
    return high.takeError();
  Expected<Value> scale =
      im.elementwise(node, {&*low, &*high}, TensorProto::FLOAT, buildScale);
  if (!scale)
    return scale.takeError();
  Expected<Value> zero = im.elementwise(node, {&*low, &*scale},
                                        TensorProto::FLOAT, buildZeroPoint);
  if (!zero)
    return zero.takeError();
  Expected<Value> zeroCode = im.cast(node, *zero, TensorProto::UINT8);
  if (!zeroCode)
    return zeroCode.takeError();
  Expected<Value> codes =
      im.elementwise(node, {&x, &*scale, &*zero}, TensorProto::UINT8,
                     [](ScalarBuilder &b, ArrayRef<mlir::Value> args) {
                       mlir::Value quotient =
                           b.make<arith::DivFOp>(args[0], args[1]);
                       return buildSaturated(b, quotient, args[2]);
                     });
  im.set(node, 1, std::move(*scale));
  im.set(node, 2, std::move(*zeroCode));
  return im.result(node, std::move(codes));
}

void lowbit::frontend::addQuantizeOperators(OperatorTable &table) {
  llvm::StringRef microsoft = "com.microsoft";
  table.add({
      {"QuantizeLinear", 11, newest, 2, 3, 1,
       "axis:i block_size:i output_dtype:i precision:i saturate:i",
       emitQuantize},
      {"DequantizeLinear", 11, newest, 2, 3, 1,
       "axis:i block_size:i output_dtype:i", emitDequantize},
      {"DynamicQuantizeLinear", 11, newest, 1, 1, 3, "", emitDynamicQuantize},
      {"QuantizeLinear", 1, 1, 2, 3, 1, "axis:i block_size:i", emitQuantize,
       nullptr, microsoft},
      {"DequantizeLinear", 1, 1, 2, 3, 1, "axis:i block_size:i", emitDequantize,
       nullptr, microsoft},
  });
}
