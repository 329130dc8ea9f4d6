//===- PackBitByBit.cpp - the truth of packing ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every bit is moved on its own, to the address that the layout gives, and
// every digit counted in the number of its byte.
//
//===----------------------------------------------------------------------===//

#include "ParameterBits.h"
#include "lowbit/Numerics/Packer.h"
#include <optional>

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

/// All parameters, in the order in which they follow each other.
static constexpr Component parameters[] = {
    Component::Scale, Component::ZeroPoint, Component::Minimum,
    Component::ScaleOfScales, Component::ScaleOfMinima};

static void packParameters(const BoundLayout &layout, Component component,
                           const MatrixView &matrix, PackedMatrix &packed) {
  int64_t bits = layout.componentBits(component);
  if (!bits || !hasComponent(matrix, component))
    return;
  StoredBits stored(layout, matrix, component);
  forEachParameter(layout, component, 0, layout.rowBlockCount(),
                   [&](int64_t n, int64_t g, int64_t index) {
                     uint32_t all = stored[index];
                     for (int64_t bit = 0; bit < bits; ++bit) {
                       BitAddress address =
                           layout.parameter(component, n, g, bit);
                       if (all >> bit & 1)
                         setBit(packed.buffers[address.buffer], address.bit);
                     }
                   });
}

/// The code at (n, k) as it is stored.
static uint32_t storedCode(const BoundLayout &layout, const uint8_t *codes,
                           int64_t n, int64_t k) {
  uint32_t code = 0;
  unsigned width = layout.encoding().element.codeBits();
  for (unsigned bit = 0; bit < width; bit += 8)
    code |= codeByte(layout, codes, n, k, bit) << bit;
  return code + layout.layout().added[0];
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
          if (storedCode(layout, codes, n, k) >> bit & 1)
            setBit(packed.buffers[0],
                   layout.repeatedCode(block, before, k, bit).bit);
    }
}

/// Codes that are digits: the number of each byte, and what the byte is of it.
static void packDigits(const BoundLayout &layout, const uint8_t *codes,
                       PackedMatrix &packed) {
  int64_t base = layout.layout().atom.base, all = 1;
  for (int64_t i = 0; i < digitsPerByte(base); ++i)
    all *= base;
  uint32_t mask = layout.encoding().element.codeCount() - 1;
  std::vector<std::optional<int64_t>> numbers(packed.buffers[0].size());
  for (int64_t n = 0; n < layout.rows(); ++n)
    for (int64_t k = 0; k < layout.columns(); ++k) {
      int64_t address = layout.code(n, k, 0).bit, unit = all / base;
      for (int64_t place = address % 8; place > 0; --place)
        unit /= base;
      std::optional<int64_t> &number = numbers[address / 8];
      int64_t digit = storedCode(layout, codes, n, k) & mask;
      number = number.value_or(0) + unit * std::min(digit, base - 1);
    }
  for (size_t i = 0; i < numbers.size(); ++i)
    if (numbers[i])
      packed.buffers[0][i] =
          static_cast<uint8_t>((256 * *numbers[i] + all - 1) / all);
}

PackedMatrix packBitByBit(const BoundLayout &layout, const MatrixView &matrix) {
  PackedMatrix packed(layout);
  bool inDigits = layout.layout().atom.base;
  if (inDigits)
    packDigits(layout, matrix.codes, packed);
  int64_t width = inDigits ? 0 : layout.componentBits(Component::Code);
  for (int64_t n = 0; n < layout.rows(); ++n)
    for (int64_t k = 0; k < layout.columns(); ++k)
      for (int64_t bit = 0; bit < width; ++bit)
        if (storedCode(layout, matrix.codes, n, k) >> bit & 1) {
          BitAddress address = layout.code(n, k, bit);
          setBit(packed.buffers[address.buffer], address.bit);
        }
  packRepeated(layout, matrix.codes, packed);
  for (Component component : parameters)
    packParameters(layout, component, matrix, packed);
  return packed;
}

/// The stored code at (n, k).
static uint32_t readCode(const BoundLayout &layout, const PackedMatrix &packed,
                         int64_t n, int64_t k) {
  if (int64_t base = layout.layout().atom.base) {
    int64_t address = layout.code(n, k, 0).bit;
    // What is behind the digits before, times the base: 256 digit + rest.
    int64_t rest = packed.buffers[0][address / 8];
    for (int64_t place = address % 8; place > 0; --place)
      rest = rest * base % 256;
    return static_cast<uint32_t>(rest * base / 256);
  }
  uint32_t code = 0;
  int64_t width = layout.componentBits(Component::Code);
  for (int64_t bit = 0; bit < width; ++bit) {
    BitAddress address = layout.code(n, k, bit);
    code |= uint32_t(bitAt(packed.buffers[address.buffer], address.bit)) << bit;
  }
  return code;
}

static void unpackParameters(const BoundLayout &layout, Component component,
                             const PackedMatrix &packed,
                             QuantizedMatrix &matrix) {
  int64_t bits = layout.componentBits(component);
  forEachParameter(
      layout, component, 0, bits ? layout.rowBlockCount() : 0,
      [&](int64_t n, int64_t g, int64_t index) {
        uint32_t stored = 0;
        for (int64_t bit = 0; bit < bits; ++bit) {
          BitAddress address = layout.parameter(component, n, g, bit);
          stored |= uint32_t(bitAt(packed.buffers[address.buffer], address.bit))
                    << bit;
        }
        setStoredBits(layout, matrix, component, index, stored);
      });
}

QuantizedMatrix unpackBitByBit(const BoundLayout &layout,
                               const PackedMatrix &packed) {
  QuantizedMatrix matrix;
  matrix.reset(layout.encoding(), layout.rows(),
               layout.columns() * layout.encoding().element.valuesPerCode());
  int64_t width = layout.componentBits(Component::Code);
  for (int64_t n = 0; n < layout.rows(); ++n)
    for (int64_t k = 0; k < layout.columns(); ++k) {
      uint32_t code = readCode(layout, packed, n, k);
      matrix.setCode(n, k,
                     (code - layout.layout().added[0]) &
                         ((uint32_t(1) << width) - 1));
    }
  for (Component component : parameters)
    unpackParameters(layout, component, packed, matrix);
  matrix.readStored();
  return matrix;
}

} // namespace lowbit::numerics
