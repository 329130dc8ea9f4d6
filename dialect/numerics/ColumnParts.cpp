//===- ColumnParts.cpp - matrices whose columns differ --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Columns of several formats. Codes of a part stand together, so that each part
// is a matrix that packers and kernels know; nothing is stored for the order,
// which follows from the columns' parts.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Matrix.h"

#include "ParameterBits.h"
#include <algorithm>

namespace lowbit::numerics {

/// The place of the first code of part `index`.
static int64_t firstPlace(const std::vector<ColumnPart> &parts, size_t index) {
  int64_t place = 0;
  for (size_t i = 0; i < index; ++i)
    place += parts[i].columns;
  return place;
}

void QuantizedMatrix::resetColumns() {
  columnScale = nullptr;
  if (encoding.columnScale) {
    auto scale = std::make_shared<QuantizedMatrix>();
    scale->reset(*encoding.columnScale, columns ? 1 : 0, columns);
    columnScale = scale;
  }
  columnParts.clear();
  if (const std::vector<ColumnPart> *parts = encoding.element.parts())
    for (size_t i = 0; i < parts->size(); ++i)
      columnParts.insert(columnParts.end(), (*parts)[i].columns,
                         static_cast<uint8_t>(i));
}

std::vector<int32_t> QuantizedMatrix::storedPlaces() const {
  const std::vector<ColumnPart> *parts = encoding.element.parts();
  std::vector<int32_t> places(columns), next(parts ? parts->size() : 1, 0);
  for (size_t i = 0; i < next.size(); ++i)
    next[i] = parts ? static_cast<int32_t>(firstPlace(*parts, i)) : 0;
  for (int64_t k = 0; k < columns; ++k)
    places[k] = next[parts ? columnParts[k] : 0]++;
  return places;
}

const ElementFormat &QuantizedMatrix::format(int64_t k) const {
  const std::vector<ColumnPart> *parts = encoding.element.parts();
  if (!parts)
    return encoding.element;
  size_t i = 0;
  for (; i + 1 < parts->size() && k >= (*parts)[i].columns; ++i)
    k -= (*parts)[i].columns;
  return (*parts)[i].format;
}

QuantizedMatrix QuantizedMatrix::part(size_t index) const {
  const std::vector<ColumnPart> &parts = *encoding.element.parts();
  Encoding uniform = encoding;
  uniform.element = parts[index].format;
  uniform.columnScale = nullptr;
  QuantizedMatrix result;
  result.reset(uniform, rows, parts[index].columns);
  result.scales = scales;
  result.outerScales = outerScales;
  int64_t first = firstPlace(parts, index);
  for (int64_t n = 0; n < rows; ++n)
    std::copy_n(codes.data() + n * columns + first, result.columns,
                result.codes.data() + n * result.columns);
  return result;
}

void QuantizedMatrix::setPart(size_t index, const QuantizedMatrix &source) {
  int64_t first = firstPlace(*encoding.element.parts(), index);
  for (int64_t n = 0; n < rows; ++n)
    std::copy_n(source.codes.data() + n * source.columns, source.columns,
                codes.data() + n * columns + first);
}

uint8_t readStream(const uint8_t *bytes, int64_t i, unsigned bits) {
  return static_cast<uint8_t>(readBits(bytes, i * bits, bits));
}

std::vector<uint8_t> writeStream(const std::vector<uint8_t> &numbers,
                                 unsigned bits) {
  auto count = static_cast<int64_t>(numbers.size());
  std::vector<uint8_t> bytes((count * bits + 7) / 8, 0);
  for (int64_t i = 0; i < count; ++i)
    writeBits(bytes.data(), i * bits, bits, numbers[i]);
  return bytes;
}

} // namespace lowbit::numerics
