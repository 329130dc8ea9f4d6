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
