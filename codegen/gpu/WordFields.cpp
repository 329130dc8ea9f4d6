//===- WordFields.cpp - codes of four columns in a layout -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WordFields.h"

using namespace lowbit;

using Fields = llvm::SmallVector<WordField>;

static constexpr int64_t kWordBits = 32, kByteBits = 8, kStep = 4;

/// The fields of columns `column` to `column` + 3; empty if there are none.
static Fields findFields(const numerics::Atom &atom, int64_t column,
                         int64_t codeBits) {
  Fields fields;
  for (int64_t bit = 0; bit < codeBits; ++bit) {
    int64_t offset = atom.offsetOf(0, column, bit);
    if (offset < 0 || offset % kWordBits >= kByteBits)
      return {};
    for (int64_t i = 1; i < kStep; ++i)
      if (atom.offsetOf(0, column + i, bit) != offset + i * kByteBits)
        return {};
    int64_t word = offset / kWordBits, shift = offset % kWordBits;
    if (!fields.empty() && fields.back().word == word &&
        fields.back().shift + fields.back().width == shift)
      ++fields.back().width;
    else
      fields.push_back({word, shift, 1, bit});
  }
  return fields;
}

llvm::SmallVector<Fields> lowbit::findWordFields(const numerics::Layout &layout,
                                                 unsigned codeBits) {
  const numerics::Atom &atom = layout.atom;
  bool isPlain = layout.parameters == numerics::ParameterPlacement::Separate &&
                 layout.order == numerics::BlockOrder::RowMajor &&
                 layout.padRowEndOnly && layout.rowAlignment == 1 &&
                 !layout.own[0] && atom.overlap == 0 && atom.interleave == 1 &&
                 atom.base == 0;
  for (uint32_t added : layout.added)
    isPlain &= added == 0;
  if (!isPlain || atom.rows != 1 || atom.columns % kStep != 0 ||
      atom.bits % kWordBits != 0 || layout.columnPadding != atom.columns)
    return {};
  llvm::SmallVector<Fields> result;
  for (int64_t column = 0; column < atom.columns; column += kStep) {
    result.push_back(findFields(atom, column, codeBits));
    if (result.back().empty())
      return {};
  }
  return result;
}

std::string lowbit::explainNoGPUKernel(EncodingAttr encoding) {
  ElementFormatInterface element = encoding.getElement();
  if (encoding.getExpanded() != encoding)
    return "GPU kernels read plain scales and tables of the format; run "
           "lowbit-expand-weights first";
  if (encoding.getPermuted() || encoding.getMixed())
    return "GPU kernels read columns of one format in their natural order";
  if (encoding.getColumnScale())
    return "GPU kernels read weights without column scales";
  if (element.getCodeBits() > 8 || element.getValuesPerCode() != 1 ||
      element.getWindowBits() != element.getCodeBits() ||
      encoding.getNumerics().element.isLattice())
    return "GPU kernels read codes of 1 to 8 bits of one number each";
  return {};
}
