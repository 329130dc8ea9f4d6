//===- RotaryEmbedding.cpp - rotation of pairs by positions ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ONNX's operator of version 23 and the contrib operator of ONNX Runtime, whose
// inputs have another order.
//
//===----------------------------------------------------------------------===//

#include "Attention.h"
#include "OperatorTable.h"

using namespace lowbit::frontend;
using llvm::Error;
using onnx::TensorProto;

/// The rows of a table [positions, R / 2] at `positions` [B, S], or at an
/// offset [1] and what follows it.
static Value rowsAt(Composer &c, const Value &table, const Value &positions,
                    const Expr &length) {
  Value ids = positions;
  if (ids.rank() == 1) {
    Value first =
        c.cast(c.reshape(ids, {Expr(1), Expr(1)}), TensorProto::INT64);
    ids = c.add(first, countAlong(c, length, 1, 2));
  }
  return c.apply("Gather", {table, ids}, {{"axis", int64_t(0)}});
}

/// Rotates input 0, [B, H, S, D] or [B, S, H * D], and gives it back as it
/// came.
static Error emitRotary(Importer &im, const Node &node, int positions, int cos,
                        int sin) {
  Composer c(im, node);
  const Value &x = c.in(0);
  int64_t heads = node.integer("num_heads", 0);
  int64_t width = node.integer("rotary_embedding_dim", 0);
  c.require(x.rank() == 4 || x.rank() == 3,
            "needs an input of 3 or 4 dimensions, found " + im.str(x.dims));
  if (!c.ok())
    return c.finish();
  bool flat = x.rank() == 3;
  Value cosines = c.in(cos), sines = c.in(sin);
  c.require(cosines.dims == sines.dims &&
                cosines.rank() == (c.has(positions) ? 2 : 3),
            "needs tables of cosines and sines of one shape, of 2 dimensions "
            "with positions and of 3 without, found " +
                im.str(cosines.dims) + " and " + im.str(sines.dims));
  if (flat && heads == 0 && c.ok()) {
    // Heads are as wide as what is rotated of them, unless that is given.
    c.require(width == 0, "needs attribute num_heads");
    Expr size = c.product(cosines.dims.back(), Expr(2));
    Expr count = c.quotient(x.dims[2], size);
    c.require(count.isConstant(), "needs attribute num_heads");
    heads = c.ok() ? count.constant() : 0;
  }
  Value split = flat ? splitHeads(c, x, Expr(heads)) : x;
  if (!c.ok())
    return c.finish();
  if (c.has(positions)) {
    cosines = rowsAt(c, cosines, c.in(positions), split.dims[2]);
    sines = rowsAt(c, sines, c.in(positions), split.dims[2]);
  }
  Value result =
      rotate(c, split, cosines, sines, node.integer("interleaved", 0) != 0);
  c.define(0, flat ? mergeHeads(c, result) : result);
  return c.finish();
}

static Error emitStandardRotary(Importer &im, const Node &node) {
  return emitRotary(im, node, 3, 1, 2);
}

static Error emitContribRotary(Importer &im, const Node &node) {
  return emitRotary(im, node, 1, 2, 3);
}

static std::string refuseContrib(const Node &node) {
  if (node.integer("is_packed_batching", 0) != 0)
    return "packed batches are not supported";
  if (node.real("scale", 1) != 1)
    return "attribute scale must be 1";
  return "";
}

void lowbit::frontend::addRotaryEmbeddingOperators(OperatorTable &table) {
  table.add({
      {"RotaryEmbedding", 23, newest, 3, 4, 1,
       "interleaved:i num_heads:i rotary_embedding_dim:i", emitStandardRotary},
      {"RotaryEmbedding", 1, 1, 4, 4, 1,
       "interleaved:i num_heads:i rotary_embedding_dim:i scale:f "
       "is_packed_batching:i",
       emitContribRotary, refuseContrib, "com.microsoft"},
  });
}
