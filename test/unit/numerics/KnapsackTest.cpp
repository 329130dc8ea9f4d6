//===- KnapsackTest.cpp - one option for each item, within a budget -------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The solver finds what trying everything finds, and handles as many layers as
// models have.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Knapsack.h"
#include "TestMatrices.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace lowbit::numerics;
using namespace lowbit::numerics::test;

using Items = std::vector<std::vector<KnapsackOption>>;

static KnapsackOption totalOf(const Items &items,
                              const std::vector<int32_t> &choice) {
  KnapsackOption total{0, 0};
  for (size_t i = 0; i < items.size(); ++i) {
    total.cost += items[i][choice[i]].cost;
    total.loss += items[i][choice[i]].loss;
  }
  return total;
}

/// The least loss within `budget`, by trying everything.
static double leastLoss(const Items &items, int64_t budget, size_t item = 0) {
  if (budget < 0)
    return INFINITY;
  if (item == items.size())
    return 0;
  double least = INFINITY;
  for (const KnapsackOption &option : items[item])
    least = std::min(
        least, option.loss + leastLoss(items, budget - option.cost, item + 1));
  return least;
}

static Items randomItems(int64_t count, uint64_t seed, int64_t largestCost) {
  Random random(seed);
  Items items(count);
  for (std::vector<KnapsackOption> &item : items)
    for (int64_t i = 1 + random.bits() % 4; i > 0; --i)
      item.push_back(
          {static_cast<int64_t>(random.bits() % largestCost), random.normal()});
  return items;
}

TEST(Knapsack, FindsWhatTryingEverythingFinds) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Items items = randomItems(1 + seed % 7, seed, seed % 3 ? 20 : 100000);
    int64_t scale = seed % 3 ? 1 : 5000;
    for (int64_t budget : {0, 10, 30, 70}) {
      double least = leastLoss(items, budget * scale);
      std::vector<int32_t> choice;
      Status status = solveKnapsack(items, budget * scale, choice);
      ASSERT_EQ(status.ok(), std::isfinite(least));
      if (!status.ok())
        continue;
      KnapsackOption total = totalOf(items, choice);
      EXPECT_LE(total.cost, budget * scale);
      EXPECT_NEAR(total.loss, least, 1e-9) << seed << ", " << budget;
    }
  }
}

TEST(Knapsack, HundredsOfLayers) {
  // Widths 1 to 8 of layers of four shapes; each bit cuts the loss to about a
  // quarter.
  Random random(5);
  Items items(400);
  int64_t weights = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    int64_t size = int64_t(1) << (20 + i % 4);
    double sensitivity = std::exp(2 * random.normal());
    weights += size;
    for (int bits = 1; bits <= 8; ++bits)
      items[i].push_back({size * bits / 8, sensitivity * std::pow(0.26, bits) *
                                               (1 + 0.1 * random.uniform())});
  }
  std::vector<int32_t> choice;
  int64_t budget = weights * 3 / 8;
  ASSERT_TRUE(solveKnapsack(items, budget, choice).ok());
  KnapsackOption total = totalOf(items, choice);
  EXPECT_LE(total.cost, budget);
  double uniform = 0;
  for (const std::vector<KnapsackOption> &item : items)
    uniform += item[2].loss;
  EXPECT_LT(total.loss, 0.6 * uniform);
  // No two layers of one shape gain by exchanging a bit.
  for (size_t i = 0; i < items.size(); ++i)
    for (size_t j = i % 4; j < items.size(); j += 4)
      if (choice[i] < 7 && choice[j] > 0 && i != j) {
        double gain = items[i][choice[i]].loss - items[i][choice[i] + 1].loss;
        double cost = items[j][choice[j] - 1].loss - items[j][choice[j]].loss;
        ASSERT_LE(gain, cost * (1 + 1e-9));
      }
}

TEST(Knapsack, TakesTheCheaperOfEquals) {
  std::vector<int32_t> choice;
  ASSERT_TRUE(solveKnapsack({{{5, 1}, {3, 1}, {4, 2}}}, 10, choice).ok());
  EXPECT_EQ(choice, (std::vector<int32_t>{1}));
  ASSERT_TRUE(solveKnapsack({}, 0, choice).ok());
  EXPECT_TRUE(choice.empty());
}

TEST(Knapsack, Refusals) {
  std::vector<int32_t> choice;
  EXPECT_EQ(solveKnapsack({{{4, 1}, {3, 2}}, {{5, 0}}}, 7, choice).message,
            "the budget must be at least 8, which the cheapest options take, "
            "found 7");
  EXPECT_EQ(solveKnapsack({{{4, 1}}, {}}, 7, choice).message,
            "item 1: needs an option, found none");
  EXPECT_EQ(solveKnapsack({{{4, NAN}}}, 7, choice).message,
            "item 0: losses must be finite, found nan");
}
