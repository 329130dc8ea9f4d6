//===- Knapsack.cpp - one option for each item, within a budget -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dynamic programming over the choices that are worth their cost, item by item.
// What a partial choice can reach at best is bounded by letting the items that
// remain be divided between options (the linear relaxation, a walk along their
// convex hulls); the whole steps of the same walk give a choice that exists,
// hence an upper bound. Few partial choices lie between the two.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Knapsack.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lowbit::numerics {

namespace {

/// A step along an item's convex hull, to the next more expensive option.
struct Step {
  int64_t cost;
  double gain;

  double rate() const { return gain / static_cast<double>(cost); }
};

/// The items from one on, relaxed: where they begin, and the steps that they
/// offer, the best first, with running sums.
struct Relaxation {
  int64_t cost = 0;
  double loss = 0;
  std::vector<Step> steps;
  std::vector<int64_t> costs;
  std::vector<double> gains;

  struct Bounds {
    double least, reachable;
  };

  /// What the items lose within `budget`, at least their cost.
  Bounds bounds(int64_t budget) const {
    budget -= cost;
    size_t whole =
        std::upper_bound(costs.begin(), costs.end(), budget) - costs.begin();
    double reachable = loss - (whole ? gains[whole - 1] : 0);
    double least = reachable;
    if (whole < steps.size()) {
      int64_t rest = budget - (whole ? costs[whole - 1] : 0);
      least -= steps[whole].rate() * static_cast<double>(rest);
    }
    return {least, reachable};
  }
};

/// A choice for the first items.
struct State {
  int64_t cost;
  double loss;
  /// The state before the last item, and that item's option.
  int32_t previous, option;
};

class Solver {
public:
  Solver(const std::vector<std::vector<KnapsackOption>> &items, int64_t budget)
      : items(items), budget(budget) {}

  std::vector<int32_t> run();

private:
  void relax();
  std::vector<State> extend(size_t item, const std::vector<State> &states);

  const std::vector<std::vector<KnapsackOption>> &items;
  int64_t budget;
  /// relaxations[i] is that of the items from i on.
  std::vector<Relaxation> relaxations;
  double reachable = std::numeric_limits<double>::infinity();
};

} // namespace

/// Options that no cheaper one equals, by cost; indices into `options`.
static std::vector<int32_t>
worthwhile(const std::vector<KnapsackOption> &options) {
  std::vector<int32_t> order;
  for (size_t i = 0; i < options.size(); ++i)
    order.push_back(static_cast<int32_t>(i));
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    const KnapsackOption &x = options[a], &y = options[b];
    if (x.cost != y.cost)
      return x.cost < y.cost;
    return x.loss != y.loss ? x.loss < y.loss : a < b;
  });
  std::vector<int32_t> kept;
  for (int32_t option : order)
    if (kept.empty() || options[option].loss < options[kept.back()].loss)
      kept.push_back(option);
  return kept;
}

/// The steps of an item along its convex hull, in order of falling rate.
static std::vector<Step> hullOf(const std::vector<KnapsackOption> &options) {
  std::vector<int32_t> kept = worthwhile(options);
  std::vector<Step> steps;
  for (size_t i = 1; i < kept.size(); ++i) {
    const KnapsackOption &from = options[kept[i - 1]], &to = options[kept[i]];
    Step step{to.cost - from.cost, from.loss - to.loss};
    // A step at a better rate than the one before makes both one.
    while (!steps.empty() && steps.back().rate() <= step.rate()) {
      step.cost += steps.back().cost;
      step.gain += steps.back().gain;
      steps.pop_back();
    }
    steps.push_back(step);
  }
  return steps;
}

void Solver::relax() {
  relaxations.resize(items.size() + 1);
  for (size_t i = items.size(); i-- > 0;) {
    Relaxation &to = relaxations[i];
    const KnapsackOption &cheapest = items[i][worthwhile(items[i])[0]];
    to.cost = relaxations[i + 1].cost + cheapest.cost;
    to.loss = relaxations[i + 1].loss + cheapest.loss;
    std::vector<Step> steps = hullOf(items[i]);
    const std::vector<Step> &others = relaxations[i + 1].steps;
    to.steps.resize(steps.size() + others.size());
    std::merge(steps.begin(), steps.end(), others.begin(), others.end(),
               to.steps.begin(), [](const Step &a, const Step &b) {
                 return a.rate() > b.rate();
               });
    int64_t cost = 0;
    double gain = 0;
    for (const Step &step : to.steps) {
      to.costs.push_back(cost += step.cost);
      to.gains.push_back(gain += step.gain);
    }
  }
}

/// The choices of one more item, by cost, without those that are worse and no
/// cheaper than another and those that can't become the best.
std::vector<State> Solver::extend(size_t item,
                                  const std::vector<State> &states) {
  std::vector<State> all;
  const Relaxation &rest = relaxations[item + 1];
  for (int32_t option : worthwhile(items[item]))
    for (size_t i = 0; i < states.size(); ++i) {
      State state{states[i].cost + items[item][option].cost,
                  states[i].loss + items[item][option].loss,
                  static_cast<int32_t>(i), option};
      if (state.cost + rest.cost > budget)
        break;
      Relaxation::Bounds bounds = rest.bounds(budget - state.cost);
      reachable = std::min(reachable, state.loss + bounds.reachable);
      // Sums in different orders differ by their rounding.
      double slack = 1e-9 * (std::fabs(reachable) + std::fabs(state.loss));
      if (state.loss + bounds.least <= reachable + slack)
        all.push_back(state);
    }
  std::sort(all.begin(), all.end(), [](const State &a, const State &b) {
    if (a.cost != b.cost)
      return a.cost < b.cost;
    if (a.loss != b.loss)
      return a.loss < b.loss;
    return a.option != b.option ? a.option < b.option : a.previous < b.previous;
  });
  std::vector<State> kept;
  for (const State &state : all)
    if (kept.empty() || state.loss < kept.back().loss)
      kept.push_back(state);
  return kept;
}

std::vector<int32_t> Solver::run() {
  relax();
  std::vector<std::vector<State>> layers{{{0, 0, -1, -1}}};
  for (size_t item = 0; item < items.size(); ++item)
    layers.push_back(extend(item, layers.back()));
  // By falling loss: the last one is the best.
  std::vector<int32_t> choice(items.size());
  int32_t at = static_cast<int32_t>(layers.back().size()) - 1;
  for (size_t item = items.size(); item > 0; --item) {
    const State &state = layers[item][at];
    choice[item - 1] = state.option;
    at = state.previous;
  }
  return choice;
}

Status solveKnapsack(const std::vector<std::vector<KnapsackOption>> &items,
                     int64_t budget, std::vector<int32_t> &choice) {
  int64_t cheapest = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].empty())
      return {"item " + std::to_string(i) + ": needs an option, found none"};
    int64_t least = std::numeric_limits<int64_t>::max();
    for (const KnapsackOption &option : items[i]) {
      if (!std::isfinite(option.loss))
        return {"item " + std::to_string(i) +
                ": losses must be finite, found " +
                std::to_string(option.loss)};
      least = std::min(least, option.cost);
    }
    cheapest += least;
  }
  if (cheapest > budget)
    return {"the budget must be at least " + std::to_string(cheapest) +
            ", which the cheapest options take, found " +
            std::to_string(budget)};
  choice = Solver(items, budget).run();
  return Status::success();
}

} // namespace lowbit::numerics
