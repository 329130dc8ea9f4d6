//===- ScalarAlgebra.cpp - normal forms of functions of one number --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes are bounded, so that a hostile expression ends as unknown and not in
// exponential work. No activation comes near the bounds.
//
//===----------------------------------------------------------------------===//

#include "ScalarAlgebra.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace lowbit;

static constexpr size_t kMaxTerms = 32;
static constexpr size_t kMaxPieces = 8;
static constexpr size_t kMaxAtoms = 256;
static constexpr unsigned kMaxPower = 8;
static constexpr double kInfinity = std::numeric_limits<double>::infinity();

//===----------------------------------------------------------------------===//
// Numbers and polynomials
//===----------------------------------------------------------------------===//

bool lowbit::areClose(double a, double b) {
  if (a == b || !std::isfinite(a) || !std::isfinite(b))
    return a == b;
  return std::abs(a - b) <=
         kCoefficientTolerance * std::max(std::abs(a), std::abs(b));
}

static bool arePolynomialsClose(const Polynomial &a, const Polynomial &b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](auto &s, auto &t) {
           return s.first == t.first && areClose(s.second, t.second);
         });
}

bool lowbit::getLinear(const Polynomial &polynomial, double &c0, double &c1) {
  c0 = c1 = 0;
  for (auto &[monomial, coefficient] : polynomial) {
    if (monomial.empty())
      c0 = coefficient;
    else if (monomial == Monomial{{0, 1}})
      c1 = coefficient;
    else
      return false;
  }
  return true;
}

/// Adds a term. What is left of two coefficients that cancel within the
/// tolerance is rounding, not a term.
static void addTerm(Polynomial &polynomial, const Monomial &monomial,
                    double coefficient) {
  double &target = polynomial[monomial];
  double result = target + coefficient;
  bool cancels = areClose(target, -coefficient);
  target = result;
  if (cancels || result == 0)
    polynomial.erase(monomial);
}

static Monomial multiply(const Monomial &a, const Monomial &b) {
  Monomial result;
  auto i = a.begin(), j = b.begin();
  while (i != a.end() || j != b.end()) {
    if (j == b.end() || (i != a.end() && i->first < j->first))
      result.push_back(*i++);
    else if (i == a.end() || j->first < i->first)
      result.push_back(*j++);
    else
      result.push_back({i->first, i++->second + j++->second});
  }
  return result;
}

/// Whether the bounds on size hold and all coefficients are numbers.
static bool isSound(const Polynomial &polynomial) {
  if (polynomial.size() > kMaxTerms)
    return false;
  return std::all_of(polynomial.begin(), polynomial.end(), [](auto &term) {
    return std::isfinite(term.second) &&
           std::all_of(term.first.begin(), term.first.end(),
                       [](auto &factor) { return factor.second <= kMaxPower; });
  });
}

Polynomial ScalarAlgebra::sum(const Polynomial &a, const Polynomial &b) {
  Polynomial result = a;
  for (auto &[monomial, coefficient] : b)
    addTerm(result, monomial, coefficient);
  return result;
}

Polynomial ScalarAlgebra::product(const Polynomial &a, const Polynomial &b) {
  Polynomial result;
  for (auto &[m, c] : a)
    for (auto &[n, d] : b)
      addTerm(result, multiply(m, n), c * d);
  return result;
}

//===----------------------------------------------------------------------===//
// Atoms
//===----------------------------------------------------------------------===//

unsigned ScalarAlgebra::intern(AtomKind kind, const Polynomial &argument) {
  for (size_t i = 0; i < atoms.size(); ++i)
    if (atoms[i].first == kind &&
        arePolynomialsClose(atoms[i].second, argument))
      return i + 1;
  atoms.emplace_back(kind, argument);
  return atoms.size();
}

static double evaluate(AtomKind kind, double x) {
  switch (kind) {
  case AtomKind::Exp:
    return std::exp(x);
  case AtomKind::Erf:
    return std::erf(x);
  case AtomKind::Tanh:
    return std::tanh(x);
  case AtomKind::Inverse:
    return 1 / x;
  case AtomKind::Sqrt:
    return std::sqrt(x);
  case AtomKind::Log:
    return std::log(x);
  }
  return std::nan("");
}

static Polynomial constantPolynomial(double value) {
  Polynomial result;
  addTerm(result, {}, value);
  return result;
}

static Polynomial scaled(Polynomial polynomial, double factor) {
  for (auto &term : polynomial)
    term.second *= factor;
  return polynomial;
}

/// `coefficient` times an atom.
static Polynomial linearTerm(unsigned atom, double coefficient) {
  Polynomial result;
  result[Monomial{{atom, 1}}] = coefficient;
  return result;
}

/// 1 / exp(p) is exp(-p); of 1 / p a factor is taken out so that the first
/// coefficient of p is one.
Polynomial ScalarAlgebra::inverse(const Polynomial &argument) {
  const auto &[monomial, coefficient] = *argument.begin();
  if (argument.size() == 1 && monomial.size() == 1 && monomial[0].first > 0 &&
      monomial[0].second == 1) {
    auto [kind, inner] = atoms[monomial[0].first - 1];
    if (kind == AtomKind::Exp)
      return scaled(atom(kind, scaled(inner, -1)), 1 / coefficient);
  }
  double factor = 1 / coefficient;
  unsigned index = intern(AtomKind::Inverse, scaled(argument, factor));
  return linearTerm(index, factor);
}

Polynomial ScalarAlgebra::atom(AtomKind kind, Polynomial argument) {
  double c0, c1;
  if (getLinear(argument, c0, c1) && c1 == 0)
    return constantPolynomial(evaluate(kind, c0));
  if (kind == AtomKind::Inverse)
    return inverse(argument);
  // Odd functions keep a positive first coefficient.
  bool isOdd = kind == AtomKind::Erf || kind == AtomKind::Tanh;
  double sign = isOdd && argument.begin()->second < 0 ? -1 : 1;
  unsigned index = intern(kind, scaled(std::move(argument), sign));
  return linearTerm(index, sign);
}

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

/// Merges equal neighbours and drops pieces that are no wider than rounding;
/// unknown if a bound on sizes is exceeded.
static ScalarFunction normalized(std::vector<Piece> pieces) {
  ScalarFunction result;
  double lower = -kInfinity;
  for (Piece &piece : pieces) {
    if (!isSound(piece.value))
      return {};
    if (std::isfinite(lower) && areClose(lower, piece.upper))
      continue;
    lower = piece.upper;
    if (result.isKnown() &&
        arePolynomialsClose(result.pieces.back().value, piece.value))
      result.pieces.back().upper = piece.upper;
    else
      result.pieces.push_back(std::move(piece));
  }
  if (result.pieces.size() > kMaxPieces)
    return {};
  return result;
}

/// Calls `visit(upper, p, q)` on the common pieces of two functions.
template <typename Visit>
static void zipPieces(const ScalarFunction &a, const ScalarFunction &b,
                      Visit visit) {
  auto i = a.pieces.begin(), j = b.pieces.begin();
  while (i != a.pieces.end() && j != b.pieces.end()) {
    double upper = std::min(i->upper, j->upper);
    visit(upper, i->value, j->value);
    bool endsBoth = i->upper == j->upper;
    bool endsFirst = i->upper < j->upper;
    i += endsBoth || endsFirst;
    j += endsBoth || !endsFirst;
  }
}

ScalarFunction ScalarAlgebra::variable() const {
  return ScalarFunction{{Piece{kInfinity, linearTerm(0, 1)}}};
}

ScalarFunction ScalarAlgebra::constant(double value) const {
  if (!std::isfinite(value))
    return {};
  return ScalarFunction{{Piece{kInfinity, constantPolynomial(value)}}};
}

ScalarFunction ScalarAlgebra::combine(const ScalarFunction &a,
                                      const ScalarFunction &b,
                                      Combine function) {
  std::vector<Piece> pieces;
  zipPieces(a, b, [&](double upper, auto &p, auto &q) {
    pieces.push_back({upper, (this->*function)(p, q)});
  });
  return normalized(std::move(pieces));
}

ScalarFunction ScalarAlgebra::add(const ScalarFunction &a,
                                  const ScalarFunction &b) {
  return combine(a, b, &ScalarAlgebra::sum);
}

ScalarFunction ScalarAlgebra::sub(const ScalarFunction &a,
                                  const ScalarFunction &b) {
  return add(a, mul(constant(-1), b));
}

ScalarFunction ScalarAlgebra::mul(const ScalarFunction &a,
                                  const ScalarFunction &b) {
  return combine(a, b, &ScalarAlgebra::product);
}

ScalarFunction ScalarAlgebra::div(const ScalarFunction &a,
                                  const ScalarFunction &b) {
  return mul(a, apply(AtomKind::Inverse, b));
}

ScalarFunction ScalarAlgebra::apply(AtomKind kind,
                                    const ScalarFunction &argument) {
  std::vector<Piece> pieces;
  for (const Piece &piece : argument.pieces) {
    if (atoms.size() >= kMaxAtoms)
      return {};
    pieces.push_back({piece.upper, atom(kind, piece.value)});
  }
  return normalized(std::move(pieces));
}

ScalarFunction ScalarAlgebra::power(const ScalarFunction &base,
                                    const ScalarFunction &exponent) {
  double c0, c1;
  if (exponent.pieces.size() != 1 ||
      !getLinear(exponent.pieces[0].value, c0, c1) || c1 != 0)
    return {};
  if (areClose(c0, -1))
    return apply(AtomKind::Inverse, base);
  double rounded = std::round(c0);
  if (rounded < 1 || rounded > kMaxPower || !areClose(c0, rounded))
    return {};
  ScalarFunction result = base;
  for (int i = 1; i < rounded; ++i)
    result = mul(result, base);
  return result;
}

/// The sign of a function that is linear on each piece, as +1 or -1.
static ScalarFunction signOf(const ScalarFunction &function,
                             double signOfZero) {
  std::vector<Piece> pieces;
  double lower = -kInfinity;
  for (const Piece &piece : function.pieces) {
    double c0, c1;
    if (!getLinear(piece.value, c0, c1))
      return {};
    double right = std::copysign(1, c1);
    double root = -c0 / c1;
    if (c1 == 0) {
      right = c0 == 0 ? signOfZero : std::copysign(1, c0);
      root = lower;
    }
    if (root > lower && root < piece.upper)
      pieces.push_back({root, constantPolynomial(-right)});
    pieces.push_back(
        {piece.upper, constantPolynomial(root < piece.upper ? right : -right)});
    lower = piece.upper;
  }
  return normalized(std::move(pieces));
}

ScalarFunction ScalarAlgebra::choose(const ScalarFunction &difference,
                                     const ScalarFunction &positive,
                                     const ScalarFunction &negative,
                                     bool zeroIsPositive) {
  ScalarFunction sign = signOf(difference, zeroIsPositive ? 1 : -1);
  // Each branch where it is chosen and zero elsewhere.
  auto part = [&](const ScalarFunction &branch, double wanted) {
    std::vector<Piece> pieces;
    zipPieces(branch, sign, [&](double upper, auto &p, auto &s) {
      bool isChosen = s.begin()->second == wanted;
      pieces.push_back({upper, isChosen ? p : Polynomial()});
    });
    return normalized(std::move(pieces));
  };
  return add(part(positive, 1), part(negative, -1));
}

/// Whether `bound` is a constant that no finite f32 is beyond, in the direction
/// of `sign`. Exporters that only know clamps bound relu by the largest number.
static bool boundsNothing(const ScalarFunction &bound, double sign) {
  double c0, c1;
  return bound.pieces.size() == 1 && getLinear(bound.pieces[0].value, c0, c1) &&
         c1 == 0 && sign * c0 >= std::numeric_limits<float>::max();
}

ScalarFunction ScalarAlgebra::max(const ScalarFunction &a,
                                  const ScalarFunction &b) {
  if (boundsNothing(b, -1))
    return a;
  return boundsNothing(a, -1) ? b : choose(sub(a, b), a, b);
}

ScalarFunction ScalarAlgebra::min(const ScalarFunction &a,
                                  const ScalarFunction &b) {
  if (boundsNothing(b, 1))
    return a;
  return boundsNothing(a, 1) ? b : choose(sub(a, b), b, a);
}

bool ScalarAlgebra::areEqual(const ScalarFunction &a, const ScalarFunction &b) {
  return a.isKnown() && a.pieces.size() == b.pieces.size() &&
         std::equal(a.pieces.begin(), a.pieces.end(), b.pieces.begin(),
                    [](const Piece &p, const Piece &q) {
                      return areClose(p.upper, q.upper) &&
                             arePolynomialsClose(p.value, q.value);
                    });
}
