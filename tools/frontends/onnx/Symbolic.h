//===- Symbolic.h - integer expressions over input dimensions ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// linalg can't say "1 or N", so every extent has to be known before an op is
// built: as a number, or as an expression whose equality with another is
// decidable. Expressions are polynomials with integer coefficients over atoms;
// an atom is an input dimension or an interned division, minimum or maximum of
// expressions. Two extents are equal exactly if their polynomials are.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FRONTENDS_ONNX_SYMBOLIC_H
#define LOWBIT_FRONTENDS_ONNX_SYMBOLIC_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace lowbit::frontend {

/// The largest extent a dimension is taken to have; larger ones are refused.
constexpr int64_t maxExtent = int64_t(1) << 40;

/// A polynomial over atoms. Terms are kept in graded lexicographic order, the
/// leading term first, without zero coefficients; so equality is structural.
class Expr {
public:
  /// Atom numbers in ascending order, with repetition.
  using Monomial = std::vector<unsigned>;
  struct Term {
    Monomial monomial;
    int64_t coefficient;
    bool operator==(const Term &other) const {
      return coefficient == other.coefficient && monomial == other.monomial;
    }
  };

  Expr(int64_t value = 0);
  static Expr atom(unsigned number);

  bool isConstant() const {
    return terms.empty() || (terms.size() == 1 && terms[0].monomial.empty());
  }
  bool isConstant(int64_t value) const {
    return isConstant() && constant() == value;
  }
  /// The value of a constant expression.
  int64_t constant() const { return terms.empty() ? 0 : terms[0].coefficient; }
  const std::vector<Term> &getTerms() const { return terms; }

  bool operator==(const Expr &other) const { return terms == other.terms; }
  bool operator!=(const Expr &other) const { return !(*this == other); }
  /// A total order for interning; it has no arithmetic meaning.
  bool operator<(const Expr &other) const;

private:
  friend class Symbols;
  std::vector<Term> terms;
};

/// Owns the atoms of one model and does arithmetic on expressions.
///
/// Operations return nothing where a coefficient overflows 64 bits or an
/// expression grows past a bound: then the caller reports an error.
class Symbols {
public:
  enum class Kind { Dim, FloorDiv, Min, Max };
  struct Atom {
    Kind kind;
    std::string name;      ///< Dim: how the model or the user calls it.
    unsigned argument = 0; ///< Dim: number of the function's argument …
    unsigned axis = 0;     ///< … and the axis where the extent is read.
    Expr lhs, rhs;         ///< Operands of the other kinds.
    int64_t lower, upper;  ///< Bounds of the value, inclusive.
    unsigned depth = 0;    ///< Nesting of atoms inside the operands.
  };

  /// A new input dimension. `lower` is the least value it can have.
  Expr addDim(llvm::StringRef name, unsigned argument, unsigned axis,
              int64_t lower);
  const Atom &getAtom(unsigned number) const { return atoms[number]; }

  std::optional<Expr> add(const Expr &a, const Expr &b);
  std::optional<Expr> sub(const Expr &a, const Expr &b);
  std::optional<Expr> mul(const Expr &a, const Expr &b);
  /// Rounds towards minus infinity; the divisor must be provably positive.
  std::optional<Expr> floorDiv(const Expr &a, const Expr &b);
  std::optional<Expr> ceilDiv(const Expr &a, const Expr &b);
  std::optional<Expr> min(const Expr &a, const Expr &b);
  std::optional<Expr> max(const Expr &a, const Expr &b);
  /// a / b where b divides a as polynomials.
  std::optional<Expr> divideExactly(const Expr &a, const Expr &b);
  std::optional<Expr> product(llvm::ArrayRef<Expr> factors);

  /// Bounds by interval arithmetic, saturating at the ends of int64.
  int64_t lowerBound(const Expr &e) const;
  int64_t upperBound(const Expr &e) const;
  /// Whether a < b, a == b for all dimensions, or for none; else nothing.
  std::optional<bool> isLess(const Expr &a, const Expr &b);
  std::optional<bool> isEqual(const Expr &a, const Expr &b);

  /// Human-readable form, as used in errors: `2*seq + 1`.
  std::string str(const Expr &e) const;
  /// Name of the first input dimension in `e`, for advice in errors.
  std::string firstDim(const Expr &e) const;

private:
  std::optional<Expr> intern(Kind kind, const Expr &a, const Expr &b,
                             int64_t lower, int64_t upper);
  unsigned depthOf(const Expr &e) const;

  std::vector<Atom> atoms;
  std::map<std::tuple<Kind, Expr, Expr>, unsigned> interned;
};

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_SYMBOLIC_H
