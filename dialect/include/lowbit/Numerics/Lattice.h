//===- Lattice.h - codes for several numbers at once ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vectors of 4 or 8 odd numbers whose sum is a multiple of 4: the points of the
// lattice D4 or D8, moved by a half in each coordinate and twice as large. (D8
// with this shifted copy is E8.) Those next to zero come closer to Gaussian
// weights than the same number of bits in codes for single numbers: a ball has
// more volume where such weights are than a cube has, and the lattice fills it
// more evenly (Tseng et al., QuIP#, 2024, use them for weights of 2 bits).
//
// A code is an index into the shortest vectors of magnitudes, which is a table,
// and above it a bit for each number but the last, from which the signs follow.
// The table is small, and the signs are two operations for all numbers of eight
// codes or more: neither needs a stored table of all points.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_LATTICE_H
#define LOWBIT_NUMERICS_LATTICE_H

#include "lowbit/Numerics/Encoding.h"

namespace lowbit::numerics {

/// Which points codes choose from.
struct LatticeFormat {
  /// Numbers of a point: 4 or 8.
  unsigned values = 8;
  /// Bits of a code: those of the index, and one less than there are numbers.
  unsigned codeBits = 15;

  /// 4 to 9 for points of 8 numbers, 4 to 11 for those of 4.
  unsigned indexBits() const { return codeBits - (values - 1); }
  /// Whether this is one of the lattices.
  bool isValid() const {
    unsigned most = values == 8 ? 16 : 14;
    return (values == 4 || values == 8) && codeBits >= values + 3 &&
           codeBits <= most;
  }
};

/// The magnitudes that indices select, [2^indexBits, values]: the shortest
/// vectors of positive odd numbers, shortest first, of equal length in the
/// order of their numbers from the last one down. The last number of a vector
/// is negative if its sum is no multiple of 4.
const std::vector<int8_t> &latticeMagnitudes(LatticeFormat format);

/// The signs that the bits above the index say: bit i is set where number i is
/// negated. An even number of them are, so that the sum of the numbers stays
/// what it is modulo 4; every such pattern has bits of its own.
inline uint32_t latticeSigns(LatticeFormat format, uint32_t code) {
  uint32_t bits = code >> format.indexBits();
  return (bits ^ bits << 1) & ((1u << format.values) - 1);
}

/// The inverse: the bits of a code for an even number of `signs`.
inline uint32_t latticeSignBits(LatticeFormat format, uint32_t signs) {
  uint32_t bits = signs;
  for (unsigned shift = 1; shift < format.values; shift *= 2)
    bits ^= bits << shift;
  return (bits & ((1u << (format.values - 1)) - 1)) << format.indexBits();
}

/// What all codes stand for; made once per process. `format` must be valid.
const std::shared_ptr<const CodeTable> &latticeTable(LatticeFormat format);

/// The lattice whose codes `element` has, which must be one.
inline LatticeFormat latticeOf(const ElementFormat &element) {
  return {element.valuesPerCode(), element.codeBits()};
}

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_LATTICE_H
