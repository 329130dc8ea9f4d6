//===- LayoutCheck.cpp - is a layout a partition? -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Composition over atoms is injective by construction, so a layout is sound
// when its atom is: every code bit in exactly one box, every box at addresses
// of its own. Atoms are small, so that is checked by enumeration.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Layout.h"

#include <algorithm>

namespace lowbit::numerics {

/// Atoms beyond this many code bits are refused rather than enumerated; no
/// other number of a layout needs to be larger, so that addresses can't
/// overflow.
static constexpr int64_t maxAtomBits = int64_t(1) << 22;
/// No window has bits of more codes.
static constexpr int64_t maxOverlap = 15;

static std::string required(const std::string &what, int64_t found) {
  return what + ", found " + std::to_string(found);
}

/// Addresses that a code takes: its bits, or its digit.
static int64_t placesPerCode(const Atom &atom, const Encoding &encoding) {
  return atom.base ? 1 : encoding.element.codeBits();
}

static std::string checkNumbers(const Layout &layout,
                                const Encoding &encoding) {
  const Atom &atom = layout.atom;
  if (atom.rows < 1 || atom.rows > maxAtomBits)
    return required("an atom needs at least 1 row", atom.rows);
  if (atom.columns < 1 || atom.columns > maxAtomBits)
    return required("an atom needs at least 1 column", atom.columns);
  if (atom.overlap < 0 || atom.overlap > maxOverlap)
    return required("an atom repeats 0 to " + std::to_string(maxOverlap) +
                        " rows",
                    atom.overlap);
  int64_t codeBits =
      (atom.overlap + atom.rows) * atom.columns * placesPerCode(atom, encoding);
  if (atom.bits < codeBits || codeBits > maxAtomBits || atom.bits > maxAtomBits)
    return required("the atom's codes need " + std::to_string(codeBits) +
                        " of at most " + std::to_string(maxAtomBits) + " bits",
                    atom.bits);
  if (layout.columnPadding < 1 || layout.columnPadding % atom.columns ||
      layout.columnPadding > maxAtomBits)
    return required("column padding must be a multiple of the atom's " +
                        std::to_string(atom.columns) + " columns, at most " +
                        std::to_string(maxAtomBits),
                    layout.columnPadding);
  if (layout.rowAlignment < 1 || layout.rowAlignment > maxAtomBits)
    return required("row alignment must be 1 to " +
                        std::to_string(maxAtomBits) + " bits",
                    layout.rowAlignment);
  if (atom.interleave != 1 &&
      (atom.interleave < 1 || atom.interleave > maxAtomBits ||
       atom.bits % (8 * atom.interleave)))
    return required("interleaved parts must be whole bytes of the atom's " +
                        std::to_string(atom.bits) + " bits",
                    atom.interleave);
  if (layout.tailBits < 0 || layout.tailBits > maxAtomBits)
    return required("a tail has 0 to " + std::to_string(maxAtomBits) + " bits",
                    layout.tailBits);
  return {};
}

static std::string checkComposition(const Layout &layout) {
  bool rowMajor = layout.order == BlockOrder::RowMajor;
  if (rowMajor && layout.wordBits)
    return required("row-major order needs words of 0 bits", layout.wordBits);
  if (layout.wordBits < 0 ||
      (layout.wordBits && layout.atom.bits % layout.wordBits))
    return required("words must divide the atom's " +
                        std::to_string(layout.atom.bits) + " bits",
                    layout.wordBits);
  if (!rowMajor && layout.rowAlignment != 1)
    return required("column-major order needs a row alignment of 1 bit",
                    layout.rowAlignment);
  if (layout.padRowEndOnly && layout.parameters == ParameterPlacement::Inline)
    return "inline parameters need groups that are padded one by one";
  bool hasOwn = std::any_of(layout.own.begin(), layout.own.end(),
                            [](const auto &own) { return own != nullptr; });
  if (hasOwn && layout.parameters != ParameterPlacement::Separate)
    return "layouts of parameters need parameters in buffers of their own";
  return {};
}

/// What codes that are digits need.
static std::string checkDigits(const Layout &layout, const Encoding &encoding) {
  const Atom &atom = layout.atom;
  if (!atom.base)
    return {};
  if (atom.base < 3 || atom.base > 16)
    return required("digits have a base of 3 to 16", atom.base);
  bool inBytes = atom.bits % 8 == 0 && layout.wordBits % 8 == 0 &&
                 (layout.rowAlignment == 1 || layout.rowAlignment % 8 == 0);
  if (!inBytes || atom.overlap ||
      layout.parameters == ParameterPlacement::Inline)
    return "digits need atoms, words and rows of whole bytes, no rows that "
           "repeat and no inline parameters";
  const ElementFormat &element = encoding.element;
  if (element.codeBits() > 8)
    return required("digits need codes of at most 8 bits", element.codeBits());
  const IntegerFormat *integer = element.integer();
  for (uint32_t code = integer ? integer->firstCode() : 0;
       code < element.codeCount(); ++code) {
    uint32_t digit = (code + layout.added[0]) & (element.codeCount() - 1);
    if (digit >= atom.base)
      return required("digits to the base of " + std::to_string(atom.base) +
                          " need codes that are less when they are stored",
                      digit);
  }
  return {};
}

/// What an atom with parameters needs of the encoding.
static std::string checkAtomParameters(const Layout &layout,
                                       const Encoding &encoding) {
  int64_t columns = layout.atom.columns * encoding.element.valuesPerCode();
  if (encoding.granularity != Granularity::Group ||
      columns % encoding.groupSize)
    return "an atom with parameters needs groups that divide its " +
           std::to_string(columns) + " columns";
  if (layout.padRowEndOnly || layout.columnPadding != layout.atom.columns)
    return required("an atom with parameters needs a padding of its columns",
                    layout.columnPadding);
  if (layout.atom.overlap)
    return required("an atom with parameters repeats 0 rows",
                    layout.atom.overlap);
  int64_t groups = columns / encoding.groupSize;
  if (encoding.stored && (encoding.stored->granularity != Granularity::Group ||
                          groups % encoding.stored->groupSize))
    return "an atom with quantized scales needs whole blocks of them, found " +
           std::to_string(groups) + " scales";
  return {};
}

static std::string checkModes(const Atom &atom) {
  for (const Piece &piece : atom.pieces) {
    for (int64_t number : {piece.row, piece.column, piece.bit, piece.offset})
      if (number < 0 || number > maxAtomBits)
        return required("a box begins within its atom", number);
    int64_t extents[3] = {1, 1, 1};
    for (const Mode &mode : piece.modes) {
      int64_t &extent = extents[static_cast<unsigned>(mode.axis)];
      if (mode.extent < 1 || mode.extent > maxAtomBits)
        return required("a mode needs an extent of at least 1", mode.extent);
      if (mode.stride < -maxAtomBits || mode.stride > maxAtomBits)
        return required("a mode needs a stride within its atom", mode.stride);
      extent *= mode.extent;
      if (extent > maxAtomBits)
        return required("a box must lie within its atom", extent);
    }
    if (piece.row + extents[0] > atom.overlap + atom.rows ||
        piece.column + extents[1] > atom.columns || piece.bit + extents[2] > 32)
      return required("a box must lie within its atom",
                      piece.row + extents[0]) +
             " rows, " + std::to_string(piece.column + extents[1]) +
             " columns, " + std::to_string(piece.bit + extents[2]) + " bits";
  }
  return {};
}

static std::string describe(Component component, int64_t row, int64_t column,
                            int64_t bit) {
  static constexpr const char *names[componentCount] = {
      "code",    "scale",           "zero point",
      "minimum", "scale of scales", "scale of minima"};
  return "bit " + std::to_string(bit) + " of the " +
         names[static_cast<unsigned>(component)] + " at row " +
         std::to_string(row) + ", column " + std::to_string(column);
}

static int64_t boxVolume(const Piece &piece) {
  int64_t volume = 1;
  for (const Mode &mode : piece.modes)
    volume *= mode.extent;
  return volume;
}

/// Every bit of `columns` columns of `component` has an address that is not
/// `taken`; with volumes that add up, no box overlaps another either.
static std::string checkPartition(const Atom &atom, Component component,
                                  int64_t columns, int64_t width,
                                  std::vector<bool> &taken) {
  bool inDigits = atom.base && component == Component::Code;
  Atom part{atom.rows, columns, atom.bits, {}};
  part.overlap = atom.overlap;
  part.interleave = atom.interleave;
  int64_t volume = 0;
  for (const Piece &piece : atom.pieces)
    if (piece.component == component) {
      part.pieces.push_back(piece);
      part.pieces.back().component = Component::Code;
      volume += boxVolume(piece);
    }
  for (int64_t row = -atom.overlap; row < atom.rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      for (int64_t bit = 0; bit < width; ++bit) {
        int64_t offset = part.offsetOf(row, column, bit);
        if (offset < 0)
          return "the atom has no place for " +
                 describe(component, row, column, bit);
        if (offset >= atom.bits)
          return required("the atom must hold " +
                              describe(component, row, column, bit) +
                              " within " + std::to_string(atom.bits) + " bits",
                          offset);
        if (taken[offset])
          return "the atom keeps " + describe(component, row, column, bit) +
                 " where it keeps another bit, at " + std::to_string(offset);
        if (inDigits && offset % 8 >= digitsPerByte(atom.base))
          return required(
              "a byte holds " + std::to_string(digitsPerByte(atom.base)) +
                  " digits to the base of " + std::to_string(atom.base),
              offset % 8 + 1);
        taken[offset] = true;
      }
  int64_t bits = (atom.overlap + atom.rows) * columns * width;
  if (volume != bits)
    return required("the atom's boxes must hold its " + std::to_string(bits) +
                        " bits once each",
                    volume);
  return {};
}

/// Boxes of codes and of what parameters the atom keeps.
static std::string checkPartitions(const Layout &layout,
                                   const Encoding &encoding) {
  const Atom &atom = layout.atom;
  std::vector<bool> taken(atom.bits);
  std::string problem = checkPartition(atom, Component::Code, atom.columns,
                                       placesPerCode(atom, encoding), taken);
  // A byte with a digit has nothing else.
  for (size_t place = taken.size(); atom.base && place-- > 0;)
    if (taken[place])
      std::fill_n(taken.begin() + place / 8 * 8, 8, true);
  int64_t groups = layout.atom.columns * encoding.element.valuesPerCode() /
                   std::max<int64_t>(1, encoding.groupSize);
  for (unsigned i = 1; i < componentCount && problem.empty(); ++i) {
    auto component = static_cast<Component>(i);
    bool isKept = layout.parameters == ParameterPlacement::Atom;
    int64_t width = isKept ? layout.componentBits(encoding, component) : 0;
    int64_t columns = groups;
    if (component >= Component::ScaleOfScales && encoding.stored)
      columns = encoding.stored->groupCount(groups);
    problem =
        checkPartition(atom, component, width ? columns : 0, width, taken);
  }
  return problem;
}

/// Layouts of parameters' buffers hold them as codes.
static std::string checkOwn(const Layout &layout, const Encoding &encoding) {
  for (unsigned i = 1; i < componentCount; ++i) {
    Encoding codes;
    codes.element = {static_cast<unsigned>(layout.componentBits(
                         encoding, static_cast<Component>(i))),
                     IntegerKind::Unsigned};
    if (!layout.own[i] || !codes.element.codeBits())
      continue;
    if (layout.own[i]->parameters != ParameterPlacement::Separate)
      return "a layout of parameters can't have parameters";
    if (layout.own[i]->atom.overlap)
      return required("a layout of parameters repeats 0 rows",
                      layout.own[i]->atom.overlap);
    if (std::string problem = checkLayout(*layout.own[i], codes);
        !problem.empty())
      return "in a layout of parameters, " + problem;
  }
  return {};
}

std::string checkLayout(const Layout &layout, const Encoding &encoding) {
  std::string problem = checkNumbers(layout, encoding);
  if (problem.empty())
    problem = checkComposition(layout);
  if (problem.empty() && layout.parameters == ParameterPlacement::Atom)
    problem = checkAtomParameters(layout, encoding);
  if (problem.empty())
    problem = checkDigits(layout, encoding);
  if (problem.empty())
    problem = checkModes(layout.atom);
  if (problem.empty())
    problem = checkPartitions(layout, encoding);
  if (problem.empty())
    problem = checkOwn(layout, encoding);
  return problem;
}

} // namespace lowbit::numerics
