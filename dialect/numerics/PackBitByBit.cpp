//===- PackBitByBit.cpp - the truth of packing ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every bit is moved on its own, to the address that the layout gives.
//
//===----------------------------------------------------------------------===//

#include "ParameterBits.h"
#include "lowbit/Numerics/Packer.h"

namespace lowbit::numerics {

static bool bitAt(const std::vector<uint8_t> &bytes, int64_t bit) {
  return bytes[bit / 8] >> (bit % 8) & 1;
}

static void setBit(std::vector<uint8_t> &bytes, int64_t bit) {
  bytes[bit / 8] |= 1u << (bit % 8);
}

/// The byte of `codes` that holds bit `bit` of the code at (n, k).
template <typename Byte>
static Byte &codeByte(const BoundLayout &layout, Byte *codes, int64_t n,
                      int64_t k, int64_t bit) {
  int64_t index = n * layout.columns() + k;
  return codes[index * layout.encoding().element.codeBytes() + bit / 8];
}

/// Visits every (row, group) that `layout` stores parameters for; inline ones
/// are copied to each row.
template <typename Visit>
static void forEachParameter(const BoundLayout &layout, Visit visit) {
  bool inlined = layout.layout().parameters == ParameterPlacement::Inline;
  int64_t rows =
      inlined ? layout.rows() : layout.encoding().parameterRows(layout.rows());
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t g = 0; g < layout.groupCount(); ++g)
      visit(n, g, layout.encoding().parameterIndex(n, g, layout.groupCount()));
}

static void packParameters(const BoundLayout &layout, Component component,
                           const float *values, PackedMatrix &packed) {
  int64_t bits = layout.componentBits(component);
  if (!values || !bits)
    return;
  forEachParameter(layout, [&](int64_t n, int64_t g, int64_t index) {
    uint32_t stored =
        parameterToBits(layout.encoding(), component, values[index]);
    BitAddress address = layout.parameter(component, n, g);
    for (int64_t bit = 0; bit < bits; ++bit)
      if (stored >> bit & 1)
        setBit(packed.buffers[address.buffer], address.bit + bit);
  });
}

/// The codes that row blocks repeat: those before their own, zero above the
/// matrix.
static void packRepeated(const BoundLayout &layout, const uint8_t *codes,
                         PackedMatrix &packed) {
  const Atom &atom = layout.layout().atom;
  int64_t width = layout.componentBits(Component::Code);
  for (int64_t block = 1; block < layout.rowBlockCount(); ++block)
    for (int64_t before = 1; before <= atom.overlap; ++before) {
      int64_t n = block * atom.rows - before;
      for (int64_t k = 0; n >= 0 && k < layout.columns(); ++k)
        for (int64_t bit = 0; bit < width; ++bit)
          if (codeByte(layout, codes, n, k, bit) >> bit % 8 & 1)
            setBit(packed.buffers[0],
                   layout.repeatedCode(block, before, k, bit).bit);
    }
}

PackedMatrix packBitByBit(const BoundLayout &layout, const MatrixView &matrix) {
  PackedMatrix packed(layout);
  int64_t width = layout.componentBits(Component::Code);
  for (int64_t n = 0; n < layout.rows(); ++n)
    for (int64_t k = 0; k < layout.columns(); ++k)
      for (int64_t bit = 0; bit < width; ++bit)
        if (codeByte(layout, matrix.codes, n, k, bit) >> bit % 8 & 1) {
          BitAddress address = layout.code(n, k, bit);
          setBit(packed.buffers[address.buffer], address.bit);
        }
  packRepeated(layout, matrix.codes, packed);
  packParameters(layout, Component::Scale, matrix.scales, packed);
  packParameters(layout, Component::ZeroPoint, matrix.zeroPoints, packed);
  packParameters(layout, Component::Minimum, matrix.minima, packed);
  return packed;
}

static void unpackParameters(const BoundLayout &layout, Component component,
                             const PackedMatrix &packed,
                             std::vector<float> &values) {
  int64_t bits = layout.componentBits(component);
  if (values.empty())
    return;
  forEachParameter(layout, [&](int64_t n, int64_t g, int64_t index) {
    BitAddress address = layout.parameter(component, n, g);
    uint32_t stored = 0;
    for (int64_t bit = 0; bit < bits; ++bit)
      stored |=
          uint32_t(bitAt(packed.buffers[address.buffer], address.bit + bit))
          << bit;
    values[index] = parameterFromBits(layout.encoding(), component, stored);
  });
}

QuantizedMatrix unpackBitByBit(const BoundLayout &layout,
                               const PackedMatrix &packed) {
  QuantizedMatrix matrix;
  matrix.reset(layout.encoding(), layout.rows(),
               layout.columns() * layout.encoding().element.valuesPerCode());
  int64_t width = layout.componentBits(Component::Code);
  for (int64_t n = 0; n < layout.rows(); ++n)
    for (int64_t k = 0; k < layout.columns(); ++k)
      for (int64_t bit = 0; bit < width; ++bit) {
        BitAddress address = layout.code(n, k, bit);
        codeByte(layout, matrix.codes.data(), n, k, bit) |=
            bitAt(packed.buffers[address.buffer], address.bit) << bit % 8;
      }
  unpackParameters(layout, Component::Scale, packed, matrix.scales);
  unpackParameters(layout, Component::ZeroPoint, packed, matrix.zeroPoints);
  unpackParameters(layout, Component::Minimum, packed, matrix.minima);
  return matrix;
}

} // namespace lowbit::numerics
