//===- FieldCopies.h - one layout to another, as data -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Repacking for programs that know nothing of layouts, such as web pages. In
// most layouts a code's bits lie at the sum of one place for its row and one
// for its column. So all of repacking is a few loops over rows and columns,
// each of which moves a field of bits between addresses that digits of the
// coordinates give, in the manner of the layouts' own modes. The addresses are
// asked of BoundLayout, never written down a second time.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_FIELDCOPIES_H
#define LOWBIT_NUMERICS_FIELDCOPIES_H

#include "lowbit/Numerics/Layout.h"
#include "lowbit/Numerics/Status.h"
#include <vector>

namespace lowbit::numerics {

/// Places along an axis, in bits: coordinate i belongs to run i / runLength,
/// each `runStride` behind the one before, and within it to the sum of its
/// digits, the least significant first; the last one takes what is left.
struct FieldAxis {
  struct Digit {
    int64_t extent, stride;
  };
  int64_t runLength = 1, runStride = 0;
  std::vector<Digit> digits;

  int64_t place(int64_t coordinate) const;
};

/// Where fields lie: at `offset` + rows.place(row) + columns.place(column) of
/// buffer `buffer` of BitAddress.
struct FieldPlaces {
  unsigned buffer = 0;
  int64_t offset = 0;
  FieldAxis rows, columns;

  int64_t place(int64_t row, int64_t column) const {
    return offset + rows.place(row) + columns.place(column);
  }
};

/// Fields of `bits` bits, a power of two up to 32 that divides all addresses,
/// so that none is part of two words of 32 bits. With four `lanes`, a column
/// stands for four fields: one at the same place in each byte of a word.
struct FieldCopy {
  unsigned bits = 0, lanes = 1;
  int64_t rows = 0, columns = 0;
  FieldPlaces from, to;
  /// The row of `to` that is row 0 of `from`.
  int64_t firstRow = 0;
};

/// The copies that make the bytes of `to`, zero before, of those of `from`.
/// `from` may hold some rows of the matrix, those from `firstRow` on. Fails,
/// with a reason, where addresses aren't such sums, or encodings differ.
Status planFieldCopies(const BoundLayout &from, const BoundLayout &to,
                       int64_t firstRow, std::vector<FieldCopy> &copies);

/// Carries `copy` out between buffers. The reference of what other programs do.
void runFieldCopy(const FieldCopy &copy, const uint8_t *const from[4],
                  uint8_t *const to[4]);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_FIELDCOPIES_H
