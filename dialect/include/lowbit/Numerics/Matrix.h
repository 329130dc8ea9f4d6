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

  /// Takes a new meaning and shape; every code and parameter becomes 0.
  void reset(const Encoding &newEncoding, int64_t newRows, int64_t newColumns);

  /// The code at row `n` and position `k` among the codes of the row.
  uint32_t code(int64_t n, int64_t k) const;
  /// The outer scale of row `n`; 1 without.
  float outerScale(int64_t n) const {
    return outerScales.empty()
               ? 1
               : outerScales[encoding.outer == OuterScale::Tensor ? 0 : n];
  }
  void setCode(int64_t n, int64_t k, uint32_t code);
  /// The window of that code. Its bits above the code are the low bits of the
  /// window in the row before; zeros stand before each column's beginning.
  uint32_t window(int64_t n, int64_t k) const;
};

/// The numbers that `matrix` stands for, to `result` [rows, columns].
void dequantize(const QuantizedMatrix &matrix, float *result);

/// The same for rows [firstRow, endRow); `result` is that of the first of them.
void dequantizeRows(const QuantizedMatrix &matrix, int64_t firstRow,
                    int64_t endRow, float *result);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_MATRIX_H
