//===- FactoredTable.cpp - long tables as a hash and a short one ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FactoredTable.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/Support/MathExtras.h"

using namespace lowbit;

using Bytes = llvm::ArrayRef<int8_t>;

static bool isSymmetry(Bytes table, uint32_t mask, int sign) {
  return llvm::all_of(llvm::seq<uint32_t>(0, table.size()), [&](uint32_t i) {
    return table[i ^ mask] == static_cast<int8_t>(sign * table[i]);
  });
}

/// `index` without the top bits of the masks in `basis`, each of which has a
/// top bit of its own.
static uint32_t reduce(uint32_t index, llvm::ArrayRef<uint32_t> basis) {
  for (uint32_t mask : basis)
    if (index >> llvm::Log2_32(mask) & 1)
      index ^= mask;
  return index;
}

/// Masks that leave the table as it is and span all others, by falling top bit.
static std::vector<uint32_t> findSymmetries(Bytes table) {
  std::vector<uint32_t> basis;
  for (uint32_t mask = 1; mask < table.size(); ++mask)
    if (isSymmetry(table, mask, 1))
      if (uint32_t rest = reduce(mask, basis)) {
        basis.push_back(rest);
        llvm::sort(basis, std::greater<uint32_t>());
      }
  return basis;
}

/// Moves the bits of `value` at `places` together.
static uint16_t compress(uint32_t value, llvm::ArrayRef<unsigned> places) {
  uint16_t result = 0;
  for (auto [i, place] : llvm::enumerate(places))
    result |= (value >> place & 1) << i;
  return result;
}

/// Changes the index so that its top bit alone negates, if anything does.
static void moveSignToTop(FactoredTable &factored) {
  std::vector<int8_t> entries = factored.entries;
  uint32_t size = entries.size(), mask = 1;
  while (mask < size && !isSymmetry(entries, mask, -1))
    ++mask;
  if (mask >= size)
    return;
  // The lowest bit of the mask becomes the top one; where it is set, the mask
  // is taken off the others.
  unsigned bit = llvm::countr_zero(mask);
  std::vector<unsigned> places;
  for (unsigned place = 0; 1u << place < size; ++place)
    if (place != bit)
      places.push_back(place);
  auto change = [&](uint32_t index) -> uint16_t {
    bool isSet = index >> bit & 1;
    return compress(isSet ? index ^ mask : index, places) |
           (isSet ? size / 2 : 0);
  };
  for (uint32_t i = 0; i < size; ++i)
    factored.entries[change(i)] = entries[i];
  for (uint16_t &image : factored.images)
    image = change(image);
}

FactoredTable lowbit::factorTable(Bytes table) {
  std::vector<uint32_t> basis = findSymmetries(table);
  unsigned bits = llvm::Log2_64(table.size());
  std::vector<unsigned> places;
  for (unsigned bit = 0; bit < bits; ++bit)
    if (llvm::none_of(
            basis, [&](uint32_t mask) { return llvm::Log2_32(mask) == bit; }))
      places.push_back(bit);
  FactoredTable result;
  for (unsigned bit = 0; bit < bits; ++bit)
    result.images.push_back(compress(reduce(1u << bit, basis), places));
  result.entries.resize(size_t(1) << places.size());
  for (uint32_t i = 0; i < table.size(); ++i)
    result.entries[compress(reduce(i, basis), places)] = table[i];
  moveSignToTop(result);
  return result;
}
