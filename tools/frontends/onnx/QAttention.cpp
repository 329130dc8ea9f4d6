//===- QAttention.cpp - what ONNX Runtime's quantizer makes of encoders ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attention whose projection multiplies integers, and embeddings of integers.
// Constant weights keep their codes.
//
//===----------------------------------------------------------------------===//

#include "Attention.h"
#include "OperatorTable.h"

using namespace lowbit::frontend;
using llvm::Error;
using onnx::TensorProto;

namespace {
enum Input { X, Matrix, Bias, ScaleX, ScaleW, Mask, ZeroX, ZeroW, Past };
} // namespace

/// The numbers of input `i` by the scale and the zero point at two others. One
/// scale of a matrix whose columns are filters is one for each of them, so that
/// it stays a weight.
static Value decode(Composer &c, int i, int scale, int zero,
                    bool hasFilters = false) {
  auto parameter = [&](int p) {
    if (!c.has(p) || !c.ok())
      return Value();
    const Value &value = c.in(p), &x = c.in(i);
    if (hasFilters && value.uniform() && x.rank() == 2 && x.isConstant())
      return knownValue(value.type, {x.dims[1]}, {*value.uniform()});
    return value.size() == 1 ? c.reshape(value, {}) : value;
  };
  if (!c.ok())
    return Value();
  return c.apply("DequantizeLinear",
                 {c.in(i), parameter(scale), parameter(zero)},
                 {{"axis", int64_t(1)}});
}

static Error emitQAttention(Importer &im, const Node &node) {
  Composer c(im, node);
  Axes sizes = projectionSizes(c, Matrix);
  Value x = decode(c, X, ScaleX, ZeroX),
        w = decode(c, Matrix, ScaleW, ZeroW, true);
  Value projected = c.matmul(x, w);
  if (c.ok())
    projected = c.add(projected, c.in(Bias));
  emitProjectedAttention(c, projected, sizes, {Mask, Past, -1});
  return c.finish();
}

/// Tables and the norm's parameters are integers: their scales begin at input
/// 8, their zero points five behind.
static Error emitQEmbedLayerNorm(Importer &im, const Node &node) {
  Composer c(im, node);
  enum { Words = 2, Kinds = 4, Scale = 8, Gamma = 5, Beta = 6, MaskOfKeys = 7 };
  Value tables[5];
  for (int i = 0; i < 5; ++i)
    if (c.has(Words + i))
      tables[i] = decode(c, Words + i, Scale + i, Scale + 5 + i);
  const Value &ids = c.in(0);
  c.require(ids.rank() == 2,
            "needs input_ids of 2 dimensions, found " + im.str(ids.dims));
  Attribute rows{"axis", int64_t(0)};
  Value sum = c.apply("Gather", {tables[0], ids}, {rows});
  if (c.ok())
    sum = c.add(sum, c.slice(tables[1], 0, Expr(0), ids.dims[1]));
  if (c.has(1) && c.has(Kinds))
    sum = c.add(sum, c.apply("Gather", {tables[2], c.in(1)}, {rows}));
  c.define(0, c.apply("LayerNormalization", {sum, tables[3], tables[4]},
                      {{"epsilon", node.real("epsilon", 1e-12f)}}));
  if (c.ok() && node.hasOutput(1)) {
    Value none =
        knownValue(TensorProto::INT32, {ids.dims[0]}, {Scalar::of(Expr(0))});
    c.define(1,
             c.has(MaskOfKeys)
                 ? c.cast(c.apply("ReduceSum",
                                  {c.in(MaskOfKeys), Composer::integers({1})},
                                  {{"keepdims", int64_t(0)}}),
                          TensorProto::INT32)
                 : none);
  }
  return c.finish();
}

void lowbit::frontend::addQAttentionOperators(OperatorTable &table) {
  table.add({
      {"QAttention", 1, 1, 5, 9, 2,
       "num_heads:i unidirectional:i mask_filter_value:f scale:f do_rotary:i "
       "past_present_share_buffer:i",
       emitQAttention, refuseHeads, "com.microsoft"},
      {"QEmbedLayerNormalization", 1, 1, 1, 18, 2, "epsilon:f",
       emitQEmbedLayerNorm, nullptr, "com.microsoft"},
  });
}
