//===- Layouts.cpp - the layouts that have a name -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Strides are in bits: 8 is the next byte, 32 the next lane of four bytes, 512
// the next 64-byte vector.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Layouts.h"

#include <algorithm>

namespace lowbit::numerics {

static constexpr int64_t lanes = 16, step = 4;
static constexpr int64_t byteBits = 8, laneBits = 32, vectorBits = 512;

/// An atom of one row: `columns` codes, LSB first.
static Atom streamAtom(unsigned width, int64_t columns, int64_t bits) {
  Piece piece;
  piece.modes = {{Axis::Column, columns, width}, {Axis::Bit, width, 1}};
  return {1, columns, bits, {piece}};
}

Layout Layout::dense(unsigned width) {
  Layout layout;
  layout.atom = streamAtom(width, 1, width);
  return layout;
}

std::vector<unsigned> planeWidths(unsigned width) {
  std::vector<unsigned> widths;
  for (unsigned plane : {8u, 4u, 2u, 1u})
    for (; width >= plane; width -= plane)
      widths.push_back(plane);
  return widths;
}

/// The plane of bits [`bit`, `bit` + `width`) of an atom of 16 * `subBlocks`
/// rows and `columns` columns, beginning at bit `offset`.
static Piece plane(int64_t bit, int64_t width, int64_t offset,
                   int64_t subBlocks, int64_t columns) {
  int64_t fields = byteBits / width;
  Piece piece;
  piece.bit = bit;
  piece.offset = offset;
  piece.modes = {{Axis::Column, step, byteBits}};
  if (fields >= subBlocks) {
    int64_t steps = fields / subBlocks;
    piece.modes.push_back({Axis::Column, steps, subBlocks * width});
    piece.modes.push_back({Axis::Column, columns / (step * steps), vectorBits});
    piece.modes.push_back({Axis::Row, lanes, laneBits});
    piece.modes.push_back({Axis::Row, subBlocks, width});
  } else {
    int64_t vectors = subBlocks / fields;
    piece.modes.push_back({Axis::Column, columns / step, vectorBits * vectors});
    piece.modes.push_back({Axis::Row, lanes, laneBits});
    piece.modes.push_back({Axis::Row, fields, width});
    piece.modes.push_back({Axis::Row, vectors, vectorBits});
  }
  piece.modes.push_back({Axis::Bit, width, 1});
  return piece;
}

Layout planes(unsigned width, int64_t rowsPerBlock, int64_t columnPadding) {
  int64_t subBlocks = std::max<int64_t>(rowsPerBlock / lanes, 1);
  std::vector<unsigned> widths = planeWidths(width);
  int64_t steps = 1;
  for (unsigned planeWidth : widths)
    steps = std::max(steps, byteBits / planeWidth / subBlocks);
  Layout layout;
  layout.parameters = ParameterPlacement::Inline;
  Atom &atom = layout.atom;
  atom.rows = lanes * subBlocks;
  atom.columns = step * steps;
  int64_t bit = 0;
  for (unsigned planeWidth : widths) {
    atom.pieces.push_back(
        plane(bit, planeWidth, atom.bits, subBlocks, atom.columns));
    atom.bits += atom.rows * atom.columns * planeWidth;
    bit += planeWidth;
  }
  layout.columnPadding = columnPadding ? columnPadding : atom.columns;
  return layout;
}

Layout words(unsigned width) {
  constexpr int64_t wordBits = 32;
  Layout layout;
  layout.columnPadding = wordBits;
  layout.padRowEndOnly = true;
  layout.atom.columns = wordBits;
  int64_t bit = 0;
  for (int64_t planeWidth : planeWidths(width)) {
    Piece piece;
    piece.bit = bit;
    piece.offset = layout.atom.bits;
    piece.modes = {{Axis::Column, step, byteBits}};
    if (planeWidth < byteBits)
      piece.modes.push_back({Axis::Column, byteBits / planeWidth, planeWidth});
    if (planeWidth > 1)
      piece.modes.push_back({Axis::Column, planeWidth, wordBits});
    piece.modes.push_back({Axis::Bit, planeWidth, 1});
    layout.atom.pieces.push_back(piece);
    layout.atom.bits += wordBits * planeWidth;
    bit += planeWidth;
  }
  return layout;
}

Layout streams(unsigned width, int64_t rowsPerBlock, int64_t overlap,
               int64_t columnPadding) {
  int64_t before = (overlap * width + byteBits - 1) / byteBits * byteBits;
  int64_t bits =
      (before + rowsPerBlock * width + byteBits - 1) / byteBits * byteBits;
  Layout layout;
  layout.parameters = ParameterPlacement::Inline;
  layout.columnPadding = columnPadding;
  layout.tailBits = vectorBits;
  Atom &atom = layout.atom;
  atom = {rowsPerBlock, step, step * bits, {}};
  atom.overlap = overlap;
  atom.interleave = step;
  for (int64_t bit = 0; bit < width; ++bit) {
    Piece piece;
    piece.bit = bit;
    piece.offset = before - overlap * width + width - 1 - bit;
    piece.modes = {{Axis::Column, step, bits},
                   {Axis::Row, overlap + rowsPerBlock, width}};
    atom.pieces.push_back(piece);
  }
  return layout;
}

Layout scattered3() {
  const Mode lane{Axis::Row, lanes, laneBits};
  const Mode byte{Axis::Column, step, byteBits};
  // Of the last four columns' six bits, the lower row's bit 2 and the upper
  // one's bit 0 share vector 1.
  auto scattered = [&](int64_t row, int64_t bit, int64_t count, int64_t vector,
                       int64_t place) {
    return Piece{row,
                 3 * step,
                 bit,
                 vector * vectorBits + place,
                 {byte, lane, {Axis::Bit, count, 1}}};
  };
  Layout layout;
  layout.parameters = ParameterPlacement::Inline;
  layout.columnPadding = 4 * step;
  layout.atom = {2 * lanes, 4 * step, 3 * vectorBits, {}};
  layout.atom.pieces = {Piece{0,
                              0,
                              0,
                              0,
                              {byte,
                               {Axis::Column, 3, vectorBits},
                               lane,
                               {Axis::Row, 2, 3},
                               {Axis::Bit, 3, 1}}},
                        scattered(0, 0, 2, 0, 6), scattered(0, 2, 1, 1, 6),
                        scattered(lanes, 0, 1, 1, 7),
                        scattered(lanes, 1, 2, 2, 6)};
  return layout;
}

Layout gptq(unsigned width) {
  Layout layout;
  layout.atom = streamAtom(width, 32, 32 * width);
  layout.columnPadding = 32;
  layout.order = BlockOrder::ColumnMajor;
  layout.wordBits = 32;
  layout.padRowEndOnly = true;
  return layout;
}

Layout tenPerWord3() {
  Layout layout;
  layout.atom = streamAtom(3, 10, 32);
  layout.columnPadding = 10;
  layout.padRowEndOnly = true;
  return layout;
}

Layout splitHalves4() {
  Layout layout;
  layout.atom = {1, 32, 128, {}};
  layout.atom.pieces = {Piece{
      0,
      0,
      0,
      0,
      {{Axis::Column, 16, byteBits}, {Axis::Column, 2, 4}, {Axis::Bit, 4, 1}}}};
  layout.columnPadding = 32;
  layout.parameters = ParameterPlacement::Inline;
  return layout;
}

Layout onnxBlocks(unsigned width, int64_t blockSize) {
  Layout layout = Layout::dense(width);
  layout.columnPadding = blockSize;
  return layout;
}

Layout awq() {
  Layout layout;
  layout.atom = {8, 1, 32, {}};
  layout.atom.pieces = {Piece{
      0, 0, 0, 0, {{Axis::Row, 2, 16}, {Axis::Row, 4, 4}, {Axis::Bit, 4, 1}}}};
  layout.order = BlockOrder::ColumnMajor;
  return layout;
}

} // namespace lowbit::numerics
