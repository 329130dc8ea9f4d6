//===- CodeWindows.h - overlapping codes as runs of bits --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A window of codes that overlap is a run of bits of its column's stream, where
// a layout keeps streams. The bytes of four columns' streams alternate, so that
// the windows of a row are at the same bits of all four, and those of as many
// rows as a register has lanes are within a vector. This header finds out by
// asking the layout's address function.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_CODEGEN_CPU_KERNELS_CODEWINDOWS_H
#define LOWBIT_LIB_CODEGEN_CPU_KERNELS_CODEWINDOWS_H

#include "lowbit/Numerics/Layout.h"
#include <optional>
#include <vector>

namespace lowbit::cpu {

/// Windows of more bits are not looked up.
inline constexpr unsigned kMaxWindowBits = 12;

/// Where the windows of a register's rows are.
struct WindowPlace {
  /// First byte of the atom that they need.
  int64_t byte;
  /// The bit of each lane's window from there on, counted in each stream.
  std::vector<int32_t> starts;
};

struct CodeWindows {
  /// Blocks of 16 rows in an atom.
  int64_t subBlocks;
  unsigned codeBits, windowBits;
  /// Where the window of the atom's first row begins in each stream.
  int64_t first;

  /// How many sub-blocks, 1, 2 or 4, share the bytes of a lane, which then
  /// holds rows of all of them: the two bytes of a stream that hold a lane's
  /// windows have room for those of the next rows at 1 and 2 bits. Register i
  /// of these has rows 2 i and 2 i + 1 of each 2 * sharedBlocks().
  int64_t sharedBlocks() const;
  /// The windows of 16 rows each of the sub-blocks that share, in register
  /// `index` of them; the first of them begin at `row`.
  WindowPlace atShared(int64_t row, int64_t index) const;
  /// The windows of `lanes` rows from `row` on.
  WindowPlace at(int64_t row, int64_t lanes) const;
  /// Bytes between windows that are as many rows apart, a multiple of 8.
  int64_t bytesPerEightRows() const { return 4 * int64_t(codeBits); }
  /// Bytes of a vector that holds the windows of `rows` rows, wherever they
  /// begin: 16, 32 or 64.
  int64_t vectorBytes(int64_t rows) const;
  /// The window whose bits follow one another as those of `run`: streams have
  /// the oldest bit first, a window has it on top.
  uint32_t windowOf(uint32_t run) const;
};

/// The windows of `layout` for codes of `encoding`, or nothing if the layout
/// doesn't keep them as runs of bits, or the codes don't overlap.
std::optional<CodeWindows> findCodeWindows(const numerics::Layout &layout,
                                           const numerics::Encoding &encoding);

} // namespace lowbit::cpu

#endif // LOWBIT_LIB_CODEGEN_CPU_KERNELS_CODEWINDOWS_H
