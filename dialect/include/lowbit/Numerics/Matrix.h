//===- Matrix.h - a quantized matrix, unpacked ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The form between quantizer and packer: codes in whole bytes and float
// parameters, which already have the values that their storage format holds.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_MATRIX_H
#define LOWBIT_NUMERICS_MATRIX_H

#include "lowbit/Numerics/Encoding.h"
#include <memory>
#include <vector>

namespace lowbit::numerics {

struct QuantizedMatrix {
  Encoding encoding;
  int64_t rows = 0, columns = 0;
  /// [rows, codesPerRow, codeBytes], the low byte first.
  std::vector<uint8_t> codes;
  /// [parameterRows, groups]; empty when the encoding lacks the component.
  std::vector<float> scales, zeroPoints, minima;
  /// [outerCount]. No layout moves them.
  std::vector<float> outerScales;
  /// The factors of columns [1, columns], in their own encoding; null without.
  std::shared_ptr<const QuantizedMatrix> columnScale = nullptr;
  /// The part of each column [columns]; empty where all have one format. Codes
  /// stand in the order of parts, columns of a part in their natural order.
  std::vector<uint8_t> columnParts;
  /// [tableNumbers]: what codes stand for where the matrix owns its tables.
  std::vector<int8_t> tables;
  /// What is stored of scales, zero points and minima where the encoding
  /// quantizes them, in this order; those that there aren't have no rows. The
  /// numbers above are what they stand for.
  std::vector<QuantizedMatrix> stored;

  /// Takes a new meaning and shape; every code and parameter becomes 0.
  void reset(const Encoding &newEncoding, int64_t newRows, int64_t newColumns);

  /// Where each column's codes stand, [columns].
  std::vector<int32_t> storedPlaces() const;
  /// The format of the codes at position `k` of a row.
  const ElementFormat &format(int64_t k) const;
  /// Columns of part `index` by themselves, with its format and without column
  /// scales.
  QuantizedMatrix part(size_t index) const;
  /// Takes the codes of `part(index)`.
  void setPart(size_t index, const QuantizedMatrix &source);

  /// The code at row `n` and position `k` among the codes of the row.
  uint32_t code(int64_t n, int64_t k) const;
  /// The outer scale of row `n`; 1 without.
  float outerScale(int64_t n) const {
    return outerScales.empty()
               ? 1
               : outerScales[encoding.outer == OuterScale::Tensor ? 0 : n];
  }
  void setCode(int64_t n, int64_t k, uint32_t code);
  /// The parameters that `stored[i]` belongs to.
  std::vector<float> &parametersOf(size_t i) {
    return i == 0 ? scales : i == 1 ? zeroPoints : minima;
  }
  /// Sets the parameters to what is stored of them; nothing where they are
  /// stored as they are.
  void readStored();
  /// The encoding of row `n`: with the numbers of its table where the matrix
  /// owns them.
  Encoding rowEncoding(int64_t n) const;
  /// The window of that code. Its bits above the code are the low bits of the
  /// window in the row before; zeros stand before each column's beginning.
  uint32_t window(int64_t n, int64_t k) const;

private:
  void resetColumns();
};

/// Number `i` of a stream of numbers of `bits` bits, at most 8, least
/// significant bit first.
uint8_t readStream(const uint8_t *bytes, int64_t i, unsigned bits);
/// The bytes of such a stream of `numbers`.
std::vector<uint8_t> writeStream(const std::vector<uint8_t> &numbers,
                                 unsigned bits);

/// The same numbers, bit by bit, in an encoding that kernels read: parameters
/// that were quantized become plain, codes of the matrix' own tables integers
/// of 8 bits.
QuantizedMatrix expand(const QuantizedMatrix &matrix);
/// The encoding of `expand`'s result.
Encoding expandedEncoding(const Encoding &encoding);

/// The numbers that `matrix` stands for, to `result` [rows, columns].
void dequantize(const QuantizedMatrix &matrix, float *result);

/// The same for rows [firstRow, endRow); `result` is that of the first of them.
void dequantizeRows(const QuantizedMatrix &matrix, int64_t firstRow,
                    int64_t endRow, float *result);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_MATRIX_H
