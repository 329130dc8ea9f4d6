//===- RowPacker.h - float rows to packed bytes, a few at once --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For who has neither all rows of a weight nor all of its packed bytes in
// memory: rows come in ranges, and what they take in each buffer goes out, the
// same bytes that quantizing and packing the whole weight gives.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_ROWPACKER_H
#define LOWBIT_NUMERICS_ROWPACKER_H

#include "lowbit/Numerics/Layout.h"
#include "lowbit/Numerics/Quantizer.h"
#include "lowbit/Numerics/Status.h"
#include <array>
#include <vector>

namespace lowbit::numerics {

/// How weights become bytes.
struct PackRecipe {
  /// What they are rounded to.
  Encoding encoding;
  /// Where it lies, as `expand` has it.
  Layout layout;
  ScaleSearch search = ScaleSearch::MeanSquaredError;
};

/// Why rows can't be rounded and packed a few at a time; empty where they can.
std::string explainNoRowPacking(const PackRecipe &recipe);

/// A recipe as a list of numbers, for who has no C++ objects, and back; the
/// latter fails on a list that is none.
std::vector<uint32_t> writeRecipe(const PackRecipe &recipe);
Status readRecipe(const uint32_t *words, size_t count, PackRecipe &recipe);

/// What all rows of a matrix share: the parameters of a tensor (those that the
/// encoding has of scale, zero point and minimum), or its outer scale; nothing
/// where rows share nothing.
std::vector<float> getSharedParameters(const QuantizedMatrix &matrix);

/// Rounds and packs ranges of rows of one weight.
class RowPacker {
public:
  /// Buffers of BitAddress, and outer scales.
  static constexpr unsigned bufferCount = 5, outerBuffer = 4;

  /// `recipe` must be one that explainNoRowPacking lets pass; `shared` are the
  /// weight's shared parameters.
  RowPacker(PackRecipe recipe, int64_t rows, int64_t columns,
            std::vector<float> shared);

  /// How many numbers rows share, of any weight with this encoding.
  static size_t sharedCount(const Encoding &encoding);
  /// Ranges begin at multiples of this many rows, and end there or with the
  /// last row. So their bytes begin at multiples of 4.
  int64_t rowUnit() const { return unit; }
  /// Whether the bytes of `buffer` come row by row, and not once for all.
  bool isByRow(unsigned buffer) const;

  /// Rounds and packs rows [firstRow, endRow). Fails on weights that are not
  /// finite and on parameters beyond their format; the message names the place.
  Status pack(const float *weights, int64_t firstRow, int64_t endRow);

  /// The bytes of the last range in `buffer`, and where in it they begin.
  const std::vector<uint8_t> &bytes(unsigned buffer) const {
    return packed[buffer];
  }
  int64_t offset(unsigned buffer) const { return offsets[buffer]; }

private:
  Status round(const float *weights, int64_t rowCount);
  /// Bytes of `rowCount` rows in a buffer.
  int64_t countBytes(unsigned buffer, int64_t rowCount) const;
  int64_t findUnit() const;

  PackRecipe recipe;
  int64_t rows, columns, unit;
  std::vector<float> shared;
  /// The rows at hand, as a matrix of their own.
  QuantizedMatrix matrix;
  std::array<std::vector<uint8_t>, bufferCount> packed;
  std::array<int64_t, bufferCount> offsets{};
};

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_ROWPACKER_H
