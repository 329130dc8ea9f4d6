//===- TrellisTable.cpp - numbers, scales and rates of trellises ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Trellis.h"

#include "lowbit/Numerics/FactoredHessian.h"
#include "lowbit/Numerics/Float16.h"
#include <algorithm>
#include <cmath>
#include <mutex>
#include <queue>

namespace lowbit::numerics {

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// The number below which a share of a Gaussian lies (Acklam's rational
/// approximation; its error of 1e-9 vanishes in the rounding to 1/32).
static double gaussianQuantile(double share) {
  constexpr double kTail = 0.02425;
  if (share > 0.5)
    return -gaussianQuantile(1 - share);
  if (share < kTail) {
    double q = std::sqrt(-2 * std::log(share));
    double top = ((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q -
                    2.400758277161838e+00) *
                       q -
                   2.549732539343734e+00) *
                      q +
                  4.374664141464968e+00) *
                     q +
                 2.938163982698783e+00;
    double bottom = (((7.784695709041462e-03 * q + 3.224671290700398e-01) * q +
                      2.445134137142996e+00) *
                         q +
                     3.754408661907416e+00) *
                        q +
                    1;
    return top / bottom;
  }
  double q = share - 0.5, r = q * q;
  double top = (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r -
                   2.759285104469687e+02) *
                      r +
                  1.383577518672690e+02) *
                     r -
                 3.066479806614716e+01) *
                    r +
                2.506628277459239e+00) *
               q;
  double bottom = ((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r -
                     1.556989798598866e+02) *
                        r +
                    6.680131188771972e+01) *
                       r -
                   1.328068155288572e+01) *
                      r +
                  1;
  return top / bottom;
}

namespace {

/// SplitMix64, for draws that are the same everywhere.
class SplitMix {
public:
  explicit SplitMix(uint64_t seed) : state(seed) {}

  uint64_t draw() {
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
  }

private:
  uint64_t state;
};

} // namespace

/// The numbers of 2^`bits` slices of equal probability of a Gaussian, by
/// magnitude, the negative ones in the second half.
static std::vector<float> makeNumbers(unsigned bits) {
  std::vector<float> numbers(size_t(1) << bits);
  size_t half = numbers.size() / 2;
  for (size_t i = 0; i < half; ++i) {
    double number = gaussianQuantile(0.5 + (i + 0.5) / numbers.size());
    numbers[i] = static_cast<float>(std::nearbyint(number * 32) / 32);
    numbers[i + half] = -numbers[i];
  }
  return numbers;
}

/// Whether an odd number of the bits are set.
static bool isOdd(uint32_t bits) {
  for (unsigned shift : {8u, 4u, 2u, 1u})
    bits ^= bits >> shift;
  return bits & 1;
}

/// Each bit of a number's index is the sum, modulo 2, of some bits of the
/// window: a convolutional code. The code itself is added to the top ones, so
/// that it chooses among slices.
static CodeTable makeTable(unsigned stateBits, unsigned rate) {
  // Numbers enough for the rate; more gain nothing, and take a kernel longer.
  constexpr unsigned kIndexBits[][maxTrellisRate] = {
      {6, 6, 7, 8, 8, 8},    // 8 bits of state
      {7, 7, 8, 9, 9, 9},    // 9
      {7, 7, 8, 9, 10, 10},  // 10
      {7, 7, 8, 9, 10, 11},  // 11
      {7, 7, 8, 9, 10, 11}}; // 12
  // Of the first hundred or so, the seeds of least error for a Gaussian.
  constexpr unsigned kSeeds[][maxTrellisRate] = {
      {27, 131, 104, 68, 4, 47}, // 8
      {42, 58, 38, 1, 14, 12},   // 9
      {48, 3, 3, 1, 19, 14},     // 10
      {38, 46, 1, 1, 19, 3},     // 11
      {110, 41, 98, 11, 112, 23} // 12
  };
  unsigned state = stateBits - minTrellisState;
  unsigned indexBits = kIndexBits[state][rate - 1];
  SplitMix random(kSeeds[state][rate - 1]);
  uint32_t codeMask = (1u << rate) - 1, windowMask = (1u << stateBits) - 1;
  std::vector<uint32_t> sums(indexBits);
  for (unsigned i = 0; i < indexBits; ++i) {
    sums[i] = static_cast<uint32_t>(random.draw()) & windowMask & ~codeMask;
    if (i + rate >= indexBits)
      sums[i] |= 1u << (i + rate - indexBits);
  }
  std::vector<float> numbers = makeNumbers(indexBits);
  CodeTable table{rate, stateBits, 1, {}};
  for (uint32_t window = 0; window <= windowMask; ++window) {
    uint32_t index = 0;
    for (unsigned i = 0; i < indexBits; ++i)
      index |= uint32_t(isOdd(window & sums[i])) << i;
    table.values.push_back(numbers[index]);
  }
  return table;
}

const CodeTable &trellisTable(unsigned stateBits, unsigned rate) {
  constexpr unsigned states = maxTrellisState - minTrellisState + 1;
  static std::once_flag isMade[states][maxTrellisRate];
  static CodeTable tables[states][maxTrellisRate];
  unsigned i = stateBits - minTrellisState;
  std::call_once(isMade[i][rate - 1],
                 [&] { tables[i][rate - 1] = makeTable(stateBits, rate); });
  return tables[i][rate - 1];
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

CodeTable logTable(unsigned codeBits, unsigned stepsPerOctave) {
  CodeTable table{codeBits, codeBits, 1, {}};
  for (uint32_t code = 0; code < 1u << codeBits; ++code)
    table.values.push_back(static_cast<float>(
        std::exp2(-static_cast<double>(code) / stepsPerOctave)));
  return table;
}

//===----------------------------------------------------------------------===//
// Encodings
//===----------------------------------------------------------------------===//

/// How many columns have each rate.
static std::vector<int64_t> countRates(const std::vector<uint8_t> &rates) {
  std::vector<int64_t> counts(maxTrellisRate + 1, 0);
  for (uint8_t rate : rates)
    ++counts[rate];
  return counts;
}

Encoding trellisEncoding(unsigned stateBits,
                         const std::vector<uint8_t> &rates) {
  std::vector<ColumnPart> parts;
  std::vector<int64_t> counts = countRates(rates);
  for (unsigned rate = maxTrellisRate; rate > 0; --rate)
    if (counts[rate])
      parts.push_back({ElementFormat(std::make_shared<const CodeTable>(
                           trellisTable(stateBits, rate))),
                       counts[rate]});
  Encoding scale;
  scale.element = std::make_shared<const CodeTable>(logTable(5, 8));
  scale.granularity = Granularity::Tensor;
  Encoding encoding;
  encoding.scale = ScaleFormat::E4M3;
  encoding.outer = OuterScale::Tensor;
  encoding.columnScale = std::make_shared<const Encoding>(scale);
  if (parts.size() == 1)
    encoding.element = parts.front().format;
  else
    encoding.element =
        std::make_shared<const std::vector<ColumnPart>>(std::move(parts));
  return encoding;
}

std::vector<uint8_t> trellisParts(const std::vector<uint8_t> &rates) {
  std::vector<int64_t> counts = countRates(rates);
  std::vector<uint8_t> part(maxTrellisRate + 1, 0), parts;
  uint8_t next = 0;
  for (unsigned rate = maxTrellisRate; rate > 0; --rate)
    if (counts[rate])
      part[rate] = next++;
  if (next > 1)
    for (uint8_t rate : rates)
      parts.push_back(part[rate]);
  return parts;
}

//===----------------------------------------------------------------------===//
// Rates
//===----------------------------------------------------------------------===//

Status columnCosts(const float *weights, int64_t rows, int64_t columns,
                   const float *hessian, double damping,
                   const float *rowWeights, std::vector<double> &costs) {
  std::vector<int32_t> order = orderByDiagonal(hessian, columns);
  FactoredHessian factors;
  if (Status status = FactoredHessian::factor(hessian, order, damping, factors);
      !status.ok())
    return status;
  costs.assign(columns, 0);
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t k = 0; k < columns; ++k) {
      double weight = weights[n * columns + k];
      costs[k] += weight * weight * (rowWeights ? rowWeights[n] : 1);
    }
  for (int64_t i = 0; i < columns; ++i)
    costs[order[i]] *= factors.pivots()[i];
  return Status::success();
}

const std::vector<double> &trellisDistortions() {
  static const std::vector<double> distortions = {
      1, 0.2761, 0.0733, 0.019, 0.0049, 0.00125, 0.00032};
  return distortions;
}

namespace {

/// One more bit for a column.
struct Upgrade {
  double gainPerBit;
  int32_t layer, column;

  bool operator<(const Upgrade &other) const {
    if (gainPerBit != other.gainPerBit)
      return gainPerBit < other.gainPerBit;
    return layer != other.layer ? layer > other.layer : column > other.column;
  }
};

} // namespace

std::vector<std::vector<uint8_t>>
allocateRates(const std::vector<RatedLayer> &layers, double averageBits) {
  std::vector<std::vector<uint8_t>> rates;
  std::priority_queue<Upgrade> queue;
  double weights = 0, spent = 0;
  auto offer = [&](int32_t layer, int32_t column) {
    const RatedLayer &from = layers[layer];
    unsigned rate = rates[layer][column];
    if (rate < maxTrellisRate)
      queue.push(
          {from.shares[column] * from.gains[rate] / from.rows, layer, column});
  };
  for (size_t i = 0; i < layers.size(); ++i) {
    auto columns = static_cast<int32_t>(layers[i].shares.size());
    rates.emplace_back(columns, 1);
    weights += static_cast<double>(layers[i].rows) * columns;
    for (int32_t k = 0; k < columns; ++k)
      offer(static_cast<int32_t>(i), k);
  }
  spent = weights;
  while (!queue.empty()) {
    Upgrade best = queue.top();
    queue.pop();
    auto bits = static_cast<double>(layers[best.layer].rows);
    if (spent + bits > averageBits * weights)
      continue;
    spent += bits;
    ++rates[best.layer][best.column];
    offer(best.layer, best.column);
  }
  return rates;
}

} // namespace lowbit::numerics
