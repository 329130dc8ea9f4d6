//===- LaneTables.h - tables of numbers for vector code ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Owns what a LaneTable points to: an element format's numbers, sorted, with
// borders between them and a way to find the right one.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_LANETABLES_H
#define LOWBIT_NUMERICS_LANETABLES_H

#include "GroupKernels.h"
#include "lowbit/Numerics/Lattice.h"
#include <utility>

namespace lowbit::numerics {

/// The numbers of a format without overlapping windows.
class LaneTables {
public:
  explicit LaneTables(const ElementFormat &element);

  const LaneTable &table() const { return lanes; }
  /// The code of an entry as the kernels number them.
  uint32_t codeOf(uint32_t entry) const {
    return codes.empty() ? entry : codes[entry];
  }
  /// The `i`-th number of an entry.
  float number(uint32_t entry, unsigned i) const {
    return numbers[entry * lanes.valuesPerCode + i];
  }
  /// The number of largest magnitude, of the sign of `like` if both have it. Of
  /// a lattice, the root mean square of the longest vector's numbers: it is
  /// vectors that a scale must keep within the lattice.
  float extreme(float like) const;
  /// How far numbers reach to either side: of signs that there are, the one
  /// that reaches less far, 7 for signed integers of 4 bits.
  float reach() const;
  bool hasBothSigns() const;
  /// Whether a scale that clips outliers may be much better than one that
  /// doesn't, since numbers are few and far between.
  bool isCoarse() const { return lanes.count <= 32 || lanes.indexBits; }
  /// Whether the negative of each number is another one.
  bool isSymmetric() const { return symmetric; }

private:
  void sortScalars();
  /// How far numbers reach below 0 and above.
  std::pair<float, float> extent() const;
  void readLattice(LatticeFormat format);

  std::vector<float> numbers, borders, magnitudes, lengths;
  std::vector<uint32_t> isOdd;
  std::vector<uint16_t> codes, ranks;
  bool symmetric = false;
  LaneTable lanes;
};

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_LANETABLES_H
