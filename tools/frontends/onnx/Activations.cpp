//===- Activations.cpp - activation functions -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each is one scalar expression in one region. What an exporter spells as five
// nodes ends as the same expression after fusion, so raising looks for
// expressions and not for operators.
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "OperatorTable.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>
#include <limits>

using namespace lowbit::frontend;
namespace arith = mlir::arith;
namespace math = mlir::math;
using llvm::ArrayRef;
using llvm::Error;
using llvm::Expected;

namespace {
/// Arithmetic on one operand with constants of its type.
struct Formula {
  ScalarBuilder &b;
  mlir::Value x;

  mlir::Value number(double value) { return b.constant(x, value); }
  mlir::Value add(mlir::Value p, mlir::Value q) {
    return b.make<arith::AddFOp>(p, q);
  }
  mlir::Value sub(mlir::Value p, mlir::Value q) {
    return b.make<arith::SubFOp>(p, q);
  }
  mlir::Value mul(mlir::Value p, mlir::Value q) {
    return b.make<arith::MulFOp>(p, q);
  }
  mlir::Value div(mlir::Value p, mlir::Value q) {
    return b.make<arith::DivFOp>(p, q);
  }
  mlir::Value exp(mlir::Value p) { return b.make<math::ExpOp>(p); }
  mlir::Value max(mlir::Value p, mlir::Value q) {
    return b.make<arith::MaximumFOp>(p, q);
  }
  mlir::Value min(mlir::Value p, mlir::Value q) {
    return b.make<arith::MinimumFOp>(p, q);
  }
  mlir::Value ifPositive(mlir::Value yes, mlir::Value no) {
    mlir::Value positive =
        b.make<arith::CmpFOp>(arith::CmpFPredicate::OGT, x, number(0));
    return b.make<arith::SelectOp>(positive, yes, no);
  }
};
} // namespace

using Function = llvm::function_ref<mlir::Value(Formula &, const Node &)>;

static Error emitFormula(Importer &im, const Node &node, Function function) {
  const Value &x = im.in(node, 0);
  if (Error failed = im.requireFloat(node, x))
    return failed;
  return im.result(
      node, im.elementwise(node, {&x}, x.type,
                           [&](ScalarBuilder &b, ArrayRef<mlir::Value> args) {
                             Formula f{b, args[0]};
                             return function(f, node);
                           }));
}

template <mlir::Value (*function)(Formula &, const Node &)>
static Error emitActivation(Importer &im, const Node &node) {
  return emitFormula(im, node, function);
}

static mlir::Value sigmoid(Formula &f, const Node &) {
  mlir::Value e = f.exp(f.b.make<arith::NegFOp>(f.x));
  return f.div(f.number(1), f.add(e, f.number(1)));
}

static mlir::Value leakyRelu(Formula &f, const Node &node) {
  return f.ifPositive(f.x, f.mul(f.x, f.number(node.real("alpha", 0.01f))));
}

static mlir::Value elu(Formula &f, const Node &node) {
  mlir::Value below = f.sub(f.exp(f.x), f.number(1));
  return f.ifPositive(f.x, f.mul(below, f.number(node.real("alpha", 1))));
}

static mlir::Value hardSigmoidOf(Formula &f, double alpha, double beta) {
  mlir::Value line = f.add(f.mul(f.x, f.number(alpha)), f.number(beta));
  return f.min(f.max(line, f.number(0)), f.number(1));
}

static mlir::Value hardSigmoid(Formula &f, const Node &node) {
  return hardSigmoidOf(f, node.real("alpha", 0.2f), node.real("beta", 0.5f));
}

static mlir::Value hardSwish(Formula &f, const Node &) {
  return f.mul(f.x, hardSigmoidOf(f, 1.0 / 6, 0.5));
}

/// x * (1 + erf(x / sqrt 2)) / 2, or the approximation by tanh.
static mlir::Value geluOf(Formula &f, bool approximate) {
  mlir::Value inner;
  if (approximate) {
    mlir::Value cube = f.mul(f.x, f.mul(f.x, f.x));
    mlir::Value sum = f.add(f.x, f.mul(cube, f.number(0.044715)));
    inner = f.b.make<math::TanhOp>(f.mul(sum, f.number(std::sqrt(2 / M_PI))));
  } else {
    inner = f.b.make<math::ErfOp>(f.mul(f.x, f.number(std::sqrt(0.5))));
  }
  return f.mul(f.mul(f.x, f.number(0.5)), f.add(inner, f.number(1)));
}

static mlir::Value gelu(Formula &f, const Node &node) {
  return geluOf(f, node.string("approximate", "none") == "tanh");
}

static mlir::Value selu(Formula &f, const Node &node) {
  double alpha = node.real("alpha", 1.67326319217681884765625f);
  double gamma = node.real("gamma", 1.05070102214813232421875f);
  mlir::Value below = f.mul(f.sub(f.exp(f.x), f.number(1)), f.number(alpha));
  return f.mul(f.ifPositive(f.x, below), f.number(gamma));
}

/// Continuously differentiable, unlike elu: the scale is inside of exp too.
static mlir::Value celu(Formula &f, const Node &node) {
  double alpha = node.real("alpha", 1);
  mlir::Value power = f.exp(f.div(f.x, f.number(alpha)));
  mlir::Value below = f.mul(f.sub(power, f.number(1)), f.number(alpha));
  return f.ifPositive(f.x, below);
}

static mlir::Value thresholdedRelu(Formula &f, const Node &node) {
  mlir::Value above = f.b.make<arith::CmpFOp>(arith::CmpFPredicate::OGT, f.x,
                                              f.number(node.real("alpha", 1)));
  return f.b.make<arith::SelectOp>(above, f.x, f.number(0));
}

/// x - bias above lambd, x + bias below -lambd, 0 between.
static mlir::Value shrink(Formula &f, const Node &node) {
  double lambda = node.real("lambd", 0.5f), bias = node.real("bias", 0);
  mlir::Value above =
      f.b.make<arith::CmpFOp>(arith::CmpFPredicate::OGT, f.x, f.number(lambda));
  mlir::Value below = f.b.make<arith::CmpFOp>(arith::CmpFPredicate::OLT, f.x,
                                              f.number(-lambda));
  mlir::Value low =
      f.b.make<arith::SelectOp>(below, f.add(f.x, f.number(bias)), f.number(0));
  return f.b.make<arith::SelectOp>(above, f.sub(f.x, f.number(bias)), low);
}

static mlir::Value swish(Formula &f, const Node &node) {
  mlir::Value slope = f.mul(f.x, f.number(-node.real("alpha", 1)));
  return f.div(f.x, f.add(f.exp(slope), f.number(1)));
}

static mlir::Value quickGelu(Formula &f, const Node &node) {
  mlir::Value slope = f.mul(f.x, f.number(-node.real("alpha", 1.702f)));
  return f.div(f.x, f.add(f.exp(slope), f.number(1)));
}

static std::string refuseGelu(const Node &node) {
  std::string kind = node.string("approximate", "none");
  if (kind != "none" && kind != "tanh")
    return "attribute approximate = '" + kind + "' is not supported";
  return "";
}

/// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)), which never overflows.
static mlir::Value softplus(Formula &f, const Node &) {
  mlir::Value distance = f.b.make<math::AbsFOp>(f.x);
  mlir::Value e = f.exp(f.b.make<arith::NegFOp>(distance));
  return f.add(f.max(f.x, f.number(0)), f.b.make<math::Log1pOp>(e));
}

static mlir::Value mish(Formula &f, const Node &node) {
  return f.mul(f.x, f.b.make<math::TanhOp>(softplus(f, node)));
}

static mlir::Value softsign(Formula &f, const Node &) {
  return f.div(f.x, f.add(f.b.make<math::AbsFOp>(f.x), f.number(1)));
}

static Error emitRelu(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0);
  if (isBool(x.type) || isUnsigned(x.type))
    return im.error(node, "needs floats or signed integers, found " +
                              typeName(x.type));
  return im.result(
      node, im.elementwise(node, {&x}, x.type,
                           [](ScalarBuilder &b,
                              ArrayRef<mlir::Value> args) -> mlir::Value {
                             mlir::Value zero = b.constant(args[0], 0);
                             if (isFloat(b.type))
                               return b.make<arith::MaximumFOp>(args[0], zero);
                             return b.make<arith::MaxSIOp>(args[0], zero);
                           }));
}

/// Bounds are optional inputs; Min and Max semantics apply in that order.
/// x where x > 0, else slope * x.
static Error emitPRelu(Importer &im, const Node &node) {
  const Value &x = im.in(node, 0), &slope = im.in(node, 1);
  if (Error failed = im.requireSameType(node, x, slope))
    return failed;
  if (!isFloat(x.type))
    return im.error(node, "needs floats, found " + typeName(x.type));
  Expected<Value> result =
      im.elementwise(node, {&x, &slope}, x.type,
                     [](ScalarBuilder &b, ArrayRef<mlir::Value> args) {
                       Formula f{b, args[0]};
                       return f.ifPositive(args[0], f.mul(args[0], args[1]));
                     });
  if (result && result->dims != x.dims)
    return im.error(node, "the slope must broadcast to " + im.str(x.dims) +
                              ", found " + im.str(slope.dims));
  return im.result(node, std::move(result));
}

/// Gelu of x, or of x plus a bias.
template <bool approximate>
static Error emitBiasedGelu(Importer &im, const Node &node) {
  Expected<Value> x = Value(im.in(node, 0));
  if (node.hasInput(1))
    x = im.add(node, *x, im.in(node, 1));
  if (!x)
    return x.takeError();
  if (Error failed = im.requireFloat(node, *x))
    return failed;
  return im.result(
      node, im.elementwise(node, {&*x}, x->type,
                           [](ScalarBuilder &b, ArrayRef<mlir::Value> args) {
                             Formula f{b, args[0]};
                             return geluOf(f, approximate);
                           }));
}

/// Until version 10 the bounds of Clip are attributes.
static Error emitClipBetween(Importer &im, const Node &node) {
  float low = node.real("min", -std::numeric_limits<float>::infinity());
  float high = node.real("max", std::numeric_limits<float>::infinity());
  return emitFormula(im, node, [&](Formula &f, const Node &) {
    mlir::Value result = f.x;
    if (low > -std::numeric_limits<float>::infinity())
      result = f.max(result, f.number(low));
    if (high < std::numeric_limits<float>::infinity())
      result = f.min(result, f.number(high));
    return result;
  });
}

static Error emitClip(Importer &im, const Node &node) {
  if (node.version() < 11)
    return emitClipBetween(im, node);
  Value result = im.in(node, 0);
  if (isBool(result.type))
    return im.error(node, "needs numbers, found bool");
  for (int i : {1, 2}) {
    if (!node.hasInput(i))
      continue;
    const Value &bound = im.in(node, i);
    if (Error failed = im.requireSameType(node, result, bound))
      return failed;
    auto next = im.elementwise(
        node, {&result, &bound}, result.type,
        [&](ScalarBuilder &b, ArrayRef<mlir::Value> x) -> mlir::Value {
          using Kind = arith::AtomicRMWKind;
          Kind kind = isFloat(b.type)
                          ? (i == 1 ? Kind::maximumf : Kind::minimumf)
                      : isUnsigned(b.type) ? (i == 1 ? Kind::maxu : Kind::minu)
                                           : (i == 1 ? Kind::maxs : Kind::mins);
          return arith::getReductionOp(kind, b.builder, b.loc, x[0], x[1]);
        });
    if (!next)
      return next.takeError();
    result = std::move(*next);
  }
  im.set(node, 0, std::move(result));
  return Error::success();
}

static std::string refuseClip(const Node &node) {
  bool named = node.find("min") || node.find("max");
  if (node.version() >= 11 && named)
    return "bounds must be inputs since version 11";
  if (node.version() < 11 && (node.hasInput(1) || node.hasInput(2)))
    return "bounds must be attributes before version 11";
  return "";
}

void lowbit::frontend::addActivationOperators(OperatorTable &table) {
  table.add({
      {"Sigmoid", 6, newest, 1, 1, 1, "", emitActivation<sigmoid>},
      {"Relu", 6, newest, 1, 1, 1, "", emitRelu},
      {"LeakyRelu", 6, newest, 1, 1, 1, "alpha:f", emitActivation<leakyRelu>},
      {"Elu", 6, newest, 1, 1, 1, "alpha:f", emitActivation<elu>},
      {"HardSigmoid", 6, newest, 1, 1, 1, "alpha:f beta:f",
       emitActivation<hardSigmoid>},
      {"HardSwish", 14, newest, 1, 1, 1, "", emitActivation<hardSwish>},
      {"Gelu", 20, newest, 1, 1, 1, "approximate:s", emitActivation<gelu>,
       refuseGelu},
      {"Softplus", 1, newest, 1, 1, 1, "", emitActivation<softplus>},
      {"Softsign", 1, newest, 1, 1, 1, "", emitActivation<softsign>},
      {"Selu", 6, newest, 1, 1, 1, "alpha:f gamma:f", emitActivation<selu>},
      {"Celu", 12, newest, 1, 1, 1, "alpha:f", emitActivation<celu>},
      {"ThresholdedRelu", 10, newest, 1, 1, 1, "alpha:f",
       emitActivation<thresholdedRelu>},
      {"Shrink", 9, newest, 1, 1, 1, "lambd:f bias:f", emitActivation<shrink>},
      {"Mish", 18, newest, 1, 1, 1, "", emitActivation<mish>},
      {"Swish", 24, newest, 1, 1, 1, "alpha:f", emitActivation<swish>},
      {"QuickGelu", 1, 1, 1, 1, 1, "alpha:f", emitActivation<quickGelu>,
       nullptr, "com.microsoft"},
      {"FastGelu", 1, 1, 1, 2, 1, "", emitBiasedGelu<true>, nullptr,
       "com.microsoft"},
      {"BiasGelu", 1, 1, 2, 2, 1, "", emitBiasedGelu<false>, nullptr,
       "com.microsoft"},
      {"Gelu", 1, 1, 1, 1, 1, "", emitActivation<gelu>, nullptr,
       "com.microsoft"},
      {"PRelu", 7, newest, 2, 2, 1, "", emitPRelu},
      {"Clip", 6, newest, 1, 3, 1, "min:f max:f", emitClip, refuseClip},
  });
}
