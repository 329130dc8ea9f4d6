//===- IntegerMatMul.cpp - products of quantized operands -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// sum over k of (a - zero_a) * (b - zero_b), in integers. With a constant b the
// product is a layer on a quantized weight of scale 1, and its sum is rounded
// to the integer that it stands for; otherwise it is a contraction in i32.
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"
#include "Quantization.h"
#include "QuantizedWeight.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace lowbit::frontend;
namespace arith = mlir::arith;
namespace numerics = lowbit::numerics;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using onnx::TensorProto;

namespace {
/// The operands of a product, by their places among the node's inputs.
struct Operands {
  int a, zeroA, b, zeroB;
};
} // namespace

/// Checks an operand and its zero point, which may be one for each of its
/// columns if `columns`.
static Error checkOperand(Importer &im, const Node &node, int operand, int zero,
                          bool columns) {
  const Value &value = im.in(node, operand);
  if (!isCodeType(value.type) || value.rank() == 0)
    return im.error(node, "needs matrices of int8 or uint8, found " +
                              typeName(value.type) + " " + im.str(value.dims));
  if (!node.hasInput(zero))
    return Error::success();
  const Value &point = im.in(node, zero);
  if (point.type != value.type)
    return im.error(node, "zero point must be " + typeName(value.type) +
                              ", found " + typeName(point.type));
  bool fits = point.size() == 1 || (columns && point.rank() == 1 &&
                                    point.dims[0] == value.dims.back());
  if (fits)
    return Error::success();
  return im.error(node,
                  "zero point must be a scalar" +
                      llvm::Twine(columns ? " or one for each column" : "") +
                      ", found " + im.str(point.dims));
}

/// operand - zero point as integers of 32 bits.
static Expected<Value> centred(Importer &im, const Node &node, int operand,
                               int zero) {
  Expected<Value> wide =
      im.cast(node, im.in(node, operand), TensorProto::INT32);
  if (!wide || !node.hasInput(zero))
    return wide;
  Value point = im.in(node, zero);
  if (point.size() == 1) {
    Expected<Value> scalar = im.reshape(node, point, {});
    if (!scalar)
      return scalar;
    point = std::move(*scalar);
  }
  Expected<Value> wideZero = im.cast(node, point, TensorProto::INT32);
  return wideZero ? im.sub(node, *wide, *wideZero) : std::move(wideZero);
}

/// The constant matrix b [K, N] as a weight [N, K] of scale 1.
static std::optional<mlir::Value> weightOf(Importer &im, const Node &node,
                                           const Operands &inputs) {
  const Value &b = im.in(node, inputs.b);
  if (b.rank() != 2 || *b.size() == 0)
    return std::nullopt;
  std::vector<uint8_t> zeros{
      uint8_t(isUnsigned(b.type) ? 0 : 1 << (bitSize(b.type) - 1))};
  if (node.hasInput(inputs.zeroB)) {
    auto read = readCodes(im.in(node, inputs.zeroB));
    if (!read)
      return std::nullopt;
    zeros = *read;
  }
  std::string key = "integers " + im.str(b.dims) + dataKey(b);
  if (node.hasInput(inputs.zeroB))
    key += dataKey(im.in(node, inputs.zeroB));
  return im.quantizedWeight(node, inputs.b, key, [&] {
    int64_t columns = b.dims[0].constant(), rows = b.dims[1].constant();
    std::vector<uint8_t> codes = *readCodes(b), turned(codes.size());
    for (int64_t k = 0; k < columns; ++k)
      for (int64_t n = 0; n < rows; ++n)
        turned[n * columns + k] = codes[k * rows + n];
    numerics::Encoding encoding = describeCodes(bitSize(b.type), zeros);
    bool perTensor = zeros.size() == 1;
    encoding.granularity = perTensor ? numerics::Granularity::Tensor
                                     : numerics::Granularity::Channel;
    QuantizedWeight result;
    fillMatrix(result.matrix, encoding, rows, columns, std::move(turned),
               std::vector<float>(perTensor ? 1 : rows, 1.0f),
               {zeros.begin(), zeros.end()});
    return result;
  });
}

/// `left`, which is centred, times operand b, as a value of type int32.
static Expected<Value> productWith(Importer &im, const Node &node,
                                   const Value &left, const Operands &inputs) {
  const Value &b = im.in(node, inputs.b);
  std::optional<mlir::Value> weight;
  if (b.isConstant() && left.rank() > 0 && left.dims.back() == b.dims[0])
    weight = weightOf(im, node, inputs);
  if (!weight) {
    Expected<Value> right = centred(im, node, inputs.b, inputs.zeroB);
    return right ? im.matmul(node, left, *right) : std::move(right);
  }
  Expected<Value> x = im.cast(node, left, TensorProto::FLOAT);
  if (!x)
    return x;
  Value sum = im.linear(*x, *weight);
  return im.elementwise(node, {&sum}, TensorProto::INT32,
                        [](ScalarBuilder &s, ArrayRef<mlir::Value> args) {
                          mlir::Value whole =
                              s.make<mlir::math::RoundEvenOp>(args[0]);
                          return mlir::Value(s.make<arith::FPToSIOp>(
                              s.builder.getI32Type(), whole));
                        });
}

/// The product as a value of type int32.
static Expected<Value> product(Importer &im, const Node &node,
                               const Operands &inputs) {
  for (auto [operand, zero] :
       {std::pair(inputs.a, inputs.zeroA), std::pair(inputs.b, inputs.zeroB)})
    if (Error failed = checkOperand(im, node, operand, zero,
                                    /*columns=*/operand == inputs.b))
      return std::move(failed);
  Expected<Value> left = centred(im, node, inputs.a, inputs.zeroA);
  return left ? productWith(im, node, *left, inputs) : std::move(left);
}

static Error emitMatMulInteger(Importer &im, const Node &node) {
  return im.result(node, product(im, node, {0, 2, 1, 3}));
}

/// The product of three scales, the last inverted, times the sum, plus a zero
/// point, in integers again.
static Error emitQLinearMatMul(Importer &im, const Node &node) {
  const Value &scaleA = im.in(node, 1), &scaleB = im.in(node, 4),
              &scaleY = im.in(node, 6), &zeroY = im.in(node, 7);
  for (const Value *scale : {&scaleA, &scaleB, &scaleY})
    if (Error failed = im.requireFloat(node, *scale))
      return failed;
  if (!isCodeType(zeroY.type) || zeroY.size() != 1 || scaleY.size() != 1 ||
      scaleA.size() != 1)
    return im.error(node, "needs scalars as scales of a and y and an int8 or "
                          "uint8 as zero point of y, found " +
                              im.str(scaleA.dims) + ", " + im.str(scaleY.dims) +
                              " and " + typeName(zeroY.type) + " " +
                              im.str(zeroY.dims));
  Expected<Value> sum = product(im, node, {0, 2, 3, 5});
  if (!sum)
    return sum.takeError();
  Expected<Value> result = im.elementwise(
      node, {&*sum, &scaleA, &scaleB, &scaleY, &zeroY}, zeroY.type,
      [&](ScalarBuilder &b, ArrayRef<mlir::Value> args) {
        mlir::Value scale = b.make<arith::MulFOp>(
            asFloat(b, args[1], scaleA.type), asFloat(b, args[2], scaleB.type));
        scale = b.make<arith::DivFOp>(scale, asFloat(b, args[3], scaleY.type));
        mlir::Value number = b.make<arith::MulFOp>(
            asFloat(b, args[0], TensorProto::INT32), scale);
        return buildSaturated(b, number, asFloat(b, args[4], zeroY.type));
      });
  if (result && result->dims != sum->dims)
    return im.error(node, "scale of b must be a scalar or one for each column, "
                          "found " +
                              im.str(scaleB.dims));
  return im.result(node, std::move(result));
}

/// A product of integers times the scales of both operands, plus a bias.
static Error scaled(Composer &c, const Value &sum, const Value &scaleA,
                    int scaleB, int bias) {
  Value result = c.mul(c.cast(sum, TensorProto::FLOAT), scaleA);
  if (c.ok())
    result = c.mul(result, c.in(scaleB));
  if (c.has(bias) && c.ok())
    result = c.add(result, c.in(bias));
  c.define(0, result);
  return c.finish();
}

static Error emitMatMulIntegerToFloat(Importer &im, const Node &node) {
  Composer c(im, node);
  Value sum = c.unwrap(product(im, node, {0, 4, 1, 5}));
  return scaled(c, sum, c.in(2), 3, 6);
}

/// Activations of floats are rounded to 8 bits as DynamicQuantizeLinear does.
static Error emitDynamicQuantizeMatMul(Importer &im, const Node &node) {
  Composer c(im, node);
  c.fail(checkOperand(im, node, 1, 3, /*columns=*/true));
  llvm::SmallVector<Value> codes =
      c.applyAll("DynamicQuantizeLinear", {c.in(0)}, 3);
  Value left = c.sub(c.cast(codes[0], TensorProto::INT32),
                     c.cast(codes[2], TensorProto::INT32));
  if (!c.ok())
    return c.finish();
  Value sum = c.unwrap(productWith(im, node, left, {0, -1, 1, 3}));
  return scaled(c, sum, codes[1], 2, 4);
}

void lowbit::frontend::addIntegerMatMulOperators(OperatorTable &table) {
  table.add({
      {"MatMulInteger", 10, newest, 2, 4, 1, "", emitMatMulInteger},
      {"QLinearMatMul", 10, newest, 8, 8, 1, "", emitQLinearMatMul},
      {"MatMulIntegerToFloat", 1, 1, 4, 7, 1, "", emitMatMulIntegerToFloat,
       nullptr, "com.microsoft"},
      {"DynamicQuantizeMatMul", 1, 1, 3, 5, 1, "", emitDynamicQuantizeMatMul,
       nullptr, "com.microsoft"},
  });
}
