//===- FieldCopies.cpp - one layout to another, as data -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/FieldCopies.h"

#include "lowbit/Numerics/Packer.h"
#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>

namespace lowbit::numerics {

using Digit = FieldAxis::Digit;

/// Fields that a word has in its bytes.
static constexpr int64_t wordLanes = 4, byteBits = 8, wordBits = 32;

static int64_t divideUp(int64_t value, int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

int64_t FieldAxis::place(int64_t coordinate) const {
  int64_t place = coordinate / runLength * runStride;
  int64_t rest = coordinate % runLength;
  for (size_t i = 0; i < digits.size(); ++i) {
    bool isLast = i + 1 == digits.size();
    place += (isLast ? rest : rest % digits[i].extent) * digits[i].stride;
    rest /= digits[i].extent;
  }
  return place;
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

/// The digits whose sums are `places`, of which the first is 0; none where
/// there are no such digits.
static std::optional<std::vector<Digit>>
findDigits(const std::vector<int64_t> &places) {
  std::vector<Digit> digits;
  int64_t count = places.size();
  for (int64_t period = 1; period < count; period *= digits.back().extent) {
    int64_t end = period;
    while (end < count &&
           places[end] == places[end % period] + end / period * places[period])
      ++end;
    if (end < 2 * period || end % period != 0)
      return std::nullopt;
    digits.push_back({end / period, places[period]});
  }
  return digits;
}

/// Whether places of codes are sums of one by row and one by column.
static bool isSeparable(const BoundLayout &layout) {
  const Atom &atom = layout.layout().atom;
  if (layout.layout().order != BlockOrder::RowMajor || atom.base ||
      atom.overlap)
    return false;
  for (unsigned bit = 0; bit < layout.componentBits(Component::Code); ++bit)
    for (int64_t row = 1; row < atom.rows; ++row)
      for (int64_t column = 1; column < atom.columns; ++column)
        if (atom.offsetOf(row, column, bit) + atom.offsetOf(0, 0, bit) !=
            atom.offsetOf(row, 0, bit) + atom.offsetOf(0, column, bit))
          return false;
  return true;
}

/// The places of bit `bit` of codes; none where they have no digits.
static std::optional<FieldPlaces> findCodes(const BoundLayout &layout,
                                            unsigned bit) {
  const Atom &atom = layout.layout().atom;
  int64_t first = atom.offsetOf(0, 0, bit);
  std::vector<int64_t> rows, columns;
  for (int64_t row = 0; row < atom.rows; ++row)
    rows.push_back(atom.offsetOf(row, 0, bit) - first);
  for (int64_t column = 0; column < atom.columns; ++column)
    columns.push_back(atom.offsetOf(0, column, bit) - first);
  auto rowDigits = findDigits(rows), columnDigits = findDigits(columns);
  if (!rowDigits || !columnDigits)
    return std::nullopt;
  FieldPlaces places;
  places.offset = layout.atomBit(0, 0, 0, first);
  places.rows = {atom.rows, layout.rowBlockBits(), std::move(*rowDigits)};
  int64_t run = layout.runColumns();
  if (int64_t atoms = divideUp(run, atom.columns); atoms > 1) {
    Digit digit{atoms, atom.bits};
    if (!columnDigits->empty() &&
        columnDigits->back().extent * columnDigits->back().stride ==
            digit.stride)
      columnDigits->back().extent *= atoms;
    else
      columnDigits->push_back(digit);
  }
  places.columns = {run, 0, std::move(*columnDigits)};
  if (layout.runCount() > 1)
    places.columns.runStride = layout.atomBit(0, 1, 0, first) - places.offset;
  return places;
}

/// The places of parameters, whose bits follow each other.
static FieldPlaces findParameters(const BoundLayout &layout,
                                  Component component) {
  const Encoding &encoding = layout.encoding();
  int64_t bits = layout.componentBits(component);
  int64_t blockRows = layout.layout().atom.rows;
  BitAddress first = layout.parameter(component, 0, 0);
  FieldPlaces places;
  places.buffer = first.buffer;
  places.offset = first.bit;
  if (layout.layout().parameters == ParameterPlacement::Inline)
    places.rows = {blockRows, layout.rowBlockBits(), {{blockRows, bits}}};
  else if (encoding.granularity != Granularity::Tensor)
    places.rows = {encoding.groupRows, layout.groupCount() * bits, {}};
  if (layout.groupCount() > 1)
    places.columns = {1, layout.parameter(component, 0, 1).bit - first.bit, {}};
  return places;
}

//===----------------------------------------------------------------------===//
// Fields
//===----------------------------------------------------------------------===//

/// What divides all addresses.
static int64_t findAlignment(const FieldPlaces &places) {
  int64_t common = places.offset;
  for (const FieldAxis *axis : {&places.rows, &places.columns}) {
    common = std::gcd(common, axis->runStride);
    for (const Digit &digit : axis->digits)
      common = std::gcd(common, digit.stride);
  }
  return common ? common & -common : wordBits;
}

static bool operator==(const Digit &a, const Digit &b) {
  return a.extent == b.extent && a.stride == b.stride;
}

static bool operator==(const FieldAxis &a, const FieldAxis &b) {
  return a.runLength == b.runLength && a.runStride == b.runStride &&
         a.digits == b.digits;
}

/// Whether `next` are the places one bit behind `places`.
static bool follows(const FieldPlaces &places, const FieldPlaces &next) {
  return next.offset == places.offset + 1 && next.rows == places.rows &&
         next.columns == places.columns;
}

/// Turns copies of single bits, in order, into some of as many bits as follow
/// each other on both sides.
static void joinBits(const std::vector<FieldCopy> &bits,
                     std::vector<FieldCopy> &copies) {
  for (size_t first = 0; first < bits.size();) {
    size_t end = first + 1;
    while (end < bits.size() && follows(bits[end - 1].from, bits[end].from) &&
           follows(bits[end - 1].to, bits[end].to))
      ++end;
    FieldCopy copy = bits[first];
    int64_t most = std::min({findAlignment(copy.from), findAlignment(copy.to),
                             wordBits, static_cast<int64_t>(end - first)});
    while (2 * copy.bits <= most)
      copy.bits *= 2;
    first += copy.bits;
    copies.push_back(std::move(copy));
  }
}

/// Whether a word has four consecutive columns' fields in its bytes, always.
static bool hasLanes(const FieldPlaces &places, const FieldCopy &copy,
                     int64_t rows) {
  const FieldAxis &columns = places.columns;
  if (columns.digits.empty() || columns.digits[0].stride != byteBits ||
      columns.digits[0].extent % wordLanes != 0 ||
      (columns.runLength % wordLanes != 0 && columns.runLength < copy.columns))
    return false;
  // How far the others reach into the byte.
  int64_t reach = places.offset % wordBits + copy.bits;
  auto add = [&](int64_t extent, int64_t stride) {
    if (extent > 1)
      reach += std::min(extent - 1, byteBits) * (stride % wordBits);
  };
  add(columns.digits[0].extent / wordLanes, wordBits);
  for (size_t i = 1; i < columns.digits.size(); ++i)
    add(columns.digits[i].extent, columns.digits[i].stride);
  for (const Digit &digit : places.rows.digits)
    add(digit.extent, digit.stride);
  add(divideUp(copy.columns, columns.runLength), columns.runStride);
  add(divideUp(rows, places.rows.runLength), places.rows.runStride);
  return reach <= byteBits;
}

/// Takes four columns at once, where both sides have them in one word. Columns
/// behind the last one are padding, and zero.
static void joinLanes(const BoundLayout &from, const BoundLayout &to,
                      FieldCopy &copy) {
  bool isPadded = from.layout().columnPadding % wordLanes == 0 &&
                  to.layout().columnPadding % wordLanes == 0;
  if ((!isPadded && copy.columns % wordLanes != 0) ||
      !hasLanes(copy.from, copy, copy.rows) ||
      !hasLanes(copy.to, copy, copy.firstRow + copy.rows))
    return;
  for (FieldPlaces *places : {&copy.from, &copy.to}) {
    FieldAxis &axis = places->columns;
    axis.runLength = divideUp(axis.runLength, wordLanes);
    axis.digits[0] = {axis.digits[0].extent / wordLanes, wordBits};
    if (axis.digits[0].extent == 1)
      axis.digits.erase(axis.digits.begin());
  }
  copy.lanes = wordLanes;
  copy.columns = divideUp(copy.columns, wordLanes);
}

//===----------------------------------------------------------------------===//
// Plans
//===----------------------------------------------------------------------===//

static constexpr const char *noSums =
    "repacking by rows and columns needs blocks of rows one behind the other, "
    "and places of codes that are sums of digits of row and column";

static Status checkPair(const BoundLayout &from, const BoundLayout &to,
                        int64_t firstRow) {
  if (!haveSameMeaning(from.encoding(), to.encoding()) ||
      from.layout().added != to.layout().added)
    return {"repacking needs one encoding on both sides, found two"};
  if (from.columns() != to.columns() || firstRow < 0 ||
      firstRow + from.rows() > to.rows() ||
      firstRow % to.encoding().groupRows != 0)
    return {"repacking needs rows of the matrix, of " +
            std::to_string(to.rows()) + "x" + std::to_string(to.columns()) +
            " codes, found " + std::to_string(from.rows()) + "x" +
            std::to_string(from.columns()) + " from row " +
            std::to_string(firstRow)};
  for (const BoundLayout *layout : {&from, &to}) {
    bool hasOwn = layout->layout().parameters == ParameterPlacement::Atom;
    for (unsigned i = 1; i < componentCount; ++i)
      hasOwn |= layout->parameterLayout(static_cast<Component>(i)) != nullptr;
    if (hasOwn || !isSeparable(*layout))
      return {noSums};
  }
  return Status::success();
}

Status planFieldCopies(const BoundLayout &from, const BoundLayout &to,
                       int64_t firstRow, std::vector<FieldCopy> &copies) {
  if (Status status = checkPair(from, to, firstRow); !status.ok())
    return status;
  if (from.rows() == 0 || from.columns() == 0)
    return Status::success();
  std::vector<FieldCopy> bits;
  for (unsigned bit = 0; bit < to.componentBits(Component::Code); ++bit) {
    auto source = findCodes(from, bit), target = findCodes(to, bit);
    if (!source || !target)
      return {noSums};
    bits.push_back(
        {1, 1, from.rows(), from.columns(), *source, *target, firstRow});
  }
  size_t first = copies.size();
  joinBits(bits, copies);
  for (size_t i = first; i < copies.size(); ++i)
    joinLanes(from, to, copies[i]);
  for (Component component :
       {Component::Scale, Component::ZeroPoint, Component::Minimum}) {
    bits.clear();
    for (int64_t bit = 0; bit < to.componentBits(component); ++bit) {
      bits.push_back({1, 1, from.rows(), to.groupCount(),
                      findParameters(from, component),
                      findParameters(to, component), firstRow});
      bits.back().from.offset += bit;
      bits.back().to.offset += bit;
    }
    joinBits(bits, copies);
  }
  return Status::success();
}

/// Moves one field. Bytes go one by one, so the machine's order of them doesn't
/// matter.
static void moveField(unsigned bits, const uint8_t *from, int64_t fromBit,
                      uint8_t *to, int64_t toBit) {
  if (bits >= byteBits) {
    std::memcpy(to + toBit / byteBits, from + fromBit / byteBits,
                bits / byteBits);
    return;
  }
  unsigned field =
      from[fromBit / byteBits] >> fromBit % byteBits & ((1u << bits) - 1);
  to[toBit / byteBits] |= field << toBit % byteBits;
}

void runFieldCopy(const FieldCopy &copy, const uint8_t *const from[4],
                  uint8_t *const to[4]) {
  std::vector<std::pair<int64_t, int64_t>> columns(copy.columns);
  for (int64_t k = 0; k < copy.columns; ++k)
    columns[k] = {copy.from.columns.place(k), copy.to.columns.place(k)};
  const uint8_t *source = from[copy.from.buffer];
  uint8_t *target = to[copy.to.buffer];
  for (int64_t n = 0; n < copy.rows; ++n) {
    int64_t fromRow = copy.from.offset + copy.from.rows.place(n);
    int64_t toRow = copy.to.offset + copy.to.rows.place(copy.firstRow + n);
    for (auto [fromColumn, toColumn] : columns)
      for (unsigned lane = 0; lane < copy.lanes; ++lane)
        moveField(copy.bits, source, fromRow + fromColumn + byteBits * lane,
                  target, toRow + toColumn + byteBits * lane);
  }
}

} // namespace lowbit::numerics
