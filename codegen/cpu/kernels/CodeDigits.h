//===- CodeDigits.h - the numbers of a table as bytes -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels multiply bytes. The numbers of a table are therefore written in base
// 256 with digits of -128 to 127,
//
//   number = step * (digit + 256 * digit' + ...),
//
// of which one is enough where the numbers are small multiples of a step
// (FP4 E2M1, ternary codes), and two where they are any (NF4, FP8): the error
// is then less than 2^-15 of the largest number, as that of activations of 16
// bits is.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_CODEDIGITS_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_CODEDIGITS_H

#include "lowbit/Numerics/Lattice.h"
#include <cstdint>
#include <vector>

namespace lowbit::cpu {

/// What is added to learned numbers where bytes are multiplied as unsigned.
inline constexpr int64_t kLearnedOffset = 128;

struct CodeDigits {
  /// Bytes by code, for each digit, the highest first. A byte is its digit plus
  /// `offset`. (The numbers of a vector code follow one another.)
  std::vector<std::vector<int8_t>> bytes;
  int offset = 0;
  /// The largest byte; without an offset, the largest magnitude.
  unsigned largest = 0;
  float step = 1;
  /// Whether the digits give the numbers exactly, but for their own rounding.
  bool isExact = true;
};

/// What is added to a lattice's numbers, so that they are bytes above 0: a
/// power of two above the largest of them.
int getLatticeOffset(numerics::LatticeFormat format);

/// The digits of the numbers of `encoding`'s table: as many as make them exact,
/// at most two, or three where a single scale serves a tensor, for then many a
/// row is small against the largest number. Bytes are signed (without an
/// offset) or unsigned. Infinities and NaNs, which packed weights don't hold,
/// have digits of 0. Of a lattice there are no bytes by code, but the rest: one
/// digit, unsigned and with an offset on every target.
CodeDigits findCodeDigits(const numerics::Encoding &encoding, bool isSigned);

/// The digits of learned numbers, one each, whatever they are; `bytes` are
/// data.
CodeDigits getLearnedDigits(bool isSigned);

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_CODEDIGITS_H
