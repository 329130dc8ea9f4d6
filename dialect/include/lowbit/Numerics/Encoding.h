//===- Encoding.h - what the codes of a quantized matrix mean ---*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An encoding turns the codes of an N x K matrix into numbers:
//
//   value(n, k) = scale(n, g) * (decode(code(n, k)) - zeroPoint(n, g))
//                 + minimum(n, g)
//
// where g is the group of column k; a factor that many groups share where
// scales are coarse; and a factor of the column. This header has no dependency
// on LLVM, so run-time code and the compiler share one truth.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_NUMERICS_ENCODING_H
#define LOWBIT_NUMERICS_ENCODING_H

#include "lowbit/Numerics/ScaleFormat.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lowbit::numerics {

/// How a code of an integer element format is read.
enum class IntegerKind : uint8_t {
  /// Offset binary: decode(c) = c - 2^(width - 1); one bit means {-1, +1}.
  Signed,
  /// As Signed, but code 0 (the most negative value) is never written.
  SignedRestricted,
  /// decode(c) = c.
  Unsigned,
};

/// Integers of `width` bits, 1 to 8 for weights and 16 for activations.
struct IntegerFormat {
  unsigned width = 8;
  IntegerKind kind = IntegerKind::Signed;

  /// Number of distinct codes.
  uint32_t codeCount() const { return 1u << width; }
  /// Difference between the numbers of neighbouring codes.
  int32_t step() const {
    return kind != IntegerKind::Unsigned && width == 1 ? 2 : 1;
  }
  /// The smallest code that the quantizer may write.
  uint32_t firstCode() const { return kind == IntegerKind::SignedRestricted; }
  /// The number that `code` stands for, before zero point and scale.
  int32_t decode(uint32_t code) const {
    if (kind == IntegerKind::Unsigned)
      return static_cast<int32_t>(code);
    if (width == 1)
      return 2 * static_cast<int32_t>(code) - 1;
    return static_cast<int32_t>(code) - (1 << (width - 1));
  }
  /// The largest value that quantization at run time gives. Kernels multiply
  /// the two bytes of a 16-bit code apart, both as signed numbers, which ends
  /// the range at 127 * 256 + 127.
  int32_t largestRuntimeValue() const {
    return width == 16 ? 127 * 256 + 127 : decode(codeCount() - 1);
  }
};

/// Where the numbers of a table are.
enum class TableOwner : uint8_t {
  /// In the format: the same for every matrix.
  Format,
  /// In the matrix, as integers of -128 to 127: one table, or one for each row.
  Tensor,
  Row,
};

/// What codes stand for where no formula says it. A *window* is the part of the
/// code stream that decides a code's numbers: the code itself or, for codes
/// that overlap (a trellis), also bits of the codes before it.
struct CodeTable {
  /// Bits that a code adds to the stream, 1 to 16, and bits of a window, at
  /// least as many and at most 16. The code is the window's low end.
  unsigned codeBits = 0, windowBits = 0;
  /// Consecutive columns that a code stands for, 1 to 64.
  unsigned valuesPerCode = 1;
  /// [2^windowBits, valuesPerCode]. The quantizer never writes a code that
  /// stands for an infinity or NaN. Empty where matrices own their tables.
  std::vector<float> values;
  TableOwner owner = TableOwner::Format;
  /// Bits of a code that are an index, where the others are signs of what it
  /// selects: `values` then are those of a lattice (Lattice.h). 0: of none.
  unsigned latticeIndexBits = 0;
};

struct ColumnPart;

/// What one code stands for before zero point and scale: an integer, by
/// formula, or the numbers of a table; or several formats, each for some of the
/// columns. Copies share tables and lists.
class ElementFormat {
public:
  ElementFormat() = default;
  ElementFormat(IntegerFormat format) : format(format) {}
  ElementFormat(unsigned width, IntegerKind kind) : format{width, kind} {}
  ElementFormat(std::shared_ptr<const CodeTable> table)
      : numbers(std::move(table)) {}
  /// At least two formats that are not such lists themselves.
  ElementFormat(std::shared_ptr<const std::vector<ColumnPart>> parts)
      : columnParts(std::move(parts)) {}

  /// The integer format, or null for tables.
  const IntegerFormat *integer() const {
    return numbers || columnParts ? nullptr : &format;
  }
  /// The table, or null for integers.
  const CodeTable *table() const { return numbers.get(); }
  /// Whether the table is that of a lattice.
  bool isLattice() const { return numbers && numbers->latticeIndexBits; }
  /// The formats of parts of the columns, or null where all have the same.
  const std::vector<ColumnPart> *parts() const { return columnParts.get(); }
  /// Who has the numbers of the table, if there is one.
  TableOwner tableOwner() const {
    return numbers ? numbers->owner : TableOwner::Format;
  }

  /// Bits of a code; of parts, the most that one has.
  unsigned codeBits() const;
  /// Bits of a window. Parts have no window in common: they give 16, more than
  /// a code's, so that what reads single codes takes none of them.
  unsigned windowBits() const;
  unsigned valuesPerCode() const {
    return numbers ? numbers->valuesPerCode : 1;
  }
  /// Bytes that hold a code outside of any layout: 1 or 2.
  unsigned codeBytes() const { return codeBits() > 8 ? 2 : 1; }
  /// Number of distinct codes.
  uint32_t codeCount() const { return 1u << codeBits(); }
  /// The number that `window` stands for in the `index`-th of its columns.
  float decode(uint32_t window, unsigned index = 0) const {
    if (numbers)
      return numbers->values[window * numbers->valuesPerCode + index];
    return static_cast<float>(format.decode(window));
  }
  /// Whether both decode every window to the same numbers.
  bool operator==(const ElementFormat &other) const;

private:
  IntegerFormat format;
  std::shared_ptr<const CodeTable> numbers;
  std::shared_ptr<const std::vector<ColumnPart>> columnParts;
};

/// A number of columns that have one format.
struct ColumnPart {
  ElementFormat format;
  int64_t columns;
};

/// What, if anything, is subtracted from a decoded code before scaling.
enum class ZeroPointKind : uint8_t {
  None,
  /// An unsigned integer of the code's width, one byte each in dense storage.
  Integer,
  /// A number in the scale's format, for sets such as {-1, -1/3, 1/3, 1}.
  Fractional,
};

/// The part of the matrix that shares one set of parameters.
enum class Granularity : uint8_t { Tensor, Channel, Group };

/// A factor of all numbers, an f32 beside scales of few bits: none, one for the
/// tensor (NVFP4), or one for each row.
enum class OuterScale : uint8_t { None, Tensor, Channel };

/// The complete meaning of a quantized matrix, parameters' values excepted.
struct Encoding {
  ElementFormat element;
  ZeroPointKind zeroPoint = ZeroPointKind::None;
  /// Whether an additive minimum follows the scaled code.
  bool hasMinimum = false;
  Granularity granularity = Granularity::Channel;
  /// Columns per group; used with Granularity::Group only.
  int64_t groupSize = 0;
  ScaleFormat scale = ScaleFormat::F16;
  OuterScale outer = OuterScale::None;
  /// How the factors of columns are stored, if there are any: as a matrix of
  /// one row. Null: none.
  std::shared_ptr<const Encoding> columnScale = nullptr;
  /// How scales, minima and fractional zero points are stored where they are
  /// quantized themselves: each kind as a matrix of one row, [1, parameterRows
  /// * groups], whose numbers are then rounded to `scale`. Null: as they are.
  std::shared_ptr<const Encoding> stored = nullptr;
  /// Rows that share the parameters of a group, the last ones perhaps fewer;
  /// others than 1 with Granularity::Group only.
  int64_t groupRows = 1;

  /// Bits that say which part each column belongs to; 0 without parts.
  unsigned partBits() const;
  /// Numbers in the tables of a matrix of `rows` rows, [tables, codes].
  int64_t tableNumbers(int64_t rows) const {
    TableOwner owner = element.tableOwner();
    if (owner == TableOwner::Format || rows == 0)
      return 0;
    return (owner == TableOwner::Row ? rows : 1) * element.codeCount();
  }
  /// Scales, or minima, of a matrix.
  int64_t parameterCount(int64_t rows, int64_t columns) const {
    return parameterRows(rows) * groupCount(columns);
  }
  /// Number of outer scales in a matrix of `rows` rows.
  int64_t outerCount(int64_t rows) const {
    if (outer == OuterScale::None || rows == 0)
      return 0;
    return outer == OuterScale::Tensor ? 1 : rows;
  }
  /// Columns that share parameters in a matrix of `columns` columns (at least
  /// 1, so that an empty matrix divides nothing by zero).
  int64_t columnsPerGroup(int64_t columns) const {
    int64_t size = granularity == Granularity::Group ? groupSize : columns;
    return size > 0 ? size : 1;
  }
  /// Number of groups along K; the last may be short.
  int64_t groupCount(int64_t columns) const {
    int64_t size = columnsPerGroup(columns);
    return (columns + size - 1) / size;
  }
  /// Rows of the parameter matrices: 1 per tensor, otherwise one per channel
  /// or block of rows.
  int64_t parameterRows(int64_t rows) const {
    if (granularity == Granularity::Tensor)
      return rows ? 1 : 0;
    return (rows + groupRows - 1) / groupRows;
  }
  /// Index of the parameters of (row, group) in a [parameterRows, groups] array
  /// of a matrix with `groups` groups.
  int64_t parameterIndex(int64_t row, int64_t group, int64_t groups) const {
    return granularity == Granularity::Tensor
               ? 0
               : row / groupRows * groups + group;
  }
  /// Codes of a row of `columns` columns, a multiple of the values per code.
  int64_t codesPerRow(int64_t columns) const {
    return columns / element.valuesPerCode();
  }
  /// The number that `window` stands for in the `index`-th of its columns: the
  /// definition of every encoding.
  float value(uint32_t window, float scaleValue, float zeroPointValue = 0,
              float minimum = 0, unsigned index = 0,
              float outerScale = 1) const {
    float number = element.decode(window, index);
    if (zeroPoint != ZeroPointKind::None)
      number -= zeroPointValue;
    number *= scaleValue;
    if (hasMinimum)
      number += minimum;
    return outer == OuterScale::None ? number : number * outerScale;
  }
};

/// Checks that `encoding` is one that weights can have: integers of 1 to 8
/// bits, at least 2 when restricted, or a table as CodeTable describes it,
/// without an integer zero point; neither fractional zero points nor minima of
/// 8 bits; groups of a positive multiple of the values per code; several rows
/// only where groups share scales that are stored as they are; outer scales
/// that more than one scale shares; stored parameters of at most 8 bits without
/// stored parameters of their own, of codes that are their own windows; column
/// scales without factors of their own; parts as Encoding.cpp lists it. Returns
/// an empty string, or what was required and what was found.
std::string checkEncoding(const Encoding &encoding);

} // namespace lowbit::numerics

#endif // LOWBIT_NUMERICS_ENCODING_H
