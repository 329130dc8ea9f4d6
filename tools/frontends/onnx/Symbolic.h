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

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
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
  enum class Kind { Dim, Computed, FloorDiv, Min, Max };
  struct Atom {
    Kind kind;
    std::string name;      ///< Dim: how the model or the user calls it;
                           ///< Computed: the node that counts it.
    unsigned argument = 0; ///< Dim: number of the function's argument …
    unsigned axis = 0;     ///< … and the axis where the extent is read.
    Expr lhs, rhs;         ///< Operands of the other kinds.
    int64_t lower, upper;  ///< Bounds of the value, inclusive.
    unsigned depth = 0;    ///< Nesting of atoms inside the operands.
  };

  /// A new input dimension. `lower` is the least value it can have.
  Expr addDim(llvm::StringRef name, unsigned argument, unsigned axis,
              int64_t lower);
  /// An extent that the model computes from data; one for each name.
  Expr addComputed(llvm::StringRef name);
  /// The input dimension of that name, or nothing.
  std::optional<Expr> findDim(llvm::StringRef name) const;
  const Atom &getAtom(unsigned number) const { return atoms[number]; }
  unsigned getNumAtoms() const { return atoms.size(); }

  std::optional<Expr> add(const Expr &a, const Expr &b) const;
  std::optional<Expr> sub(const Expr &a, const Expr &b) const;
  std::optional<Expr> mul(const Expr &a, const Expr &b) const;
  /// Rounds towards minus infinity; the divisor must be provably positive.
  std::optional<Expr> floorDiv(const Expr &a, const Expr &b);
  std::optional<Expr> ceilDiv(const Expr &a, const Expr &b);
  std::optional<Expr> min(const Expr &a, const Expr &b);
  std::optional<Expr> max(const Expr &a, const Expr &b);
  /// a / b where b divides a as polynomials.
  std::optional<Expr> divideExactly(const Expr &a, const Expr &b) const;
  std::optional<Expr> product(llvm::ArrayRef<Expr> factors) const;

  /// Bounds by interval arithmetic, saturating at the ends of int64.
  int64_t lowerBound(const Expr &e) const;
  int64_t upperBound(const Expr &e) const;
  /// Whether a < b, a == b for all dimensions, or for none; else nothing.
  std::optional<bool> isLess(const Expr &a, const Expr &b) const;
  std::optional<bool> isEqual(const Expr &a, const Expr &b) const;

  /// Whether e >= 0 follows from bounds and assumptions.
  bool isNonNegative(const Expr &e) const;

  //===--- Assumptions
  //------------------------------------------------------===//

  /// What is taken for granted about input dimensions: value >= 0, or == 0.
  struct Assumption {
    Expr value;
    bool isEquality;
  };
  /// Takes e >= 0 for granted. False, and nothing happens, if it is known to be
  /// wrong or right already, or can't be checked when the model runs: that can
  /// be what adds, multiplies by numbers, and divides by them.
  bool assumeNonNegative(const Expr &e);
  /// Takes a == b for granted, likewise. Two input dimensions by themselves are
  /// not taken to be equal, since their names say that they are not.
  bool assumeEqual(const Expr &a, const Expr &b);
  const std::vector<Assumption> &getAssumptions() const { return assumptions; }
  /// The expression that an input dimension was assumed to be, or the
  /// dimension.
  Expr resolve(const Expr &dim) const;
  /// x, for the atom x / c where x is known to be a multiple of c; else null.
  const Expr *multipleOf(const Atom &atom) const;
  /// Whether `e` is made of a few input dimensions, sums, multiples and
  /// quotients by numbers.
  bool isCheckable(const Expr &e) const;

  /// Human-readable form, as used in errors: `2*seq + 1`.
  std::string str(const Expr &e) const;
  /// Name of the first input dimension in `e`, for advice in errors.
  std::string firstDim(const Expr &e) const;

private:
  std::optional<Expr> intern(Kind kind, const Expr &a, const Expr &b,
                             int64_t lower, int64_t upper);
  std::pair<int64_t, int64_t> boundsOf(Kind kind, const Expr &a,
                                       const Expr &b) const;
  unsigned depthOf(const Expr &e) const;
  /// Whether `holds` for an atom of `e`, or of its atoms' operands.
  bool anyAtom(const Expr &e, llvm::function_ref<bool(unsigned)> holds) const;
  bool isCheckable(const Expr &e, unsigned &terms) const;
  bool contains(const Expr &e, unsigned atom) const;
  std::optional<Expr> replaced(const Expr &e, unsigned atom,
                               const Expr &by) const;
  /// Raises the lower bound of what `e` is made of, if that says all of
  /// e >= value; likewise lowers the upper bound.
  bool raiseLower(const Expr &e, int64_t value);
  bool reduceUpper(const Expr &e, int64_t value);
  void refreshBounds();
  bool assumeMinMax(const Expr &difference);
  bool assumeDim(const Expr &difference);
  bool assumeMultiple(const Expr &difference);

  std::vector<Atom> atoms;
  std::vector<Assumption> assumptions;
  /// Input dimensions that are taken to be something else.
  std::map<unsigned, Expr> substitutions;
  std::map<std::tuple<Kind, Expr, Expr>, unsigned> interned;
};

} // namespace lowbit::frontend

#endif // LOWBIT_FRONTENDS_ONNX_SYMBOLIC_H
