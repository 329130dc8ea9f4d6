//===- FusedAttention.cpp - Attention and MultiHeadAttention --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX's own Attention, and what ONNX Runtime's optimizer makes of
// encoders and decoders: Attention, which holds the projection too, and
// MultiHeadAttention. Extents are called as in Attention.h.
//
//===----------------------------------------------------------------------===//

#include "Attention.h"
#include "OperatorTable.h"

#include "llvm/ADT/StringExtras.h"

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
  if (keys >= 0 && c.has(keys))
    mask = keyMask(c, c.in(keys), batch, length,
                   c.node.real("mask_filter_value", -10000));
  if (bias < 0 || !c.has(bias) || !c.ok())
    return mask;
  return joinMasks(c, mask, c.cast(c.in(bias), TensorProto::FLOAT));
}

//===----------------------------------------------------------------------===//
// com.microsoft Attention
//===----------------------------------------------------------------------===//

Axes lowbit::frontend::projectionSizes(Composer &c, int input) {
  const Value &x = c.in(0), &weight = c.in(input);
  Axes sizes = c.node.integers("qkv_hidden_sizes");
  c.require(weight.rank() == 2 && weight.dims[1].isConstant(),
            "needs a matrix of weights, found " + c.im.str(weight.dims));
  if (!c.ok())
    return Axes(3, 0);
  int64_t width = weight.dims[1].constant();
  if (sizes.empty())
    sizes = Axes(3, width / 3);
  auto isPart = [&](int64_t size) { return size >= 0 && size <= width; };
  c.require(sizes.size() == 3 && llvm::all_of(sizes, isPart) &&
                sizes[0] + sizes[1] + sizes[2] == width && sizes[0] == sizes[1],
            "attribute qkv_hidden_sizes must divide the " + llvm::Twine(width) +
                " columns of the weight");
  c.require(x.rank() == 3,
            "needs an input of 3 dimensions, found " + c.im.str(x.dims));
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

void lowbit::frontend::emitProjectedAttention(Composer &c,
                                              const Value &projected,
                                              const Axes &sizes,
                                              const ProjectedInputs &inputs) {
  const Value &x = c.in(0);
  Expr heads(c.node.integer("num_heads", 0));
  Attention a;
  Value *parts[] = {&a.query, &a.key, &a.value};
  int64_t at = 0;
  for (int i : {0, 1, 2}) {
    *parts[i] =
        splitHeads(c, c.slice(projected, 2, Expr(at), Expr(sizes[i])), heads);
    at += sizes[i];
  }
  if (c.has(inputs.past) && c.ok()) {
    // [2, B, H, P, D]
    Value past = c.in(inputs.past);
    c.require(past.rank() == 5,
              "past must have 5 dimensions, found " + c.im.str(past.dims));
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
    a.mask = contribMask(c, inputs.mask, inputs.bias, x.dims[0], a.key.dims[2]);
    a.causal = c.node.integer("unidirectional", 0) != 0;
    a.scale = scaleOf(c, a.query.dims[3]);
  }
  c.define(0, mergeHeads(c, emitAttention(c, a)));
}

static Error emitContribAttention(Importer &im, const Node &node) {
  Composer c(im, node);
  Axes sizes = projectionSizes(c, 1);
  Value projected = c.matmul(c.in(0), c.in(1));
  if (c.has(2) && c.ok())
    projected = c.add(projected, c.in(2));
  emitProjectedAttention(c, projected, sizes, {3, 4, 5});
  return c.finish();
}

std::string lowbit::frontend::refuseHeads(const Node &node) {
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
  const Value &bias = c.in(3);
  c.require(bias.rank() == 1 && x.dims[2].isConstant() &&
                bias.dims[0].isConstant(),
            "needs a bias of one dimension and columns whose number is known, "
            "found " +
                c.im.str(bias.dims) + " for " + c.im.str(x.dims));
  return c.add(x, c.slice(bias, 0, offset, x.dims[2]));
}

/// Query, key and value of a MultiHeadAttention, which may be packed.
static void readHeads(Composer &c, Attention &a, const Expr &heads) {
  const Value &query = c.in(0);
  auto packed = [&](const Value &x, int64_t i, int64_t parts) {
    // [B, S, H, parts, D]
    c.require(x.dims[3].isConstant(parts), "needs " + llvm::Twine(parts) +
                                               " packed parts, found " +
                                               c.im.str(x.dims));
    Value part = c.slice(x, 3, Expr(i), Expr(1));
    return c.transpose(
        c.reshape(part, {x.dims[0], x.dims[1], x.dims[2], x.dims[4]}),
        {0, 2, 1, 3});
  };
  if (query.rank() == 5) {
    c.require(!c.has(3), "a packed query with a bias is not supported");
    a.query = packed(query, 0, 3);
    a.key = packed(query, 1, 3);
    a.value = packed(query, 2, 3);
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
    a.key = packed(key, 0, 2);
    a.value = packed(key, 1, 2);
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
    a.scale = scaleOf(c, a.query.dims[3]);
  }
  c.define(1, a.key);
  c.define(2, a.value);
  c.define(0, mergeHeads(c, emitAttention(c, a)));
  return c.finish();
}

//===----------------------------------------------------------------------===//
// Attention of versions 23 and 24
//===----------------------------------------------------------------------===//

/// Input 3: true for keys that count, or numbers to add. Keys behind its end
/// are hidden.
static Value standardMask(Composer &c, const Expr &keys) {
  if (!c.has(3) || !c.ok())
    return Value();
  const Value &given = c.in(3);
  Value mask = isBool(given.type) ? maskOf(c, given, least)
                                  : c.cast(given, TensorProto::FLOAT);
  if (!c.ok() || mask.rank() == 0 || mask.dims.back().isConstant(1) ||
      mask.dims.back() == keys)
    return mask;
  Expr last = mask.dims.back();
  if (!c.im.symbols.isLess(last, keys).value_or(false)) {
    c.requireEqual(last, keys,
                   "attn_mask has " + c.im.symbols.str(last) + " keys of " +
                       c.im.symbols.str(keys));
    return mask;
  }
  Dims pads(2 * mask.rank(), Expr(0));
  pads.back() = c.difference(keys, last);
  Value hidden = knownValue(TensorProto::FLOAT, {}, {Scalar::of(least)});
  return c.apply("Pad", {mask, Composer::integers(pads), hidden});
}

static Value integerOf(const Expr &e) {
  return knownValue(TensorProto::INT64, {}, {Scalar::of(e)});
}

/// With lengths of rows in input 6, queries are the last of each row: the keys
/// before them, [B, 1, 1, 1].
static Value pastOfRows(Composer &c, const Attention &a) {
  Dims rows(4, Expr(1));
  rows[0] = a.query.dims[0];
  Value lengths = c.reshape(c.cast(c.in(6), TensorProto::INT64), rows);
  return c.ok() ? c.sub(lengths, integerOf(a.query.dims[2])) : Value();
}

static void addEndingMask(Composer &c, Attention &a) {
  a.mask = joinMasks(c, a.mask, causalMask(c, a, pastOfRows(c, a)));
}

/// All that hides keys or is added to scores.
static void addStandardMasks(Composer &c, Attention &a) {
  if (!c.ok())
    return;
  const Expr &queries = a.query.dims[2], &keys = a.key.dims[2];
  a.mask = standardMask(c, keys);
  if (c.has(6))
    a.mask =
        joinMasks(c, a.mask, keyMask(c, c.in(6), a.query.dims[0], keys, least));
  if (c.node.integer("is_causal", 0) == 0 || !c.ok())
    return;
  if (c.has(6) && !c.has(4))
    return addEndingMask(c, a);
  Expr past = c.has(4) ? c.in(4).dims[2] : Expr(0);
  a.causal = c.difference(keys, queries) == past;
  if (!a.causal)
    a.mask = joinMasks(c, a.mask, causalMask(c, a, integerOf(past)));
}

/// `y` where a query has a key, else 0: lengths may be less than queries.
static Value zeroWithoutKeys(Composer &c, const Attention &a, const Value &y) {
  if (!c.ok() || !c.has(6) || c.has(4) || c.node.integer("is_causal", 0) == 0)
    return y;
  Value last = c.add(countAlong(c, a.query.dims[2], 2, 4), pastOfRows(c, a));
  Value seen = c.apply("GreaterOrEqual", {last, integerOf(Expr(0))});
  return c.ok() ? c.apply("Where", {seen, y, Importer::scalar(y, 0)}) : y;
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
  addStandardMasks(c, a);
  if (!c.ok())
    return c.finish();
  a.scale = scaleOf(c, a.query.dims[3]);
  a.softcap = node.real("softcap", 0);
  Value scores;
  Value result =
      node.hasOutput(3)
          ? emitAttention(c, a, Stage(node.integer("qk_matmul_output_mode", 0)),
                          scores)
          : emitAttention(c, a);
  c.define(3, scores);
  result = zeroWithoutKeys(c, a, result);
  c.define(0, flat ? mergeHeads(c, result) : result);
  return c.finish();
}

static std::string refuseStage(const Node &node) {
  int64_t mode = node.integer("qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3)
    return "attribute qk_matmul_output_mode must be 0, 1, 2 or 3, found " +
           llvm::itostr(mode);
  return "";
}

void lowbit::frontend::addFusedAttentionOperators(OperatorTable &table) {
  table.add({
      {"Attention", 23, newest, 3, 7, 4,
       "is_causal:i kv_num_heads:i q_num_heads:i qk_matmul_output_mode:i "
       "scale:f softcap:f softmax_precision:i",
       emitStandardAttention, refuseStage},
      {"Attention", 1, 1, 2, 6, 2,
       "num_heads:i unidirectional:i qkv_hidden_sizes:I mask_filter_value:f "
       "scale:f do_rotary:i rotary_embedding_dim:i past_present_share_buffer:i",
       emitContribAttention, refuseHeads, "com.microsoft"},
      {"MultiHeadAttention", 1, 1, 1, 8, 3,
       "num_heads:i unidirectional:i mask_filter_value:f scale:f",
       emitMultiHeadAttention, refuseHeads, "com.microsoft"},
  });
}
