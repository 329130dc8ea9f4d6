//===- Layouts.h - the layouts that have a name -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Constructors of the layouts that kernels and file formats use. Each is only
// data for the one address function of Layout.h. Layout::dense is the plain
// bit stream.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_LAYOUTS_H
#define LOWBIT_NUMERICS_LAYOUTS_H

#include "lowbit/Numerics/Layout.h"

namespace lowbit::numerics {

/// Widths of the bit planes of a `width`-bit code, from its low bits up: 8, 4,
/// 2 and 1, each as often as it fits (7 = 4 + 2 + 1). Planes divide a byte, so
/// that a byte holds whole fields.
std::vector<unsigned> planeWidths(unsigned width);

/// The CPU kernels' layout. Rows form blocks of `rowsPerBlock` = 16 S, S a
/// power of two up to 8; parameters are inline. A 64-byte vector of a plane of
/// p bits holds F = 8 / p fields per byte: byte 4j + c belongs to lane j
/// (row mod 16) and column c of a step of 4 columns, and field f to
///   row 16 (f mod S) + j of step f / S        when F >= S,
///   row 16 (F i + f) + j of vector i of a step when F < S (S / F vectors).
/// An atom spans the steps of the narrowest plane's vector; each plane's
/// vectors follow one another in order of k, the low plane first. With 32 rows,
/// 4 bits are one vector per step (low nibble row j, high nibble row 16 + j)
/// and 8 bits two. `columnPadding` 0 means the atom's columns.
Layout planes(unsigned width, int64_t rowsPerBlock = 32,
              int64_t columnPadding = 0);

/// The GPU kernels' layout: atoms of 32 columns of one row, cut into planes as
/// above, one behind the other; parameters are separate, rows padded to whole
/// atoms. A 32-bit word of a plane of p bits holds 8 / p fields per byte; field
/// f of byte c belongs to column c of a step of 4 columns, so that
/// (word >> p f) & mask is four neighbouring codes in four bytes, for any width
/// without a code across words.
Layout words(unsigned width);

/// The CPU kernels' layout of codes that overlap. Rows form blocks of
/// `rowsPerBlock`, parameters are inline, and an atom has four columns. The
/// codes of a column are one bit stream, each code's top bit first; the
/// `overlap` codes before the block's come first, and in front of them unused
/// bits, so that the block's first code begins a byte. The bytes of the four
/// streams alternate. A window is thereby a run of bits of one stream, at the
/// same place in all four. 64 bytes of padding end the blob.
Layout streams(unsigned width, int64_t rowsPerBlock, int64_t overlap,
               int64_t columnPadding);

/// The CPU kernels' layout of three bits: atoms of 32 rows x 16 columns in 192
/// bytes, parameters inline. Byte 64t + 4j + c, t = 0..2, holds column 4t + c
/// of row j (bits 2:0) and row 16 + j (bits 5:3) and, above, bits 2t + 1 : 2t
/// of the six bits of column 12 + c of row j (low) and row 16 + j: eight codes
/// per three bytes without a plane of their own.
Layout scattered3();

/// GPTQ's qweight: int32 words [K * width / 32, N], packed along K, LSB first;
/// codes may straddle words. Scales and zero points separate.
Layout gptq(unsigned width);

/// Ten 3-bit codes in each 32-bit word along K, two bits unused; a row is
/// padded to whole words (compressed-tensors).
Layout tenPerWord3();

/// GGUF's Q4_0, Q4_1: blocks of 32 columns of one row, f16 parameters first;
/// byte j holds column j (low nibble) and column j + 16.
Layout splitHalves4();

/// ONNX MatMulNBits: an LSB-first bit stream whose groups are padded to
/// `blockSize` columns.
Layout onnxBlocks(unsigned width, int64_t blockSize);

/// AWQ's qweight: int32 words [K, N / 8], nibble i of a word holding row
/// (0, 2, 4, 6, 1, 3, 5, 7)[i] of its eight.
Layout awq();

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_LAYOUTS_H
