//===- CodeFieldsTest.cpp - layouts as vectors, shifts and masks ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels read codes through the fields alone, so here the fields of packed
// random codes are put together and must give the codes back.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/kernels/CodeFields.h"
#include "lowbit/Numerics/Layouts.h"
#include "lowbit/Numerics/Packer.h"
#include "gtest/gtest.h"

using namespace lowbit::cpu;
using namespace lowbit::numerics;

namespace {

Encoding createEncoding(unsigned width) {
  Encoding encoding;
  encoding.element = {width, lowbit::numerics::IntegerKind::Signed};
  return encoding;
}

/// Random codes of one atom.
QuantizedMatrix createCodes(const Encoding &encoding, const Atom &atom) {
  QuantizedMatrix matrix;
  matrix.reset(encoding, atom.rows, atom.columns);
  uint32_t state = 1;
  for (uint8_t &code : matrix.codes) {
    state = state * 1664525u + 1013904223u;
    code = state >> 24 & ((1u << encoding.element.codeBits()) - 1);
  }
  return matrix;
}

/// The code of lane `lane` and byte `byte` of a block, from its fields.
unsigned readCode(const std::vector<uint8_t> &bytes,
                  const std::vector<CodeField> &fields, int64_t lane,
                  int64_t byte) {
  unsigned code = 0;
  for (const CodeField &field : fields) {
    unsigned stored =
        bytes[kVectorBytes * field.vector + kStepColumns * lane + byte];
    code |= (stored & field.mask()) >> field.shift << field.codeBit;
  }
  return code;
}

/// Expects the fields of `layout` to give back what the packer wrote.
void checkFields(Layout layout, unsigned width) {
  // Parameters would come first; only codes matter here.
  layout.parameters = ParameterPlacement::Separate;
  Encoding encoding = createEncoding(width);
  std::optional<CodeFields> fields = findCodeFields(layout, encoding);
  ASSERT_TRUE(fields);
  const Atom &atom = layout.atom;
  EXPECT_EQ(fields->vectors * kVectorBytes * 8, atom.bits);
  layout.columnPadding = atom.columns;
  QuantizedMatrix matrix = createCodes(encoding, atom);
  PackedMatrix packed =
      pack(BoundLayout(layout, encoding, atom.rows, atom.columns), matrix);
  for (int64_t row = 0; row < atom.rows; ++row)
    for (int64_t column = 0; column < atom.columns; ++column) {
      const auto &block = fields->at(column / kStepColumns, row / kLanes);
      ASSERT_EQ(readCode(packed.buffers[0], block, row % kLanes,
                         column % kStepColumns),
                matrix.codes[row * atom.columns + column])
          << "row " << row << " column " << column;
    }
}

TEST(CodeFields, OfPlanes) {
  for (unsigned width = 1; width <= 8; ++width)
    for (int64_t rows : {16, 32, 64, 128}) {
      SCOPED_TRACE(std::to_string(width) + " bits, " + std::to_string(rows) +
                   " rows");
      checkFields(planes(width, rows), width);
    }
}

/// A field for each plane, so that no code costs more than its planes.
TEST(CodeFields, OfPlanesAreAsManyAsPlanes) {
  for (unsigned width = 1; width <= 8; ++width) {
    auto fields = findCodeFields(planes(width), createEncoding(width));
    ASSERT_TRUE(fields);
    for (const auto &block : fields->fields)
      EXPECT_EQ(block.size(), planeWidths(width).size());
  }
}

TEST(CodeFields, OfScatteredBits) { checkFields(scattered3(), 3); }

TEST(CodeFields, AreRefusedWhereRowsAreNotLanes) {
  for (unsigned width = 1; width <= 8; ++width) {
    Encoding encoding = createEncoding(width);
    EXPECT_FALSE(findCodeFields(Layout::dense(width), encoding));
    EXPECT_FALSE(findCodeFields(gptq(width), encoding));
    EXPECT_FALSE(findCodeFields(onnxBlocks(width, 32), encoding));
  }
  EXPECT_FALSE(findCodeFields(awq(), createEncoding(4)));
  EXPECT_FALSE(findCodeFields(splitHalves4(), createEncoding(4)));
  EXPECT_FALSE(findCodeFields(tenPerWord3(), createEncoding(3)));
}

TEST(CodeFields, AreRefusedWhereBlocksInterleave) {
  Layout layout = planes(4);
  layout.order = BlockOrder::ColumnMajor;
  EXPECT_FALSE(findCodeFields(layout, createEncoding(4)));
  layout = planes(4);
  layout.rowAlignment = 4096;
  EXPECT_FALSE(findCodeFields(layout, createEncoding(4)));
}

} // namespace
