//===- Reduce.cpp - reductions and softmax --------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace lowbit::frontend;
namespace math = mlir::math;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// The axes to reduce; none given means all, unless the node says otherwise.
/// They became an input with version 13 for ReduceSum and 18 for the rest.
static Expected<std::optional<Axes>> reducedAxes(Importer &im, const Node &node,
                                                 int64_t rank) {
  int64_t moved = node.op() == "ReduceSum" ? 13 : 18;
  Axes given = node.integers("axes");
  if (node.version() >= moved && node.hasInput(1)) {
    Expected<Axes> input = im.constantInput(node, 1);
    if (!input)
      return input.takeError();
    given = *input;
  }
  if (given.empty() && node.integer("noop_with_empty_axes", 0) != 0)
    return std::nullopt;
  if (given.empty())
    for (int64_t axis = 0; axis < rank; ++axis)
      given.push_back(axis);
  Expected<Axes> axes = im.axes(node, given, rank);
  if (!axes)
    return axes.takeError();
  return std::optional<Axes>(std::move(*axes));
}

static std::string refuseAxesForm(const Node &node) {
  int64_t moved = node.op() == "ReduceSum" ? 13 : 18;
  if (node.version() < moved && node.hasInput(1))
    return "axes must be an attribute before version " + std::to_string(moved);
  if (node.version() >= moved && node.find("axes"))
    return "axes must be an input since version " + std::to_string(moved);
  return "";
}

using Reduction =
    llvm::function_ref<Expected<Value>(const Value &, ArrayRef<int64_t>, bool)>;

static Error emitReduction(Importer &im, const Node &node,
                           Reduction reduction) {
  const Value &x = im.in(node, 0);
  auto axes = reducedAxes(im, node, x.rank());
  if (!axes)
    return axes.takeError();
  if (!*axes) {
    im.set(node, 0, Value(x));
    return Error::success();
  }
  bool keepDims = node.integer("keepdims", 1) != 0;
  return im.result(node, reduction(x, **axes, keepDims));
}

template <ReduceKind kind>
static Error emitReduce(Importer &im, const Node &node) {
  return emitReduction(
      im, node, [&](const Value &x, ArrayRef<int64_t> axes, bool keepDims) {
        return im.reduce(node, x, axes, kind, keepDims);
      });
}

static Error emitReduceMean(Importer &im, const Node &node) {
  return emitReduction(
      im, node, [&](const Value &x, ArrayRef<int64_t> axes, bool keepDims) {
        return im.mean(node, x, axes, keepDims);
      });
}

/// Sum of squares, and its root for the Euclidean norm.
template <typename Op>
static Expected<Value> apply(Importer &im, const Node &node, const Value &x) {
  return im.elementwise(node, {&x}, x.type,
                        [](ScalarBuilder &b, ArrayRef<mlir::Value> v) {
                          return mlir::Value(b.make<Op>(v[0]));
                        });
}

template <bool root> static Error emitSquares(Importer &im, const Node &node) {
  return emitReduction(
      im, node,
      [&](const Value &x, ArrayRef<int64_t> axes,
          bool keepDims) -> Expected<Value> {
        Expected<Value> result = im.mul(node, x, x);
        if (result)
          result = im.reduce(node, *result, axes, ReduceKind::Sum, keepDims);
        if (!result || !root)
          return result;
        if (Error failed = im.requireFloat(node, x))
          return std::move(failed);
        return im.elementwise(node, {&*result}, x.type,
                              [](ScalarBuilder &b, ArrayRef<mlir::Value> v) {
                                return mlir::Value(b.make<math::SqrtOp>(v[0]));
                              });
      });
}

static Error emitReduceL1(Importer &im, const Node &node) {
  return emitReduction(
      im, node,
      [&](const Value &x, ArrayRef<int64_t> axes,
          bool keepDims) -> Expected<Value> {
        Expected<Value> magnitudes = im.elementwise(
            node, {&x}, x.type,
            [](ScalarBuilder &b, ArrayRef<mlir::Value> v) -> mlir::Value {
              if (isFloat(b.type))
                return b.make<math::AbsFOp>(v[0]);
              return isUnsigned(b.type) ? v[0] : b.make<math::AbsIOp>(v[0]);
            });
        return magnitudes ? im.reduce(node, *magnitudes, axes, ReduceKind::Sum,
                                      keepDims)
                          : std::move(magnitudes);
      });
}

static Error emitReduceLogSum(Importer &im, const Node &node) {
  if (Error failed = im.requireFloat(node, im.in(node, 0)))
    return failed;
  return emitReduction(
      im, node,
      [&](const Value &x, ArrayRef<int64_t> axes,
          bool keepDims) -> Expected<Value> {
        Expected<Value> sum =
            im.reduce(node, x, axes, ReduceKind::Sum, keepDims);
        return sum ? apply<math::LogOp>(im, node, *sum) : std::move(sum);
      });
}

/// log(sum(exp(x))), with the maximum taken out so that exp doesn't overflow.
static Error emitReduceLogSumExp(Importer &im, const Node &node) {
  if (Error failed = im.requireFloat(node, im.in(node, 0)))
    return failed;
  return emitReduction(
      im, node,
      [&](const Value &x, ArrayRef<int64_t> axes,
          bool keepDims) -> Expected<Value> {
        Expected<Value> top = im.reduce(node, x, axes, ReduceKind::Max, true);
        Expected<Value> power =
            top ? im.sub(node, x, *top) : Expected<Value>(top.takeError());
        if (power)
          power = apply<math::ExpOp>(im, node, *power);
        Expected<Value> sum =
            power ? im.reduce(node, *power, axes, ReduceKind::Sum, true)
                  : Expected<Value>(power.takeError());
        if (sum)
          sum = apply<math::LogOp>(im, node, *sum);
        Expected<Value> result =
            sum ? im.add(node, *sum, *top) : Expected<Value>(sum.takeError());
        if (!result || keepDims)
          return result;
        Dims dims;
        for (int64_t axis = 0; axis < x.rank(); ++axis)
          if (!llvm::is_contained(axes, axis))
            dims.push_back(x.dims[axis]);
        return im.reshape(node, *result, dims);
      });
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// exp(x - max) / sum, or x - max - log(sum). The maximum may ignore NaN, since
/// the exponential brings it back; that spares a comparison per element.
static Expected<Value> softmax(Importer &im, const Node &node, const Value &x,
                               ArrayRef<int64_t> axes, bool logarithmic) {
  Expected<Value> top = im.reduce(node, x, axes, ReduceKind::Max,
                                  /*keepDims=*/true, /*ignoreNaN=*/true);
  if (!top)
    return top;
  Expected<Value> centred = im.sub(node, x, *top);
  if (!centred)
    return centred;
  Expected<Value> power = apply<math::ExpOp>(im, node, *centred);
  if (!power)
    return power;
  Expected<Value> sum = im.reduce(node, *power, axes, ReduceKind::Sum, true);
  if (!sum)
    return sum;
  if (!logarithmic)
    return im.div(node, *power, *sum);
  Expected<Value> offset = apply<math::LogOp>(im, node, *sum);
  return offset ? im.sub(node, *centred, *offset)
                : Expected<Value>(offset.takeError());
}

/// Before version 13 all dimensions from the axis on were one.
template <bool logarithmic>
static Error emitSoftmax(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (Error failed = im.requireFloat(node, x))
    return failed;
  bool coerces = node.version() < 13;
  Expected<int64_t> axis =
      im.axis(node, node.integer("axis", coerces ? 1 : -1), x.rank());
  if (!axis)
    return axis.takeError();
  Axes axes{*axis};
  for (int64_t next = *axis + 1; coerces && next < x.rank(); ++next)
    axes.push_back(next);
  Value input = x.known ? im.fromTensor(x.type, x.dims, im.full(x)) : x;
  return im.result(node, softmax(im, node, input, axes, logarithmic));
}

void lowbit::frontend::addReduceOperators(OperatorTable &table) {
  constexpr llvm::StringLiteral attributes =
      "axes:I keepdims:i noop_with_empty_axes:i";
  table.add({
      {"ReduceSum", 1, newest, 1, 2, 1, attributes, emitReduce<ReduceKind::Sum>,
       refuseAxesForm},
      {"ReduceProd", 1, newest, 1, 2, 1, attributes,
       emitReduce<ReduceKind::Prod>, refuseAxesForm},
      {"ReduceMax", 1, newest, 1, 2, 1, attributes, emitReduce<ReduceKind::Max>,
       refuseAxesForm},
      {"ReduceMin", 1, newest, 1, 2, 1, attributes, emitReduce<ReduceKind::Min>,
       refuseAxesForm},
      {"ReduceMean", 1, newest, 1, 2, 1, attributes, emitReduceMean,
       refuseAxesForm},
      {"ReduceL2", 1, newest, 1, 2, 1, attributes, emitSquares<true>,
       refuseAxesForm},
      {"ReduceSumSquare", 1, newest, 1, 2, 1, attributes, emitSquares<false>,
       refuseAxesForm},
      {"ReduceL1", 1, newest, 1, 2, 1, attributes, emitReduceL1,
       refuseAxesForm},
      {"ReduceLogSum", 1, newest, 1, 2, 1, attributes, emitReduceLogSum,
       refuseAxesForm},
      {"ReduceLogSumExp", 1, newest, 1, 2, 1, attributes, emitReduceLogSumExp,
       refuseAxesForm},
      {"Softmax", 1, newest, 1, 1, 1, "axis:i", emitSoftmax<false>},
      {"LogSoftmax", 1, newest, 1, 1, 1, "axis:i", emitSoftmax<true>},
  });
}
