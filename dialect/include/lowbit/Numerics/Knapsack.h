//===- Knapsack.h - one option for each item, within a budget ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The multiple-choice knapsack, solved exactly: which encoding each layer gets,
// so that the loss is least and everything fits.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_KNAPSACK_H
#define LOWBIT_NUMERICS_KNAPSACK_H

#include "lowbit/Numerics/Status.h"
#include <cstdint>
#include <vector>

namespace lowbit::numerics {

struct KnapsackOption {
  /// What the option takes of the budget, such as bytes; not negative.
  int64_t cost;
  /// What it loses; finite, of either sign. More expensive options may lose
  /// more: measured losses do.
  double loss;
};

/// Chooses one option of each item such that costs add up to at most `budget`
/// and losses to the least possible; `choice[i]` is an index into `items[i]`.
/// Where choices lose the same, a cheaper one is taken. Deterministic. Fails on
/// an item without options, on losses that aren't finite, and if the cheapest
/// options together exceed the budget.
Status solveKnapsack(const std::vector<std::vector<KnapsackOption>> &items,
                     int64_t budget, std::vector<int32_t> &choice);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_KNAPSACK_H
