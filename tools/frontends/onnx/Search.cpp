//===- Search.cpp - where the largest elements are ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A position is found in two reductions: the extreme value, then the first or
// last index that holds it. TopK ranks each element by counting the ones that
// precede it, and then sums what has the wanted rank: n^2 steps without
// branches, for the short rows that it is used on.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <limits>

using namespace lowbit::frontend;
namespace arith = mlir::arith;
namespace linalg = mlir::linalg;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using mlir::utils::IteratorType;
using onnx::TensorProto;

/// The positions 0 ... extent - 1 along `axis` of a value of `rank`, as int64.
static Value positionsAlong(Importer &im, const Expr &extent, int64_t axis,
                            int64_t rank) {
  auto &b = im.ops();
  mlir::Value init = im.empty(b.getI64Type(), {extent});
  auto generic = linalg::GenericOp::create(
      b, init.getType(), mlir::ValueRange{}, init, b.getMultiDimIdentityMap(1),
      IteratorType::parallel,
      [&](mlir::OpBuilder &r, mlir::Location loc, mlir::ValueRange) {
        mlir::Value at = linalg::IndexOp::create(r, loc, 0);
        mlir::Value number =
            arith::IndexCastOp::create(r, loc, r.getI64Type(), at);
        linalg::YieldOp::create(r, loc, number);
      });
  Value value =
      im.fromTensor(TensorProto::INT64, {extent}, generic.getResult(0));
  value.dims.assign(rank, Expr(1));
  value.dims[axis] = extent;
  value.axes = {axis};
  return value;
}

//===----------------------------------------------------------------------===//
// ArgMax and ArgMin
//===----------------------------------------------------------------------===//

/// Position of the largest or smallest element along `axis`, kept as 1.
static Expected<Value> positionOf(Importer &im, const Node &node,
                                  const Value &x, int64_t axis, ReduceKind kind,
                                  bool last) {
  if (isBool(x.type))
    return im.error(node, "needs numbers, found bool");
  Expected<Value> extreme = im.reduce(node, x, {axis}, kind, true);
  if (!extreme)
    return extreme;
  Value positions = positionsAlong(im, x.dims[axis], axis, x.rank());
  double none = last ? -1 : double(std::numeric_limits<int32_t>::max());
  Expected<Value> candidates = im.elementwise(
      node, {&x, &*extreme, &positions}, TensorProto::INT64,
      [&](ScalarBuilder &b, ArrayRef<mlir::Value> v) -> mlir::Value {
        mlir::Value equal;
        if (isFloat(b.type))
          equal = b.make<arith::CmpFOp>(arith::CmpFPredicate::OEQ, v[0], v[1]);
        else
          equal = b.make<arith::CmpIOp>(arith::CmpIPredicate::eq, v[0], v[1]);
        return b.make<arith::SelectOp>(equal, v[2], b.constant(v[2], none));
      });
  if (!candidates)
    return candidates;
  return im.reduce(node, *candidates, {axis},
                   last ? ReduceKind::Max : ReduceKind::Min, true);
}

template <ReduceKind kind>
static Error emitArg(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  Expected<int64_t> axis = im.axis(node, node.integer("axis", 0), x.rank());
  if (!axis)
    return axis.takeError();
  Expected<Value> position = positionOf(
      im, node, x, *axis, kind, node.integer("select_last_index", 0) != 0);
  if (!position || node.integer("keepdims", 1) != 0)
    return im.result(node, std::move(position));
  Dims dims = position->dims;
  dims.erase(dims.begin() + *axis);
  return im.result(node, im.reshape(node, *position, dims));
}

/// One at the first maximum, zero elsewhere.
static Error emitHardmax(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (Error failed = im.requireFloat(node, x))
    return failed;
  bool coerces = node.version() < 13;
  Expected<int64_t> axis =
      im.axis(node, node.integer("axis", coerces ? 1 : -1), x.rank());
  if (!axis)
    return axis.takeError();
  if (coerces && *axis != x.rank() - 1)
    return im.error(node, "before version 13, only the last axis is supported");
  Expected<Value> first =
      positionOf(im, node, x, *axis, ReduceKind::Max, false);
  if (!first)
    return first.takeError();
  Value positions = positionsAlong(im, x.dims[*axis], *axis, x.rank());
  return im.result(
      node, im.elementwise(
                node, {&positions, &*first}, x.type,
                [&](ScalarBuilder &b, ArrayRef<mlir::Value> v) -> mlir::Value {
                  mlir::Value equal = b.make<arith::CmpIOp>(
                      arith::CmpIPredicate::eq, v[0], v[1]);
                  return b.make<arith::UIToFPOp>(im.elementType(x.type), equal);
                }));
}

//===----------------------------------------------------------------------===//
// TopK
//===----------------------------------------------------------------------===//

/// How many elements of the row precede each one, as int64: the larger (or
/// smaller) ones, and equal ones with a smaller index.
static Value ranks(Importer &im, const Value &x, bool largest) {
  auto &b = im.ops();
  int64_t rank = x.rank(), row = rank - 1;
  mlir::Type i64 = b.getI64Type();
  mlir::Value source = im.full(x), init = im.filled(i64, x.dims, 0);
  mlir::AffineMap self =
      mlir::AffineMap::getMultiDimIdentityMap(rank + 1, b.getContext())
          .dropResult(rank);
  llvm::SmallVector<mlir::AffineExpr> otherDims(self.getResults());
  otherDims[row] = b.getAffineDimExpr(rank);
  mlir::AffineMap maps[] = {
      self, mlir::AffineMap::get(rank + 1, 0, otherDims, b.getContext()), self};
  llvm::SmallVector<IteratorType> iterators(rank, IteratorType::parallel);
  iterators.push_back(IteratorType::reduction);
  auto generic = linalg::GenericOp::create(
      b, init.getType(), mlir::ValueRange{source, source}, init, maps,
      iterators,
      [&](mlir::OpBuilder &r, mlir::Location loc, mlir::ValueRange args) {
        mlir::Value before, equal, here = args[0], there = args[1];
        if (isFloat(x.type)) {
          using P = arith::CmpFPredicate;
          before = arith::CmpFOp::create(r, loc, largest ? P::OGT : P::OLT,
                                         there, here);
          equal = arith::CmpFOp::create(r, loc, P::OEQ, there, here);
        } else {
          using P = arith::CmpIPredicate;
          bool natural = isUnsigned(x.type);
          P predicate = largest ? (natural ? P::ugt : P::sgt)
                                : (natural ? P::ult : P::slt);
          before = arith::CmpIOp::create(r, loc, predicate, there, here);
          equal = arith::CmpIOp::create(r, loc, P::eq, there, here);
        }
        mlir::Value earlier =
            arith::CmpIOp::create(r, loc, arith::CmpIPredicate::ult,
                                  linalg::IndexOp::create(r, loc, rank),
                                  linalg::IndexOp::create(r, loc, row));
        mlir::Value tie = arith::AndIOp::create(r, loc, equal, earlier);
        mlir::Value counts = arith::OrIOp::create(r, loc, before, tie);
        mlir::Value one = arith::ExtUIOp::create(r, loc, i64, counts);
        linalg::YieldOp::create(
            r, loc, arith::AddIOp::create(r, loc, args[2], one).getResult());
      });
  return im.fromTensor(TensorProto::INT64, x.dims, generic.getResult(0));
}

/// Of `values` [..., n], those whose rank is 0 ... k - 1, in that order.
static Expected<Value> pick(Importer &im, const Node &node, const Value &values,
                            const Value &order, const Expr &k) {
  Dims wide = values.dims, sourceDims = values.dims;
  int64_t row = wide.size() - 1;
  sourceDims.insert(sourceDims.begin() + row, Expr(1));
  Expected<Value> elements = im.reshape(node, values, sourceDims);
  if (!elements)
    return elements;
  Expected<Value> place = im.reshape(node, order, sourceDims);
  if (!place)
    return place;
  Value wanted = positionsAlong(im, k, row, row + 2);
  Expected<Value> kept = im.elementwise(
      node, {&*elements, &*place, &wanted}, values.type,
      [&](ScalarBuilder &b, ArrayRef<mlir::Value> v) -> mlir::Value {
        mlir::Value equal =
            b.make<arith::CmpIOp>(arith::CmpIPredicate::eq, v[1], v[2]);
        return b.make<arith::SelectOp>(equal, v[0], b.constant(v[0], 0));
      });
  return kept ? im.reduce(node, *kept, {row + 1}, ReduceKind::Sum, false)
              : std::move(kept);
}

/// `value` with the last axis and `axis` exchanged.
static Expected<Value> swapLast(Importer &im, const Node &node,
                                const Value &value, int64_t axis) {
  Axes order;
  for (int64_t i = 0; i < value.rank(); ++i)
    order.push_back(i);
  std::swap(order[axis], order.back());
  return im.transpose(node, value, order);
}

static Error emitTopK(Importer &im, const Node &node) {
  const Value &given = im.in(node, 0);
  if (isBool(given.type))
    return im.error(node, "needs numbers, found bool");
  Expected<int64_t> axis =
      im.axis(node, node.integer("axis", -1), given.rank());
  if (!axis)
    return axis.takeError();
  Dims k;
  if (node.version() < 10) {
    k = {Expr(node.integer("k", 0))};
  } else {
    Expected<Dims> input = im.shapeInput(node, 1);
    if (!input)
      return input.takeError();
    k = *input;
  }
  if (k.size() != 1 || im.symbols.lowerBound(k[0]) < 0)
    return im.error(node, "k must be one number that is not negative, found " +
                              im.str(k));
  std::optional<bool> over = im.symbols.isLess(given.dims[*axis], k[0]);
  std::string message = "k = " + im.symbols.str(k[0]) + " must be at most " +
                        im.symbols.str(given.dims[*axis]);
  if (over && *over)
    return im.error(node, message);
  if (!over) {
    Expected<Expr> spare =
        im.checked(node, im.symbols.sub(given.dims[*axis], k[0]));
    return spare ? im.needNonNegative(node, *spare, message)
                 : spare.takeError();
  }
  Expected<Value> x = swapLast(im, node, given, *axis);
  if (!x)
    return x.takeError();
  Value order = ranks(im, *x, node.integer("largest", 1) != 0);
  Expected<Value> values = pick(im, node, *x, order, k[0]);
  if (!values)
    return values.takeError();
  Value positions =
      positionsAlong(im, x->dims.back(), x->rank() - 1, x->rank());
  positions.dims = x->dims;
  Expected<Value> indices = pick(im, node, positions, order, k[0]);
  if (!indices)
    return indices.takeError();
  Expected<Value> where = swapLast(im, node, *indices, *axis);
  if (!where)
    return where.takeError();
  im.set(node, 1, *where);
  return im.result(node, swapLast(im, node, *values, *axis));
}

static std::string refuseTopK(const Node &node) {
  if (node.version() >= 10 && !node.hasInput(1))
    return "input 1 is missing";
  return "";
}

void lowbit::frontend::addSearchOperators(OperatorTable &table) {
  constexpr llvm::StringLiteral attributes =
      "axis:i keepdims:i select_last_index:i";
  table.add({
      {"ArgMax", 1, newest, 1, 1, 1, attributes, emitArg<ReduceKind::Max>},
      {"ArgMin", 1, newest, 1, 1, 1, attributes, emitArg<ReduceKind::Min>},
      {"Hardmax", 1, newest, 1, 1, 1, "axis:i", emitHardmax},
      {"TopK", 1, newest, 1, 2, 2, "axis:i k:i largest:i sorted:i", emitTopK,
       refuseTopK},
  });
}
