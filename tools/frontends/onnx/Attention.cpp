//===- Attention.cpp - what operators of attention have in common ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A fused operator says that it is attention, so it becomes `lowbit.attention`
// right away; what that op does not have, such as a soft cap, is written out.
//
//===----------------------------------------------------------------------===//

#include "Attention.h"

#include "lowbit/IR/Lowbit.h"

#include <cmath>
#include <limits>

using namespace lowbit::frontend;
using onnx::TensorProto;

Value lowbit::frontend::splitHeads(Composer &c, const Value &x,
                                   const Expr &heads) {
  if (!c.ok())
    return Value();
  Expr size = c.quotient(x.dims[2], heads);
  return c.transpose(c.reshape(x, {x.dims[0], x.dims[1], heads, size}),
                     {0, 2, 1, 3});
}

Value lowbit::frontend::mergeHeads(Composer &c, const Value &x) {
  if (!c.ok())
    return Value();
  Expr width = c.product(x.dims[1], x.dims[3]);
  return c.reshape(c.transpose(x, {0, 2, 1, 3}), {x.dims[0], x.dims[2], width});
}

double lowbit::frontend::scaleOf(Composer &c, const Expr &headSize) {
  float given = c.node.real("scale", 0);
  if (given != 0)
    return given;
  c.require(headSize.isConstant() && !headSize.isConstant(0),
            "needs attribute scale, or heads whose size is a number, found " +
                c.im.symbols.str(headSize) + c.im.advice(headSize));
  return c.ok() ? 1 / std::sqrt(double(headSize.constant())) : 0;
}

Value lowbit::frontend::maskOf(Composer &c, const Value &keep,
                               double otherwise) {
  Value zero = knownValue(TensorProto::FLOAT, {}, {Scalar::of(0.0)});
  Value other = knownValue(TensorProto::FLOAT, {}, {Scalar::of(otherwise)});
  return c.apply("Where", {keep, zero, other});
}

Value lowbit::frontend::joinMasks(Composer &c, const Value &a, const Value &b) {
  return !a.type ? b : !b.type ? a : c.add(a, b);
}

Value lowbit::frontend::causalMask(Composer &c, const Attention &a,
                                   const Value &past) {
  if (!c.ok())
    return Value();
  Value last = c.add(countAlong(c, a.query.dims[2], 2, 4), past);
  Value seen =
      c.apply("LessOrEqual", {countAlong(c, a.key.dims[2], 3, 4), last});
  return maskOf(c, seen, std::numeric_limits<float>::lowest());
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// The softmax of scores, less the share of a sink.
static Value emitWeights(Composer &c, const Value &scores, const Value &sink) {
  std::initializer_list<Attribute> last = {{"axis", int64_t(-1)}};
  if (!sink.type || !c.ok())
    return c.apply("Softmax", {scores}, last);
  Dims column = scores.dims;
  column[3] = Expr(1);
  Value more = c.apply("Expand", {sink, Composer::integers(column)});
  Value all = c.apply("Softmax", {c.concat({scores, more}, 3)}, last);
  return c.slice(all, 3, Expr(0), scores.dims[3]);
}

/// Scores written out, with each head of keys and values repeated. `stages`
/// takes them after each stage.
static Value emitWritten(Composer &c, const Attention &a,
                         llvm::MutableArrayRef<Value> stages) {
  Dims q = a.query.dims, k = a.key.dims, v = a.value.dims;
  Expr group = c.quotient(q[1], k[1]);
  // Head h = g * group + i: the group's heads are rows of one product.
  Value queries =
      c.reshape(a.query, {q[0], k[1], c.product(group, q[2]), q[3]});
  Value scores = c.matmul(queries, c.transpose(a.key, {0, 1, 3, 2}));
  scores = c.reshape(c.scale(scores, a.scale), {q[0], q[1], q[2], k[2]});
  stages[unsigned(Stage::Product)] = scores;
  if (a.softcap != 0)
    scores =
        c.scale(c.apply("Tanh", {c.scale(scores, 1 / a.softcap)}), a.softcap);
  stages[unsigned(Stage::Capped)] = scores;
  if (a.mask.type)
    scores = c.add(scores, a.mask);
  stages[unsigned(Stage::Masked)] = scores;
  Value weights = emitWeights(c, scores, a.sink);
  stages[unsigned(Stage::Weights)] = weights;
  weights = c.reshape(weights, {q[0], k[1], c.product(group, q[2]), k[2]});
  return c.reshape(c.matmul(weights, a.value), {q[0], q[1], q[2], v[3]});
}

static Value emitOp(Composer &c, const Attention &a) {
  Dims dims = a.query.dims;
  dims.back() = a.value.dims.back();
  mlir::Value mask;
  if (a.mask.type) {
    // Dimensions of the scores that the mask does not have are 1.
    Value shaped = a.mask;
    if (shaped.rank() < 2)
      shaped = c.reshape(shaped,
                         {Expr(1), shaped.rank() ? shaped.dims[0] : Expr(1)});
    if (!c.ok())
      return Value();
    mask = c.im.full(shaped);
  }
  auto element = c.im.elementType(TensorProto::FLOAT);
  return c.im.fromTensor(TensorProto::FLOAT, dims,
                         lowbit::AttentionOp::create(
                             c.ops, c.ops.getLoc(),
                             c.im.tensorType(element, dims), c.im.full(a.query),
                             c.im.full(a.key), c.im.full(a.value), mask,
                             c.ops.getF32FloatAttr(a.scale),
                             a.causal ? c.ops.getUnitAttr() : nullptr));
}

static Value integerOf(const Expr &e) {
  return knownValue(TensorProto::INT64, {}, {Scalar::of(e)});
}

/// Attention as one op, or written out where `scores` are asked for, or for
/// what the op does not have.
static Value emit(Composer &c, Attention a, Stage stage, Value *scores) {
  if (!c.ok())
    return Value();
  int32_t type = a.query.type;
  bool narrow = byteSize(type) == 2;
  for (Value *operand : {&a.query, &a.key, &a.value, &a.mask, &a.sink})
    if (operand->type && operand->type != TensorProto::FLOAT)
      *operand = c.cast(*operand, TensorProto::FLOAT);
  bool written = scores || a.softcap != 0 || a.sink.type;
  if (written && a.causal)
    a.mask = joinMasks(
        c, a.mask,
        causalMask(c, a,
                   integerOf(c.difference(a.key.dims[2], a.query.dims[2]))));
  if (!c.ok())
    return Value();
  Value stages[4];
  Value result = written ? emitWritten(c, a, stages) : emitOp(c, a);
  if (scores) {
    const Value &chosen = stages[unsigned(stage)];
    *scores = narrow ? c.cast(chosen, type) : chosen;
  }
  return narrow ? c.cast(result, type) : result;
}

Value lowbit::frontend::emitAttention(Composer &c, const Attention &attention) {
  return emit(c, attention, Stage::Product, nullptr);
}

Value lowbit::frontend::emitAttention(Composer &c, const Attention &attention,
                                      Stage stage, Value &scores) {
  return emit(c, attention, stage, &scores);
}

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

Value lowbit::frontend::rotate(Composer &c, const Value &x,
                               const Value &cosines, const Value &sines,
                               bool interleaved) {
  c.require(x.rank() == 4 && cosines.rank() == 3 && cosines.dims == sines.dims,
            "needs cosines and sines of one shape for each position, found " +
                c.im.str(cosines.dims) + " and " + c.im.str(sines.dims));
  if (!c.ok())
    return Value();
  Expr half = cosines.dims[2], rotated = c.product(half, Expr(2));
  Expr rest = c.difference(x.dims[3], rotated);
  c.require(c.im.symbols.lowerBound(rest) >= 0,
            "rotates " + c.im.symbols.str(rotated) + " of the " +
                c.im.symbols.str(x.dims[3]) + " numbers of a head");
  Dims place{cosines.dims[0], Expr(1), cosines.dims[1], half};
  Value cosine = c.reshape(cosines, place), sine = c.reshape(sines, place);
  Value turned = c.slice(x, 3, Expr(0), rotated), first, second;
  Dims dims = x.dims;
  if (interleaved) {
    Value pairs = c.reshape(turned, {dims[0], dims[1], dims[2], half, Expr(2)});
    Dims single{dims[0], dims[1], dims[2], half};
    first = c.reshape(c.slice(pairs, 4, Expr(0), Expr(1)), single);
    second = c.reshape(c.slice(pairs, 4, Expr(1), Expr(1)), single);
  } else {
    first = c.slice(turned, 3, Expr(0), half);
    second = c.slice(turned, 3, half, half);
  }
  Value real = c.sub(c.mul(first, cosine), c.mul(second, sine));
  Value imaginary = c.add(c.mul(first, sine), c.mul(second, cosine));
  if (!c.ok())
    return Value();
  if (interleaved) {
    Dims single{dims[0], dims[1], dims[2], half, Expr(1)};
    turned = c.reshape(
        c.concat({c.reshape(real, single), c.reshape(imaginary, single)}, 4),
        {dims[0], dims[1], dims[2], rotated});
  } else {
    turned = c.concat({real, imaginary}, 3);
  }
  if (rest.isConstant(0))
    return turned;
  return c.concat({turned, c.slice(x, 3, rotated, rest)}, 3);
}
