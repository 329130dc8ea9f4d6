//===- Encoding.cpp - constraints of an encoding --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an encoding must satisfy before codes are computed, packed or read.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Encoding.h"

#include "lowbit/Numerics/Lattice.h"
#include <algorithm>

namespace lowbit::numerics {

unsigned ElementFormat::codeBits() const {
  if (!columnParts)
    return numbers ? numbers->codeBits : format.width;
  unsigned most = 0;
  for (const ColumnPart &part : *columnParts)
    most = std::max(most, part.format.codeBits());
  return most;
}

unsigned ElementFormat::windowBits() const {
  if (columnParts)
    return 16;
  return numbers ? numbers->windowBits : format.width;
}

bool ElementFormat::operator==(const ElementFormat &other) const {
  if (columnParts || other.columnParts)
    return columnParts && other.columnParts &&
           std::equal(columnParts->begin(), columnParts->end(),
                      other.columnParts->begin(), other.columnParts->end(),
                      [](const ColumnPart &a, const ColumnPart &b) {
                        return a.format == b.format && a.columns == b.columns;
                      });
  if (!numbers || !other.numbers)
    return !numbers && !other.numbers && format.width == other.format.width &&
           format.kind == other.format.kind;
  const CodeTable &a = *numbers, &b = *other.numbers;
  return &a == &b ||
         (a.codeBits == b.codeBits && a.windowBits == b.windowBits &&
          a.valuesPerCode == b.valuesPerCode && a.values == b.values &&
          a.owner == b.owner && a.latticeIndexBits == b.latticeIndexBits);
}

static std::string found(const char *required, int64_t value) {
  return required + std::string(", found ") + std::to_string(value);
}

static std::string checkInteger(const IntegerFormat &element) {
  if (element.width < 1 || element.width > 8)
    return found("weights need codes of 1 to 8 bits", element.width);
  if (element.kind == IntegerKind::SignedRestricted && element.width < 2)
    return "a restricted range needs codes of at least 2 bits, found 1";
  return {};
}

static std::string checkTable(const CodeTable &table) {
  if (table.codeBits < 1 || table.codeBits > 16)
    return found("a table needs codes of 1 to 16 bits", table.codeBits);
  if (table.windowBits < table.codeBits || table.windowBits > 16)
    return found("a table needs windows of a code to 16 bits",
                 table.windowBits);
  if (table.valuesPerCode < 1 || table.valuesPerCode > 64)
    return found("a table needs 1 to 64 values per code", table.valuesPerCode);
  if (table.owner != TableOwner::Format) {
    if (table.codeBits > 8 || table.windowBits != table.codeBits ||
        table.valuesPerCode != 1 || !table.values.empty())
      return "a matrix' own table needs codes of at most 8 bits for one number "
             "each, found others";
    return {};
  }
  if (table.latticeIndexBits &&
      (!LatticeFormat{table.valuesPerCode, table.codeBits}.isValid() ||
       table.windowBits != table.codeBits))
    return "a lattice needs codes of 7 to 14 bits for 4 numbers or of 11 to 16 "
           "for 8, found others";
  size_t count = size_t(table.valuesPerCode) << table.windowBits;
  if (table.values.size() != count)
    return found(
        ("the table needs " + std::to_string(count) + " values").c_str(),
        static_cast<int64_t>(table.values.size()));
  return {};
}

unsigned Encoding::partBits() const {
  unsigned bits = 0;
  if (element.parts())
    while (size_t(1) << bits < element.parts()->size())
      ++bits;
  return bits;
}

static std::string checkFormat(const ElementFormat &element) {
  return element.table() ? checkTable(*element.table())
                         : checkInteger(*element.integer());
}

/// Whether `element` has codes of at most 8 bits that stand for one number
/// each, the same in every matrix.
static bool isPlainFormat(const ElementFormat &element) {
  return !element.parts() && element.codeBits() <= 8 &&
         element.valuesPerCode() == 1 &&
         element.tableOwner() == TableOwner::Format;
}

/// Formats of parts are of at most 8 bits and one number, and share one scale
/// for each row or for all.
static std::string checkParts(const Encoding &encoding) {
  const std::vector<ColumnPart> &parts = *encoding.element.parts();
  if (parts.size() < 2)
    return found("parts of columns need at least 2 formats",
                 static_cast<int64_t>(parts.size()));
  for (const ColumnPart &part : parts) {
    if (part.columns < 1)
      return found("a part needs at least 1 column", part.columns);
    if (!isPlainFormat(part.format))
      return "a part needs codes of at most 8 bits for one number that the "
             "format gives, found others";
    if (std::string problem = checkFormat(part.format); !problem.empty())
      return problem;
  }
  if (encoding.granularity == Granularity::Group || encoding.hasMinimum ||
      encoding.zeroPoint != ZeroPointKind::None)
    return "parts of columns need one scale for each row and nothing else, "
           "found groups, zero points or minima";
  return {};
}

/// Factors of columns are a row of numbers with one scale for all.
static std::string checkColumnScale(const Encoding &scale) {
  if (scale.columnScale || scale.stored || scale.outer != OuterScale::None ||
      !isPlainFormat(scale.element) ||
      scale.element.windowBits() != scale.element.codeBits() ||
      scale.granularity != Granularity::Tensor)
    return "column scales need codes of at most 8 bits for one number each and "
           "one scale, found others";
  return checkEncoding(scale);
}

/// Checks how parameters are stored that are quantized themselves.
static std::string checkStored(const Encoding &encoding) {
  const Encoding &stored = *encoding.stored;
  if (encoding.element.windowBits() != encoding.element.codeBits())
    return "codes that overlap and parts of columns need plain scales, found "
           "quantized ones";
  if (scaleBits(encoding.scale) == 8)
    return std::string("quantized scales need to stand for f32, f16 or bf16, "
                       "found ") +
           describeScale(encoding.scale);
  if (stored.stored || stored.columnScale || stored.outer != OuterScale::None ||
      !isPlainFormat(stored.element) ||
      stored.element.windowBits() != stored.element.codeBits())
    return "scales need codes of at most 8 bits for one number each, with "
           "plain parameters, found others";
  return checkEncoding(stored);
}

/// Rows that share the parameters of their groups.
static std::string checkGroupRows(const Encoding &encoding) {
  if (encoding.groupRows < 1)
    return found("a group needs at least 1 row", encoding.groupRows);
  if (encoding.groupRows == 1)
    return {};
  if (encoding.granularity != Granularity::Group)
    return "parameters for several rows need groups, found one set for each "
           "row or for all";
  if (encoding.stored || encoding.outer != OuterScale::None)
    return "parameters for several rows need plain scales, found quantized "
           "ones or an outer one";
  return {};
}

std::string checkEncoding(const Encoding &encoding) {
  const ElementFormat &element = encoding.element;
  std::string problem =
      element.parts() ? checkParts(encoding) : checkFormat(element);
  if (problem.empty() && encoding.columnScale)
    problem = checkColumnScale(*encoding.columnScale);
  if (!problem.empty())
    return problem;
  if (element.table() && encoding.zeroPoint == ZeroPointKind::Integer)
    return "an integer zero point needs integer codes, found a table";
  if (scaleBits(encoding.scale) == 8 &&
      (encoding.hasMinimum || encoding.zeroPoint == ZeroPointKind::Fractional))
    return std::string(
               "a fractional zero point or minimum needs 16 bits, found "
               "scales of ") +
           describeScale(encoding.scale);
  TableOwner owner = element.tableOwner();
  if (owner != TableOwner::Format &&
      (encoding.stored || encoding.hasMinimum || encoding.groupRows != 1 ||
       encoding.zeroPoint != ZeroPointKind::None))
    return "beside a matrix' own table there are plain scales, found others";
  if (owner == TableOwner::Row && encoding.granularity == Granularity::Tensor)
    return "a table for each row needs scales for each row, found one for all";
  if (std::string problem = checkGroupRows(encoding); !problem.empty())
    return problem;
  if (encoding.outer != OuterScale::None &&
      (encoding.granularity == Granularity::Tensor ||
       (encoding.granularity == Granularity::Channel &&
        encoding.outer == OuterScale::Channel)))
    return "an outer scale needs scales of smaller parts, found one for each";
  if (encoding.stored)
    if (std::string problem = checkStored(encoding); !problem.empty())
      return problem;
  if (encoding.granularity != Granularity::Group)
    return {};
  if (encoding.groupSize < 1)
    return found("a group needs at least 1 column", encoding.groupSize);
  if (encoding.groupSize % element.valuesPerCode())
    return found(("a group needs a multiple of " +
                  std::to_string(element.valuesPerCode()) +
                  " columns, the values per code")
                     .c_str(),
                 encoding.groupSize);
  return {};
}

} // namespace lowbit::numerics
