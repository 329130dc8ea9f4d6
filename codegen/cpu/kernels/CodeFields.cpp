//===- CodeFields.cpp - a layout as vectors, shifts and masks -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodeFields.h"

using namespace lowbit;
using namespace lowbit::cpu;
using numerics::BoundLayout;

namespace {
/// The address function of a single atom, its codes alone.
class AtomAddresses {
public:
  AtomAddresses(const numerics::Layout &layout, unsigned width)
      : bound(codesOnly(layout), codesOnly(width), layout.atom.rows,
              layout.atom.columns) {}

  int64_t operator()(int64_t row, int64_t column, int64_t bit) const {
    return bound.code(row, column, bit).bit;
  }

private:
  static numerics::Layout codesOnly(numerics::Layout layout) {
    layout.parameters = numerics::ParameterPlacement::Separate;
    layout.columnPadding = layout.atom.columns;
    return layout;
  }
  static numerics::Encoding codesOnly(unsigned width) {
    numerics::Encoding encoding;
    encoding.element = {width, numerics::IntegerKind::Unsigned};
    return encoding;
  }
  BoundLayout bound;
};
} // namespace

/// Whether the block at (row, column) holds bit `bit` of its codes at one shift
/// in one vector, lanes and bytes in order.
static bool isVectorBit(const AtomAddresses &address, int64_t row,
                        int64_t column, int64_t bit) {
  int64_t first = address(row, column, bit);
  if (first / 8 % kVectorBytes != 0)
    return false;
  for (int64_t j = 0; j < kLanes; ++j)
    for (int64_t c = 0; c < kStepColumns; ++c)
      if (address(row + j, column + c, bit) !=
          first + 8 * (kStepColumns * j + c))
        return false;
  return true;
}

/// Appends code bit `bit`, stored at `address`, to the fields of a block.
static void addBit(std::vector<CodeField> &fields, int64_t address,
                   unsigned bit) {
  int64_t vector = address / 8 / kVectorBytes;
  unsigned shift = address % 8;
  if (!fields.empty()) {
    CodeField &last = fields.back();
    if (last.vector == vector && last.shift + last.width == shift &&
        last.codeBit + last.width == bit) {
      ++last.width;
      return;
    }
  }
  fields.push_back({vector, shift, 1, bit});
}

std::optional<CodeFields>
cpu::findCodeFields(const numerics::Layout &layout,
                    const numerics::Encoding &encoding) {
  const numerics::Atom &atom = layout.atom;
  if (encoding.element.windowBits() > encoding.element.codeBits() ||
      atom.overlap || atom.base || atom.rows % kLanes ||
      atom.columns % kStepColumns || atom.bits % (8 * kVectorBytes) ||
      layout.order != numerics::BlockOrder::RowMajor ||
      layout.rowAlignment != 1)
    return std::nullopt;
  CodeFields result{atom.rows / kLanes,
                    atom.columns / kStepColumns,
                    atom.bits / 8 / kVectorBytes,
                    {}};
  AtomAddresses address(layout, encoding.element.codeBits());
  for (int64_t step = 0; step < result.steps; ++step)
    for (int64_t block = 0; block < result.subBlocks; ++block) {
      std::vector<CodeField> &fields = result.fields.emplace_back();
      int64_t row = block * kLanes, column = step * kStepColumns;
      for (unsigned bit = 0; bit < encoding.element.codeBits(); ++bit) {
        if (!isVectorBit(address, row, column, bit))
          return std::nullopt;
        addBit(fields, address(row, column, bit), bit);
      }
    }
  return result;
}
