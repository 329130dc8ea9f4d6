//===- MatchActivation.cpp - recognise activation functions ---------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each activation is written down in the algebra of normal forms, so a match is
// an equality. Only identities of transcendental functions need a spelling
// each; the piecewise ones are read off their pieces.
//
//===----------------------------------------------------------------------===//

#include "MatchActivation.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Smooth activations
//===----------------------------------------------------------------------===//

/// sigmoid(x) as exporters write it: 1 / (1 + exp(-x)), exp(x) / (1 + exp(x)),
/// 1 - 1 / (1 + exp(x)), (1 + tanh(x / 2)) / 2.
static SmallVector<ScalarFunction, 4> sigmoidForms(ScalarAlgebra &algebra) {
  ScalarFunction x = algebra.variable();
  ScalarFunction one = algebra.constant(1), half = algebra.constant(0.5);
  ScalarFunction up = algebra.apply(AtomKind::Exp, x);
  ScalarFunction down =
      algebra.apply(AtomKind::Exp, algebra.mul(algebra.constant(-1), x));
  ScalarFunction tanh = algebra.apply(AtomKind::Tanh, algebra.mul(half, x));
  return {algebra.div(one, algebra.add(one, down)),
          algebra.div(up, algebra.add(one, up)),
          algebra.sub(one, algebra.div(one, algebra.add(one, up))),
          algebra.mul(half, algebra.add(one, tanh))};
}

/// x / 2 * (1 + gate).
static ScalarFunction gated(ScalarAlgebra &algebra,
                            const ScalarFunction &gate) {
  ScalarFunction half = algebra.mul(algebra.constant(0.5), algebra.variable());
  return algebra.mul(half, algebra.add(algebra.constant(1), gate));
}

/// erf(x / sqrt(2)).
static ScalarFunction erfGate(ScalarAlgebra &algebra) {
  ScalarFunction scale = algebra.constant(std::sqrt(0.5));
  return algebra.apply(AtomKind::Erf, algebra.mul(scale, algebra.variable()));
}

/// tanh(sqrt(2 / pi) (x + 0.044715 x^3)), from Hendrycks and Gimpel,
/// "Gaussian Error Linear Units".
static ScalarFunction tanhGate(ScalarAlgebra &algebra) {
  ScalarFunction x = algebra.variable();
  ScalarFunction cube = algebra.power(x, algebra.constant(3));
  ScalarFunction inner =
      algebra.add(x, algebra.mul(algebra.constant(0.044715), cube));
  ScalarFunction scale = algebra.constant(std::sqrt(2 / std::acos(-1.0)));
  return algebra.apply(AtomKind::Tanh, algebra.mul(scale, inner));
}

static std::optional<ActivationKind>
matchSmooth(ScalarAlgebra &algebra, const ScalarFunction &function) {
  auto is = [&](const ScalarFunction &form) {
    return ScalarAlgebra::areEqual(function, form);
  };
  ScalarFunction x = algebra.variable();
  if (is(algebra.apply(AtomKind::Tanh, x)))
    return ActivationKind::Tanh;
  if (is(gated(algebra, erfGate(algebra))))
    return ActivationKind::Gelu;
  if (is(gated(algebra, tanhGate(algebra))))
    return ActivationKind::GeluTanh;
  for (const ScalarFunction &sigmoid : sigmoidForms(algebra)) {
    if (is(sigmoid))
      return ActivationKind::Sigmoid;
    if (is(algebra.mul(x, sigmoid)))
      return ActivationKind::Silu;
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Piecewise activations
//===----------------------------------------------------------------------===//

/// The shortest decimal that rounds to the same f32 as `value`: a slope of 0.01
/// that went through f32 is 0.01 again.
static double shortestDecimal(double value) {
  for (int digits = 1; digits <= 9; ++digits) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.*g", digits, value);
    double candidate = std::strtod(text, nullptr);
    if (static_cast<float>(candidate) == static_cast<float>(value))
      return candidate;
  }
  return value;
}

/// max(x, 0), or x above zero and alpha x below.
static std::optional<ActivationAttr>
matchRectifier(MLIRContext *context, const ScalarFunction &function) {
  double c0, slope, d0, d1;
  if (function.pieces.size() != 2 || function.pieces[0].upper != 0 ||
      !getLinear(function.pieces[0].value, c0, slope) || c0 != 0 ||
      !getLinear(function.pieces[1].value, d0, d1) || d0 != 0 ||
      !areClose(d1, 1))
    return std::nullopt;
  if (slope == 0)
    return ActivationAttr::get(context, ActivationKind::Relu);
  return ActivationAttr::get(context, ActivationKind::LeakyRelu,
                             shortestDecimal(slope), 0);
}

/// clamp(alpha x + beta, 0, 1) with alpha > 0.
static std::optional<ActivationAttr>
matchHardSigmoid(MLIRContext *context, ScalarAlgebra &algebra,
                 const ScalarFunction &function) {
  double alpha, beta;
  if (function.pieces.size() != 3 ||
      !getLinear(function.pieces[1].value, beta, alpha) || alpha <= 0)
    return std::nullopt;
  ScalarFunction ramp =
      algebra.add(algebra.mul(algebra.constant(alpha), algebra.variable()),
                  algebra.constant(beta));
  ScalarFunction form =
      algebra.min(algebra.max(ramp, algebra.constant(0)), algebra.constant(1));
  if (!ScalarAlgebra::areEqual(function, form))
    return std::nullopt;
  // The default slope is a sixth, which is no short decimal.
  double slope = areClose(alpha, 1.0 / 6) ? 1.0 / 6 : shortestDecimal(alpha);
  return ActivationAttr::get(context, ActivationKind::HardSigmoid, slope,
                             shortestDecimal(beta));
}

/// x clamp(x / 6 + 1 / 2, 0, 1).
static bool isHardSwish(ScalarAlgebra &algebra,
                        const ScalarFunction &function) {
  ScalarFunction x = algebra.variable();
  ScalarFunction shifted = algebra.add(x, algebra.constant(3));
  ScalarFunction clamped = algebra.min(
      algebra.max(shifted, algebra.constant(0)), algebra.constant(6));
  ScalarFunction form =
      algebra.mul(algebra.mul(x, clamped), algebra.constant(1.0 / 6));
  return ScalarAlgebra::areEqual(function, form);
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

std::optional<ActivationAttr>
lowbit::matchActivation(MLIRContext *context, ScalarAlgebra &algebra,
                        const ScalarFunction &function) {
  if (function.pieces.size() == 1) {
    auto kind = matchSmooth(algebra, function);
    if (!kind)
      return std::nullopt;
    return ActivationAttr::get(context, *kind);
  }
  if (auto rectifier = matchRectifier(context, function))
    return rectifier;
  if (isHardSwish(algebra, function))
    return ActivationAttr::get(context, ActivationKind::HardSwish);
  return matchHardSigmoid(context, algebra, function);
}

std::optional<ActivationAttr> lowbit::matchActivation(Value root, Value x) {
  ScalarCone cone(x);
  return matchActivation(x.getContext(), cone.getAlgebra(),
                         cone.getFunction(root));
}
