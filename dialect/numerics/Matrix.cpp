//===- Matrix.cpp - a quantized matrix, unpacked --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dequantization goes through a table of the group's values: at most 256
// distinct ones, each computed by the definition in Encoding::value.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Matrix.h"

#include <algorithm>

namespace lowbit::numerics {

void QuantizedMatrix::reset(const Encoding &newEncoding, int64_t newRows,
                            int64_t newColumns) {
  encoding = newEncoding;
  rows = newRows;
  columns = newColumns;
  int64_t parameters =
      encoding.parameterRows(rows) * encoding.groupCount(columns);
  codes.assign(rows * columns, 0);
  scales.assign(parameters, 0);
  zeroPoints.assign(encoding.zeroPoint == ZeroPointKind::None ? 0 : parameters,
                    0);
  minima.assign(encoding.hasMinimum ? parameters : 0, 0);
}

void dequantizeRows(const QuantizedMatrix &matrix, int64_t firstRow,
                    int64_t endRow, float *result) {
  const Encoding &encoding = matrix.encoding;
  int64_t groups = encoding.groupCount(matrix.columns);
  int64_t size = encoding.columnsPerGroup(matrix.columns);
  uint32_t count = encoding.element.codeCount();
  const uint8_t *codes = matrix.codes.data() + firstRow * matrix.columns;
  for (int64_t row = firstRow; row < endRow; ++row)
    for (int64_t group = 0; group < groups; ++group) {
      int64_t index = encoding.parameterIndex(row, group, groups);
      int64_t columns = std::min(size, matrix.columns - group * size);
      float scale = matrix.scales[index];
      float zeroPoint =
          matrix.zeroPoints.empty() ? 0 : matrix.zeroPoints[index];
      float minimum = matrix.minima.empty() ? 0 : matrix.minima[index];
      if (columns < count) {
        for (int64_t k = 0; k < columns; ++k)
          *result++ = encoding.value(*codes++, scale, zeroPoint, minimum);
        continue;
      }
      float table[256];
      for (uint32_t code = 0; code < count; ++code)
        table[code] = encoding.value(code, scale, zeroPoint, minimum);
      for (int64_t k = 0; k < columns; ++k)
        *result++ = table[*codes++ & (count - 1)];
    }
}

void dequantize(const QuantizedMatrix &matrix, float *result) {
  dequantizeRows(matrix, 0, matrix.rows, result);
}

} // namespace lowbit::numerics
