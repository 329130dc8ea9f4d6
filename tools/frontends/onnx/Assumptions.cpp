//===- Assumptions.cpp - what a model leaves to its inputs ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A graph with 64 positions adds min(64, seq) of them to seq tokens: only
// inputs with seq <= 64 give that a meaning. Such facts are taken for granted,
// and checked against the inputs of every run. What can be said as the bound of
// one dimension is; a dimension that must equal an expression is replaced by
// it; anything else is kept as an inequality that comparisons look at.
//
//===----------------------------------------------------------------------===//

#include "Symbolic.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <numeric>

using namespace lowbit::frontend;

/// Assumptions are rare; a model that needs more is not understood.
static constexpr size_t maxAssumptions = 64;

/// The most terms of one of them, those of its quotients among them.
static constexpr unsigned maxCheckedTerms = 256;

/// How many atoms are replaced by their bounds to prove an inequality.
static constexpr unsigned maxReplacements = 2;

//===----------------------------------------------------------------------===//
// Questions
//===----------------------------------------------------------------------===//

/// Expressions of which each is negative wherever e is, by what a quotient, a
/// minimum or a maximum in `term` lies above or below of: x - c < c * (x / c)
/// <= x, and min(x, y) <= x.
static std::vector<Expr> lessThan(const Symbols &symbols, const Expr &e,
                                  const Expr::Term &term) {
  if (term.monomial.size() != 1)
    return {};
  const Symbols::Atom &atom = symbols.getAtom(term.monomial[0]);
  int64_t k = term.coefficient;
  auto own = symbols.mul(Expr::atom(term.monomial[0]), Expr(k));
  auto rest = own ? symbols.sub(e, *own) : std::nullopt;
  if (!rest)
    return {};
  std::vector<Expr> found;
  // c * rest + k * x - more
  auto replace = [&](const Expr &x, int64_t c, int64_t more) {
    auto scaled = symbols.mul(*rest, Expr(c)), by = symbols.mul(x, Expr(k));
    auto sum = scaled && by ? symbols.add(*scaled, *by) : std::nullopt;
    auto all = sum ? symbols.sub(*sum, Expr(more)) : std::nullopt;
    if (all)
      found.push_back(*all);
  };
  if (atom.kind == Symbols::Kind::FloorDiv && atom.rhs.isConstant()) {
    int64_t c = atom.rhs.constant(), more;
    if (k < 0)
      replace(atom.lhs, c, 0);
    else if (!llvm::MulOverflow(k, c - 1, more))
      replace(atom.lhs, c, more);
  } else if (atom.kind == (k < 0 ? Symbols::Kind::Min : Symbols::Kind::Max)) {
    replace(atom.lhs, 1, 0);
    replace(atom.rhs, 1, 0);
  }
  return found;
}

/// Whether e >= 0 follows with up to `replacements` atoms replaced so.
static bool isProvable(const Symbols &symbols, const Expr &e,
                       unsigned replacements) {
  if (symbols.lowerBound(e) >= 0)
    return true;
  if (llvm::any_of(symbols.getAssumptions(),
                   [&](const Symbols::Assumption &assumption) {
                     auto rest = symbols.sub(e, assumption.value);
                     return rest && symbols.lowerBound(*rest) >= 0;
                   }))
    return true;
  if (replacements == 0)
    return false;
  return llvm::any_of(e.getTerms(), [&](const Expr::Term &term) {
    return llvm::any_of(lessThan(symbols, e, term), [&](const Expr &less) {
      return isProvable(symbols, less, replacements - 1);
    });
  });
}

bool Symbols::isNonNegative(const Expr &e) const {
  return isProvable(*this, e, maxReplacements);
}

bool Symbols::contains(const Expr &e, unsigned atom) const {
  return anyAtom(e, [=](unsigned number) { return number == atom; });
}

bool Symbols::isCheckable(const Expr &e) const {
  unsigned terms = 0;
  return isCheckable(e, terms);
}

bool Symbols::isCheckable(const Expr &e, unsigned &terms) const {
  for (const Expr::Term &term : e.terms) {
    // What is checked is written out, however often it shares its parts.
    if (++terms > maxCheckedTerms)
      return false;
    // What is taken for granted is also written with its signs turned.
    if (term.monomial.size() > 1 || term.coefficient == INT64_MIN)
      return false;
    for (unsigned number : term.monomial) {
      const Atom &atom = atoms[number];
      if (atom.kind == Kind::Dim)
        continue;
      if (atom.kind != Kind::FloorDiv || !atom.rhs.isConstant() ||
          !isCheckable(atom.lhs, terms))
        return false;
    }
  }
  return true;
}

Expr Symbols::resolve(const Expr &dim) const {
  auto found = dim.terms.size() == 1 && dim.terms[0].monomial.size() == 1
                   ? substitutions.find(dim.terms[0].monomial[0])
                   : substitutions.end();
  return found == substitutions.end() ? dim : found->second;
}

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

/// coefficient * atom + rest, if that is all that an expression is and nothing
/// in it is at the end of what can be turned around.
static std::optional<std::tuple<int64_t, unsigned, int64_t>>
asLine(const Expr &e) {
  const std::vector<Expr::Term> &terms = e.getTerms();
  if (terms.empty() || terms.size() > 2 || terms[0].monomial.size() != 1 ||
      (terms.size() == 2 && !terms[1].monomial.empty()) ||
      terms[0].coefficient == INT64_MIN)
    return std::nullopt;
  return std::make_tuple(terms[0].coefficient, terms[0].monomial[0],
                         terms.size() == 2 ? terms[1].coefficient : 0);
}

/// value - rest where its negative is a number, too.
static std::optional<int64_t> distanceTo(int64_t value, int64_t rest) {
  int64_t distance;
  if (llvm::SubOverflow(value, rest, distance) || distance == INT64_MIN)
    return std::nullopt;
  return distance;
}

bool Symbols::raiseLower(const Expr &e, int64_t value) {
  auto line = asLine(e);
  auto distance = line ? distanceTo(value, std::get<2>(*line)) : std::nullopt;
  if (!distance)
    return false;
  auto [coefficient, number, rest] = *line;
  if (coefficient < 0) {
    // c * a + r >= v  <=>  a <= (r - v) / -c
    return reduceUpper(Expr::atom(number),
                       llvm::divideFloorSigned(-*distance, -coefficient));
  }
  int64_t bound = llvm::divideCeilSigned(*distance, coefficient);
  Atom &atom = atoms[number];
  if (atom.kind == Kind::FloorDiv && atom.rhs.isConstant())
    return !llvm::MulOverflow(bound, atom.rhs.constant(), bound) &&
           raiseLower(atom.lhs, bound);
  if (atom.kind != Kind::Dim || bound > atom.upper)
    return false;
  atom.lower = std::max(atom.lower, bound);
  return true;
}

bool Symbols::reduceUpper(const Expr &e, int64_t value) {
  auto line = asLine(e);
  auto distance = line ? distanceTo(value, std::get<2>(*line)) : std::nullopt;
  if (!distance)
    return false;
  auto [coefficient, number, rest] = *line;
  if (coefficient < 0)
    return raiseLower(Expr::atom(number),
                      llvm::divideCeilSigned(-*distance, -coefficient));
  int64_t bound = llvm::divideFloorSigned(*distance, coefficient);
  Atom &atom = atoms[number];
  if (atom.kind == Kind::FloorDiv && atom.rhs.isConstant())
    // x / c <= b  <=>  x <= c * b + c - 1
    return !llvm::MulOverflow(bound, atom.rhs.constant(), bound) &&
           !llvm::AddOverflow(bound, atom.rhs.constant() - 1, bound) &&
           reduceUpper(atom.lhs, bound);
  if (atom.kind != Kind::Dim || bound < atom.lower)
    return false;
  atom.upper = std::min(atom.upper, bound);
  return true;
}

void Symbols::refreshBounds() {
  // Operands come before the atoms that use them.
  for (Atom &atom : atoms)
    if (atom.kind != Kind::Dim && atom.kind != Kind::Computed)
      std::tie(atom.lower, atom.upper) =
          boundsOf(atom.kind, atom.lhs, atom.rhs);
}

//===----------------------------------------------------------------------===//
// Assuming
//===----------------------------------------------------------------------===//

bool Symbols::assumeNonNegative(const Expr &e) {
  if (isNonNegative(e) || upperBound(e) < 0 || !isCheckable(e) ||
      assumptions.size() >= maxAssumptions)
    return false;
  assumptions.push_back({e, /*isEquality=*/false});
  raiseLower(e, 0);
  refreshBounds();
  return true;
}

std::optional<Expr> Symbols::replaced(const Expr &e, unsigned atom,
                                      const Expr &by) const {
  Expr result;
  for (const Expr::Term &term : e.terms) {
    Expr product(term.coefficient);
    for (unsigned number : term.monomial) {
      std::optional<Expr> next =
          mul(product, number == atom ? by : Expr::atom(number));
      if (!next)
        return std::nullopt;
      product = *next;
    }
    std::optional<Expr> sum = add(result, product);
    if (!sum)
      return std::nullopt;
    result = *sum;
  }
  return result;
}

/// min(x, y) == x means x <= y; max likewise.
bool Symbols::assumeMinMax(const Expr &difference) {
  for (const Expr::Term &term : difference.terms)
    for (unsigned number : term.monomial) {
      const Atom atom = atoms[number];
      if (atom.kind != Kind::Min && atom.kind != Kind::Max)
        continue;
      for (bool first : {true, false}) {
        const Expr &chosen = first ? atom.lhs : atom.rhs;
        const Expr &other = first ? atom.rhs : atom.lhs;
        std::optional<Expr> rest = replaced(difference, number, chosen);
        if (!rest || !rest->isConstant(0))
          continue;
        std::optional<Expr> fact =
            atom.kind == Kind::Min ? sub(other, chosen) : sub(chosen, other);
        return fact && assumeNonNegative(*fact);
      }
    }
  return false;
}

/// A dimension that stands alone in the difference is the rest of it. Among
/// several, one is taken whose rest is not smaller than the dimension can be.
bool Symbols::assumeDim(const Expr &difference) {
  std::optional<std::pair<unsigned, Expr>> best;
  unsigned plain = 0;
  for (const Expr::Term &term : difference.terms) {
    if (term.monomial.size() != 1 || std::abs(term.coefficient) != 1 ||
        atoms[term.monomial[0]].kind != Kind::Dim)
      continue;
    ++plain;
    unsigned number = term.monomial[0];
    std::optional<Expr> own = mul(Expr::atom(number), Expr(term.coefficient));
    std::optional<Expr> rest = own ? sub(difference, *own) : std::nullopt;
    if (rest)
      rest = mul(*rest, Expr(-term.coefficient));
    if (!rest || contains(*rest, number) ||
        lowerBound(*rest) < atoms[number].lower ||
        upperBound(*rest) < atoms[number].lower)
      continue;
    best = {number, *rest};
  }
  // Two dimensions by themselves have two names.
  if (!best || (plain == 2 && difference.terms.size() == 2))
    return false;
  assumptions.push_back({difference, /*isEquality=*/true});
  for (auto &[other, expression] : substitutions)
    if (std::optional<Expr> next =
            replaced(expression, best->first, best->second))
      expression = *next;
  substitutions[best->first] = best->second;
  return true;
}

/// x + k == c * ((x + k) / c) makes x the rest of a multiple: it is spelled so
/// from then on, and divisions by c come out even.
bool Symbols::assumeMultiple(const Expr &difference) {
  for (const Expr::Term &term : difference.terms) {
    if (term.monomial.size() != 1)
      continue;
    const Atom atom = atoms[term.monomial[0]];
    auto line = asLine(atom.lhs);
    if (atom.kind != Kind::FloorDiv || !atom.rhs.isConstant() || !line ||
        std::abs(term.coefficient) != atom.rhs.constant())
      continue;
    auto [coefficient, dim, offset] = *line;
    std::optional<Expr> multiple =
        mul(Expr::atom(term.monomial[0]), Expr(std::abs(term.coefficient)));
    std::optional<Expr> whole =
        multiple ? sub(atom.lhs, *multiple) : std::nullopt;
    if (whole && term.coefficient > 0)
      whole = mul(*whole, Expr(-1));
    if (!whole || *whole != difference || coefficient != 1 ||
        atoms[dim].kind != Kind::Dim || substitutions.count(dim))
      continue;
    std::optional<Expr> spelled = sub(*multiple, Expr(offset));
    int64_t divisor = atom.rhs.constant();
    uint64_t least =
        llvm::alignTo(std::max<int64_t>(lowerBound(atom.lhs), 0), divisor);
    if (!spelled || least > uint64_t(maxExtent))
      return false;
    assumptions.push_back({difference, /*isEquality=*/true});
    raiseLower(atom.lhs, int64_t(least));
    refreshBounds();
    substitutions[dim] = *spelled;
    return true;
  }
  return false;
}

bool Symbols::assumeEqual(const Expr &a, const Expr &b) {
  std::optional<Expr> difference = sub(a, b);
  if (!difference || isEqual(a, b).has_value() || difference->terms.empty() ||
      assumptions.size() >= maxAssumptions)
    return false;
  // Extents are positive: what all terms share can be divided out.
  Expr::Monomial shared = difference->terms[0].monomial;
  int64_t divisor = 0;
  for (const Expr::Term &term : difference->terms) {
    if (term.coefficient == INT64_MIN)
      return false;
    Expr::Monomial both;
    std::set_intersection(shared.begin(), shared.end(), term.monomial.begin(),
                          term.monomial.end(), std::back_inserter(both));
    shared = both;
    divisor = std::gcd(divisor, term.coefficient);
  }
  std::optional<Expr> factor = Expr(divisor);
  for (unsigned number : shared) {
    if (atoms[number].lower < 1)
      return false;
    factor = factor ? mul(*factor, Expr::atom(number)) : std::nullopt;
  }
  std::optional<Expr> rest =
      factor ? divideExactly(*difference, *factor) : std::nullopt;
  if (!rest)
    return false;
  if (assumeMinMax(*rest))
    return true;
  if (!isCheckable(*rest))
    return false;
  if (assumeMultiple(*rest) || assumeDim(*rest))
    return true;
  unsigned dims = 0;
  for (const Expr::Term &term : rest->terms)
    dims +=
        term.monomial.size() == 1 && atoms[term.monomial[0]].kind == Kind::Dim;
  if (rest->terms.size() == 2 && dims == 2)
    return false;
  assumptions.push_back({*rest, /*isEquality=*/true});
  if (std::optional<Expr> negated = mul(*rest, Expr(-1)))
    assumptions.push_back({*negated, /*isEquality=*/true});
  return true;
}
