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

namespace lowbit::numerics {

/// The stored bits of a parameter.
uint32_t parameterToBits(const Encoding &encoding, Component component,
                         float value);
/// The parameter that `bits` store.
float parameterFromBits(const Encoding &encoding, Component component,
                        uint32_t bits);

/// Writes `count` bits to `bytes`, which are zero there, from bit `address`.
void writeBits(uint8_t *bytes, int64_t address, int64_t count, uint32_t value);
/// Reads `count` bits from bit `address`.
uint32_t readBits(const uint8_t *bytes, int64_t address, int64_t count);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_PARAMETERBITS_H
