//===- Fused.cpp - products and convolutions with an epilogue -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What ONNX Runtime's optimizer writes, taken apart again: this compiler fuses
// by what the hardware has, not by names.
//
//===----------------------------------------------------------------------===//

#include "Composer.h"
#include "OperatorTable.h"

using namespace lowbit::frontend;
using llvm::Error;
using llvm::StringRef;

//===----------------------------------------------------------------------===//
// Activations by name
//===----------------------------------------------------------------------===//

namespace {
/// A fusible activation and what its parameters are called.
struct Activation {
  StringRef name, first = "", second = "";
};
} // namespace

static constexpr Activation fusible[] = {
    {"Relu"},     {"Tanh"},
    {"Sigmoid"},  {"LeakyRelu", "alpha"},
    {"Clip"},     {"HardSigmoid", "alpha", "beta"},
    {"Softplus"}, {"Elu", "alpha"},
};

static const Activation *findActivation(StringRef name) {
  auto found = llvm::find_if(
      fusible, [&](const Activation &one) { return one.name == name; });
  return found == std::end(fusible) ? nullptr : found;
}

/// `x` through the activation that the node names, if it does.
static Value activate(Composer &c, const Value &x,
                      llvm::ArrayRef<float> parameters) {
  std::string name = c.node.string("activation", "");
  if (name.empty() || !c.ok())
    return x;
  const Activation &activation = *findActivation(name);
  if (name == "Clip") {
    if (parameters.size() != 2)
      return x;
    return c.apply("Clip", {x, Importer::scalar(x, parameters[0]),
                            Importer::scalar(x, parameters[1])});
  }
  llvm::SmallVector<Attribute> attributes;
  StringRef names[] = {activation.first, activation.second};
  for (auto [i, value] : llvm::enumerate(parameters.take_front(2)))
    if (!names[i].empty())
      attributes.push_back({names[i], value});
  return c.apply(name, {x}, attributes);
}

static std::string refuseActivation(const Node &node) {
  std::string name = node.string("activation", "");
  if (name.empty() || findActivation(name))
    return "";
  return "attribute activation = '" + name + "' is not supported";
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

/// alpha * op(A) * op(B), batched.
static Error emitFusedMatMul(Importer &im, const Node &node) {
  Composer c(im, node);
  Value operands[2];
  for (int i : {0, 1}) {
    operands[i] = c.in(i);
    int64_t rank = operands[i].rank();
    if (node.integer(i == 0 ? "transA" : "transB", 0) == 0 || rank < 2)
      continue;
    Axes order;
    for (int64_t axis = 0; axis < rank; ++axis)
      order.push_back(axis);
    std::swap(order[rank - 1], order[rank - 2]);
    operands[i] = c.transpose(operands[i], order);
  }
  Value product = c.matmul(operands[0], operands[1]);
  c.define(0, c.scale(product, node.real("alpha", 1)));
  return c.finish();
}

/// gelu, by tanh, of a product plus a bias.
static Error emitGemmFastGelu(Importer &im, const Node &node) {
  Composer c(im, node);
  Value y = c.matmul(c.in(0), c.in(1));
  if (c.has(2) && c.ok())
    y = c.add(y, c.in(2));
  c.define(0, c.apply("Gelu", {y}, {{"approximate", std::string("tanh")}}));
  return c.finish();
}

/// The softmax of a sum along the dimensions from `axis` on.
static Error emitBiasSoftmax(Importer &im, const Node &node) {
  Composer c(im, node);
  Value sum = c.add(c.in(0), c.in(1));
  c.define(0, c.softmaxFrom(sum, node.integer("axis", 1)));
  return c.finish();
}

/// The first half of the columns times gelu of the second, of a sum.
static Error emitBiasSplitGelu(Importer &im, const Node &node) {
  Composer c(im, node);
  Value x = c.add(c.in(0), c.in(1));
  c.require(x.rank() > 0, "needs an input with dimensions");
  if (!c.ok())
    return c.finish();
  int64_t last = x.rank() - 1;
  Expr half = c.quotient(x.dims[last], Expr(2));
  Value gate = c.apply("Gelu", {c.slice(x, last, half, half)});
  c.define(0, c.mul(c.slice(x, last, Expr(0), half), gate));
  return c.finish();
}

/// A bias and a residual.
static Error emitBiasAdd(Importer &im, const Node &node) {
  Composer c(im, node);
  c.define(0, c.add(c.add(c.in(0), c.in(1)), c.in(2)));
  return c.finish();
}

static std::string refuseBatches(const Node &node) {
  for (StringRef name : {"transBatchA", "transBatchB"})
    if (node.integer(name, 0) != 0)
      return ("attribute " + name + " must be 0").str();
  return "";
}

/// A convolution, the sum with input 3, and an activation.
static Error emitFusedConv(Importer &im, const Node &node) {
  Composer c(im, node);
  Value y = c.applySelf("Conv", 3, {"activation", "activation_params"});
  if (c.has(3))
    y = c.add(y, c.in(3));
  const onnx::AttributeProto *given = node.find("activation_params");
  llvm::SmallVector<float> parameters;
  if (given)
    parameters.assign(given->floats().begin(), given->floats().end());
  c.define(0, activate(c, y, parameters));
  return c.finish();
}

static Error emitFusedGemm(Importer &im, const Node &node) {
  Composer c(im, node);
  llvm::SmallVector<float> parameters;
  for (StringRef name : {"activation_alpha", "activation_beta"})
    if (node.find(name))
      parameters.push_back(node.real(name, 0));
  Value y = c.applySelf("Gemm", 3,
                        {"activation", "activation_alpha", "activation_beta",
                         "activation_gamma"});
  c.define(0, activate(c, y, parameters));
  return c.finish();
}

void lowbit::frontend::addFusedOperators(OperatorTable &table) {
  table.add({
      {"FusedMatMul", 1, 1, 2, 2, 1,
       "alpha:f transA:i transB:i transBatchA:i transBatchB:i", emitFusedMatMul,
       refuseBatches, "com.microsoft"},
      {"TransposeMatMul", 1, 1, 2, 2, 1, "alpha:f transA:i transB:i",
       emitFusedMatMul, nullptr, "com.microsoft"},
      {"GemmFastGelu", 1, 1, 2, 3, 1, "", emitGemmFastGelu, nullptr,
       "com.microsoft"},
      {"BiasSoftmax", 1, 1, 2, 2, 1, "axis:i is_inner_broadcast:i",
       emitBiasSoftmax, nullptr, "com.microsoft"},
      {"BiasSplitGelu", 1, 1, 2, 2, 1, "", emitBiasSplitGelu, nullptr,
       "com.microsoft"},
      {"BiasAdd", 1, 1, 3, 3, 1, "", emitBiasAdd, nullptr, "com.microsoft"},
      {"FusedConv", 1, 1, 2, 4, 1,
       "auto_pad:s dilations:I group:i kernel_shape:I pads:I strides:I "
       "activation:s activation_params:F",
       emitFusedConv, refuseActivation, "com.microsoft"},
      {"FusedGemm", 1, 1, 2, 3, 1,
       "alpha:f beta:f transA:i transB:i activation:s activation_alpha:f "
       "activation_beta:f activation_gamma:f",
       emitFusedGemm, refuseActivation, "com.microsoft"},
  });
}
