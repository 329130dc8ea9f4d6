//===- FusedAttention.cpp - Attention and MultiHeadAttention --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX's Attention of version 23, and what ONNX Runtime's optimizer makes of
// encoders and decoders: Attention, which holds the projection too, and
// MultiHeadAttention. Extents are called as in Attention.h.
//
//===----------------------------------------------------------------------===//

#include "Attention.h"
#include "OperatorTable.h"

#include <limits>

using namespace lowbit::frontend;
using llvm::Error;
using onnx::TensorProto;

/// The least number that masks add.
static constexpr double least = std::numeric_limits<float>::lowest();

/// `past` before `present` along the keys, if input `i` is given.
static Value withPast(Composer &c, const Value &present, int i) {
  if (!c.has(i) || !c.ok())
    return present;
  const Value &past = c.in(i);
  c.require(past.rank() == 4,
            "past must have 4 dimensions, found " + c.im.str(past.dims));
  return c.concat({past, present}, 2);
}

//===----------------------------------------------------------------------===//
// Masks of ONNX Runtime's operators
//===----------------------------------------------------------------------===//

/// `mask` holds 1 for keys that count, as [B, T], [B, S, T] or [B, 1, S, T], or
/// the number of keys of each row [B].
static Value keyMask(Composer &c, const Value &mask, const Expr &batch,
                     const Expr &keys, double filter) {
  if (!c.ok())
    return Value();
  Value zero = knownValue(TensorProto::INT64, {}, {Scalar::of(Expr(0))});
  Value wide = c.cast(mask, TensorProto::INT64);
  Dims d = mask.dims;
  if (mask.rank() == 1) {
    c.requireEqual(d[0], batch,
                   "a mask of one dimension must have one length for each row");
    Value lengths = c.reshape(wide, {batch, Expr(1), Expr(1), Expr(1)});
    return maskOf(c, c.apply("Less", {countAlong(c, keys, 3, 4), lengths}),
                  filter);
  }
  Value keep = c.apply("Greater", {wide, zero});
  if (mask.rank() == 2)
    keep = c.reshape(keep, {d[0], Expr(1), Expr(1), d[1]});
  else if (mask.rank() == 3)
    keep = c.reshape(keep, {d[0], Expr(1), d[1], d[2]});
  return maskOf(c, keep, filter);
}

/// The sum of a mask (input `keys`) and a bias (input `bias`), if given.
static Value contribMask(Composer &c, int keys, int bias, const Expr &batch,
                         const Expr &length) {
  Value mask;
  if (c.has(keys))
    mask = keyMask(c, c.in(keys), batch, length,
                   c.node.real("mask_filter_value", -10000));
  if (!c.has(bias) || !c.ok())
    return mask;
  return joinMasks(c, mask, c.cast(c.in(bias), TensorProto::FLOAT));
}

//===----------------------------------------------------------------------===//
// com.microsoft Attention
//===----------------------------------------------------------------------===//

/// Columns of query, key and value in the projection.
static Axes projectionSizes(Composer &c, const Value &weight) {
  Axes sizes = c.node.integers("qkv_hidden_sizes");
  c.require(weight.rank() == 2 && weight.dims[1].isConstant(),
            "needs a matrix of weights, found " + c.im.str(weight.dims));
  if (!c.ok())
    return Axes(3, 0);
  int64_t width = weight.dims[1].constant();
  if (sizes.empty())
    sizes = Axes(3, width / 3);
  c.require(sizes.size() == 3 && sizes[0] + sizes[1] + sizes[2] == width &&
                sizes[0] == sizes[1],
            "attribute qkv_hidden_sizes must divide the " + llvm::Twine(width) +
                " columns of the weight");
  return c.ok() ? sizes : Axes(3, 0);
}

/// Output 1: keys and values, [2, B, H, T, D].
static void definePresent(Composer &c, const Value &key, const Value &value) {
  if (!c.ok() || !c.node.hasOutput(1))
    return;
  Dims dims = key.dims;
  dims.insert(dims.begin(), Expr(1));
  c.define(1, c.concat({c.reshape(key, dims), c.reshape(value, dims)}, 0));
}

static Error emitContribAttention(Importer &im, const Node &node) {
  Composer c(im, node);
  const Value &x = c.in(0), &weight = c.in(1);
  Axes sizes = projectionSizes(c, weight);
  c.require(x.rank() == 3,
            "needs an input of 3 dimensions, found " + im.str(x.dims));
  Expr heads(node.integer("num_heads", 0));
  Value projected = c.matmul(x, weight);
  if (c.has(2))
    projected = c.add(projected, c.in(2));
  Attention a;
  Value *parts[] = {&a.query, &a.key, &a.value};
  int64_t at = 0;
  for (int i : {0, 1, 2}) {
    *parts[i] =
        splitHeads(c, c.slice(projected, 2, Expr(at), Expr(sizes[i])), heads);
    at += sizes[i];
  }
  if (c.has(4) && c.ok()) {
    // [2, B, H, P, D]
    Value past = c.in(4);
    c.require(past.rank() == 5,
              "past must have 5 dimensions, found " + im.str(past.dims));
    for (int i : {0, 1}) {
      if (!c.ok())
        break;
      Dims dims(past.dims.begin() + 1, past.dims.end());
      Value half = c.reshape(c.slice(past, 0, Expr(i), Expr(1)), dims);
      *parts[1 + i] = c.concat({half, *parts[1 + i]}, 2);
    }
  }
  definePresent(c, a.key, a.value);
  if (c.ok()) {
    a.mask = contribMask(c, 3, 5, x.dims[0], a.key.dims[2]);
    a.causal = node.integer("unidirectional", 0) != 0;
    a.scale = scaleOf(node, a.query.dims[3]);
  }
  c.define(0, mergeHeads(c, emitAttention(c, a)));
  return c.finish();
}

static std::string refuseHeads(const Node &node) {
  if (node.integer("num_heads", 0) < 1)
    return "needs a positive attribute num_heads";
  for (llvm::StringRef name : {"do_rotary", "past_present_share_buffer"})
    if (node.integer(name, 0) != 0)
      return ("attribute " + name + " must be 0").str();
  return "";
}

//===----------------------------------------------------------------------===//
// com.microsoft MultiHeadAttention
//===----------------------------------------------------------------------===//

/// Part `i` of the bias of query, key and value, added to `x` [B, S, width].
static Value withBias(Composer &c, const Value &x, const Expr &offset) {
  if (!c.has(3) || !c.ok())
    return x;
  return c.add(x, c.slice(c.in(3), 0, offset, x.dims[2]));
}

/// Query, key and value of a MultiHeadAttention, which may be packed.
static void readHeads(Composer &c, Attention &a, const Expr &heads) {
  const Value &query = c.in(0);
  auto packed = [&](const Value &x, int64_t i) {
    // [B, S, H, parts, D]
    Value part = c.slice(x, 3, Expr(i), Expr(1));
    return c.transpose(
        c.reshape(part, {x.dims[0], x.dims[1], x.dims[2], x.dims[4]}),
        {0, 2, 1, 3});
  };
  if (query.rank() == 5) {
    c.require(!c.has(3), "a packed query with a bias is not supported");
    a.query = packed(query, 0);
    a.key = packed(query, 1);
    a.value = packed(query, 2);
    return;
  }
  c.require(query.rank() == 3 && c.has(1),
            "needs a query of 3 or 5 dimensions, and a key with 3, found " +
                c.im.str(query.dims));
  if (!c.ok())
    return;
  a.query = splitHeads(c, withBias(c, query, Expr(0)), heads);
  const Value &key = c.in(1);
  if (key.rank() == 5) {
    a.key = packed(key, 0);
    a.value = packed(key, 1);
    return;
  }
  c.require(c.has(2), "input value is missing");
  if (!c.ok())
    return;
  const Value &value = c.in(2);
  if (key.rank() == 4) {
    // Keys and values of a cross attention's cache, [B, H, T, D].
    c.require(value.rank() == 4, "key and value must have as many dimensions");
    a.key = key;
    a.value = value;
    return;
  }
  c.require(key.rank() == 3 && value.rank() == 3,
            "needs keys and values of 3 dimensions, found " +
                c.im.str(key.dims) + " and " + c.im.str(value.dims));
  if (!c.ok())
    return;
  Expr width = query.dims[2];
  a.key = splitHeads(c, withBias(c, key, width), heads);
  a.value = splitHeads(c, withBias(c, value, c.product(width, Expr(2))), heads);
}

static Error emitMultiHeadAttention(Importer &im, const Node &node) {
  Composer c(im, node);
  Attention a;
  readHeads(c, a, Expr(node.integer("num_heads", 0)));
  a.key = withPast(c, a.key, 6);
  a.value = withPast(c, a.value, 7);
  if (c.ok()) {
    a.mask = contribMask(c, 4, 5, a.query.dims[0], a.key.dims[2]);
    a.causal = node.integer("unidirectional", 0) != 0;
    a.scale = scaleOf(node, a.query.dims[3]);
  }
  c.define(1, a.key);
  c.define(2, a.value);
  c.define(0, mergeHeads(c, emitAttention(c, a)));
  return c.finish();
}

//===----------------------------------------------------------------------===//
// Attention of version 23
//===----------------------------------------------------------------------===//

/// Input 3: true for keys that count, or numbers to add.
static Value standardMask(Composer &c) {
  if (!c.has(3))
    return Value();
  const Value &mask = c.in(3);
  return isBool(mask.type) ? maskOf(c, mask, least)
                           : c.cast(mask, TensorProto::FLOAT);
}

/// Query `i` sees keys 0 to `i`, wherever keys of the past end.
static Value upperLeftMask(Composer &c, const Attention &a) {
  Value seen = c.apply("LessOrEqual", {countAlong(c, a.key.dims[2], 3, 4),
                                       countAlong(c, a.query.dims[2], 2, 4)});
  return maskOf(c, seen, least);
}

static Error emitStandardAttention(Importer &im, const Node &node) {
  Composer c(im, node);
  Attention a;
  bool flat = c.in(0).rank() == 3;
  Value *parts[] = {&a.query, &a.key, &a.value};
  for (int i : {0, 1, 2}) {
    const Value &x = c.in(i);
    int64_t heads = node.integer(i == 0 ? "q_num_heads" : "kv_num_heads", 0);
    c.require(x.rank() == (flat ? 3 : 4) && (!flat || heads > 0),
              "needs operands of 4 dimensions, or of 3 with attributes "
              "q_num_heads and kv_num_heads, found " +
                  im.str(x.dims));
    *parts[i] = flat ? splitHeads(c, x, Expr(heads)) : x;
  }
  a.key = withPast(c, a.key, 4);
  a.value = withPast(c, a.value, 5);
  c.define(1, a.key);
  c.define(2, a.value);
  a.mask = standardMask(c);
  if (c.ok()) {
    a.scale = scaleOf(node, a.query.dims[3]);
    a.softcap = node.real("softcap", 0);
    bool causal = node.integer("is_causal", 0) != 0;
    a.causal = causal && c.has(4);
    if (causal && !a.causal)
      a.mask = joinMasks(c, a.mask, upperLeftMask(c, a));
  }
  Value result = emitAttention(c, a);
  c.define(0, flat ? mergeHeads(c, result) : result);
  return c.finish();
}

void lowbit::frontend::addFusedAttentionOperators(OperatorTable &table) {
  table.add({
      {"Attention", 23, 23, 3, 6, 3,
       "is_causal:i kv_num_heads:i q_num_heads:i qk_matmul_output_mode:i "
       "scale:f softcap:f softmax_precision:i",
       emitStandardAttention},
      {"Attention", 1, 1, 2, 6, 2,
       "num_heads:i unidirectional:i qkv_hidden_sizes:I mask_filter_value:f "
       "scale:f do_rotary:i rotary_embedding_dim:i past_present_share_buffer:i",
       emitContribAttention, refuseHeads, "com.microsoft"},
      {"MultiHeadAttention", 1, 1, 1, 8, 3,
       "num_heads:i unidirectional:i mask_filter_value:f scale:f",
       emitMultiHeadAttention, refuseHeads, "com.microsoft"},
  });
}
