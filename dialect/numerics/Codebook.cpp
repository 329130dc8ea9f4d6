//===- Codebook.cpp - tables of numbers learned from weights --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Codebook.h"

#include "TableQuantizer.h"
#include <algorithm>
#include <cmath>

namespace lowbit::numerics {

//===----------------------------------------------------------------------===//
// The optimum on a line
//===----------------------------------------------------------------------===//

namespace {

/// Divides ascending points into runs, each with one number.
class LinePartition {
public:
  explicit LinePartition(const std::vector<WeightedPoint> &points)
      : size(static_cast<int64_t>(points.size())), weight(size + 1, 0),
        first(size + 1, 0), second(size + 1, 0) {
    for (int64_t i = 0; i < size; ++i) {
      auto [value, share] = points[i];
      weight[i + 1] = weight[i] + share;
      first[i + 1] = first[i] + share * value;
      second[i + 1] = second[i] + share * value * value;
    }
  }

  std::vector<float> run(unsigned count);

private:
  /// Mean of points [begin, end).
  double mean(int64_t begin, int64_t end) const {
    double total = weight[end] - weight[begin];
    return total > 0 ? (first[end] - first[begin]) / total : 0;
  }
  /// Their squared distance from it.
  double error(int64_t begin, int64_t end) const {
    double sum = first[end] - first[begin];
    return second[end] - second[begin] - sum * mean(begin, end);
  }
  void improve(int64_t low, int64_t high, int64_t lowCut, int64_t highCut);

  int64_t size;
  /// Sums of weights, weighted values and weighted squares before each point.
  std::vector<double> weight, first, second;
  /// Least error of the points before each, with one run less and with all.
  std::vector<double> before, after;
  std::vector<int32_t> cuts;
};

} // namespace

/// Where the last run begins never falls as points are added, so the middle
/// one's answer halves the choice for all others.
void LinePartition::improve(int64_t low, int64_t high, int64_t lowCut,
                            int64_t highCut) {
  if (low > high)
    return;
  int64_t middle = (low + high) / 2, best = lowCut;
  double least = INFINITY;
  for (int64_t cut = lowCut; cut <= std::min(middle, highCut); ++cut) {
    double total = before[cut] + error(cut, middle);
    if (total < least) {
      least = total;
      best = cut;
    }
  }
  after[middle] = least;
  cuts[middle] = static_cast<int32_t>(best);
  improve(low, middle - 1, lowCut, best);
  improve(middle + 1, high, best, highCut);
}

std::vector<float> LinePartition::run(unsigned count) {
  std::vector<std::vector<int32_t>> allCuts;
  before.resize(size + 1);
  for (int64_t i = 0; i <= size; ++i)
    before[i] = error(0, i);
  for (unsigned runs = 2; runs <= count; ++runs) {
    after.assign(size + 1, 0);
    cuts.assign(size + 1, 0);
    improve(0, size, 0, size);
    allCuts.push_back(cuts);
    before = after;
  }
  std::vector<float> numbers;
  int64_t end = size;
  for (size_t i = allCuts.size() + 1; i-- > 0;) {
    int64_t begin = i ? allCuts[i - 1][end] : 0;
    // A run without weight stands where its neighbour does.
    if (weight[end] > weight[begin])
      numbers.push_back(static_cast<float>(mean(begin, end)));
    end = begin;
  }
  if (numbers.empty())
    numbers.push_back(0);
  std::reverse(numbers.begin(), numbers.end());
  numbers.resize(count, numbers.back());
  return numbers;
}

std::vector<float> optimalNumbers(const std::vector<WeightedPoint> &points,
                                  unsigned count) {
  return LinePartition(points).run(count);
}

//===----------------------------------------------------------------------===//
// Learning with scales
//===----------------------------------------------------------------------===//

/// The optimum for weights divided by the largest of their group.
static std::vector<float> firstNumbers(const float *weights,
                                       const QuantizedMatrix &matrix,
                                       unsigned count,
                                       const float *importance) {
  constexpr int64_t kBins = 4096;
  const Encoding &encoding = matrix.encoding;
  std::vector<WeightedPoint> bins(kBins, {0, 0});
  int64_t groups = encoding.groupCount(matrix.columns);
  int64_t size = encoding.columnsPerGroup(matrix.columns);
  std::vector<float> largest(matrix.scales.size(), 0);
  auto forEach = [&](auto visit) {
    for (int64_t n = 0; n < matrix.rows; ++n)
      for (int64_t k = 0; k < matrix.columns; ++k)
        visit(weights[n * matrix.columns + k],
              largest[encoding.parameterIndex(n, k / size, groups)], k);
  };
  forEach([](float weight, float &most, int64_t) {
    most = std::max(most, std::fabs(weight));
  });
  forEach([&](float weight, float most, int64_t k) {
    if (most == 0)
      return;
    double place = (static_cast<double>(weight) / most + 1) * (kBins / 2);
    WeightedPoint &bin = bins[std::min(static_cast<int64_t>(place), kBins - 1)];
    double share = static_cast<double>(most) * most;
    share *= importance ? importance[k] : 1;
    bin.value += share * weight / most;
    bin.weight += share;
  });
  bins.erase(
      std::remove_if(bins.begin(), bins.end(),
                     [](const WeightedPoint &bin) { return bin.weight <= 0; }),
      bins.end());
  for (WeightedPoint &bin : bins)
    bin.value /= bin.weight;
  return optimalNumbers(bins, count);
}

/// The best numbers for the codes and scales of `matrix`.
static std::vector<float> refitNumbers(const float *weights,
                                       const QuantizedMatrix &matrix,
                                       const float *importance) {
  const Encoding &encoding = matrix.encoding;
  std::vector<float> numbers = encoding.element.table()->values;
  std::vector<double> cross(numbers.size(), 0), square(numbers.size(), 0);
  int64_t groups = encoding.groupCount(matrix.columns);
  int64_t size = encoding.columnsPerGroup(matrix.columns);
  for (int64_t n = 0; n < matrix.rows; ++n)
    for (int64_t k = 0; k < matrix.columns; ++k) {
      double scale =
          matrix.scales[encoding.parameterIndex(n, k / size, groups)];
      double weighted = scale * (importance ? importance[k] : 1);
      uint32_t code = matrix.code(n, k);
      cross[code] += weighted * weights[n * matrix.columns + k];
      square[code] += weighted * scale;
    }
  for (size_t i = 0; i < numbers.size(); ++i)
    if (square[i] > 0)
      numbers[i] = static_cast<float>(cross[i] / square[i]);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

Status learnCodebook(const float *weights, int64_t rows, int64_t columns,
                     const Encoding &encoding, unsigned codeBits,
                     const float *importance, CodeTable &result) {
  if (Status status = checkFinite(weights, 0, rows, columns); !status.ok())
    return status;
  Encoding learned = encoding;
  learned.stored = nullptr;
  learned.zeroPoint = ZeroPointKind::None;
  learned.hasMinimum = false;
  learned.element = {8, IntegerKind::Signed};
  QuantizedMatrix matrix;
  matrix.reset(learned, rows, columns);
  CodeTable table{codeBits, codeBits, 1,
                  firstNumbers(weights, matrix, 1u << codeBits, importance)};
  QuantizeOptions options;
  options.importance = importance;
  // With one scale for all, the first table is the optimum.
  const int kTurns = learned.parameterCount(rows, columns) > 1 ? 4 : 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    learned.element = std::make_shared<const CodeTable>(table);
    if (Status status =
            quantize(weights, rows, columns, learned, options, matrix);
        !status.ok())
      return status;
    table.values = refitNumbers(weights, matrix, importance);
  }
  result = std::move(table);
  return Status::success();
}

} // namespace lowbit::numerics
