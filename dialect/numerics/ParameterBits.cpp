//===- ParameterBits.cpp - parameters as stored bits ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All storage is little endian, whatever the host's byte order.
//
//===----------------------------------------------------------------------===//

#include "ParameterBits.h"

#include <algorithm>

namespace lowbit::numerics {

static bool isInteger(const Encoding &encoding, Component component) {
  return component == Component::ZeroPoint &&
         encoding.zeroPoint == ZeroPointKind::Integer;
}

uint32_t parameterToBits(const Encoding &encoding, Component component,
                         float value) {
  if (isInteger(encoding, component)) {
    float last = static_cast<float>(encoding.element.codeCount() - 1);
    return static_cast<uint32_t>(std::min(std::max(value, 0.0f), last) + 0.5f);
  }
  return scaleToBits(encoding.scale, value);
}

float parameterFromBits(const Encoding &encoding, Component component,
                        uint32_t bits) {
  if (isInteger(encoding, component))
    return static_cast<float>(bits);
  return scaleFromBits(encoding.scale, bits);
}

//===----------------------------------------------------------------------===//
// Parameters of matrices
//===----------------------------------------------------------------------===//

/// The place of a component's parameters in QuantizedMatrix::stored.
static size_t storedPlace(Component component) {
  switch (component) {
  case Component::ZeroPoint:
    return 1;
  case Component::Minimum:
  case Component::ScaleOfMinima:
    return 2;
  default:
    return 0;
  }
}

static const float *numbersOf(const MatrixView &matrix, Component component) {
  size_t place = storedPlace(component);
  return place == 0   ? matrix.scales
         : place == 1 ? matrix.zeroPoints
                      : matrix.minima;
}

/// Whether a parameter is a code, or a scale of codes.
static bool isQuantized(const Encoding &encoding, Component component) {
  return encoding.stored && !isInteger(encoding, component);
}

/// 2^width - 1, which 32 bits hold.
static uint32_t allBits(const BoundLayout &layout, Component component) {
  return static_cast<uint32_t>(
      (uint64_t(1) << layout.componentBits(component)) - 1);
}

static uint32_t addedTo(const BoundLayout &layout, Component component) {
  return layout.layout().added[static_cast<unsigned>(component)];
}

bool hasComponent(const MatrixView &matrix, Component component) {
  return numbersOf(matrix, component) != nullptr;
}

StoredBits::StoredBits(const BoundLayout &layout, const MatrixView &matrix,
                       Component component)
    : encoding(layout.encoding()), component(component),
      added(addedTo(layout, component)), mask(allBits(layout, component)) {
  if (isQuantized(encoding, component))
    codes = &(*matrix.stored)[storedPlace(component)];
  else
    numbers = numbersOf(matrix, component);
}

uint32_t StoredBits::operator[](int64_t index) const {
  uint32_t bits;
  if (numbers)
    bits = parameterToBits(encoding, component, numbers[index]);
  else if (component < Component::ScaleOfScales)
    bits = codes->code(0, index);
  else
    bits = scaleToBits(encoding.stored->scale, codes->scales[index]);
  return (bits + added) & mask;
}

void setStoredBits(const BoundLayout &layout, QuantizedMatrix &matrix,
                   Component component, int64_t index, uint32_t bits) {
  const Encoding &encoding = layout.encoding();
  bits = (bits - addedTo(layout, component)) & allBits(layout, component);
  size_t place = storedPlace(component);
  if (!isQuantized(encoding, component))
    matrix.parametersOf(place)[index] =
        parameterFromBits(encoding, component, bits);
  else if (component < Component::ScaleOfScales)
    matrix.stored[place].setCode(0, index, bits);
  else
    matrix.stored[place].scales[index] =
        scaleFromBits(encoding.stored->scale, bits);
}

//===----------------------------------------------------------------------===//
// Bits
//===----------------------------------------------------------------------===//

void writeBits(uint8_t *bytes, int64_t address, int64_t count, uint32_t value) {
  // A parameter begins inside a byte only behind codes of odd width.
  uint64_t window = static_cast<uint64_t>(value) << (address & 7);
  for (uint8_t *byte = bytes + (address >> 3),
               *end = bytes + ((address + count + 7) >> 3);
       byte < end; ++byte, window >>= 8)
    *byte |= static_cast<uint8_t>(window);
}

uint32_t readBits(const uint8_t *bytes, int64_t address, int64_t count) {
  int64_t first = address >> 3, end = (address + count + 7) >> 3;
  uint64_t window = 0;
  for (int64_t byte = end; byte-- > first;)
    window = window << 8 | bytes[byte];
  uint64_t mask = (uint64_t(1) << count) - 1;
  return static_cast<uint32_t>(window >> (address & 7) & mask);
}

} // namespace lowbit::numerics
