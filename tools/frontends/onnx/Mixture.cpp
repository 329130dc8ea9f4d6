//===- Mixture.cpp - mixtures of experts ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every expert computes every token, and those that a token isn't routed to
// count 0 times: layers then stay layers of constant weights, which can be
// quantized one by one.
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"

#include "llvm/ADT/StringExtras.h"

using namespace lowbit::frontend;
using llvm::Error;
using llvm::StringRef;
using onnx::TensorProto;

namespace {
enum Input { X, Router, Up, UpBias, Down, DownBias, Gate, GateBias };
} // namespace

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

/// x times the matrix of expert `index` at input `weight`, stored [out, in],
/// plus its bias.
static Value layer(Composer &c, const Value &x, int weight, int bias,
                   int64_t index) {
  if (!c.ok())
    return Value();
  Value matrix = c.unwrap(c.im.part(c.node, c.in(weight), index));
  Value y = c.matmul(x, c.transpose(matrix, {1, 0}));
  if (!c.has(bias) || !c.ok())
    return y;
  return c.add(y, c.unwrap(c.im.part(c.node, c.in(bias), index)));
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

static Error emitMoE(Importer &im, const Node &node) {
  Composer c(im, node);
  Value x = c.in(X);
  Dims dims = x.dims;
  const Value &up = c.in(Up);
  c.require(up.rank() == 3 && up.dims[0].isConstant() &&
                up.dims[0].constant() <= maxExperts && up.isConstant() &&
                c.in(Down).isConstant(),
            "needs constant weights of at most " + llvm::Twine(maxExperts) +
                " experts in 3 dimensions, found " + im.str(up.dims));
  c.require(x.rank() >= 2 && up.rank() == 3 && up.dims[2] == dims.back(),
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
    Value h = activate(c, layer(c, x, Up, UpBias, i));
    if (c.has(Gate))
      h = c.mul(h, layer(c, x, Gate, GateBias, i));
    Value y = c.mul(layer(c, h, Down, DownBias, i),
                    c.slice(weights, 1, Expr(i), Expr(1)));
    sum = i == 0 ? y : c.add(sum, y);
  }
  c.define(0, c.reshape(sum, dims));
  return c.finish();
}

static std::string refuse(const Node &node) {
  static constexpr StringRef known[] = {"relu", "gelu", "silu", "identity",
                                        "swiglu"};
  if (!node.hasInput(Down))
    return "input fc2_experts_weights is missing";
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
              emitMoE, refuse, "com.microsoft"}});
}
