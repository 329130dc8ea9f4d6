//===- Layout.cpp - addresses of the bits of a quantized matrix -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The address function. In row-major order a row block is one run of bits:
//
//   | params g0 | atoms of g0 | params g1 | atoms of g1 | ... | alignment |
//
// Column-major order cuts that run into words and interleaves the words of all
// row blocks, so that an offset o of block b moves to
// (o / W) * W * blocks + b * W + o % W.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Layout.h"

#include <algorithm>

namespace lowbit::numerics {

static int64_t roundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

int64_t digitsPerByte(int64_t base) {
  int64_t digits = 0;
  for (int64_t power = base; power <= 256; power *= base)
    ++digits;
  return digits;
}

/// Takes the next digit of the coordinate `rest`.
static int64_t takeDigit(int64_t &rest, int64_t extent) {
  int64_t digit = rest % extent;
  rest /= extent;
  return digit;
}

/// The place of a coordinate in `piece`, or -1 when it lies outside its box.
static int64_t offsetIn(const Piece &piece, int64_t row, int64_t column,
                        int64_t bit) {
  int64_t rest[3] = {row - piece.row, column - piece.column, bit - piece.bit};
  if (rest[0] < 0 || rest[1] < 0 || rest[2] < 0)
    return -1;
  int64_t offset = piece.offset;
  for (const Mode &mode : piece.modes)
    offset += mode.stride *
              takeDigit(rest[static_cast<unsigned>(mode.axis)], mode.extent);
  // What the digits could not express is beyond the box.
  return rest[0] || rest[1] || rest[2] ? -1 : offset;
}

/// Where bit `offset` of an atom of `bits` bits goes as the bytes of
/// `interleave` parts alternate.
static int64_t interleaved(int64_t offset, int64_t bits, int64_t interleave) {
  int64_t part = bits / interleave, within = offset % part;
  return (within / 8 * interleave + offset / part) * 8 + within % 8;
}

int64_t Atom::offsetOf(int64_t row, int64_t column, int64_t bit) const {
  for (const Piece &piece : pieces) {
    if (piece.component != Component::Code)
      continue;
    int64_t offset = offsetIn(piece, row + overlap, column, bit);
    if (offset >= 0)
      return interleave > 1 && offset < bits
                 ? interleaved(offset, bits, interleave)
                 : offset;
  }
  return -1;
}

bool Layout::operator==(const Layout &other) const {
  for (unsigned i = 0; i < componentCount; ++i)
    if (own[i] != other.own[i] &&
        !(own[i] && other.own[i] && *own[i] == *other.own[i]))
      return false;
  return atom == other.atom && columnPadding == other.columnPadding &&
         parameters == other.parameters && order == other.order &&
         wordBits == other.wordBits && rowAlignment == other.rowAlignment &&
         tailBits == other.tailBits && padRowEndOnly == other.padRowEndOnly &&
         added == other.added;
}

/// Where the atoms of `layout` keep `component`, `columns` of each, as codes.
static Layout partOf(const Layout &layout, Component component,
                     int64_t columns) {
  Layout part;
  part.atom = {layout.atom.rows, columns, layout.atom.bits, {}};
  part.atom.interleave = layout.atom.interleave;
  for (const Piece &piece : layout.atom.pieces)
    if (piece.component == component) {
      part.atom.pieces.push_back(piece);
      part.atom.pieces.back().component = Component::Code;
    }
  part.columnPadding = columns;
  part.order = layout.order;
  part.wordBits = layout.wordBits;
  part.rowAlignment = layout.rowAlignment;
  return part;
}

/// What parameters of `bits` bits are as codes.
static Encoding asCodes(int64_t bits) {
  Encoding encoding;
  encoding.element = {static_cast<unsigned>(bits), IntegerKind::Unsigned};
  return encoding;
}

BoundLayout::BoundLayout(const Layout &layout, const Encoding &encoding,
                         int64_t rows, int64_t columns)
    : map(layout), meaning(encoding), rowCount(rows),
      columnCount(encoding.codesPerRow(columns)),
      groupColumns(std::max<int64_t>(
          encoding.codesPerRow(encoding.columnsPerGroup(columns)), 1)),
      groups(encoding.groupCount(columns)),
      blockCount((rows + layout.atom.rows - 1) / layout.atom.rows),
      parameterBits(0), blockBits(0), gapless(layout.padRowEndOnly) {
  if (map.parameters == ParameterPlacement::Inline)
    for (Component component :
         {Component::Scale, Component::ZeroPoint, Component::Minimum})
      parameterBits += map.atom.rows * componentBits(component);
  else if (map.parameters == ParameterPlacement::Atom ||
           groupColumns % map.columnPadding == 0)
    gapless = true;
  blockBits = roundUp(groupStart(groups), map.rowAlignment);
  for (unsigned i = 1; i < componentCount; ++i) {
    auto component = static_cast<Component>(i);
    int64_t bits = componentBits(component);
    if (!bits)
      continue;
    int64_t all = parameterColumns(component);
    if (map.parameters == ParameterPlacement::Atom) {
      int64_t each = map.atom.columns / groupColumns;
      if (component >= Component::ScaleOfScales)
        each /= encoding.stored->columnsPerGroup(each);
      own[i] = std::make_shared<const BoundLayout>(
          partOf(map, component, std::max<int64_t>(each, 1)), asCodes(bits),
          rows, all);
    } else if (map.parameters == ParameterPlacement::Separate && map.own[i]) {
      own[i] = std::make_shared<const BoundLayout>(
          *map.own[i], asCodes(bits), encoding.parameterRows(rows), all);
    }
  }
}

int64_t BoundLayout::parameterColumns(Component component) const {
  if (component < Component::ScaleOfScales)
    return groups;
  return meaning.stored ? meaning.stored->groupCount(groups) : 0;
}

int64_t Layout::componentBits(const Encoding &encoding,
                              Component component) const {
  int64_t numberBits = encoding.stored ? encoding.stored->element.codeBits()
                                       : scaleBits(encoding.scale);
  bool isPlaced = parameters == ParameterPlacement::Atom ||
                  own[static_cast<unsigned>(component)];
  switch (component) {
  case Component::Code:
    return encoding.element.codeBits();
  case Component::Scale:
    return numberBits;
  case Component::ZeroPoint:
    if (encoding.zeroPoint == ZeroPointKind::None)
      return 0;
    if (encoding.zeroPoint == ZeroPointKind::Fractional)
      return numberBits;
    return isPlaced ? encoding.element.codeBits() : 8;
  case Component::Minimum:
    return encoding.hasMinimum ? numberBits : 0;
  case Component::ScaleOfScales:
  case Component::ScaleOfMinima:
    if (!encoding.stored || parameters != ParameterPlacement::Atom ||
        (component == Component::ScaleOfMinima && !encoding.hasMinimum))
      return 0;
    return scaleBits(encoding.stored->scale);
  }
  return 0;
}

int64_t BoundLayout::paddedColumnsBefore(int64_t g) const {
  int64_t padded = roundUp(groupColumns, map.columnPadding);
  if (g < groups || g == 0)
    return g * padded;
  int64_t last = columnCount - (groups - 1) * groupColumns;
  return (groups - 1) * padded + roundUp(last, map.columnPadding);
}

int64_t BoundLayout::groupStart(int64_t g) const {
  bool padsRowEnd =
      map.padRowEndOnly || map.parameters == ParameterPlacement::Atom;
  int64_t columns = padsRowEnd
                        ? (g ? roundUp(columnCount, map.columnPadding) : 0)
                        : paddedColumnsBefore(g);
  return columns / map.atom.columns * map.atom.bits + g * parameterBits;
}

int64_t BoundLayout::atomBit(int64_t block, int64_t run, int64_t atom,
                             int64_t offset) const {
  int64_t start = groupStart(run) + parameterBits + atom * map.atom.bits;
  if (map.order == BlockOrder::RowMajor)
    return block * blockBits + start + offset;
  int64_t word = map.wordBits ? map.wordBits : map.atom.bits;
  return start * blockCount + offset / word * word * blockCount + block * word +
         offset % word;
}

BitAddress BoundLayout::code(int64_t n, int64_t k, int64_t bit) const {
  const Atom &atom = map.atom;
  int64_t run = k / runColumns(), column = k % runColumns();
  int64_t offset = atom.offsetOf(n % atom.rows, column % atom.columns, bit);
  return {0, atomBit(n / atom.rows, run, column / atom.columns, offset)};
}

BitAddress BoundLayout::repeatedCode(int64_t block, int64_t before, int64_t k,
                                     int64_t bit) const {
  int64_t run = k / runColumns(), column = k % runColumns();
  int64_t offset = map.atom.offsetOf(-before, column % map.atom.columns, bit);
  return {0, atomBit(block, run, column / map.atom.columns, offset)};
}

BitAddress BoundLayout::parameter(Component component, int64_t n, int64_t g,
                                  int64_t bit) const {
  int64_t bits = componentBits(component);
  bool isSeparate = map.parameters == ParameterPlacement::Separate;
  unsigned buffer = isSeparate ? static_cast<unsigned>(component) : 0;
  if (const BoundLayout *layout = parameterLayout(component)) {
    int64_t row = isSeparate ? meaning.parameterIndex(n, 0, 1) : n;
    return {buffer, layout->code(row, g, bit).bit};
  }
  if (isSeparate)
    return {buffer, meaning.parameterIndex(n, g, groups) * bits + bit};
  int64_t section = 0;
  if (component > Component::Scale)
    section += map.atom.rows * componentBits(Component::Scale);
  if (component > Component::ZeroPoint)
    section += map.atom.rows * componentBits(Component::ZeroPoint);
  section += n % map.atom.rows * bits + bit;
  int64_t block = n / map.atom.rows;
  if (map.order == BlockOrder::RowMajor)
    return {0, block * blockBits + groupStart(g) + section};
  return {0, groupStart(g) * blockCount + block * parameterBits + section};
}

int64_t BoundLayout::bufferBytes(unsigned buffer) const {
  int64_t bits = 0;
  if (buffer == 0)
    bits = blockCount * blockBits + (blockCount ? map.tailBits : 0);
  else if (buffer < componentCount && own[buffer] &&
           map.parameters == ParameterPlacement::Separate)
    return own[buffer]->bufferBytes(0);
  else if (buffer < 4 && map.parameters == ParameterPlacement::Separate)
    bits = meaning.parameterRows(rowCount) * groups *
           componentBits(static_cast<Component>(buffer));
  return (bits + 7) / 8;
}

} // namespace lowbit::numerics
