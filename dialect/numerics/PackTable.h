//===- PackTable.h - byte moves of a few atoms ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The address function, tabulated for a strip of atoms along k: each entry
// moves a field of a code to or from a byte. A strip's bytes depend on where
// its first bit falls within a byte, so there is a table for each such phase
// that the layout can reach.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_PACKTABLE_H
#define LOWBIT_NUMERICS_PACKTABLE_H

#include "lowbit/Numerics/Layout.h"

namespace lowbit::numerics {

/// A field of a code that lies within one byte, unpacked and packed.
struct FieldMove {
  /// From the first byte of the code at the strip's first row and column to the
  /// one that holds the field.
  int64_t code;
  /// From the byte that holds the strip's first bit to this one.
  int64_t byte;
  /// Position within the strip, for strips cut off by the matrix' edge.
  int32_t row, column;
  uint8_t codeShift, byteShift, mask;
};

/// The moves of one phase.
struct PhaseMoves {
  /// Every field, in the order of its bytes.
  std::vector<FieldMove> fields;
  /// The same fields again: those that come in fours of neighbouring codes and
  /// neighbouring bytes, represented by the first, and the others.
  std::vector<FieldMove> quads, singles;
};

class PackTable {
public:
  explicit PackTable(const BoundLayout &layout);

  /// Atoms per strip.
  int64_t stripAtoms() const { return atoms; }
  /// Moves of a strip whose first bit is at `bit` of buffer 0.
  const PhaseMoves &moves(int64_t bit) const { return phases[bit & 7]; }

private:
  int64_t atoms;
  PhaseMoves phases[8];
};

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_PACKTABLE_H
