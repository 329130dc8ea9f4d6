//===- NonZero.cpp - operators whose results data counts ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Positions of elements that are not 0: the one extent that data decides.
// Elements are counted first, and the count is an extent like others from then
// on. What is unique is found by comparisons, and counted in the same way.
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace lowbit::frontend;
namespace arith = mlir::arith;
namespace scf = mlir::scf;
namespace tensor = mlir::tensor;
using llvm::Error;
using onnx::TensorProto;

/// The numbers of elements of `flags` [size] that are true.
static mlir::Value count(Importer &im, const Value &flags) {
  auto &b = im.ops();
  mlir::Value zero = arith::ConstantIndexOp::create(b, 0);
  mlir::Value one = arith::ConstantIndexOp::create(b, 1);
  mlir::Value source = im.full(flags), size = im.indexValue(flags.dims[0]);
  auto loop = scf::ForOp::create(
      b, zero, size, one, zero,
      [&](mlir::OpBuilder &r, mlir::Location loc, mlir::Value i,
          mlir::ValueRange sum) {
        mlir::Value flag = tensor::ExtractOp::create(r, loc, source, i);
        mlir::Value more =
            arith::IndexCastUIOp::create(r, loc, r.getIndexType(), flag);
        mlir::Value next = arith::AddIOp::create(r, loc, sum[0], more);
        scf::YieldOp::create(r, loc, next);
      });
  return loop.getResult(0);
}

/// Positions of those elements, as int64 [extent].
static Value positions(Importer &im, const Value &flags, const Expr &extent) {
  auto &b = im.ops();
  mlir::Value zero = arith::ConstantIndexOp::create(b, 0);
  mlir::Value one = arith::ConstantIndexOp::create(b, 1);
  mlir::Value source = im.full(flags), size = im.indexValue(flags.dims[0]);
  mlir::Value inits[] = {im.empty(b.getI64Type(), {extent}), zero};
  auto loop = scf::ForOp::create(
      b, zero, size, one, inits,
      [&](mlir::OpBuilder &r, mlir::Location loc, mlir::Value i,
          mlir::ValueRange state) {
        mlir::Value flag = tensor::ExtractOp::create(r, loc, source, i);
        auto step = scf::IfOp::create(
            r, loc, flag,
            [&](mlir::OpBuilder &t, mlir::Location at) {
              mlir::Value number =
                  arith::IndexCastOp::create(t, at, t.getI64Type(), i);
              mlir::Value next =
                  tensor::InsertOp::create(t, at, number, state[0], state[1]);
              mlir::Value place = arith::AddIOp::create(t, at, state[1], one);
              scf::YieldOp::create(t, at, mlir::ValueRange{next, place});
            },
            [&](mlir::OpBuilder &e, mlir::Location at) {
              scf::YieldOp::create(e, at, state);
            });
        scf::YieldOp::create(r, loc, step.getResults());
      });
  return im.fromTensor(TensorProto::INT64, {extent}, loop.getResult(0));
}

static Error emitNonZero(Importer &im, const Node &node) {
  Composer c(im, node);
  const Value &x = c.in(0);
  c.require(x.rank() > 0, "needs an input of at least one dimension");
  if (!c.ok())
    return c.finish();
  Expr size = x.dims[0];
  for (int64_t axis = 1; axis < x.rank(); ++axis)
    size = c.product(size, x.dims[axis]);
  Value flags = c.reshape(c.cast(x, TensorProto::BOOL), {size});
  if (!c.ok())
    return c.finish();
  llvm::Expected<Expr> extent = im.computedExtent(node, count(im, flags));
  if (!extent)
    return extent.takeError();
  Value at = positions(im, flags, *extent);
  auto scalar = [](const Expr &e) {
    return knownValue(TensorProto::INT64, {}, {Scalar::of(e)});
  };
  // The last axis is what remains of a position after division by its extent.
  llvm::SmallVector<Value> rows;
  for (int64_t axis = x.rank(); axis-- > 0;) {
    Value extentOf = scalar(x.dims[axis]);
    Value index = axis > 0 ? c.apply("Mod", {at, extentOf}) : at;
    at = c.apply("Div", {at, extentOf});
    rows.push_back(c.reshape(index, {Expr(1), *extent}));
  }
  std::reverse(rows.begin(), rows.end());
  c.define(0, c.concat(rows, 0));
  return c.finish();
}

//===----------------------------------------------------------------------===//
// Unique
//===----------------------------------------------------------------------===//

// Slices along an axis, or single elements, are compared with each other: n * n
// comparisons of m numbers, which give their order, too. The rest is sums over
// those, so that nothing runs one by one but the counting. All NaN are equal
// and come last, as in numpy.

/// Whether a > b, as int64.
static Value isGreater(Composer &c, const Value &a, const Value &b) {
  Value greater = c.apply("Greater", {a, b});
  if (c.ok() && isFloat(a.type)) {
    Value least = c.apply("Not", {c.apply("IsNaN", {b})});
    greater = c.apply(
        "And", {c.apply("Not", {c.apply("LessOrEqual", {a, b})}), least});
  }
  return c.cast(greater, TensorProto::INT64);
}

/// -1, 0 or 1 as row i of `rows` [n, m] is before, equal to or behind row j, as
/// int64 [n, n].
static Value compareRows(Composer &c, const Value &rows) {
  if (!c.ok())
    return Value();
  const Expr &n = rows.dims[0], &m = rows.dims[1];
  Value i = c.reshape(rows, {n, Expr(1), m});
  Value j = c.reshape(rows, {Expr(1), n, m});
  Value signs = c.sub(isGreater(c, i, j), isGreater(c, j, i));
  if (!m.isConstant(1)) {
    // The first number that differs decides.
    Value first =
        c.apply("ArgMax", {c.apply("Abs", {signs})}, {{"axis", int64_t(2)}});
    signs = c.apply("GatherElements", {signs, first}, {{"axis", int64_t(2)}});
  }
  return c.reshape(signs, {n, n});
}

/// For each i, how many j satisfy `condition` [n, n], as int64.
static Value countOf(Composer &c, const Value &condition) {
  return c.apply(
      "ReduceSum",
      {c.cast(condition, TensorProto::INT64), Composer::integers({Expr(1)})},
      {{"keepdims", int64_t(0)}});
}

/// The slices of `x` along `axis` as rows [n, m].
static Value slicesOf(Composer &c, const Value &x, int64_t axis) {
  if (!c.ok())
    return Value();
  Axes order{axis};
  Expr m(1);
  for (int64_t i = 0; i < x.rank(); ++i)
    if (i != axis) {
      order.push_back(i);
      m = c.product(m, x.dims[i]);
    }
  Value rows = c.reshape(c.transpose(x, order), {x.dims[axis], m});
  return isBool(x.type) ? c.cast(rows, TensorProto::INT32) : rows;
}

/// Defines the outputs; `signs` compares the slices of `x` along `axis`.
static void defineOutputs(Composer &c, const Value &x, int64_t axis,
                          const Value &signs) {
  if (!c.ok())
    return;
  // The first of its kind has no equal before it.
  Value zero = Importer::scalar(signs, 0);
  Value equal = c.apply("Equal", {signs, zero});
  const Expr &n = x.dims[axis];
  Value i = countAlong(c, n, 0, 2), j = countAlong(c, n, 1, 2);
  Value before = c.apply("Less", {j, i});
  Value isFirst =
      c.apply("Equal", {countOf(c, c.apply("And", {equal, before})), zero});
  Value firsts = c.apply("NonZero", {isFirst});
  if (!c.ok())
    return;
  Dims unique{firsts.dims[1]};
  firsts = c.reshape(firsts, unique);

  // The place of i's kind among all kinds: kinds that are less, or that occur
  // before the first of i's.
  Value kinds = c.reshape(isFirst, {Expr(1), n});
  if (c.node.integer("sorted", 1) != 0) {
    before = c.apply("Greater", {signs, zero});
  } else {
    Value own = c.cast(c.apply("And", {equal, kinds}), TensorProto::INT64);
    Value first = c.reshape(countOf(c, c.mul(own, j)), {n, Expr(1)});
    before = c.apply("Less", {j, first});
  }
  Value place = countOf(c, c.apply("And", {kinds, before}));
  Value none = knownValue(TensorProto::INT64, unique, {Scalar::of(Expr(0))});
  Value indices = c.apply("ScatterElements",
                          {none, c.apply("Gather", {place, firsts}), firsts});
  c.define(0, c.apply("Gather", {x, indices}, {{"axis", axis}}));
  c.define(1, indices);
  c.define(2, place);
  c.define(3, c.apply("Gather", {countOf(c, equal), indices}));
}

static Error emitUnique(Importer &im, const Node &node) {
  Composer c(im, node);
  Value x = c.in(0);
  int64_t axis = 0;
  if (node.find("axis")) {
    llvm::Expected<int64_t> given =
        im.axis(node, node.integer("axis", 0), x.rank());
    if (!given)
      return given.takeError();
    axis = *given;
  } else {
    Expr size(1);
    for (const Expr &dim : x.dims)
      size = c.product(size, dim);
    x = c.reshape(x, {size});
  }
  defineOutputs(c, x, axis, compareRows(c, slicesOf(c, x, axis)));
  return c.finish();
}

void lowbit::frontend::addNonZeroOperators(OperatorTable &table) {
  table.add({
      {"NonZero", 9, newest, 1, 1, 1, "", emitNonZero},
      {"Unique", 11, newest, 1, 1, 4, "axis:i sorted:i", emitUnique},
  });
}
