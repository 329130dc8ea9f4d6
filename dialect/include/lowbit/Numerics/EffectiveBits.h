//===- EffectiveBits.h - what a quantized matrix costs ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes as stored: parameters, padding and alignment count.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_EFFECTIVEBITS_H
#define LOWBIT_NUMERICS_EFFECTIVEBITS_H

#include "lowbit/Numerics/Layout.h"

namespace lowbit::numerics {

/// Bytes of all buffers of `layout`.
int64_t storedBytes(const BoundLayout &layout);

/// Stored bits per weight; 0 for an empty matrix.
double effectiveBits(const BoundLayout &layout);

/// The same in the dense layout.
int64_t storedBytes(const Encoding &encoding, int64_t rows, int64_t columns);
double effectiveBits(const Encoding &encoding, int64_t rows, int64_t columns);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_EFFECTIVEBITS_H
