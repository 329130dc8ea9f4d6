//===- EffectiveBits.cpp - what a quantized matrix costs ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Asks the layout, which is the only place that knows where bits go.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/EffectiveBits.h"

namespace lowbit::numerics {

int64_t storedBytes(const BoundLayout &layout) {
  int64_t bytes = 0;
  for (unsigned buffer = 0; buffer < 4; ++buffer)
    bytes += layout.bufferBytes(buffer);
  bytes += layout.encoding().outerCount(layout.rows()) * sizeof(float);
  return bytes;
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
  return storedBytes(denseLayout(encoding, rows, columns));
}

double effectiveBits(const Encoding &encoding, int64_t rows, int64_t columns) {
  return effectiveBits(denseLayout(encoding, rows, columns));
}

} // namespace lowbit::numerics
