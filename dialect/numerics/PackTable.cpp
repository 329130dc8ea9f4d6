//===- PackTable.cpp - byte moves of a few atoms --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Distances within a strip are the same for every strip of a bound layout,
// word interleaving included, because each strip begins at an atom.
//
//===----------------------------------------------------------------------===//

#include "PackTable.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace lowbit::numerics {

/// Strips have about this many codes, so that their set-up costs little.
static constexpr int64_t stripCodes = 128;

/// Splits the bits of one code into fields: maximal runs of bits that stay
/// neighbours and don't cross a byte on either side.
static void appendFields(const BoundLayout &layout, int64_t phase, int64_t row,
                         int64_t column, std::vector<FieldMove> &fields) {
  const Atom &atom = layout.layout().atom;
  int64_t width = layout.componentBits(Component::Code);
  int64_t code =
      (row * layout.columns() + column) * layout.encoding().element.codeBytes();
  int64_t origin = layout.atomBit(0, 0, 0, 0), previous = 0;
  bool open = false;
  for (int64_t bit = 0; bit < width; ++bit) {
    int64_t offset = atom.offsetOf(row, column % atom.columns, bit);
    int64_t address =
        phase - origin + layout.atomBit(0, 0, column / atom.columns, offset);
    if (open && address == previous + 1 && address % 8 && bit % 8) {
      fields.back().mask = fields.back().mask << 1 | 1;
    } else {
      fields.push_back({code + bit / 8, address / 8, static_cast<int32_t>(row),
                        static_cast<int32_t>(column),
                        static_cast<uint8_t>(bit % 8),
                        static_cast<uint8_t>(address % 8), 1});
      open = true;
    }
    previous = address;
  }
}

/// Whether `next` continues `first` as its `i`-th neighbour.
static bool continues(const FieldMove &first, const FieldMove &next,
                      int64_t i) {
  return next.code == first.code + i && next.byte == first.byte + i &&
         next.row == first.row && next.codeShift == first.codeShift &&
         next.byteShift == first.byteShift && next.mask == first.mask;
}

/// Groups fields of the same shifts into fours.
static void findQuads(PhaseMoves &moves) {
  std::vector<FieldMove> sorted = moves.fields;
  std::sort(sorted.begin(), sorted.end(),
            [](const FieldMove &a, const FieldMove &b) {
              return std::tie(a.codeShift, a.byteShift, a.mask, a.byte) <
                     std::tie(b.codeShift, b.byteShift, b.mask, b.byte);
            });
  for (size_t i = 0; i < sorted.size();) {
    bool quad = i + 4 <= sorted.size();
    for (int64_t j = 1; quad && j < 4; ++j)
      quad = continues(sorted[i], sorted[i + j], j);
    (quad ? moves.quads : moves.singles).push_back(sorted[i]);
    i += quad ? 4 : 1;
  }
}

/// The phases that strips can have are multiples of this.
static int64_t phaseStep(const BoundLayout &layout) {
  int64_t step = 8;
  for (int64_t block :
       {int64_t(0), std::min<int64_t>(1, layout.rowBlockCount() - 1)})
    for (int64_t run = 0; run < std::min<int64_t>(layout.runCount(), 2); ++run)
      for (int64_t atom : {0, 1})
        step = std::gcd(step, layout.atomBit(block, run, atom, 0));
  return step;
}

PackTable::PackTable(const BoundLayout &layout) {
  const Atom &atom = layout.layout().atom;
  atoms = std::min(stripCodes / (atom.rows * atom.columns),
                   layout.runColumns() / atom.columns);
  atoms = std::max<int64_t>(1, atoms);
  // Digits are no bits that move.
  if (!layout.rows() || !layout.columns() || atom.base)
    return;
  for (int64_t phase = 0; phase < 8; phase += phaseStep(layout)) {
    PhaseMoves &moves = phases[phase];
    for (int64_t row = 0; row < atom.rows; ++row)
      for (int64_t column = 0; column < atoms * atom.columns; ++column)
        appendFields(layout, phase, row, column, moves.fields);
    findQuads(moves);
  }
}

} // namespace lowbit::numerics
