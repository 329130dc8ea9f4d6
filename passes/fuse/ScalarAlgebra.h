//===- ScalarAlgebra.h - normal forms of scalar functions -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exporters spell one activation in many ways. Instead of listing spellings, a
// scalar expression is brought to a normal form in which all of them coincide:
// pieces of the real line, and on each piece a polynomial in x and in *atoms*
// such as erf(p) or 1 / p, whose arguments p are such polynomials again.
// Commutativity, associativity, distributivity, x / 2 against x * 0.5, and
// clamps against comparisons then need no rules of their own.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FUSE_SCALARALGEBRA_H
#define LOWBIT_FUSE_SCALARALGEBRA_H

#include <map>
#include <utility>
#include <vector>

namespace lowbit {

/// Largest relative difference of two coefficients that count as equal: room
/// for constants that an exporter wrote with seven digits.
inline constexpr double kCoefficientTolerance = 1e-6;

/// Powers of atoms: pairs (atom, exponent), ascending by atom.
using Monomial = std::vector<std::pair<unsigned, unsigned>>;

/// A sum of monomials with coefficients that aren't zero.
using Polynomial = std::map<Monomial, double>;

/// A polynomial that holds up to `upper`, from where the piece before ends.
struct Piece {
  double upper;
  Polynomial value;
};

/// A function of x as pieces in ascending order, the last up to infinity.
/// Without pieces it is *unknown*: it has no normal form here. Unknown operands
/// make unknown results.
struct ScalarFunction {
  std::vector<Piece> pieces;

  bool isKnown() const { return !pieces.empty(); }
};

/// Functions that stay atoms when their argument isn't a constant.
enum class AtomKind { Exp, Erf, Tanh, Inverse, Sqrt, Log };

/// Computes with scalar functions. Atoms are numbered by one algebra, so only
/// functions made by the same one can be combined or compared.
class ScalarAlgebra {
public:
  /// The function that is x.
  ScalarFunction variable() const;
  ScalarFunction constant(double value) const;

  ScalarFunction add(const ScalarFunction &a, const ScalarFunction &b);
  ScalarFunction sub(const ScalarFunction &a, const ScalarFunction &b);
  ScalarFunction mul(const ScalarFunction &a, const ScalarFunction &b);
  ScalarFunction div(const ScalarFunction &a, const ScalarFunction &b);
  ScalarFunction apply(AtomKind kind, const ScalarFunction &argument);
  /// `base` to a constant power that is a small integer; otherwise unknown.
  ScalarFunction power(const ScalarFunction &base,
                       const ScalarFunction &exponent);
  /// `positive` where `difference` > 0, `negative` where it is < 0, and where
  /// it is zero on a whole piece the one that `zeroIsPositive` names. Unknown
  /// unless the difference is linear in x on each piece. A single point where
  /// it is zero doesn't matter: what is recognised is continuous.
  ScalarFunction choose(const ScalarFunction &difference,
                        const ScalarFunction &positive,
                        const ScalarFunction &negative,
                        bool zeroIsPositive = true);
  ScalarFunction max(const ScalarFunction &a, const ScalarFunction &b);
  ScalarFunction min(const ScalarFunction &a, const ScalarFunction &b);

  /// Whether two functions have the same normal form within the tolerance.
  /// Unknown functions equal nothing.
  static bool areEqual(const ScalarFunction &a, const ScalarFunction &b);

private:
  using Combine = Polynomial (ScalarAlgebra::*)(const Polynomial &,
                                                const Polynomial &);
  ScalarFunction combine(const ScalarFunction &a, const ScalarFunction &b,
                         Combine function);
  Polynomial sum(const Polynomial &a, const Polynomial &b);
  Polynomial product(const Polynomial &a, const Polynomial &b);
  Polynomial atom(AtomKind kind, Polynomial argument);
  Polynomial inverse(const Polynomial &argument);
  unsigned intern(AtomKind kind, const Polynomial &argument);

  /// Atom i + 1; atom 0 is x.
  std::vector<std::pair<AtomKind, Polynomial>> atoms;
};

/// Whether two coefficients or bounds count as the same number.
bool areClose(double a, double b);

/// The coefficients of a polynomial c0 + c1 x in x alone; false for others.
bool getLinear(const Polynomial &polynomial, double &c0, double &c1);

} // namespace lowbit

#endif // LOWBIT_FUSE_SCALARALGEBRA_H
