//===- QLinear.cpp - operators on integers with scales --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An operator from integers to integers is the one on numbers between
// DequantizeLinear and QuantizeLinear. A constant kernel or matrix stays a
// weight of codes.
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"

using namespace lowbit::frontend;
using llvm::Error;
using llvm::StringRef;
using onnx::TensorProto;

/// Input `i` where parameters of one element are scalars.
static Value parameter(Composer &c, int i) {
  if (!c.has(i) || !c.ok())
    return Value();
  const Value &value = c.in(i);
  return value.size() == 1 ? c.reshape(value, {}) : value;
}

/// The numbers of a constant matrix whose filters run along `axis`: a scale for
/// the matrix is one for each filter, so that it stays a weight.
static Value decodeMatrix(Composer &c, int i, int64_t axis) {
  auto spread = [&](int p) {
    Value value = parameter(c, p);
    if (!c.ok() || !value.uniform() || c.in(i).rank() != 2 ||
        !c.in(i).isConstant())
      return value;
    return knownValue(value.type, {c.in(i).dims[axis]}, {*value.uniform()});
  };
  if (!c.ok())
    return Value();
  return c.apply("DequantizeLinear", {c.in(i), spread(i + 1), spread(i + 2)},
                 {{"axis", axis}});
}

/// The numbers that input `i` stands for, with its scale and zero point behind
/// it.
static Value decode(Composer &c, int i, int64_t axis = 1) {
  if (!c.ok())
    return Value();
  return c.apply("DequantizeLinear",
                 {c.in(i), parameter(c, i + 1), parameter(c, i + 2)},
                 {{"axis", axis}});
}

/// Output 0: `x` as integers with the scale at input `scale` and the zero point
/// behind it.
static Error encode(Composer &c, const Value &x, int scale) {
  if (c.ok())
    c.define(0, c.apply("QuantizeLinear",
                        {x, parameter(c, scale), parameter(c, scale + 1)}));
  return c.finish();
}

/// An operator of one operand, whose attributes are the node's.
template <const StringRef &op>
static Error emitUnary(Importer &im, const Node &node) {
  Composer c(im, node);
  Value x = decode(c, 0);
  return encode(c, c.applySelf(op, {x}, {"channels_last"}), 3);
}

/// Along one dimension, or, as before version 13, all from there on.
static Error emitSoftmax(Importer &im, const Node &node) {
  Composer c(im, node);
  Value x = decode(c, 0);
  int64_t axis = node.integer("axis", -1);
  Value y = node.integer("opset", 13) < 13
                ? c.softmaxFrom(x, axis)
                : c.apply("Softmax", {x}, {{"axis", axis}});
  return encode(c, y, 3);
}

template <const StringRef &op>
static Error emitBinary(Importer &im, const Node &node) {
  Composer c(im, node);
  Value a = decode(c, 0), b = decode(c, 3);
  return encode(c, c.apply(op, {a, b}), 6);
}

static Error emitConcat(Importer &im, const Node &node) {
  Composer c(im, node);
  c.require(node.numInputs() % 3 == 2,
            "needs a scale and a zero point with each input");
  llvm::SmallVector<Value> parts;
  for (int i = 2; c.ok() && i < node.numInputs(); i += 3)
    parts.push_back(decode(c, i));
  return encode(c, c.concat(parts, node.integer("axis", 0)), 0);
}

/// Where input 0 holds, the number at 1, else that at 4.
static Error emitWhere(Importer &im, const Node &node) {
  Composer c(im, node);
  Value x = decode(c, 1), y = decode(c, 4);
  return encode(c, c.apply("Where", {c.in(0), x, y}), 7);
}

static Error emitReduceMean(Importer &im, const Node &node) {
  Composer c(im, node);
  Value x = decode(c, 0);
  Axes axes = node.integers("axes");
  Dims list(axes.begin(), axes.end());
  llvm::SmallVector<Value> inputs{x};
  if (!axes.empty())
    inputs.push_back(Composer::integers(list));
  return encode(c, c.applySelf("ReduceMean", inputs, {"axes"}), 3);
}

/// A bias of integers, whose scale is that of the products.
static Value decodeBias(Composer &c, int bias, int scaleX, int scaleW) {
  if (!c.has(bias) || !c.ok())
    return Value();
  Value scale = c.mul(parameter(c, scaleX), parameter(c, scaleW));
  return c.mul(c.cast(c.in(bias), TensorProto::FLOAT), scale);
}

static Error emitConv(Importer &im, const Node &node) {
  Composer c(im, node);
  Value x = decode(c, 0), w = decode(c, 3, 0), bias = decodeBias(c, 8, 1, 4);
  return encode(c, c.applySelf("Conv", {x, w, bias}), 6);
}

/// Without a scale for the result, it is a float.
static Error emitGemm(Importer &im, const Node &node) {
  Composer c(im, node);
  bool turned = node.integer("transB", 0) != 0;
  Value a = decode(c, 0), b = decodeMatrix(c, 3, turned ? 0 : 1);
  Value bias = decodeBias(c, 6, 1, 4);
  Value y = c.applySelf("Gemm", {a, b, bias});
  if (c.has(7))
    return encode(c, y, 7);
  c.define(0, y);
  return c.finish();
}

/// Sums of products of integers, less their zero points, as integers.
static Error emitConvInteger(Importer &im, const Node &node) {
  Composer c(im, node);
  Value numbers[2];
  Value one = knownValue(TensorProto::FLOAT, {}, {Scalar::of(1.0)});
  for (int i : {0, 1}) {
    Value zero = parameter(c, 2 + i), scale = one;
    if (c.ok() && zero.type && zero.rank() == 1)
      scale = knownValue(TensorProto::FLOAT, zero.dims, {Scalar::of(1.0)});
    numbers[i] = c.apply("DequantizeLinear", {c.in(i), scale, zero},
                         {{"axis", int64_t(0)}});
  }
  Value sum = c.applySelf("Conv", {numbers[0], numbers[1]});
  // Sums are integers but for the rounding of large ones.
  c.define(0, c.cast(c.apply("Round", {sum}), TensorProto::INT32));
  return c.finish();
}

static std::string refuseLayout(const Node &node) {
  if (node.integer("channels_last", 0) != 0)
    return "attribute channels_last must be 0";
  return "";
}

static constexpr StringRef add = "Add", mul = "Mul", sigmoid = "Sigmoid",
                           leakyRelu = "LeakyRelu",
                           globalPool = "GlobalAveragePool",
                           pool = "AveragePool";

void lowbit::frontend::addQLinearOperators(OperatorTable &table) {
  constexpr llvm::StringLiteral convolution =
      "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I";
  table.add({
      {"QLinearConv", 10, newest, 8, 9, 1, convolution, emitConv},
      {"ConvInteger", 10, newest, 2, 4, 1, convolution, emitConvInteger},
      {"QGemm", 1, 1, 6, 9, 1, "alpha:f transA:i transB:i", emitGemm, nullptr,
       "com.microsoft"},
      {"QLinearAdd", 1, 1, 7, 8, 1, "", emitBinary<add>, nullptr,
       "com.microsoft"},
      {"QLinearMul", 1, 1, 7, 8, 1, "", emitBinary<mul>, nullptr,
       "com.microsoft"},
      {"QLinearConcat", 1, 1, 5, variadic, 1, "axis:i", emitConcat, nullptr,
       "com.microsoft"},
      {"QLinearWhere", 1, 1, 9, 9, 1, "", emitWhere, nullptr, "com.microsoft"},
      {"QLinearReduceMean", 1, 1, 4, 5, 1, "axes:I keepdims:i", emitReduceMean,
       nullptr, "com.microsoft"},
      {"QLinearSigmoid", 1, 1, 4, 5, 1, "", emitUnary<sigmoid>, nullptr,
       "com.microsoft"},
      {"QLinearLeakyRelu", 1, 1, 4, 5, 1, "alpha:f", emitUnary<leakyRelu>,
       nullptr, "com.microsoft"},
      {"QLinearSoftmax", 1, 1, 4, 5, 1, "axis:i opset:i", emitSoftmax, nullptr,
       "com.microsoft"},
      {"QLinearGlobalAveragePool", 1, 1, 4, 5, 1, "channels_last:i",
       emitUnary<globalPool>, refuseLayout, "com.microsoft"},
      {"QLinearAveragePool", 1, 1, 4, 5, 1,
       "auto_pad:s ceil_mode:i channels_last:i count_include_pad:i "
       "kernel_shape:I pads:I strides:I",
       emitUnary<pool>, refuseLayout, "com.microsoft"},
  });
}
