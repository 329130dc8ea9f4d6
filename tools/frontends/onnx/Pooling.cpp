//===- Pooling.cpp - maxima and means over windows ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OperatorTable.h"
#include "Windows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace lowbit::frontend;
namespace arith = mlir::arith;
namespace linalg = mlir::linalg;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using mlir::utils::IteratorType;
using onnx::TensorProto;

//===----------------------------------------------------------------------===//
// MaxPool
//===----------------------------------------------------------------------===//

/// Position of an element of the unpadded input, as MaxPool counts: over all
/// of its elements, the last spatial dimension first, or the first one first.
static mlir::Value flatPosition(mlir::OpBuilder &r, mlir::Location loc,
                                const Window &window,
                                ArrayRef<mlir::Value> extents,
                                ArrayRef<mlir::Value> begins,
                                bool firstFastest) {
  auto index = [&](int64_t i) -> mlir::Value {
    return linalg::IndexOp::create(r, loc, i);
  };
  auto times = [&](mlir::Value a, mlir::Value b) -> mlir::Value {
    return arith::MulIOp::create(r, loc, a, b);
  };
  auto plus = [&](mlir::Value a, mlir::Value b) -> mlir::Value {
    return arith::AddIOp::create(r, loc, a, b);
  };
  auto number = [&](int64_t value) -> mlir::Value {
    return arith::ConstantIndexOp::create(r, loc, value);
  };
  int64_t rank = window.rank();
  mlir::Value flat = plus(times(index(0), extents[1]), index(1));
  // The spatial dimensions, slowest first.
  mlir::Value inside = number(0);
  for (int64_t step = 0; step < rank; ++step) {
    int64_t i = firstFastest ? rank - 1 - step : step;
    mlir::Value at = plus(
        times(index(firstSpatial + i), number(window.strides[i])),
        times(index(firstSpatial + rank + i), number(window.dilations[i])));
    at = arith::SubIOp::create(r, loc, at, begins[i]);
    inside = plus(times(inside, extents[firstSpatial + i]), at);
    flat = times(flat, extents[firstSpatial + i]);
  }
  return plus(flat, inside);
}

/// Output Indices: the first position that holds the window's maximum.
static Value argMaxPool(Importer &im, const Node &node, const Value &x,
                        const Value &padded, const Value &top,
                        const Window &window) {
  auto &b = im.ops();
  llvm::SmallVector<mlir::Value> extents, begins;
  for (const Expr &dim : x.dims)
    extents.push_back(im.indexValue(dim));
  for (const Expr &begin : window.padBegin)
    begins.push_back(im.indexValue(begin));
  mlir::Type i64 = b.getI64Type();
  constexpr int64_t none = std::numeric_limits<int64_t>::max();
  mlir::Value limit = arith::ConstantOp::create(b, b.getI64IntegerAttr(none));
  mlir::Value init =
      linalg::FillOp::create(b, limit, im.empty(i64, top.dims)).getResult(0);
  mlir::Value kernel =
      im.empty(i64, Dims(window.kernel.begin(), window.kernel.end()));
  auto maps = windowMaps(window, b.getContext());
  maps.insert(maps.begin() + 1, maps.back());
  llvm::SmallVector<IteratorType> iterators(top.rank(), IteratorType::parallel);
  iterators.append(window.rank(), IteratorType::reduction);
  bool firstFastest = node.integer("storage_order", 0) != 0;
  mlir::Value elements = im.full(padded), maxima = im.full(top);
  auto generic = linalg::GenericOp::create(
      b, init.getType(), mlir::ValueRange{elements, maxima, kernel}, init, maps,
      iterators,
      [&](mlir::OpBuilder &r, mlir::Location loc, mlir::ValueRange args) {
        mlir::Value equal;
        if (isFloat(x.type))
          equal = arith::CmpFOp::create(r, loc, arith::CmpFPredicate::OEQ,
                                        args[0], args[1]);
        else
          equal = arith::CmpIOp::create(r, loc, arith::CmpIPredicate::eq,
                                        args[0], args[1]);
        mlir::Value at = arith::IndexCastOp::create(
            r, loc, i64,
            flatPosition(r, loc, window, extents, begins, firstFastest));
        at = arith::SelectOp::create(r, loc, equal, at, limit);
        linalg::YieldOp::create(
            r, loc, arith::MinSIOp::create(r, loc, at, args[3]).getResult());
      });
  return im.fromTensor(TensorProto::INT64, top.dims, generic.getResult(0));
}

static Error emitMaxPool(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (isBool(x.type))
    return im.error(node, "needs numbers, found bool");
  Expected<Window> window = readWindow(im, node, x, {});
  if (!window)
    return window.takeError();
  Reducer reducer(ReduceKind::Max, x.type);
  Expected<Value> padded =
      padSpatial(im, node, x, *window, reducer.neutral(im.elementType(x.type)));
  if (!padded)
    return padded.takeError();
  Expected<Value> top =
      reduceWindows(im, node, *padded, *window, ReduceKind::Max);
  if (!top)
    return top.takeError();
  if (node.hasOutput(1))
    im.set(node, 1, argMaxPool(im, node, x, *padded, *top, *window));
  return im.result(node, std::move(top));
}

//===----------------------------------------------------------------------===//
// AveragePool
//===----------------------------------------------------------------------===//

/// How many elements of the input each window covers, as [1, 1, outputs...];
/// with `withPads` the pads that the node gives count, too.
static Expected<Value> windowCounts(Importer &im, const Node &node,
                                    const Value &x, const Window &window,
                                    bool withPads) {
  Dims dims = x.dims, low(x.rank(), Expr(0)), high = low;
  dims[0] = dims[1] = Expr(1);
  Axes pads = node.integers("pads");
  bool same = llvm::StringRef(node.string("auto_pad", "")).starts_with("SAME");
  for (int64_t i = 0; i < window.rank(); ++i) {
    Expr begin = window.padBegin[i], end = window.padEnd[i];
    if (withPads) {
      // Padding beyond the given one comes from rounding up.
      Expr given = same           ? end
                   : pads.empty() ? Expr(0)
                                  : Expr(pads[i + window.rank()]);
      std::optional<Expr> size = im.symbols.add(dims[firstSpatial + i], begin);
      size = size ? im.symbols.add(*size, given) : size;
      std::optional<Expr> rest = im.symbols.sub(end, given);
      if (!size || !rest)
        return im.checked(node, std::nullopt).takeError();
      dims[firstSpatial + i] = *size;
      begin = Expr(0);
      end = *rest;
    }
    low[firstSpatial + i] = begin;
    high[firstSpatial + i] = end;
  }
  mlir::Type element = im.elementType(x.type);
  Value ones = im.fromTensor(x.type, dims, im.filled(element, dims, 1));
  Expected<Value> padded =
      padConstant(im, node, ones, low, high, im.ops().getZeroAttr(element));
  return padded ? reduceWindows(im, node, *padded, window, ReduceKind::Sum)
                : std::move(padded);
}

static Error emitAveragePool(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (Error failed = im.requireFloat(node, x))
    return failed;
  Expected<Window> window = readWindow(im, node, x, {});
  if (!window)
    return window.takeError();
  Expected<Value> padded = padSpatial(
      im, node, x, *window, im.ops().getZeroAttr(im.elementType(x.type)));
  if (!padded)
    return padded.takeError();
  Expected<Value> sum =
      reduceWindows(im, node, *padded, *window, ReduceKind::Sum);
  if (!sum)
    return sum.takeError();
  bool withPads = node.integer("count_include_pad", 0) != 0;
  if (padded->dims == x.dims ||
      (withPads && node.integer("ceil_mode", 0) == 0)) {
    double count = 1;
    for (int64_t extent : window->kernel)
      count *= double(extent);
    return im.result(node, im.div(node, *sum, Importer::scalar(*sum, count)));
  }
  Expected<Value> counts = windowCounts(im, node, x, *window, withPads);
  return im.result(node,
                   counts ? im.div(node, *sum, *counts) : std::move(counts));
}

//===----------------------------------------------------------------------===//
// LpPool
//===----------------------------------------------------------------------===//

/// |x|^p, elementwise.
static Expected<Value> powers(Importer &im, const Node &node, const Value &x,
                              double p) {
  return im.elementwise(
      node, {&x}, x.type, [&](ScalarBuilder &b, ArrayRef<mlir::Value> v) {
        mlir::Value size = b.make<mlir::math::AbsFOp>(v[0]);
        if (p == 1)
          return size;
        if (p == 2)
          return mlir::Value(b.make<arith::MulFOp>(size, size));
        return mlir::Value(
            b.make<mlir::math::PowFOp>(size, b.constant(size, p)));
      });
}

/// x^(1/p), elementwise.
static Expected<Value> root(Importer &im, const Node &node, Expected<Value> x,
                            double p) {
  if (!x || p == 1)
    return x;
  return im.elementwise(
      node, {&*x}, x->type, [&](ScalarBuilder &b, ArrayRef<mlir::Value> v) {
        if (p == 2)
          return mlir::Value(b.make<mlir::math::SqrtOp>(v[0]));
        return mlir::Value(
            b.make<mlir::math::PowFOp>(v[0], b.constant(v[0], 1 / p)));
      });
}

static Error emitLpPool(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (Error failed = im.requireFloat(node, x))
    return failed;
  double p = node.integer("p", 2);
  Expected<Window> window = readWindow(im, node, x, {});
  if (!window)
    return window.takeError();
  Expected<Value> power = powers(im, node, x, p);
  if (power)
    power = padSpatial(im, node, *power, *window,
                       im.ops().getZeroAttr(im.elementType(x.type)));
  if (power)
    power = reduceWindows(im, node, *power, *window, ReduceKind::Sum);
  return im.result(node, root(im, node, std::move(power), p));
}

//===----------------------------------------------------------------------===//
// Global
//===----------------------------------------------------------------------===//

/// Axes after batch and channels.
static Expected<Axes> spatialAxes(Importer &im, const Node &node,
                                  const Value &x) {
  if (Error failed = im.requireFloat(node, x))
    return std::move(failed);
  if (x.rank() < 3)
    return im.error(node,
                    "needs an input [N, C, ...], found " + im.str(x.dims));
  Axes axes;
  for (int64_t axis = firstSpatial; axis < x.rank(); ++axis)
    axes.push_back(axis);
  return axes;
}

static Error emitGlobalAveragePool(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  Expected<Axes> axes = spatialAxes(im, node, x);
  if (!axes)
    return axes.takeError();
  return im.result(node, im.mean(node, x, *axes, true));
}

static Error emitGlobalMaxPool(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  Expected<Axes> axes = spatialAxes(im, node, x);
  if (!axes)
    return axes.takeError();
  return im.result(node, im.reduce(node, x, *axes, ReduceKind::Max, true));
}

static Error emitGlobalLpPool(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  Expected<Axes> axes = spatialAxes(im, node, x);
  if (!axes)
    return axes.takeError();
  double p = node.integer("p", 2);
  Expected<Value> power = powers(im, node, x, p);
  if (power)
    power = im.reduce(node, *power, *axes, ReduceKind::Sum, true);
  return im.result(node, root(im, node, std::move(power), p));
}

void lowbit::frontend::addPoolingOperators(OperatorTable &table) {
  table.add({
      {"MaxPool", 8, newest, 1, 1, 2,
       "auto_pad:s ceil_mode:i dilations:I kernel_shape:I pads:I "
       "storage_order:i strides:I",
       emitMaxPool, refuseWindow},
      {"AveragePool", 7, newest, 1, 1, 1,
       "auto_pad:s ceil_mode:i count_include_pad:i dilations:I kernel_shape:I "
       "pads:I strides:I",
       emitAveragePool, refuseWindow},
      {"LpPool", 2, newest, 1, 1, 1,
       "auto_pad:s ceil_mode:i dilations:I kernel_shape:I p:i pads:I strides:I",
       emitLpPool, refuseWindow},
      {"GlobalAveragePool", 1, newest, 1, 1, 1, "", emitGlobalAveragePool},
      {"GlobalMaxPool", 1, newest, 1, 1, 1, "", emitGlobalMaxPool},
      {"GlobalLpPool", 2, newest, 1, 1, 1, "p:i", emitGlobalLpPool},
  });
}
