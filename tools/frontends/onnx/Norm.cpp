//===- Norm.cpp - normalisations ------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Composed from reductions and elementwise ops, as exporters before these
// operators existed spelled them.
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace lowbit::frontend;
namespace arith = mlir::arith;
namespace math = mlir::math;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;
using onnx::TensorProto;

/// The axes that a normalisation spans: from attribute `axis` to the last.
static Expected<Axes> normAxes(Importer &im, const Node &node, const Value &x) {
  Expected<int64_t> first = im.axis(node, node.integer("axis", -1), x.rank());
  if (!first)
    return first.takeError();
  Axes axes;
  for (int64_t axis = *first; axis < x.rank(); ++axis)
    axes.push_back(axis);
  return axes;
}

/// 1 / sqrt(mean(x * x) + epsilon), with dimensions kept.
static Expected<Value> inverseDeviation(Importer &im, const Node &node,
                                        const Value &x, ArrayRef<int64_t> axes,
                                        float epsilon) {
  Expected<Value> squares = im.mul(node, x, x);
  if (!squares)
    return squares;
  Expected<Value> variance = im.mean(node, *squares, axes, true);
  if (!variance)
    return variance;
  return im.elementwise(
      node, {&*variance}, x.type,
      [&](ScalarBuilder &b, ArrayRef<mlir::Value> v) {
        mlir::Value sum =
            b.make<arith::AddFOp>(v[0], b.constant(v[0], epsilon));
        mlir::Value root = b.make<math::SqrtOp>(sum);
        return mlir::Value(b.make<arith::DivFOp>(b.constant(v[0], 1), root));
      });
}

namespace {
struct Normalisation {
  bool centred;          ///< Subtract the mean first.
  int scale = 1;         ///< Input that multiplies the result.
  int bias = 2;          ///< Input that is added, if the node has it.
  int deviationOutput;   ///< Output for the inverse deviation.
  float epsilon = 1e-5f; ///< Unless the node says otherwise.
};
} // namespace

/// Normalises `x`, in f32 where it is a 16-bit float.
static Error normalise(Importer &im, const Node &node, const Value &x,
                       const Normalisation &norm) {
  if (Error failed = im.requireFloat(node, x))
    return failed;
  Expected<Axes> axes = normAxes(im, node, x);
  if (!axes)
    return axes.takeError();
  int32_t wide = byteSize(x.type) == 2 ? int32_t(TensorProto::FLOAT) : x.type;
  Value source = x.known ? im.fromTensor(x.type, x.dims, im.full(x)) : x;
  Expected<Value> value = im.cast(node, source, wide);
  if (value && norm.centred) {
    Expected<Value> mean = im.mean(node, *value, *axes, true);
    if (!mean)
      return mean.takeError();
    if (norm.deviationOutput > 0)
      im.set(node, 1, *mean);
    value = im.sub(node, *value, *mean);
  }
  if (!value)
    return value.takeError();
  Expected<Value> deviation = inverseDeviation(
      im, node, *value, *axes, node.real("epsilon", norm.epsilon));
  if (!deviation)
    return deviation.takeError();
  if (norm.deviationOutput > 0)
    im.set(node, norm.deviationOutput, *deviation);
  Expected<Value> scaled = im.mul(node, *value, *deviation);
  Expected<Value> result = scaled ? im.cast(node, *scaled, x.type)
                                  : Expected<Value>(scaled.takeError());
  if (result)
    result = im.mul(node, *result, im.in(node, norm.scale));
  if (result && norm.bias > 0 && node.hasInput(norm.bias))
    result = im.add(node, *result, im.in(node, norm.bias));
  if (result && result->dims != x.dims)
    return im.error(node, "scale and bias must broadcast to " + im.str(x.dims) +
                              ", found " + im.str(result->dims));
  return im.result(node, std::move(result));
}

static Error emitLayerNorm(Importer &im, const Node &node) {
  return normalise(im, node, im.in(node, 0), {true, 1, 2, 2});
}

static Error emitRMSNorm(Importer &im, const Node &node) {
  return normalise(im, node, im.in(node, 0), {false, 1, 0, 1});
}

/// Epsilon of ONNX Runtime's operators where the node has none.
static constexpr float contribEpsilon = 1e-12f;

/// The sum of input, skip and a bias, if given, is normalised and is output 3.
static Error normaliseSum(Importer &im, const Node &node, int bias,
                          const Normalisation &norm) {
  Expected<Value> sum = im.add(node, im.in(node, 0), im.in(node, 1));
  if (sum && node.hasInput(bias))
    sum = im.add(node, *sum, im.in(node, bias));
  if (!sum)
    return sum.takeError();
  im.set(node, 3, *sum);
  return normalise(im, node, *sum, norm);
}

static Error emitSkipRMSNorm(Importer &im, const Node &node) {
  return normaliseSum(im, node, 3, {false, 2, 0, 0, contribEpsilon});
}

static Error emitSkipLayerNorm(Importer &im, const Node &node) {
  return normaliseSum(im, node, 4, {true, 2, 3, 0, contribEpsilon});
}

/// Input 0 and the rows of tables that ids choose, added up and normalised.
static Error emitEmbedLayerNorm(Importer &im, const Node &node) {
  Composer c(im, node);
  const Value &ids = c.in(0);
  c.require(ids.rank() == 2,
            "needs input_ids of 2 dimensions, found " + im.str(ids.dims));
  Attribute rows{"axis", int64_t(0)};
  Value sum = c.apply("Gather", {c.in(2), ids}, {rows});
  if (c.ok() && c.has(8))
    sum = c.add(sum, c.apply("Gather", {c.in(3), c.in(8)}, {rows}));
  else if (c.ok())
    sum = c.add(sum, c.slice(c.in(3), 0, Expr(0), ids.dims[1]));
  if (c.has(1) && c.has(4))
    sum = c.add(sum, c.apply("Gather", {c.in(4), c.in(1)}, {rows}));
  if (c.ok() && node.hasOutput(1)) {
    // The number of ones in each row of the mask, or 0.
    Value none =
        knownValue(TensorProto::INT32, {ids.dims[0]}, {Scalar::of(Expr(0))});
    c.define(1, c.has(7) ? c.cast(c.apply("ReduceSum",
                                          {c.in(7), Composer::integers({1})},
                                          {{"keepdims", int64_t(0)}}),
                                  TensorProto::INT32)
                         : none);
  }
  c.define(2, sum);
  if (!c.ok())
    return c.finish();
  return normalise(im, node, sum, {true, 5, 6, 0, contribEpsilon});
}

static std::string refuseStash(const Node &node) {
  if (node.integer("stash_type", 1) != TensorProto::FLOAT)
    return "attribute stash_type must be 1, found " +
           std::to_string(node.integer("stash_type", 1));
  return "";
}

/// Outputs between the first and the sum are statistics that no inference
/// reads.
static std::string refuseStatistics(const Node &node) {
  if (node.hasOutput(1) || node.hasOutput(2))
    return "outputs mean and inv_std_var are not supported";
  return "";
}

static std::string refuseEmbedding(const Node &node) {
  for (int i : {2, 3, 5, 6})
    if (!node.hasInput(i))
      return "input " + std::to_string(i) + " is missing";
  if (node.hasInput(1) != node.hasInput(4))
    return "needs both or none of the inputs segment_ids and "
           "segment_embedding";
  return "";
}

void lowbit::frontend::addNormOperators(OperatorTable &table) {
  constexpr llvm::StringLiteral attributes = "axis:i epsilon:f stash_type:i";
  table.add({
      {"LayerNormalization", 17, newest, 2, 3, 3, attributes, emitLayerNorm,
       refuseStash},
      {"RMSNormalization", 23, newest, 2, 2, 1, attributes, emitRMSNorm,
       refuseStash},
      // Runtimes register this one in the default domain, in any version.
      {"SimplifiedLayerNormalization", 1, newest, 2, 2, 2, attributes,
       emitRMSNorm, refuseStash},
      {"SimplifiedLayerNormalization", 1, 1, 2, 2, 2, attributes, emitRMSNorm,
       refuseStash, "com.microsoft"},
      {"SkipSimplifiedLayerNormalization", 1, 1, 3, 4, 4, "epsilon:f",
       emitSkipRMSNorm, refuseStatistics, "com.microsoft"},
      {"SkipLayerNormalization", 1, 1, 3, 5, 4, "epsilon:f", emitSkipLayerNorm,
       refuseStatistics, "com.microsoft"},
      {"LayerNormalization", 1, 1, 2, 3, 3, attributes, emitLayerNorm,
       refuseStash, "com.microsoft"},
      {"EmbedLayerNormalization", 1, 1, 1, 9, 3, "epsilon:f mask_index_type:i",
       emitEmbedLayerNorm, refuseEmbedding, "com.microsoft"},
  });
}
