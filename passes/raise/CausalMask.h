//===- CausalMask.h - which keys a mask hides -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exporters write a causal mask in many ways: a choice by j <= i or by j > i,
// of ranges or of the places themselves; a triangle of ones that is compared
// with 0, inverted, or multiplied by a large negative number; any of these
// negated or joined. All of them are numbers that depend on one condition, and
// the condition is one of places.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RAISE_CAUSALMASK_H
#define LOWBIT_RAISE_CAUSALMASK_H

#include "ElementTrace.h"

namespace lowbit {

/// A number, or a truth value as 1 and 0, that depends on one condition.
struct Choice {
  Element condition;
  double ifTrue, ifFalse;
};

/// The choice that `element` is. A truth value that depends on something else
/// is a choice by itself; nothing where a number is no choice.
std::optional<Choice> matchChoice(const Element &element);

/// The c for which `condition`, or its opposite if `negated`, is j <= i + c,
/// for the last two dimensions of its map's domain; nothing where it is
/// another.
std::optional<int64_t> matchCausalCondition(const Element &condition,
                                            bool negated = false);

/// Whether `mask`, which is added to scores, is 0 for keys up to the query's
/// own, and at most `hidden` for the others.
bool isCausalMask(const Element &mask, double hidden);

} // namespace lowbit

#endif // LOWBIT_RAISE_CAUSALMASK_H
