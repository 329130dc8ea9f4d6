//===- LaneTables.cpp - tables of numbers for vector code -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneTables.h"

#include "FloatBits.h"
#include <algorithm>
#include <cmath>

namespace lowbit::numerics {

/// The numbers of every format; a code that is never written has none.
static std::vector<float> numbersOf(const ElementFormat &element) {
  if (const CodeTable *table = element.table())
    return table->values;
  const IntegerFormat &format = *element.integer();
  std::vector<float> numbers;
  for (uint32_t code = 0; code < format.codeCount(); ++code)
    numbers.push_back(code < format.firstCode() ? NAN : format.decode(code));
  return numbers;
}

/// The least float, in the order of numbers, whose leading bits are `key`.
static float leastWithKey(uint32_t key) {
  uint32_t bits = key << LaneTable::keyShift;
  if (bits >> 31)
    bits |= (1u << LaneTable::keyShift) - 1;
  float value = floatOf(bits);
  // NaNs have keys as well; any rank will do for them.
  return std::isnan(value) ? -INFINITY : value;
}

LaneTables::LaneTables(const ElementFormat &element)
    : numbers(numbersOf(element)) {
  lanes.valuesPerCode = element.valuesPerCode();
  if (lanes.valuesPerCode == 1)
    sortScalars();
  lanes.count = static_cast<uint32_t>(numbers.size()) / lanes.valuesPerCode;
  if (lanes.valuesPerCode == 1) {
    numbers.resize(std::max<size_t>(numbers.size(), LaneTable::chainLength),
                   INFINITY);
    borders.resize(numbers.size(), INFINITY);
  }
  lanes.numbers = numbers.data();
  lanes.borders = borders.data();
  lanes.ranks = ranks.data();
  if (element.isLattice())
    readLattice(latticeOf(element));
}

void LaneTables::readLattice(LatticeFormat format) {
  const std::vector<int8_t> &all = latticeMagnitudes(format);
  for (size_t first = 0; first < all.size(); first += format.values) {
    float length = 0;
    for (unsigned i = 0; i < format.values; ++i) {
      float number = all[first + i];
      magnitudes.push_back(std::fabs(number));
      length += number * number;
    }
    lengths.push_back(length);
    isOdd.push_back(all[first + format.values - 1] < 0 ? ~0u : 0u);
  }
  lanes.indexBits = format.indexBits();
  lanes.magnitudes = magnitudes.data();
  lanes.lengths = lengths.data();
  lanes.isOdd = isOdd.data();
  symmetric = true;
}

void LaneTables::sortScalars() {
  for (uint32_t code = 0; code < numbers.size(); ++code)
    if (std::isfinite(numbers[code]))
      codes.push_back(static_cast<uint16_t>(code));
  std::sort(codes.begin(), codes.end(), [&](uint32_t a, uint32_t b) {
    return numbers[a] != numbers[b] ? numbers[a] < numbers[b] : a < b;
  });
  std::vector<float> sorted;
  for (uint32_t code : codes)
    sorted.push_back(numbers[code]);
  if (sorted.empty()) {
    // Nothing can be written: everything becomes code 0.
    sorted.push_back(0);
    codes.push_back(0);
  }
  numbers = sorted;
  symmetric = true;
  for (size_t i = 0; i < numbers.size(); ++i) {
    symmetric &= numbers[i] == -numbers[numbers.size() - 1 - i];
    if (i)
      borders.push_back(0.5f * numbers[i - 1] + 0.5f * numbers[i]);
  }
  for (uint32_t key = 0; key < 1u << (32 - LaneTable::keyShift); ++key)
    ranks.push_back(static_cast<uint16_t>(
        std::lower_bound(borders.begin(), borders.end(), leastWithKey(key)) -
        borders.begin()));
}

std::pair<float, float> LaneTables::extent() const {
  float below = 0, above = 0;
  for (float value : numbers)
    if (std::isfinite(value)) {
      below = std::max(below, -value);
      above = std::max(above, value);
    }
  return {below, above};
}

bool LaneTables::hasBothSigns() const {
  auto [below, above] = extent();
  return below > 0 && above > 0;
}

float LaneTables::reach() const {
  if (lanes.indexBits)
    return extreme(1);
  auto [below, above] = extent();
  return below > 0 && above > 0 ? std::min(below, above)
                                : std::max(below, above);
}

float LaneTables::extreme(float like) const {
  if (lanes.indexBits)
    return std::copysign(
        std::sqrt(lengths.back() / static_cast<float>(lanes.valuesPerCode)),
        like);
  float best = 0;
  for (float value : numbers) {
    float magnitude = std::fabs(value), other = std::fabs(best);
    bool isAlike = std::signbit(value) == std::signbit(like);
    if (!std::isfinite(value))
      continue;
    if (magnitude > other || (magnitude == other && isAlike))
      best = value;
  }
  return best;
}

} // namespace lowbit::numerics
