//===- CausalMask.h - which keys a mask hides -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exporters write a causal mask in many ways: a choice by j <= i or by j > i,
// of ranges or of the places themselves; a triangle of ones that is compared
// with 0, inverted, or multiplied by a large negative number; a constant
// triangle of which a part is read; any of these negated, joined, or joined
// with a mask of padding. So none of them is looked for: what a mask is for
// keys behind a query's own is computed, as far as it is the same for all of
// them, and so is what it is for the others.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RAISE_CAUSALMASK_H
#define LOWBIT_RAISE_CAUSALMASK_H

#include "Places.h"

#include "llvm/ADT/DenseMap.h"

namespace lowbit {

/// A number that hides a key when it is added to a score: exp is 0 in f32 for
/// whatever is about 104 below the largest, and scores are far from ten
/// thousand.
inline constexpr double kHidden = -1e4;

/// One that does so whatever is added to it, such as a bias of positions: the
/// least number of an f16, too, is less.
inline constexpr double kHiddenFromAny = -6e4;

/// Keys of a causal query: those that it sees, j <= i + J - I, its own, which
/// is the last of these, and those behind it.
enum class KeySide { Seen, Own, Later };

/// What elements of masks are for keys on one side of a query. i and j are the
/// last two dimensions of the position.
class MaskSide {
public:
  /// `ahead` is J - I.
  MaskSide(Places &places, mlir::AffineExpr ahead, KeySide side)
      : places(places), ahead(ahead), side(side) {}

  /// The number that `element` is for all these keys; of truth values 0 or 1.
  std::optional<double> getNumber(const Element &element);

  /// Whether `mask` is at most `hidden` for all of them. Sums are where one of
  /// their terms is, and the other is of integers, which hide keys or not and
  /// don't make up for it, or where a term hides from any other.
  bool isAtMost(const Element &mask, double hidden);

  /// Whether a condition of places decided one of the numbers so far.
  bool hasDecided() const { return decided; }

private:
  std::optional<double> findNumber(const Element &element);
  std::optional<double> findOfTensor(const Element &element);
  std::optional<double> findOfOperation(const Element &element);
  std::optional<double> findOfPair(const Element &element);
  std::optional<double> compareIntegers(const Element &element);
  /// Whether j <= i + first holds for all keys of the side, or for none.
  std::optional<bool> isSeenUpTo(mlir::AffineExpr first);
  /// Whether `rest`, which depends on the position, is 0 or more.
  std::optional<bool> isPositive(mlir::AffineExpr rest, unsigned rank);
  bool isAtMost(const Element &mask, double hidden, unsigned &steps);
  bool isOfIntegers(const Element &mask, unsigned &steps);
  bool isFinite(const Element &element, unsigned &steps);

  Places &places;
  mlir::AffineExpr ahead;
  KeySide side;
  bool decided = false;
  unsigned depth = 0;
  llvm::DenseMap<std::pair<mlir::Value, mlir::AffineMap>, std::optional<double>>
      known;
};

/// All sides of scores that have so many queries and keys.
class MaskSides {
public:
  MaskSides(Places &places, mlir::AffineExpr queries, mlir::AffineExpr keys)
      : seen(places, keys - queries, KeySide::Seen),
        own(places, keys - queries, KeySide::Own),
        later(places, keys - queries, KeySide::Later) {}

  /// Whether `mask` is at most `hidden` for all later keys. A query to which it
  /// hides its own, too, may see none: then all keys count alike.
  bool hidesLater(const Element &mask, double hidden) {
    return later.isAtMost(mask, hidden) && !own.isAtMost(mask, hidden);
  }
  /// The same where `condition` is `number` for what is hidden.
  bool hidesLater(const Element &condition, bool number) {
    return later.getNumber(condition) == number &&
           own.getNumber(condition) != number;
  }

  MaskSide seen, own, later;
};

} // namespace lowbit

#endif // LOWBIT_RAISE_CAUSALMASK_H
