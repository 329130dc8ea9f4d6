//===- Mixture.cpp - mixtures of experts ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every expert computes every token, and those that a token isn't routed to
// count 0 times: layers then stay layers of constant weights, which can be
// quantized one by one.
//
//===----------------------------------------------------------------------===//

#include "BlockedWeight.h"
#include "Composer.h"
#include "OperatorTable.h"

#include "lowbit/Numerics/Layouts.h"

#include "llvm/ADT/StringExtras.h"

using namespace lowbit::frontend;
namespace numerics = lowbit::numerics;
using llvm::Error;
using llvm::StringRef;
using onnx::TensorProto;

namespace {
enum Input { X, Router };

/// The inputs of one of an expert's layers; scales make codes of the weights.
struct Layer {
  int weight, scales, bias;
};
/// Those of MoE, and those of QMoE.
struct Layers {
  Layer up, down, gate;
};
} // namespace

static constexpr Layers floatLayers = {{2, -1, 3}, {4, -1, 5}, {6, -1, 7}};
static constexpr Layers codedLayers = {{2, 3, 4}, {5, 6, 7}, {8, 9, 10}};

static const Layers &layersOf(const Node &node) {
  return node.getProto().op_type() == "QMoE" ? codedLayers : floatLayers;
}

/// Each is an operation of its own.
static constexpr int64_t maxExperts = 256;

/// How much each expert counts for each token: [tokens, experts].
static Value routingWeights(Composer &c) {
  Attribute last{"axis", int64_t(-1)};
  Value shares = c.apply("Softmax", {c.in(Router)}, {last});
  Value k = Composer::integers({Expr(c.node.integer("k", 1))});
  llvm::SmallVector<Value> best = c.applyAll("TopK", {shares, k}, 2);
  if (c.node.integer("normalize_routing_weights", 0) != 0)
    best[0] = c.apply(
        "Div", {best[0], c.apply("ReduceSum",
                                 {best[0], Composer::integers({Expr(-1)})})});
  if (!c.ok())
    return Value();
  Value none = knownValue(shares.type, shares.dims, {Scalar::of(0.0)});
  return c.apply("ScatterElements", {none, best[1], best[0]}, {last});
}

/// The codes of expert `index`, as rows of blocks with a scale each. Codes
/// count from the middle of their range.
static llvm::Expected<mlir::Value> codedMatrix(Composer &c, const Layer &of,
                                               int64_t columns, int64_t index) {
  const Node &node = c.node;
  auto bits = unsigned(node.integer("expert_weight_bits", 4));
  llvm::Expected<Value> bytes = c.im.part(node, c.in(of.weight), index);
  if (!bytes)
    return bytes.takeError();
  llvm::Expected<Value> scales = c.im.part(node, c.in(of.scales), index);
  if (!scales)
    return scales.takeError();
  int64_t size = node.integer("block_size", 0);
  Blocks blocks{bytes->dims[0].constant(), columns, size > 0 ? size : columns,
                bits};
  Dims wanted{blocks.rows, llvm::divideCeil(columns * bits, 8)};
  Dims rows{blocks.rows}, each{blocks.rows, blocks.perRow()};
  if (bytes->type != TensorProto::UINT8 || bytes->dims != wanted ||
      columns % blocks.blockSize != 0)
    return c.im.error(node, "input '" + node.getProto().input(of.weight) +
                                "' must be uint8 " + c.im.str(wanted) +
                                " for each expert, in whole blocks, found " +
                                typeName(bytes->type) + " " +
                                c.im.str(bytes->dims));
  auto numbers = readNumbers(*scales);
  if (!numbers ||
      (scales->dims != each && (blocks.perRow() > 1 || scales->dims != rows)))
    return c.im.error(node, "input '" + node.getProto().input(of.scales) +
                                "' must be floats " + c.im.str(each) +
                                " for each expert, found " +
                                typeName(scales->type) + " " +
                                c.im.str(scales->dims));
  ZeroPoints zeros;
  zeros.integers = {uint8_t(1 << (bits - 1))};
  std::string key =
      "expert " + llvm::itostr(index) + " " +
      blocksKey(c.im, node, blocks, {of.weight, of.scales}, TensorProto::FLOAT);
  return c.im.quantizedWeight(node, of.weight, key, [&] {
    QuantizedWeight result;
    result.matrix = unpackMatrix(encodingOf(blocks, zeros, scales->type),
                                 numerics::onnxBlocks(bits, blocks.blockSize),
                                 blocks, *readCodes(*bytes), *numbers, zeros);
    return result;
  });
}

/// x times the matrix of expert `index`, stored [out, in], plus its bias.
static Value layer(Composer &c, const Value &x, const Layer &of,
                   int64_t index) {
  if (!c.ok())
    return Value();
  Value y;
  if (of.scales < 0) {
    Value matrix = c.unwrap(c.im.part(c.node, c.in(of.weight), index));
    y = c.matmul(x, c.transpose(matrix, {1, 0}));
  } else {
    auto matrix = codedMatrix(c, of, x.dims.back().constant(), index);
    if (!matrix) {
      c.fail(matrix.takeError());
      return Value();
    }
    y = c.cast(c.im.linear(c.cast(x, TensorProto::FLOAT), *matrix), x.type);
  }
  if (!c.has(of.bias) || !c.ok())
    return y;
  return c.add(y, c.unwrap(c.im.part(c.node, c.in(of.bias), index)));
}

/// Every second column from `first` on, or that half of the columns.
static Value halfOf(Composer &c, const Value &x, int64_t first) {
  if (!c.ok())
    return Value();
  Expr half = c.quotient(x.dims[1], Expr(2));
  if (c.node.integer("swiglu_fusion", 0) == 1)
    return c.ok() ? c.im.slice(x, 1, Expr(first), half, 2) : Value();
  return c.slice(x, 1, c.product(half, Expr(first)), half);
}

/// g * sigmoid(alpha * g) * (l + beta) of clamped halves.
static Value swiglu(Composer &c, const Value &x) {
  Value gate = halfOf(c, x, 0), linear = halfOf(c, x, 1);
  if (!c.ok())
    return Value();
  if (c.node.find("swiglu_limit")) {
    float limit = c.node.real("swiglu_limit", 0);
    Value high = Importer::scalar(x, limit);
    gate = c.apply("Min", {gate, high});
    linear = c.apply("Clip", {linear, Importer::scalar(x, -limit), high});
  }
  Value share =
      c.apply("Sigmoid", {c.scale(gate, c.node.real("activation_alpha", 1))});
  Value offset = Importer::scalar(x, c.node.real("activation_beta", 0));
  return c.mul(c.mul(gate, share), c.add(linear, offset));
}

static Value activate(Composer &c, const Value &x) {
  std::string name = c.node.string("activation_type", "relu");
  if (name == "swiglu")
    return swiglu(c, x);
  if (name == "silu")
    return c.mul(x, c.apply("Sigmoid", {x}));
  if (name == "identity")
    return x;
  if (name == "gelu")
    return c.apply("Gelu", {x}, {{"approximate", std::string("tanh")}});
  return c.apply("Relu", {x});
}

/// Whether all weights are known now and have as many experts.
static bool areConstant(Composer &c, const Layers &layers, bool isCoded) {
  const Value &first = c.in(layers.up.weight);
  for (const Layer &layer : {layers.up, layers.down, layers.gate}) {
    if (!c.has(layer.weight))
      continue;
    for (int i : {layer.weight, isCoded ? layer.scales : layer.weight}) {
      const Value &value = c.in(i);
      if (!value.isConstant() || value.rank() < 2 ||
          value.dims[0] != first.dims[0])
        return false;
    }
  }
  return true;
}

static Error emitMoE(Importer &im, const Node &node) {
  Composer c(im, node);
  const Layers &layers = layersOf(node);
  bool isCoded = layers.up.scales >= 0;
  Value x = c.in(X);
  Dims dims = x.dims;
  const Value &up = c.in(layers.up.weight);
  c.require(up.rank() == 3 && up.dims[0].isConstant() &&
                up.dims[0].constant() >= 1 &&
                up.dims[0].constant() <= maxExperts &&
                areConstant(c, layers, isCoded),
            "needs constant weights of 1 to " + llvm::Twine(maxExperts) +
                " experts in 3 dimensions, found " + im.str(up.dims));
  c.require(x.rank() >= 2 && dims.back().isConstant() &&
                dims.back().constant() > 0 && up.rank() == 3 &&
                (isCoded || up.dims[2] == dims.back()),
            "needs weights [experts, out, in] for an input of " + im.str(dims) +
                ", found " + im.str(up.dims));
  if (!c.ok())
    return c.finish();
  Expr tokens(1);
  for (const Expr &dim : llvm::ArrayRef(dims).drop_back())
    tokens = c.product(tokens, dim);
  x = c.reshape(x, {tokens, dims.back()});
  Value weights = routingWeights(c), sum;
  for (int64_t i = 0; c.ok() && i < up.dims[0].constant(); ++i) {
    Value h = activate(c, layer(c, x, layers.up, i));
    if (c.has(layers.gate.weight))
      h = c.mul(h, layer(c, x, layers.gate, i));
    Value y = c.mul(layer(c, h, layers.down, i),
                    c.slice(weights, 1, Expr(i), Expr(1)));
    sum = i == 0 ? y : c.add(sum, y);
  }
  c.define(0, c.reshape(sum, dims));
  return c.finish();
}

static std::string refuse(const Node &node) {
  static constexpr StringRef known[] = {"relu", "gelu", "silu", "identity",
                                        "swiglu"};
  const Layers &layers = layersOf(node);
  if (!node.hasInput(layers.down.weight))
    return "input fc2_experts_weights is missing";
  for (const Layer &layer : {layers.up, layers.down, layers.gate})
    if (layer.scales >= 0 && node.hasInput(layer.weight) &&
        !node.hasInput(layer.scales))
      return "input " + llvm::itostr(layer.scales) + ", the scales of input " +
             llvm::itostr(layer.weight) + ", is missing";
  if (int64_t bits = node.integer("expert_weight_bits", 4);
      bits != 4 && bits != 8)
    return "attribute expert_weight_bits must be 4 or 8, found " +
           llvm::itostr(bits);
  if (int64_t size = node.integer("block_size", 0); size > 0)
    if (std::string reason = refuseBlockSize(size); !reason.empty())
      return reason;
  std::string name = node.string("activation_type", "relu");
  if (!llvm::is_contained(known, name))
    return "attribute activation_type = '" + name + "' is not supported";
  if (node.integer("use_sparse_mixer", 0) != 0)
    return "attribute use_sparse_mixer must be 0";
  if (name == "swiglu" && node.integer("swiglu_fusion", 0) == 0)
    return "attribute swiglu_fusion must be 1 or 2 for activation_type swiglu";
  return "";
}

void lowbit::frontend::addMixtureOperators(OperatorTable &table) {
  table.add({{"MoE", 1, 1, 3, 8, 1,
              "k:i activation_type:s normalize_routing_weights:i "
              "use_sparse_mixer:i activation_alpha:f activation_beta:f "
              "swiglu_fusion:i swiglu_limit:f",
              emitMoE, refuse, "com.microsoft"},
             {"QMoE", 1, 1, 4, 11, 1,
              "k:i activation_type:s normalize_routing_weights:i "
              "use_sparse_mixer:i activation_alpha:f activation_beta:f "
              "swiglu_fusion:i swiglu_limit:f expert_weight_bits:i "
              "block_size:i",
              emitMoE, refuse, "com.microsoft"}});
}
