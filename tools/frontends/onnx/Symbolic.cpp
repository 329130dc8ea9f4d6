//===- Symbolic.cpp - integer expressions over input dimensions -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Polynomial arithmetic with overflow checks, exact division, and interval
// bounds that decide minima, maxima and comparisons.
//
//===----------------------------------------------------------------------===//

#include "Symbolic.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <limits>

using namespace lowbit::frontend;
using llvm::ArrayRef;
using llvm::StringRef;

// Bounds that keep hostile models from growing expressions without end; real
// shape arithmetic stays far below.
static constexpr size_t maxTerms = 64;
static constexpr size_t maxDegree = 16;
static constexpr size_t maxAtoms = 1 << 14;
static constexpr unsigned maxDepth = 32;

static constexpr int64_t minusInfinity = std::numeric_limits<int64_t>::min();
static constexpr int64_t plusInfinity = std::numeric_limits<int64_t>::max();

/// Graded lexicographic order: higher degree first, then smaller atoms.
static bool precedes(const Expr::Monomial &a, const Expr::Monomial &b) {
  if (a.size() != b.size())
    return a.size() > b.size();
  return a < b;
}

Expr::Expr(int64_t value) {
  if (value != 0)
    terms.push_back({{}, value});
}

Expr Expr::atom(unsigned number) {
  Expr result;
  result.terms.push_back({{number}, 1});
  return result;
}

bool Expr::operator<(const Expr &other) const {
  return std::lexicographical_compare(
      terms.begin(), terms.end(), other.terms.begin(), other.terms.end(),
      [](const Term &a, const Term &b) {
        return std::tie(a.monomial, a.coefficient) <
               std::tie(b.monomial, b.coefficient);
      });
}

Expr Symbols::addDim(StringRef name, unsigned argument, unsigned axis,
                     int64_t lower) {
  Atom atom{Kind::Dim, name.str(), argument, axis, {}, {}, lower, maxExtent};
  atoms.push_back(std::move(atom));
  return Expr::atom(atoms.size() - 1);
}

Expr Symbols::addComputed(StringRef name) {
  for (auto [number, atom] : llvm::enumerate(atoms))
    if (atom.kind == Kind::Computed && atom.name == name)
      return Expr::atom(number);
  Expr result = addDim(name, 0, 0, 0);
  atoms.back().kind = Kind::Computed;
  return result;
}

//===----------------------------------------------------------------------===//
// Ring operations
//===----------------------------------------------------------------------===//

std::optional<Expr> Symbols::add(const Expr &a, const Expr &b) const {
  Expr result;
  auto i = a.terms.begin(), j = b.terms.begin();
  while (i != a.terms.end() || j != b.terms.end()) {
    if (j == b.terms.end() ||
        (i != a.terms.end() && precedes(i->monomial, j->monomial))) {
      result.terms.push_back(*i++);
    } else if (i == a.terms.end() || precedes(j->monomial, i->monomial)) {
      result.terms.push_back(*j++);
    } else {
      int64_t sum;
      if (llvm::AddOverflow(i->coefficient, j->coefficient, sum))
        return std::nullopt;
      if (sum != 0)
        result.terms.push_back({i->monomial, sum});
      ++i, ++j;
    }
  }
  if (result.terms.size() > maxTerms)
    return std::nullopt;
  return result;
}

std::optional<Expr> Symbols::sub(const Expr &a, const Expr &b) const {
  Expr negated = b;
  for (Expr::Term &term : negated.terms)
    if (llvm::SubOverflow<int64_t>(0, term.coefficient, term.coefficient))
      return std::nullopt;
  return add(a, negated);
}

std::optional<Expr> Symbols::mul(const Expr &a, const Expr &b) const {
  Expr result;
  for (const Expr::Term &s : a.terms) {
    Expr row;
    for (const Expr::Term &t : b.terms) {
      int64_t coefficient;
      if (llvm::MulOverflow(s.coefficient, t.coefficient, coefficient) ||
          s.monomial.size() + t.monomial.size() > maxDegree)
        return std::nullopt;
      Expr::Monomial monomial;
      std::merge(s.monomial.begin(), s.monomial.end(), t.monomial.begin(),
                 t.monomial.end(), std::back_inserter(monomial));
      row.terms.push_back({std::move(monomial), coefficient});
    }
    // Multiplying by one monomial keeps a graded lexicographic order, and one
    // row is the sum of itself.
    if (a.terms.size() == 1)
      return row;
    std::optional<Expr> sum = add(result, row);
    if (!sum)
      return std::nullopt;
    result = std::move(*sum);
  }
  return result;
}

std::optional<Expr> Symbols::product(ArrayRef<Expr> factors) const {
  Expr result(1);
  for (const Expr &factor : factors) {
    std::optional<Expr> next = mul(result, factor);
    if (!next)
      return std::nullopt;
    result = std::move(*next);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Division
//===----------------------------------------------------------------------===//

std::optional<Expr> Symbols::divideExactly(const Expr &a, const Expr &b) const {
  if (b.terms.empty())
    return std::nullopt;
  const Expr::Term &lead = b.terms.front();
  Expr rest = a, quotient;
  while (!rest.terms.empty()) {
    const Expr::Term &top = rest.terms.front();
    // INT64_MIN / -1 overflows; no extent comes near it.
    if (top.coefficient == minusInfinity ||
        top.coefficient % lead.coefficient != 0 ||
        !std::includes(top.monomial.begin(), top.monomial.end(),
                       lead.monomial.begin(), lead.monomial.end()))
      return std::nullopt;
    Expr step;
    Expr::Monomial monomial;
    std::set_difference(top.monomial.begin(), top.monomial.end(),
                        lead.monomial.begin(), lead.monomial.end(),
                        std::back_inserter(monomial));
    step.terms.push_back(
        {std::move(monomial), top.coefficient / lead.coefficient});
    std::optional<Expr> taken = mul(step, b);
    std::optional<Expr> left = taken ? sub(rest, *taken) : std::nullopt;
    std::optional<Expr> sum = add(quotient, step);
    if (!left || !sum)
      return std::nullopt;
    rest = std::move(*left);
    quotient = std::move(*sum);
  }
  return quotient;
}

std::optional<Expr> Symbols::floorDiv(const Expr &a, const Expr &b) {
  if (lowerBound(b) <= 0)
    return std::nullopt;
  if (a.isConstant() && b.isConstant())
    return Expr(llvm::divideFloorSigned(a.constant(), b.constant()));
  if (std::optional<Expr> exact = divideExactly(a, b))
    return exact;
  // floor((c*q + r) / c) = q + floor(r / c): what divides leaves the atom.
  Expr whole, rest = a;
  if (b.isConstant()) {
    rest = Expr();
    for (const Expr::Term &term : a.terms)
      if (term.coefficient % b.constant() == 0)
        whole.terms.push_back({term.monomial, term.coefficient / b.constant()});
      else
        rest.terms.push_back(term);
    if (rest.isConstant()) {
      Expr tail(llvm::divideFloorSigned(rest.constant(), b.constant()));
      return add(whole, tail);
    }
  }
  auto [lower, upper] = boundsOf(Kind::FloorDiv, rest, b);
  std::optional<Expr> atom = intern(Kind::FloorDiv, rest, b, lower, upper);
  return atom ? add(whole, *atom) : std::nullopt;
}

std::optional<Expr> Symbols::ceilDiv(const Expr &a, const Expr &b) {
  std::optional<Expr> bias = sub(b, Expr(1));
  std::optional<Expr> sum = bias ? add(a, *bias) : std::nullopt;
  return sum ? floorDiv(*sum, b) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

using Interval = std::pair<int64_t, int64_t>;

/// A bound at an end of int64 may lie anywhere beyond it: nothing that is added
/// brings it back.
static int64_t addBounds(int64_t a, int64_t b, int64_t beyond) {
  int64_t sum;
  if (a == beyond || b == beyond)
    return beyond;
  if (!llvm::AddOverflow(a, b, sum))
    return sum;
  return a < 0 ? minusInfinity : plusInfinity;
}

static Interval add(Interval a, Interval b) {
  return {addBounds(a.first, b.first, minusInfinity),
          addBounds(a.second, b.second, plusInfinity)};
}

static int64_t mulBounds(int64_t a, int64_t b) {
  auto isEnd = [](int64_t x) {
    return x == minusInfinity || x == plusInfinity;
  };
  int64_t product;
  if (a == 0 || b == 0)
    return 0;
  if (!isEnd(a) && !isEnd(b) && !llvm::MulOverflow(a, b, product))
    return product;
  return (a < 0) == (b < 0) ? plusInfinity : minusInfinity;
}

static Interval multiply(Interval a, Interval b) {
  int64_t corners[] = {
      mulBounds(a.first, b.first), mulBounds(a.first, b.second),
      mulBounds(a.second, b.first), mulBounds(a.second, b.second)};
  // A number may stand at an end of int64 itself: one step towards 0 is safe.
  return {std::min(*std::min_element(corners, corners + 4), plusInfinity - 1),
          std::max(*std::max_element(corners, corners + 4), minusInfinity + 1)};
}

/// Interval of `e`, given one for each atom.
template <typename AtomInterval>
static Interval evaluate(const Expr &e, AtomInterval of) {
  Interval sum{0, 0};
  for (const Expr::Term &term : e.getTerms()) {
    Interval product{term.coefficient, term.coefficient};
    for (unsigned atom : term.monomial)
      product = multiply(product, of(atom));
    sum = add(sum, product);
  }
  return sum;
}

static Interval evaluate(const Symbols &symbols, const Expr &e) {
  return evaluate(e, [&](unsigned number) {
    const Symbols::Atom &atom = symbols.getAtom(number);
    return Interval{atom.lower, atom.upper};
  });
}

/// Of the bounds by atoms and those with k * c * (x / c) taken for k * x, less
/// k times 0 to c - 1: the closest.
static Interval closestBounds(const Symbols &symbols, const Expr &e) {
  Interval best = evaluate(symbols, e);
  for (const Expr::Term &term : e.getTerms()) {
    if (term.monomial.size() != 1)
      continue;
    const Symbols::Atom &atom = symbols.getAtom(term.monomial[0]);
    if (atom.kind != Symbols::Kind::FloorDiv || !atom.rhs.isConstant() ||
        term.coefficient % atom.rhs.constant() != 0)
      continue;
    int64_t factor = term.coefficient / atom.rhs.constant();
    std::optional<Expr> own =
        symbols.mul(Expr::atom(term.monomial[0]), Expr(term.coefficient));
    std::optional<Expr> rest = own ? symbols.sub(e, *own) : std::nullopt;
    std::optional<Expr> whole = symbols.mul(atom.lhs, Expr(factor));
    std::optional<Expr> sum =
        rest && whole ? symbols.add(*rest, *whole) : std::nullopt;
    if (!sum)
      continue;
    Interval found = evaluate(symbols, *sum);
    Interval over = multiply({-factor, -factor}, {0, atom.rhs.constant() - 1});
    Interval bounds = add(found, over);
    best.first = std::max(best.first, bounds.first);
    best.second = std::min(best.second, bounds.second);
  }
  return best;
}

int64_t Symbols::lowerBound(const Expr &e) const {
  return closestBounds(*this, e).first;
}

int64_t Symbols::upperBound(const Expr &e) const {
  return closestBounds(*this, e).second;
}

std::pair<int64_t, int64_t> Symbols::boundsOf(Kind kind, const Expr &a,
                                              const Expr &b) const {
  int64_t lowerA = lowerBound(a), upperA = upperBound(a);
  int64_t lowerB = lowerBound(b), upperB = upperBound(b);
  switch (kind) {
  case Kind::Dim:
  case Kind::Computed:
    break;
  case Kind::Min:
    return {std::min(lowerA, lowerB), std::min(upperA, upperB)};
  case Kind::Max:
    return {std::max(lowerA, lowerB), std::max(upperA, upperB)};
  case Kind::FloorDiv:
    if (!b.isConstant() || lowerA == minusInfinity || upperA == plusInfinity)
      return {lowerA >= 0 ? 0 : minusInfinity, std::max<int64_t>(upperA, 0)};
    return {llvm::divideFloorSigned(lowerA, b.constant()),
            llvm::divideFloorSigned(upperA, b.constant())};
  }
  return {minusInfinity, plusInfinity};
}

std::optional<bool> Symbols::isLess(const Expr &a, const Expr &b) const {
  // Bounds of each side first: the difference may overflow where they don't.
  if (upperBound(a) < lowerBound(b))
    return true;
  if (lowerBound(a) >= upperBound(b))
    return false;
  std::optional<Expr> difference = sub(b, a);
  if (!difference)
    return std::nullopt;
  std::optional<Expr> above = sub(*difference, Expr(1));
  if (above && isNonNegative(*above))
    return true;
  std::optional<Expr> below = mul(*difference, Expr(-1));
  if (below && isNonNegative(*below))
    return false;
  return std::nullopt;
}

std::optional<bool> Symbols::isEqual(const Expr &a, const Expr &b) const {
  if (a == b)
    return true;
  // What most extents are; the rest holds for them, too, and takes longer.
  if (a.isConstant() && b.isConstant())
    return false;
  std::optional<Expr> difference =
      assumptions.empty() ? std::nullopt : sub(a, b);
  if (difference)
    for (const Assumption &assumption : assumptions)
      if (assumption.isEquality && assumption.value == *difference)
        return true;
  std::optional<bool> less = isLess(a, b), greater = isLess(b, a);
  if ((less && *less) || (greater && *greater))
    return false;
  return std::nullopt;
}

std::optional<Expr> Symbols::min(const Expr &a, const Expr &b) {
  if (std::optional<bool> less = isLess(a, b))
    return *less ? a : b;
  if (std::optional<bool> less = isLess(b, a))
    return *less ? b : a;
  auto [lower, upper] = boundsOf(Kind::Min, a, b);
  return intern(Kind::Min, std::min(a, b), std::max(a, b), lower, upper);
}

std::optional<Expr> Symbols::max(const Expr &a, const Expr &b) {
  if (std::optional<bool> less = isLess(a, b))
    return *less ? b : a;
  if (std::optional<bool> less = isLess(b, a))
    return *less ? a : b;
  auto [lower, upper] = boundsOf(Kind::Max, a, b);
  return intern(Kind::Max, std::min(a, b), std::max(a, b), lower, upper);
}

//===----------------------------------------------------------------------===//
// Atoms
//===----------------------------------------------------------------------===//

unsigned Symbols::depthOf(const Expr &e) const {
  unsigned depth = 0;
  for (const Expr::Term &term : e.terms)
    for (unsigned atom : term.monomial)
      depth = std::max(depth, atoms[atom].depth);
  return depth;
}

std::optional<Expr> Symbols::findDim(StringRef name) const {
  for (auto [number, atom] : llvm::enumerate(atoms))
    if (atom.kind == Kind::Dim && atom.name == name)
      return Expr::atom(number);
  return std::nullopt;
}

std::optional<Expr> Symbols::intern(Kind kind, const Expr &a, const Expr &b,
                                    int64_t lower, int64_t upper) {
  auto key = std::make_tuple(kind, a, b);
  auto found = interned.find(key);
  if (found != interned.end())
    return Expr::atom(found->second);
  unsigned depth = 1 + std::max(depthOf(a), depthOf(b));
  if (atoms.size() >= maxAtoms || depth > maxDepth)
    return std::nullopt;
  atoms.push_back(Atom{kind, "", 0, 0, a, b, lower, upper, depth});
  interned.emplace(std::move(key), atoms.size() - 1);
  return Expr::atom(atoms.size() - 1);
}

const Expr *Symbols::multipleOf(const Atom &atom) const {
  if (atom.kind != Kind::FloorDiv || atom.lhs.getTerms().size() != 1 ||
      !atom.rhs.isConstant())
    return nullptr;
  Expr same = resolve(atom.lhs);
  std::optional<Expr> rest = divideExactly(same, atom.rhs);
  return same != atom.lhs && rest ? &atom.lhs : nullptr;
}

std::string Symbols::str(const Expr &e) const {
  auto spell = [&](unsigned number) -> std::string {
    const Atom &atom = atoms[number];
    // Atoms share operands, so deep ones could spell exponentially long texts.
    if (atom.depth > 4)
      return "(...)";
    switch (atom.kind) {
    case Kind::Dim:
    case Kind::Computed:
      return atom.name;
    case Kind::FloorDiv:
      return "(" + str(atom.lhs) + ") / (" + str(atom.rhs) + ")";
    case Kind::Min:
      return "min(" + str(atom.lhs) + ", " + str(atom.rhs) + ")";
    case Kind::Max:
      return "max(" + str(atom.lhs) + ", " + str(atom.rhs) + ")";
    }
    return "";
  };
  std::string text;
  for (const Expr::Term &term : e.terms) {
    std::vector<std::string> factors;
    int64_t coefficient = term.coefficient;
    for (unsigned number : term.monomial) {
      const Atom &atom = atoms[number];
      // c * (x / c) is x where nothing is left over.
      const Expr *multiple = multipleOf(atom);
      bool whole = multiple && coefficient % atom.rhs.constant() == 0;
      if (whole)
        coefficient /= atom.rhs.constant();
      factors.push_back(whole ? str(*multiple) : spell(number));
    }
    if (term.monomial.empty() || coefficient != 1)
      factors.insert(factors.begin(), llvm::itostr(coefficient));
    text += (text.empty() ? "" : " + ") + llvm::join(factors, "*");
    if (text.size() > 200)
      return text.substr(0, 200) + "...";
  }
  return text.empty() ? "0" : text;
}

std::string Symbols::firstDim(const Expr &e) const {
  std::string name;
  anyAtom(e, [&](unsigned number) {
    bool isDim = atoms[number].kind == Kind::Dim;
    if (isDim)
      name = atoms[number].name;
    return isDim;
  });
  return name;
}

bool Symbols::anyAtom(const Expr &e,
                      llvm::function_ref<bool(unsigned)> holds) const {
  // Atoms share operands: each is visited once.
  std::vector<bool> seen(atoms.size(), false);
  std::vector<const Expr *> stack{&e};
  while (!stack.empty()) {
    const Expr *next = stack.back();
    stack.pop_back();
    for (const Expr::Term &term : next->terms)
      for (unsigned number : term.monomial) {
        if (seen[number])
          continue;
        seen[number] = true;
        if (holds(number))
          return true;
        stack.push_back(&atoms[number].rhs);
        stack.push_back(&atoms[number].lhs);
      }
  }
  return false;
}
