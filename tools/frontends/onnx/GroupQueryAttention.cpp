//===- GroupQueryAttention.cpp - attention of decoders with a cache -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ONNX Runtime's model builder and optimizer write for decoders. Rows of a
// batch may have caches of several lengths: new keys go behind those that a row
// has. The cache is past and new keys, or, where it is a buffer of a fixed
// length, as long as the past. Extents are called as in Attention.h.
//
//===----------------------------------------------------------------------===//

#include "Attention.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace lowbit::frontend;
namespace arith = mlir::arith;
namespace scf = mlir::scf;
namespace tensor = mlir::tensor;
using llvm::Error;
using onnx::TensorProto;

namespace {
enum Input {
  Query,
  Key,
  Value_,
  PastKey,
  PastValue,
  Lengths,
  TotalLength,
  Cosines,
  Sines,
  Positions,
  Bias,
  Sinks
};
} // namespace

/// Splits query, key and value into heads; they may be packed as the query.
static void readHeads(Composer &c, Attention &a) {
  Expr heads(c.node.integer("num_heads", 0));
  Expr groups(c.node.integer("kv_num_heads", 0));
  const Value &query = c.in(Query);
  c.require(query.rank() == 3,
            "needs a query of 3 dimensions, found " + c.im.str(query.dims));
  c.require(c.has(Key) == c.has(Value_),
            "needs both or none of the inputs key and value");
  if (!c.ok())
    return;
  if (c.has(Key)) {
    c.require(c.in(Key).rank() == 3 && c.in(Value_).rank() == 3,
              "needs keys and values of 3 dimensions");
    a.query = splitHeads(c, query, heads);
    a.key = splitHeads(c, c.in(Key), groups);
    a.value = splitHeads(c, c.in(Value_), groups);
    return;
  }
  Expr all = c.sum(heads, c.product(groups, Expr(2)));
  Value split = splitHeads(c, query, all);
  a.query = c.slice(split, 1, Expr(0), heads);
  a.key = c.slice(split, 1, heads, groups);
  a.value = c.slice(split, 1, c.sum(heads, groups), groups);
}

/// The keys that each row has before the new ones, as [B]: lengths + 1 - S, and
/// 0 for the prompts of a batch, which may be shorter than S.
static Value pastLengths(Composer &c, const Expr &batch, const Expr &queries) {
  c.require(c.has(Lengths), "input seqlens_k is missing");
  if (!c.ok())
    return Value();
  Value lengths = c.reshape(c.cast(c.in(Lengths), TensorProto::INT64), {batch});
  Expr offset = c.difference(Expr(1), queries);
  auto number = [](Expr e) {
    return knownValue(TensorProto::INT64, {}, {Scalar::of(std::move(e))});
  };
  return c.apply("Max", {c.add(lengths, number(offset)), number(Expr(0))});
}

/// Rotates `x` by the positions of its queries or keys, [B, S].
static Value rotateAt(Composer &c, const Value &x, const Value &positions) {
  if (!c.ok())
    return Value();
  auto rows = [&](int table) {
    return c.apply("Gather", {c.in(table), positions}, {{"axis", int64_t(0)}});
  };
  return rotate(c, x, rows(Cosines), rows(Sines),
                c.node.integer("rotary_interleaved", 0) != 0);
}

/// Keys of the cache: what came before and what is new, unless the past is a
/// buffer that has room for both.
static Expr cacheLength(Composer &c, const Expr &queries) {
  c.require(c.has(PastKey) == c.has(PastValue),
            "needs both or none of the inputs past_key and past_value");
  if (!c.has(PastKey) || !c.ok())
    return queries;
  c.require(c.has(TotalLength), "input total_sequence_length is missing");
  if (!c.ok())
    return queries;
  const Value &past = c.in(PastKey);
  const Value &given = c.in(TotalLength);
  c.require(past.rank() == 4,
            "past must have 4 dimensions, found " + c.im.str(past.dims));
  const Scalar *total = given.uniform();
  c.require(total && !total->isReal,
            "total_sequence_length must depend on shapes and constants only");
  if (!c.ok())
    return queries;
  const Expr &room = past.dims[2];
  Expr sum = c.sum(room, queries);
  std::optional<bool> over = c.im.symbols.isLess(room, total->integer);
  if (over && !*over)
    return room;
  c.requireEqual(sum, total->integer,
                 "past of " + c.im.symbols.str(room) + " and " +
                     c.im.symbols.str(queries) +
                     " new keys must be total_sequence_length, found " +
                     c.im.symbols.str(total->integer));
  return sum;
}

/// The cache [B, G, T, D]: `past`, and behind each row's part of it `fresh`.
static Value insertAt(Composer &c, const Value *past, const Value &fresh,
                      const Expr &length, const Value &offsets) {
  if (!past || !c.ok())
    return fresh;
  Importer &im = c.im;
  std::string message = "the past " + im.str(past->dims) +
                        " must fit the new keys and values " +
                        im.str(fresh.dims) + " but for the length";
  c.require(past->rank() == 4 && past->type == fresh.type, message);
  for (int64_t axis : {0, 1, 3})
    if (c.ok())
      c.requireEqual(past->dims[axis], fresh.dims[axis], message);
  if (!c.ok())
    return Value();
  Dims dims = fresh.dims;
  dims[2] = length;
  mlir::Value cache = im.full(*past), source = im.full(fresh);
  if (past->dims[2] != length) {
    Expr rest = c.difference(length, past->dims[2]);
    Dims more = dims;
    more[2] = rest;
    Value none = knownValue(fresh.type, more, {Scalar::of(0.0)});
    Value longer = c.concat({*past, none}, 2);
    if (!c.ok())
      return Value();
    cache = im.full(longer);
  }
  mlir::Value places = im.full(offsets);
  Expr room = c.difference(length, fresh.dims[2]);
  auto &b = c.ops;
  mlir::Value last = im.indexValue(room);
  mlir::Value zero = arith::ConstantIndexOp::create(b, 0);
  mlir::Value one = arith::ConstantIndexOp::create(b, 1);
  llvm::SmallVector<mlir::OpFoldResult> strides(4, b.getIndexAttr(1));
  Dims row = fresh.dims;
  row[0] = Expr(1);
  auto sizes = im.extents(row);
  mlir::Value batch = im.indexValue(dims[0]);
  auto loop = scf::ForOp::create(
      b, zero, batch, one, cache,
      [&](mlir::OpBuilder &r, mlir::Location loc, mlir::Value i,
          mlir::ValueRange carried) {
        llvm::SmallVector<mlir::OpFoldResult> from{
            i, r.getIndexAttr(0), r.getIndexAttr(0), r.getIndexAttr(0)};
        mlir::Value part = tensor::ExtractSliceOp::create(r, loc, source, from,
                                                          sizes, strides);
        mlir::Value at = tensor::ExtractOp::create(r, loc, places, i);
        at = arith::IndexCastOp::create(r, loc, r.getIndexType(), at);
        // Lengths are data: none of them writes outside of the cache.
        at = arith::MaxSIOp::create(
            r, loc, arith::MinSIOp::create(r, loc, at, last), zero);
        llvm::SmallVector<mlir::OpFoldResult> to = from;
        to[2] = at;
        mlir::Value next = tensor::InsertSliceOp::create(
            r, loc, part, carried[0], to, sizes, strides);
        scf::YieldOp::create(r, loc, next);
      });
  return im.fromTensor(fresh.type, dims, loop.getResult(0));
}

/// Query i of a row sees keys up to past + i, at most `window` of them.
static Value maskOfRows(Composer &c, const Value &positions, const Expr &keys,
                        int64_t window) {
  if (!c.ok())
    return Value();
  Value last = c.reshape(
      positions, {positions.dims[0], Expr(1), positions.dims[1], Expr(1)});
  Value key = countAlong(c, keys, 3, 4);
  Value seen = c.apply("LessOrEqual", {key, last});
  if (window > 0) {
    Value size = knownValue(TensorProto::INT64, {}, {Scalar::of(Expr(window))});
    Value near = c.apply("Greater", {key, c.sub(last, size)});
    seen = c.apply("And", {seen, near});
  }
  return maskOf(c, seen, std::numeric_limits<float>::lowest());
}

/// What the softmax sums besides the keys: e to the number of each head, or 1.
static Value readSink(Composer &c, const Expr &heads) {
  if (c.has(Sinks))
    return c.reshape(c.in(Sinks), {Expr(1), heads, Expr(1), Expr(1)});
  if (c.node.integer("smooth_softmax", 0) != 1)
    return Value();
  return knownValue(TensorProto::FLOAT, Dims(4, Expr(1)), {Scalar::of(0.0)});
}

static Error emitGroupQueryAttention(Importer &im, const Node &node) {
  Composer c(im, node);
  Attention a;
  readHeads(c, a);
  if (!c.ok())
    return c.finish();
  Expr batch = a.query.dims[0], queries = a.query.dims[2];
  Value past = pastLengths(c, batch, queries);
  Value counted =
      c.add(c.reshape(past, {batch, Expr(1)}), countAlong(c, queries, 1, 2));
  if (node.integer("do_rotary", 0) != 0) {
    c.require(c.has(Cosines) && c.has(Sines),
              "do_rotary needs inputs cos_cache and sin_cache");
    Value positions = c.has(Positions) && c.ok()
                          ? c.cast(c.in(Positions), TensorProto::INT64)
                          : counted;
    a.query = rotateAt(c, a.query, positions);
    a.key = rotateAt(c, a.key, positions);
  }
  Expr length = cacheLength(c, queries);
  bool cached = c.has(PastKey) && c.has(PastValue);
  a.key = insertAt(c, cached ? &c.in(PastKey) : nullptr, a.key, length, past);
  a.value =
      insertAt(c, cached ? &c.in(PastValue) : nullptr, a.value, length, past);
  c.define(1, a.key);
  c.define(2, a.value);
  a.mask =
      maskOfRows(c, counted, length, node.integer("local_window_size", -1));
  if (c.has(Bias) && c.ok())
    a.mask = joinMasks(c, a.mask, c.cast(c.in(Bias), TensorProto::FLOAT));
  if (c.ok()) {
    a.scale = scaleOf(c, a.query.dims[3]);
    a.softcap = node.real("softcap", 0);
    a.sink = readSink(c, a.query.dims[1]);
  }
  c.define(0, mergeHeads(c, emitAttention(c, a)));
  return c.finish();
}

static std::string refuse(const Node &node) {
  if (node.integer("num_heads", 0) < 1 || node.integer("kv_num_heads", 0) < 1)
    return "needs positive attributes num_heads and kv_num_heads";
  if (node.integer("qk_output", 0) != 0)
    return "attribute qk_output must be 0";
  return "";
}

void lowbit::frontend::addGroupQueryAttentionOperators(OperatorTable &table) {
  table.add({
      {"GroupQueryAttention", 1, 1, 1, 12, 3,
       "num_heads:i kv_num_heads:i scale:f softcap:f local_window_size:i "
       "do_rotary:i rotary_interleaved:i smooth_softmax:i qk_output:i",
       emitGroupQueryAttention, refuse, "com.microsoft"},
  });
}
