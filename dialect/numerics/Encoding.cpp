//===- Encoding.cpp - constraints of an encoding --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What an encoding must satisfy before codes are computed, packed or read.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Encoding.h"

namespace lowbit::numerics {

bool ElementFormat::operator==(const ElementFormat &other) const {
  if (!numbers || !other.numbers)
    return !numbers && !other.numbers && format.width == other.format.width &&
           format.kind == other.format.kind;
  const CodeTable &a = *numbers, &b = *other.numbers;
  return &a == &b ||
         (a.codeBits == b.codeBits && a.windowBits == b.windowBits &&
          a.valuesPerCode == b.valuesPerCode && a.values == b.values);
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
  size_t count = size_t(table.valuesPerCode) << table.windowBits;
  if (table.values.size() != count)
    return found(
        ("the table needs " + std::to_string(count) + " values").c_str(),
        static_cast<int64_t>(table.values.size()));
  return {};
}

std::string checkEncoding(const Encoding &encoding) {
  const ElementFormat &element = encoding.element;
  std::string problem = element.table() ? checkTable(*element.table())
                                        : checkInteger(*element.integer());
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
  if (encoding.outer != OuterScale::None &&
      (encoding.granularity == Granularity::Tensor ||
       (encoding.granularity == Granularity::Channel &&
        encoding.outer == OuterScale::Channel)))
    return "an outer scale needs scales of smaller parts, found one for each";
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
