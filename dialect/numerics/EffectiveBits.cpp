//===- EffectiveBits.cpp - what a quantized matrix costs ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Asks the layout, which is the only place that knows where bits go.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/EffectiveBits.h"

namespace lowbit::numerics {

/// Bytes of what belongs to columns: their scales, and the parts they are in.
static int64_t columnBytes(const Encoding &encoding, int64_t columns) {
  int64_t bytes = (columns * encoding.partBits() + 7) / 8;
  if (encoding.columnScale)
    bytes += storedBytes(*encoding.columnScale, 1, columns);
  return bytes;
}

int64_t storedBytes(const BoundLayout &layout) {
  const Encoding &encoding = layout.encoding();
  int64_t bytes = columnBytes(encoding, layout.columns() *
                                            encoding.element.valuesPerCode());
  for (unsigned buffer = 0; buffer < 4; ++buffer)
    bytes += layout.bufferBytes(buffer);
  bytes += encoding.outerCount(layout.rows()) * sizeof(float);
  bytes += encoding.tableNumbers(layout.rows());
  bool isPlaced = layout.layout().parameters == ParameterPlacement::Atom;
  if (!encoding.stored || isPlaced || !layout.rows())
    return bytes;
  // The parameters of parameters, which no layout moves.
  int64_t kinds = 1 + (encoding.zeroPoint == ZeroPointKind::Fractional) +
                  encoding.hasMinimum;
  int64_t count = encoding.parameterRows(layout.rows()) * layout.groupCount();
  BoundLayout stored(Layout::dense(encoding.stored->element.codeBits()),
                     *encoding.stored, 1, count);
  return bytes + kinds * (storedBytes(stored) - stored.bufferBytes(0));
}

double effectiveBits(const BoundLayout &layout) {
  double weights = static_cast<double>(layout.rows()) * layout.columns() *
                   layout.encoding().element.valuesPerCode();
  return weights ? 8.0 * storedBytes(layout) / weights : 0;
}

static BoundLayout denseLayout(const Encoding &encoding, int64_t rows,
                               int64_t columns) {
  return BoundLayout(Layout::dense(encoding.element.codeBits()), encoding, rows,
                     columns);
}

int64_t storedBytes(const Encoding &encoding, int64_t rows, int64_t columns) {
  if (!encoding.element.parts())
    return storedBytes(denseLayout(encoding, rows, columns));
  // Each part is a stream of codes that ends with a byte.
  int64_t bits = 0;
  for (const ColumnPart &part : *encoding.element.parts())
    bits += (rows * part.columns * part.format.codeBits() + 7) / 8 * 8;
  bits += encoding.parameterRows(rows) * scaleBits(encoding.scale);
  return bits / 8 + columnBytes(encoding, columns) +
         encoding.outerCount(rows) * sizeof(float);
}

double effectiveBits(const Encoding &encoding, int64_t rows, int64_t columns) {
  double weights = static_cast<double>(rows) * columns;
  return weights ? 8.0 * storedBytes(encoding, rows, columns) / weights : 0;
}

} // namespace lowbit::numerics
