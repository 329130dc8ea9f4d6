//===- NonZero.cpp - positions of elements that are not 0 -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one extent that data decides: elements are counted first, and the count
// is an extent like others from then on.
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

void lowbit::frontend::addNonZeroOperators(OperatorTable &table) {
  table.add({
      {"NonZero", 9, newest, 1, 1, 1, "", emitNonZero},
  });
}
