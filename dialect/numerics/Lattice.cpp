//===- Lattice.cpp - codes for several numbers at once --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Lattice.h"

#include <algorithm>
#include <array>
#include <mutex>

namespace lowbit::numerics {

/// The order of vectors: by length, then from the last number down.
static bool isShorter(const std::vector<int8_t> &a,
                      const std::vector<int8_t> &b) {
  auto length = [](const std::vector<int8_t> &vector) {
    int sum = 0;
    for (int number : vector)
      sum += number * number;
    return sum;
  };
  int first = length(a), second = length(b);
  if (first != second)
    return first < second;
  return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(),
                                      b.rend());
}

/// All vectors of positive odd numbers of which no single one is beyond the
/// length `most`, squared.
static void listVectors(std::vector<int8_t> &front, unsigned values, int most,
                        std::vector<std::vector<int8_t>> &result) {
  if (front.size() == values) {
    result.push_back(front);
    return;
  }
  // The numbers to come are at least 1 each.
  int rest = static_cast<int>(values - front.size()) - 1;
  for (int number = 1; number * number + rest <= most; number += 2) {
    front.push_back(static_cast<int8_t>(number));
    listVectors(front, values, most - number * number, result);
    front.pop_back();
  }
}

static std::vector<int8_t> makeMagnitudes(LatticeFormat format) {
  size_t count = size_t(1) << format.indexBits();
  std::vector<std::vector<int8_t>> vectors;
  // Squares of odd numbers are 1 more than multiples of 8.
  for (int most = static_cast<int>(format.values); vectors.size() < count;
       most += 8) {
    std::vector<int8_t> front;
    vectors.clear();
    listVectors(front, format.values, most, vectors);
  }
  std::sort(vectors.begin(), vectors.end(), isShorter);
  std::vector<int8_t> result;
  for (size_t i = 0; i < count; ++i) {
    std::vector<int8_t> &vector = vectors[i];
    int sum = 0;
    for (int number : vector)
      sum += number;
    // A change of one sign moves a sum of odd numbers by 2 modulo 4.
    if (sum % 4 != 0)
      vector.back() = static_cast<int8_t>(-vector.back());
    result.insert(result.end(), vector.begin(), vector.end());
  }
  return result;
}

static std::shared_ptr<const CodeTable>
makeTable(LatticeFormat format, const std::vector<int8_t> &magnitudes) {
  auto table = std::make_shared<CodeTable>();
  table->codeBits = table->windowBits = format.codeBits;
  table->valuesPerCode = format.values;
  table->latticeIndexBits = format.indexBits();
  uint32_t indexMask = (1u << format.indexBits()) - 1;
  for (uint32_t code = 0; code < 1u << format.codeBits; ++code) {
    const int8_t *numbers =
        magnitudes.data() + format.values * (code & indexMask);
    uint32_t signs = latticeSigns(format, code);
    for (unsigned i = 0; i < format.values; ++i)
      table->values.push_back(
          static_cast<float>(signs >> i & 1 ? -numbers[i] : numbers[i]));
  }
  return table;
}

namespace {
/// What there is of a lattice, each made when it is first asked for.
struct Lattice {
  std::once_flag hasMagnitudes, hasTable;
  std::vector<int8_t> magnitudes;
  std::shared_ptr<const CodeTable> table;
};
} // namespace

static Lattice &findLattice(LatticeFormat format) {
  static std::array<Lattice, 2 * 17> all;
  return all[(format.values == 8 ? 17 : 0) + format.codeBits];
}

const std::vector<int8_t> &latticeMagnitudes(LatticeFormat format) {
  Lattice &lattice = findLattice(format);
  std::call_once(lattice.hasMagnitudes,
                 [&] { lattice.magnitudes = makeMagnitudes(format); });
  return lattice.magnitudes;
}

const std::shared_ptr<const CodeTable> &latticeTable(LatticeFormat format) {
  Lattice &lattice = findLattice(format);
  const std::vector<int8_t> &magnitudes = latticeMagnitudes(format);
  std::call_once(lattice.hasTable,
                 [&] { lattice.table = makeTable(format, magnitudes); });
  return lattice.table;
}

} // namespace lowbit::numerics
