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
  codes.assign(
      rows * encoding.codesPerRow(columns) * encoding.element.codeBytes(), 0);
  scales.assign(parameters, 0);
  zeroPoints.assign(encoding.zeroPoint == ZeroPointKind::None ? 0 : parameters,
                    0);
  minima.assign(encoding.hasMinimum ? parameters : 0, 0);
  outerScales.assign(encoding.outerCount(rows), 0);
  resetColumns();
  tables.assign(encoding.tableNumbers(rows), 0);
  stored.clear();
  if (!encoding.stored)
    return;
  bool has[] = {true, encoding.zeroPoint == ZeroPointKind::Fractional,
                encoding.hasMinimum};
  for (bool exists : has)
    stored.emplace_back().reset(*encoding.stored, exists && parameters ? 1 : 0,
                                parameters);
}

void QuantizedMatrix::readStored() {
  for (size_t i = 0; i < stored.size(); ++i) {
    if (!stored[i].rows)
      continue;
    std::vector<float> &numbers = parametersOf(i);
    dequantize(stored[i], numbers.data());
    for (float &number : numbers)
      number =
          scaleFromBits(encoding.scale, scaleToBits(encoding.scale, number));
  }
}

Encoding QuantizedMatrix::rowEncoding(int64_t n) const {
  if (tables.empty())
    return encoding;
  uint32_t count = encoding.element.codeCount();
  const int8_t *first = tables.data();
  if (encoding.element.tableOwner() == TableOwner::Row)
    first += n * count;
  unsigned bits = encoding.element.codeBits();
  Encoding result = encoding;
  result.element = std::make_shared<const CodeTable>(
      CodeTable{bits, bits, 1, {first, first + count}});
  return result;
}

uint32_t QuantizedMatrix::code(int64_t n, int64_t k) const {
  int64_t index = n * encoding.codesPerRow(columns) + k;
  if (encoding.element.codeBytes() == 1)
    return codes[index];
  return codes[2 * index] | codes[2 * index + 1] << 8;
}

void QuantizedMatrix::setCode(int64_t n, int64_t k, uint32_t code) {
  int64_t index = n * encoding.codesPerRow(columns) + k;
  unsigned bytes = encoding.element.codeBytes();
  for (unsigned i = 0; i < bytes; ++i)
    codes[bytes * index + i] = static_cast<uint8_t>(code >> 8 * i);
}

uint32_t QuantizedMatrix::window(int64_t n, int64_t k) const {
  unsigned codeBits = format(k).codeBits();
  unsigned windowBits = format(k).windowBits();
  uint32_t window = 0;
  for (unsigned bit = 0; bit < windowBits && n >= 0; bit += codeBits, --n)
    window |= code(n, k) << bit;
  return window & ((1u << windowBits) - 1);
}

namespace {
/// The parameters of one group as numbers.
struct GroupParameters {
  float scale, zeroPoint = 0, minimum = 0, outer;

  GroupParameters(const QuantizedMatrix &matrix, int64_t row, int64_t index)
      : scale(matrix.scales[index]), outer(matrix.outerScale(row)) {
    if (!matrix.zeroPoints.empty())
      zeroPoint = matrix.zeroPoints[index];
    if (!matrix.minima.empty())
      minimum = matrix.minima[index];
  }
};
} // namespace

/// Byte codes that stand for one number each.
static float *dequantizeBytes(const Encoding &encoding,
                              const GroupParameters &parameters,
                              const uint8_t *codes, int64_t columns,
                              float *result) {
  auto value = [&](uint32_t code) {
    return encoding.value(code, parameters.scale, parameters.zeroPoint,
                          parameters.minimum, 0, parameters.outer);
  };
  uint32_t count = encoding.element.codeCount();
  if (columns < count) {
    for (int64_t k = 0; k < columns; ++k)
      *result++ = value(codes[k]);
    return result;
  }
  float table[256];
  for (uint32_t code = 0; code < count; ++code)
    table[code] = value(code);
  for (int64_t k = 0; k < columns; ++k)
    *result++ = table[codes[k] & (count - 1)];
  return result;
}

/// Rows that have `encoding`, perhaps one with the table of this row alone.
static float *dequantizeRowsAs(const Encoding &encoding,
                               const QuantizedMatrix &matrix, int64_t firstRow,
                               int64_t endRow, float *result) {
  const ElementFormat &element = encoding.element;
  int64_t groups = encoding.groupCount(matrix.columns);
  int64_t size = encoding.columnsPerGroup(matrix.columns);
  unsigned values = element.valuesPerCode();
  bool isByte = values == 1 && element.windowBits() <= 8 &&
                element.windowBits() == element.codeBits();
  for (int64_t row = firstRow; row < endRow; ++row)
    for (int64_t group = 0; group < groups; ++group) {
      GroupParameters parameters(matrix, row,
                                 encoding.parameterIndex(row, group, groups));
      int64_t first = group * size;
      int64_t end = std::min(first + size, matrix.columns);
      if (isByte) {
        const uint8_t *codes =
            matrix.codes.data() + row * matrix.columns + first;
        result =
            dequantizeBytes(encoding, parameters, codes, end - first, result);
        continue;
      }
      for (int64_t k = first; k < end; ++k)
        *result++ =
            encoding.value(matrix.window(row, k / values), parameters.scale,
                           parameters.zeroPoint, parameters.minimum, k % values,
                           parameters.outer);
    }
  return result;
}

/// Rows of a matrix whose columns have one format, without column scales.
static void dequantizeUniform(const QuantizedMatrix &matrix, int64_t firstRow,
                              int64_t endRow, float *result) {
  if (matrix.tables.empty()) {
    dequantizeRowsAs(matrix.encoding, matrix, firstRow, endRow, result);
    return;
  }
  for (int64_t row = firstRow; row < endRow; ++row)
    result =
        dequantizeRowsAs(matrix.rowEncoding(row), matrix, row, row + 1, result);
}

/// Rows of a matrix whose columns have several formats, without column scales.
static void dequantizeParts(const QuantizedMatrix &matrix, int64_t firstRow,
                            int64_t endRow, float *result) {
  std::vector<int32_t> places = matrix.storedPlaces();
  for (int64_t row = firstRow; row < endRow; ++row) {
    GroupParameters parameters(matrix, row,
                               matrix.encoding.parameterIndex(row, 0, 1));
    for (int64_t k = 0; k < matrix.columns; ++k) {
      int64_t place = places[k];
      float number = matrix.format(place).decode(matrix.window(row, place)) *
                     parameters.scale;
      *result++ =
          matrix.outerScales.empty() ? number : number * parameters.outer;
    }
  }
}

void dequantizeRows(const QuantizedMatrix &matrix, int64_t firstRow,
                    int64_t endRow, float *result) {
  if (matrix.encoding.element.parts())
    dequantizeParts(matrix, firstRow, endRow, result);
  else
    dequantizeUniform(matrix, firstRow, endRow, result);
  if (!matrix.columnScale)
    return;
  std::vector<float> scales(matrix.columns);
  dequantize(*matrix.columnScale, scales.data());
  for (int64_t row = firstRow; row < endRow; ++row)
    for (int64_t k = 0; k < matrix.columns; ++k)
      *result++ *= scales[k];
}

void dequantize(const QuantizedMatrix &matrix, float *result) {
  dequantizeRows(matrix, 0, matrix.rows, result);
}

Encoding expandedEncoding(const Encoding &encoding) {
  Encoding result = encoding;
  result.stored = nullptr;
  if (encoding.element.tableOwner() != TableOwner::Format)
    result.element = {8, IntegerKind::Signed};
  return result;
}

QuantizedMatrix expand(const QuantizedMatrix &matrix) {
  QuantizedMatrix result = matrix;
  result.encoding = expandedEncoding(matrix.encoding);
  result.stored.clear();
  if (matrix.tables.empty())
    return result;
  result.tables.clear();
  uint32_t count = matrix.encoding.element.codeCount();
  bool isPerRow = matrix.encoding.element.tableOwner() == TableOwner::Row;
  for (int64_t n = 0; n < matrix.rows; ++n) {
    const int8_t *table = matrix.tables.data() + (isPerRow ? n * count : 0);
    // Offset binary: code c of 8 bits is c - 128.
    for (int64_t k = 0; k < matrix.columns; ++k)
      result.setCode(n, k, table[matrix.code(n, k)] + 128);
  }
  return result;
}

} // namespace lowbit::numerics
