//===- FloatBits.h - the bits of a float ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_FLOATBITS_H
#define LOWBIT_NUMERICS_FLOATBITS_H

#include <cstdint>
#include <cstring>

namespace lowbit::numerics {

inline uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

inline float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_FLOATBITS_H
