//===- ChannelNorm.cpp - normalisation per channel, group or vector -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Batch normalisation has its statistics from training and is elementwise; the
// others compute them from the input, in f32.
//
//===----------------------------------------------------------------------===//

#include "OperatorTable.h"
#include "Windows.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <array>

using namespace lowbit::frontend;
namespace arith = mlir::arith;
namespace math = mlir::math;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using onnx::TensorProto;

static int32_t wideType(int32_t type) {
  return byteSize(type) == 2 ? int32_t(TensorProto::FLOAT) : type;
}

/// `value` [C] as [C, 1, ...], to be broadcast against [N, C, ...].
static Expected<Value> asColumn(Importer &im, const Node &node,
                                const Value &value, const Value &x) {
  if (value.rank() != 1 || value.dims[0] != x.dims[1])
    return im.error(node, "needs one parameter for each channel of " +
                              im.str(x.dims) + ", found " + im.str(value.dims));
  Dims dims(x.rank() - 1, Expr(1));
  dims[0] = value.dims[0];
  return im.reshape(node, value, dims);
}

/// 1 / sqrt(x + epsilon), elementwise.
static Expected<Value> inverseRoot(Importer &im, const Node &node,
                                   const Value &x, float epsilon) {
  return im.elementwise(
      node, {&x}, x.type, [&](ScalarBuilder &b, ArrayRef<mlir::Value> v) {
        mlir::Value sum =
            b.make<arith::AddFOp>(v[0], b.constant(v[0], epsilon));
        return mlir::Value(b.make<arith::DivFOp>(b.constant(v[0], 1),
                                                 b.make<math::SqrtOp>(sum)));
      });
}

//===----------------------------------------------------------------------===//
// BatchNormalization
//===----------------------------------------------------------------------===//

/// The statistics of a batch in place of those given; outputs 1 and 2 are what
/// the given ones become: momentum * given + (1 - momentum) * the batch's.
static Error takeBatchStatistics(Importer &im, const Node &node, const Value &x,
                                 Value &mean, Value &variance) {
  Axes axes{0};
  for (int64_t axis = 2; axis < x.rank(); ++axis)
    axes.push_back(axis);
  Expected<Value> centre = im.mean(node, x, axes, true);
  Expected<Value> centred =
      centre ? im.sub(node, x, *centre) : Expected<Value>(centre.takeError());
  Expected<Value> squares =
      centred ? im.mul(node, *centred, *centred) : std::move(centred);
  Expected<Value> spread =
      squares ? im.mean(node, *squares, axes, true) : std::move(squares);
  if (!spread)
    return spread.takeError();
  float momentum = node.real("momentum", 0.9f);
  const Value *batch[] = {&*centre, &*spread};
  for (int i : {0, 1}) {
    const Value &given = im.in(node, 3 + i);
    Expected<Value> now = im.reshape(node, *batch[i], {x.dims[1]});
    if (now)
      now = im.cast(node, *now, given.type);
    if (now)
      now = im.mul(node, *now, Importer::scalar(*now, 1.0 - momentum));
    Expected<Value> old =
        im.mul(node, given, Importer::scalar(given, momentum));
    if (!old)
      return llvm::joinErrors(old.takeError(), now.takeError());
    Expected<Value> sum = now ? im.add(node, *old, *now) : std::move(now);
    if (!sum)
      return sum.takeError();
    im.set(node, 1 + i, std::move(*sum));
  }
  mean = std::move(*centre);
  variance = std::move(*spread);
  return Error::success();
}

/// (x - mean) * (scale / sqrt(variance + epsilon)) + bias
static Error emitBatchNorm(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (Error failed = im.requireFloat(node, x))
    return failed;
  if (x.rank() < 2)
    return im.error(node,
                    "needs an input [N, C, ...], found " + im.str(x.dims));
  std::array<Value, 4> parameters;
  for (int i = 0; i < 4; ++i) {
    Expected<Value> same = im.cast(node, im.in(node, i + 1), x.type);
    Expected<Value> column =
        same ? asColumn(im, node, *same, x) : std::move(same);
    if (!column)
      return column.takeError();
    parameters[i] = std::move(*column);
  }
  auto &[scale, bias, mean, variance] = parameters;
  if (node.integer("training_mode", 0) != 0)
    if (Error failed = takeBatchStatistics(im, node, x, mean, variance))
      return failed;
  Value source = variance.known ? im.fromTensor(variance.type, variance.dims,
                                                im.full(variance))
                                : variance;
  Expected<Value> factor =
      inverseRoot(im, node, source, node.real("epsilon", 1e-5f));
  if (factor)
    factor = im.mul(node, *factor, scale);
  if (!factor)
    return factor.takeError();
  Expected<Value> result = im.sub(node, x, mean);
  if (result)
    result = im.mul(node, *result, *factor);
  if (result)
    result = im.add(node, *result, bias);
  return im.result(node, std::move(result));
}

static std::string refuseBatchNorm(const Node &node) {
  bool training = node.integer("training_mode", 0) != 0;
  for (int i = 1; i < node.numOutputs(); ++i)
    if (node.hasOutput(i) && (!training || i > 2))
      return "output " + std::to_string(i) + " is not supported";
  if (node.integer("spatial", 1) != 1)
    return "attribute spatial must be 1";
  return "";
}

//===----------------------------------------------------------------------===//
// InstanceNormalization, GroupNormalization, MeanVarianceNormalization
//===----------------------------------------------------------------------===//

/// (x - mean) / sqrt(variance + epsilon) over `axes`.
static Expected<Value> standardise(Importer &im, const Node &node,
                                   const Value &given, ArrayRef<int64_t> axes,
                                   float epsilon) {
  Value x = given.known ? im.fromTensor(given.type, given.dims, im.full(given))
                        : given;
  Expected<Value> wide = im.cast(node, x, wideType(x.type));
  if (!wide)
    return wide;
  Expected<Value> mean = im.mean(node, *wide, axes, true);
  if (!mean)
    return mean;
  Expected<Value> centred = im.sub(node, *wide, *mean);
  Expected<Value> squares = centred ? im.mul(node, *centred, *centred)
                                    : Expected<Value>(centred.takeError());
  Expected<Value> variance =
      squares ? im.mean(node, *squares, axes, true) : std::move(squares);
  Expected<Value> factor = variance ? inverseRoot(im, node, *variance, epsilon)
                                    : std::move(variance);
  Expected<Value> result =
      factor ? im.mul(node, *centred, *factor) : std::move(factor);
  return result ? im.cast(node, *result, x.type) : std::move(result);
}

/// y * scale + bias, one of each per channel.
static Expected<Value> scaleChannels(Importer &im, const Node &node,
                                     const Value &y) {
  Expected<Value> scale = asColumn(im, node, im.in(node, 1), y);
  Expected<Value> scaled = scale ? im.mul(node, y, *scale) : std::move(scale);
  if (!scaled)
    return scaled;
  Expected<Value> bias = asColumn(im, node, im.in(node, 2), y);
  return bias ? im.add(node, *scaled, *bias) : std::move(bias);
}

static Axes axesFrom(int64_t first, int64_t rank) {
  Axes axes;
  for (int64_t axis = first; axis < rank; ++axis)
    axes.push_back(axis);
  return axes;
}

static Error emitInstanceNorm(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (Error failed = im.requireFloat(node, x))
    return failed;
  if (x.rank() < 3)
    return im.error(node,
                    "needs an input [N, C, ...], found " + im.str(x.dims));
  Expected<Value> y = standardise(im, node, x, axesFrom(2, x.rank()),
                                  node.real("epsilon", 1e-5f));
  if (y)
    y = scaleChannels(im, node, *y);
  return im.result(node, std::move(y));
}

/// Statistics over each group of channels. Until version 20, scale and bias are
/// per group; since 21 they are per channel.
static Error emitGroupNorm(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (Error failed = im.requireFloat(node, x))
    return failed;
  int64_t groups = node.integer("num_groups", 0);
  if (x.rank() < 2 || !x.dims[1].isConstant() || groups < 1 ||
      x.dims[1].constant() % groups != 0)
    return im.error(node, "num_groups = " + llvm::Twine(groups) +
                              " must divide the channels of " + im.str(x.dims));
  Dims apart = x.dims;
  apart[1] = Expr(groups);
  apart.insert(apart.begin() + 2, Expr(x.dims[1].constant() / groups));
  Expected<Value> split = im.reshape(node, x, apart);
  if (!split)
    return split.takeError();
  Expected<Value> y = standardise(im, node, *split, axesFrom(2, split->rank()),
                                  node.real("epsilon", 1e-5f));
  bool perGroup = node.version() < 21;
  if (y && perGroup)
    y = scaleChannels(im, node, *y);
  if (y)
    y = im.reshape(node, *y, x.dims);
  if (y && !perGroup)
    y = scaleChannels(im, node, *y);
  return im.result(node, std::move(y));
}

static Error emitMeanVariance(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (Error failed = im.requireFloat(node, x))
    return failed;
  Axes given = node.find("axes") ? node.integers("axes") : Axes{0, 2, 3};
  Expected<Axes> axes = im.axes(node, given, x.rank());
  if (!axes)
    return axes.takeError();
  return im.result(node, standardise(im, node, x, *axes, 1e-9f));
}

//===----------------------------------------------------------------------===//
// LpNormalization and LRN
//===----------------------------------------------------------------------===//

static Error emitLpNorm(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (Error failed = im.requireFloat(node, x))
    return failed;
  Expected<int64_t> axis = im.axis(node, node.integer("axis", -1), x.rank());
  if (!axis)
    return axis.takeError();
  bool square = node.integer("p", 2) == 2;
  Expected<Value> sizes = im.elementwise(
      node, {&x}, x.type, [&](ScalarBuilder &b, ArrayRef<mlir::Value> v) {
        return square ? mlir::Value(b.make<arith::MulFOp>(v[0], v[0]))
                      : mlir::Value(b.make<math::AbsFOp>(v[0]));
      });
  Expected<Value> norm =
      sizes ? im.reduce(node, *sizes, {*axis}, ReduceKind::Sum, true)
            : std::move(sizes);
  if (norm && square)
    norm = im.elementwise(node, {&*norm}, x.type,
                          [](ScalarBuilder &b, ArrayRef<mlir::Value> v) {
                            return mlir::Value(b.make<math::SqrtOp>(v[0]));
                          });
  return im.result(node, norm ? im.div(node, x, *norm) : std::move(norm));
}

static std::string refuseLpNorm(const Node &node) {
  int64_t p = node.integer("p", 2);
  return p == 1 || p == 2
             ? ""
             : "attribute p must be 1 or 2, found " + std::to_string(p);
}

/// x / (bias + alpha / size * sum of squares of neighbouring channels)^beta
static Error emitLRN(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (Error failed = im.requireFloat(node, x))
    return failed;
  int64_t size = node.integer("size", 1);
  if (x.rank() < 2 || size < 1 || size > 4096)
    return im.error(node, "needs an input [N, C, ...] and a positive size");
  Expected<Value> squares = im.mul(node, x, x);
  if (!squares)
    return squares.takeError();
  // Windows are short: one slice of the channels for each offset in it.
  Dims low(x.rank(), Expr(0)), high = low;
  low[1] = Expr((size - 1) / 2);
  high[1] = Expr(size - 1 - (size - 1) / 2);
  Expected<Value> padded =
      padConstant(im, node, *squares, low, high,
                  im.ops().getZeroAttr(im.elementType(x.type)));
  if (!padded)
    return padded.takeError();
  Value sum = im.slice(*padded, 1, Expr(0), x.dims[1]);
  for (int64_t offset = 1; offset < size; ++offset) {
    Expected<Value> next =
        im.add(node, sum, im.slice(*padded, 1, Expr(offset), x.dims[1]));
    if (!next)
      return next.takeError();
    sum = std::move(*next);
  }
  double alpha = node.real("alpha", 1e-4f) / double(size);
  double beta = node.real("beta", 0.75f), bias = node.real("bias", 1);
  return im.result(
      node,
      im.elementwise(node, {&x, &sum}, x.type,
                     [&](ScalarBuilder &b, ArrayRef<mlir::Value> v) {
                       mlir::Value base = b.make<arith::AddFOp>(
                           b.make<arith::MulFOp>(v[1], b.constant(v[1], alpha)),
                           b.constant(v[1], bias));
                       mlir::Value power =
                           b.make<math::PowFOp>(base, b.constant(base, beta));
                       return mlir::Value(b.make<arith::DivFOp>(v[0], power));
                     }));
}

void lowbit::frontend::addChannelNormOperators(OperatorTable &table) {
  table.add({
      {"BatchNormalization", 7, newest, 5, 5, 5,
       "epsilon:f momentum:f spatial:i training_mode:i", emitBatchNorm,
       refuseBatchNorm},
      {"InstanceNormalization", 6, newest, 3, 3, 1, "epsilon:f",
       emitInstanceNorm},
      {"GroupNormalization", 18, newest, 3, 3, 1,
       "epsilon:f num_groups:i stash_type:i", emitGroupNorm},
      {"MeanVarianceNormalization", 9, newest, 1, 1, 1, "axes:I",
       emitMeanVariance},
      {"LpNormalization", 1, newest, 1, 1, 1, "axis:i p:i", emitLpNorm,
       refuseLpNorm},
      {"LRN", 1, newest, 1, 1, 1, "alpha:f beta:f bias:f size:i", emitLRN},
  });
}
