//===- Layout.h - where the bits of a quantized matrix live -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A layout is a function (component, n, k, bit) -> (buffer, bit), where k
// counts codes: where a code stands for several columns, everything here that
// is called a column is a code's place in its row. It is built from a tile
// atom, which places the bits of a small block of codes by shape:stride modes
// (in the manner of CuTe), and a composition of atoms:
//
//   row block of `atom.rows` rows
//     group (the parameters of the rows first, when they are inline)
//       atoms along k; the group is padded to a multiple of `columnPadding`
//
// Packer, unpacker, reference lowering and the kernels' index arithmetic all
// come from this one object.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_LAYOUT_H
#define LOWBIT_NUMERICS_LAYOUT_H

#include "lowbit/Numerics/Encoding.h"
#include <array>
#include <memory>
#include <string>
#include <vector>

namespace lowbit::numerics {

/// The data of a quantized matrix. Where parameters are quantized, Scale and
/// Minimum are their codes, and these codes have scales.
enum class Component : uint8_t {
  Code,
  Scale,
  ZeroPoint,
  Minimum,
  ScaleOfScales,
  ScaleOfMinima,
};
inline constexpr unsigned componentCount = 6;

/// A direction of the code array: row n, column k, or bit of the code.
enum class Axis : uint8_t { Row, Column, Bit };

/// One digit of a coordinate and what a step of it costs. Consecutive modes of
/// the same axis within a piece are its digits, least significant first.
struct Mode {
  Axis axis;
  int64_t extent;
  /// Distance in bits.
  int64_t stride;

  bool operator==(const Mode &other) const {
    return axis == other.axis && extent == other.extent &&
           stride == other.stride;
  }
};

/// A box of code bits and where the atom keeps it. The box begins at
/// (`row`, `column`, `bit`) and its extent on each axis is the product of the
/// extents of that axis' modes. Boxes of parameters are in an atom that keeps
/// them; their columns are groups (or, of ScaleOf..., what shares one) of the
/// atom.
struct Piece {
  int64_t row = 0, column = 0, bit = 0;
  /// First bit within the atom.
  int64_t offset = 0;
  std::vector<Mode> modes;
  Component component = Component::Code;

  bool operator==(const Piece &other) const {
    return row == other.row && column == other.column && bit == other.bit &&
           offset == other.offset && modes == other.modes &&
           component == other.component;
  }
};

/// An explicit placement of `rows` x `columns` codes in `bits` bits. The boxes
/// of the pieces partition the codes; a three-bit tile may scatter a code over
/// several bytes, and bit planes are one piece each.
struct Atom {
  int64_t rows = 1, columns = 1, bits = 0;
  std::vector<Piece> pieces;
  /// How many rows before its first the atom holds again, so that windows of
  /// overlapping codes can be read from it alone. Pieces count rows from the
  /// first of those.
  int64_t overlap = 0;
  /// Into how many equal parts the atom is cut whose bytes alternate in memory:
  /// pieces place part p's bytes after all of part p - 1's.
  int64_t interleave = 1;
  /// When not 0, codes are digits to this base, and a byte of the atom holds
  /// digitsPerByte(base) of them: pieces of codes have no bits, and the offset
  /// of a code is its byte times 8 plus the place of its digit, most
  /// significant first. A byte with the digits of v is
  /// ceil(256 v / base^digits), so that each multiplication by the base moves
  /// the next digit out of it at the top.
  int64_t base = 0;

  /// Where the atom keeps bit `bit` of the code at (`row`, `column`), both
  /// counted within the atom; -1 when no piece holds it. Rows from -`overlap`
  /// on are those before the atom's first.
  int64_t offsetOf(int64_t row, int64_t column, int64_t bit) const;

  bool operator==(const Atom &other) const {
    return rows == other.rows && columns == other.columns &&
           bits == other.bits && pieces == other.pieces &&
           overlap == other.overlap && interleave == other.interleave &&
           base == other.base;
  }
};

/// The most digits to the base of `base`, 2 to 256, that a byte can hold.
int64_t digitsPerByte(int64_t base);

/// Where scales, zero points and minima are stored.
enum class ParameterPlacement : uint8_t {
  /// A buffer of its own for each component, row-major [rows, groups].
  Separate,
  /// In the code buffer, before the codes of each row block's group: `rows`
  /// scales, then zero points, then minima.
  Inline,
  /// In pieces of the atom, which spans whole groups.
  Atom,
};

/// Which block coordinate varies fastest in memory.
enum class BlockOrder : uint8_t {
  /// All groups of a row block, then the next row block.
  RowMajor,
  /// All row blocks of a column block, then the next column block.
  ColumnMajor,
};

/// A position: bit `bit` of buffer `buffer`. Separate parameters use buffers 1
/// (scale), 2 (zero point) and 3 (minimum); codes are always in buffer 0.
struct BitAddress {
  unsigned buffer = 0;
  int64_t bit = 0;
};

struct Layout {
  Atom atom;
  /// Groups are padded with zero codes to a multiple of this many columns, a
  /// multiple of atom.columns.
  int64_t columnPadding = 1;
  ParameterPlacement parameters = ParameterPlacement::Separate;
  BlockOrder order = BlockOrder::RowMajor;
  /// With ColumnMajor order, atoms are split into words of this many bits and
  /// the words of all row blocks interleave (GPTQ's three-bit layout); 0 keeps
  /// atoms whole.
  int64_t wordBits = 0;
  /// Row blocks begin at a multiple of this many bits (1: no padding).
  int64_t rowAlignment = 1;
  /// Bits behind the last row block, so that kernels may load whole vectors.
  int64_t tailBits = 0;
  /// Pads the end of each row only, so that atoms may straddle groups (words of
  /// ten 3-bit codes with groups of 128); needs separate parameters.
  bool padRowEndOnly = false;
  /// What is added to the bits of each component, modulo their number's power
  /// of two, before they are stored: half of it turns offset binary into two's
  /// complement and changes the sign of a float.
  std::array<uint32_t, componentCount> added{};
  /// The layouts of separate parameters' buffers, which hold them as codes of
  /// an [N, groups] matrix, integer zero points in the code's width; null: row
  /// by row. By component.
  std::array<std::shared_ptr<const Layout>, componentCount> own{};

  /// One LSB-first bit stream of `width`-bit codes in row-major order, without
  /// padding; parameters separate.
  static Layout dense(unsigned width);

  /// Bits of one element of `component`; 0 when `encoding` lacks it or no
  /// layout moves it. Integer zero points take a byte in layouts that don't
  /// place them.
  int64_t componentBits(const Encoding &encoding, Component component) const;

  bool operator==(const Layout &other) const;
};

/// A layout bound to an encoding and a shape: the address function. Constructed
/// from the columns of the matrix; everything else counts columns of codes.
class BoundLayout {
public:
  BoundLayout(const Layout &layout, const Encoding &encoding, int64_t rows,
              int64_t columns);

  /// Address of bit `bit` of the code at (n, k), or of its digit.
  BitAddress code(int64_t n, int64_t k, int64_t bit) const;
  /// Where row block `block` repeats bit `bit` of the code in column k that
  /// stands `before` rows, 1 to atom.overlap, before the block's first.
  BitAddress repeatedCode(int64_t block, int64_t before, int64_t k,
                          int64_t bit) const;
  /// Address of bit `bit` of a parameter of row `n`, group `g`. Bits follow
  /// each other unless parameters have a layout. With inline placement and
  /// tensor granularity every row has a copy.
  BitAddress parameter(Component component, int64_t n, int64_t g,
                       int64_t bit = 0) const;
  /// The layout of a component's parameters, as codes of an [N, groups] matrix,
  /// where it isn't row by row or in front of a block's codes; null otherwise.
  /// Its buffer 0 is the one of `parameter`.
  const BoundLayout *parameterLayout(Component component) const {
    return own[static_cast<unsigned>(component)].get();
  }
  /// Parameters of a row: groups, or of ScaleOf... what shares one.
  int64_t parameterColumns(Component component) const;
  /// Layout::componentBits.
  int64_t componentBits(Component component) const {
    return map.componentBits(meaning, component);
  }
  /// Bytes of buffer `buffer`; 0 when the layout doesn't use it.
  int64_t bufferBytes(unsigned buffer) const;
  /// Columns of codes, padding included, in front of group `g`. Not defined
  /// with padRowEndOnly.
  int64_t paddedColumnsBefore(int64_t g) const;

  /// Number of blocks of atom.rows rows, the last perhaps incomplete.
  int64_t rowBlockCount() const { return blockCount; }
  /// Bits from one row block to the next in RowMajor order.
  int64_t rowBlockBits() const { return blockBits; }
  /// Groups along K.
  int64_t groupCount() const { return groups; }
  /// Bits of inline parameters in front of each group of a row block.
  int64_t inlineParameterBits() const { return parameterBits; }
  /// Bits, within a row block, in front of group `g` and its parameters.
  int64_t groupStart(int64_t g) const;
  /// Runs of atoms without anything in between: groups, or the whole row when
  /// neither parameters nor padding separate its groups.
  int64_t runCount() const { return groups && gapless ? 1 : groups; }
  int64_t runColumns() const { return gapless ? columnCount : groupColumns; }
  /// Bit of buffer 0 that holds bit `offset` of atom `atom` of run `run` in row
  /// block `block`.
  int64_t atomBit(int64_t block, int64_t run, int64_t atom,
                  int64_t offset) const;

  const Layout &layout() const { return map; }
  const Encoding &encoding() const { return meaning; }
  int64_t rows() const { return rowCount; }
  /// Codes of a row.
  int64_t columns() const { return columnCount; }

private:
  Layout map;
  Encoding meaning;
  int64_t rowCount, columnCount;
  // Derived once; code() and parameter() are called per element.
  int64_t groupColumns, groups, blockCount, parameterBits, blockBits;
  bool gapless;
  std::array<std::shared_ptr<const BoundLayout>, componentCount> own;
};

/// Checks that `layout` can hold codes of `encoding`: boxes partition the
/// atom's codes, no two bits share an address, extents and paddings agree.
/// BoundLayout may be built only from a layout that passes. Returns an empty
/// string, or what was required and what was found.
std::string checkLayout(const Layout &layout, const Encoding &encoding);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_LAYOUT_H
