//===- ParameterBits.h - parameters as stored bits --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversion of scales, zero points and minima to and from the bits that a
// layout stores, shared by both packers.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_PARAMETERBITS_H
#define LOWBIT_NUMERICS_PARAMETERBITS_H

#include "lowbit/Numerics/Encoding.h"
#include "lowbit/Numerics/Layout.h"
#include "lowbit/Numerics/Packer.h"
#include <algorithm>

namespace lowbit::numerics {

/// The stored bits of a parameter.
uint32_t parameterToBits(const Encoding &encoding, Component component,
                         float value);
/// The parameter that `bits` store.
float parameterFromBits(const Encoding &encoding, Component component,
                        uint32_t bits);

/// Calls `visit`(n, g, index) for every place where row blocks [firstBlock,
/// endBlock) of `layout` keep a parameter of `component`; copies for each row
/// share an index.
template <typename Visit>
void forEachParameter(const BoundLayout &layout, Component component,
                      int64_t firstBlock, int64_t endBlock, Visit visit) {
  const Encoding &encoding = layout.encoding();
  int64_t blockRows = layout.layout().atom.rows;
  int64_t end = std::min(layout.rows(), endBlock * blockRows);
  int64_t columns = layout.parameterColumns(component);
  // Inline, each row has a copy; elsewhere the first of those that share.
  int64_t step = 1;
  if (layout.layout().parameters == ParameterPlacement::Separate)
    step = encoding.granularity == Granularity::Tensor
               ? std::max<int64_t>(layout.rows(), 1)
               : encoding.groupRows;
  int64_t first = (firstBlock * blockRows + step - 1) / step * step;
  for (int64_t n = first; n < end; n += step)
    for (int64_t g = 0; g < columns; ++g)
      visit(n, g, encoding.parameterIndex(n, g, columns));
}

/// Whether `matrix` has numbers of `component`.
bool hasComponent(const MatrixView &matrix, Component component);

/// The bits that `layout` stores for the parameters of `component`.
class StoredBits {
public:
  StoredBits(const BoundLayout &layout, const MatrixView &matrix,
             Component component);

  uint32_t operator[](int64_t index) const;

private:
  const Encoding &encoding;
  Component component;
  /// The parameters, or the matrix of their codes.
  const float *numbers = nullptr;
  const QuantizedMatrix *codes = nullptr;
  uint32_t added, mask;
};
/// The inverse. Where parameters are quantized, QuantizedMatrix::readStored
/// then gives their numbers.
void setStoredBits(const BoundLayout &layout, QuantizedMatrix &matrix,
                   Component component, int64_t index, uint32_t bits);

/// Writes `count` bits to `bytes`, which are zero there, from bit `address`.
void writeBits(uint8_t *bytes, int64_t address, int64_t count, uint32_t value);
/// Reads `count` bits from bit `address`.
uint32_t readBits(const uint8_t *bytes, int64_t address, int64_t count);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_PARAMETERBITS_H
