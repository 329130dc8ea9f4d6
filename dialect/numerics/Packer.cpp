//===- Packer.cpp - table-driven packing ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks row blocks, runs of atoms and strips of a run; each strip is a list of
// byte moves from PackTable. Moves in fours work on 32-bit words of four codes
// and four bytes, which is independent of byte order because no bit leaves its
// byte.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Numerics/Packer.h"

#include "PackTable.h"
#include "ParameterBits.h"
#include <algorithm>
#include <cstring>

namespace lowbit::numerics {

MatrixView::MatrixView(const QuantizedMatrix &matrix)
    : codes(matrix.codes.data()), scales(matrix.scales.data()),
      zeroPoints(matrix.zeroPoints.empty() ? nullptr
                                           : matrix.zeroPoints.data()),
      minima(matrix.minima.empty() ? nullptr : matrix.minima.data()) {}

PackedMatrix::PackedMatrix(const BoundLayout &layout) {
  for (unsigned buffer = 0; buffer < 4; ++buffer)
    buffers[buffer].assign(layout.bufferBytes(buffer), 0);
}

//===----------------------------------------------------------------------===//
// Moves
//===----------------------------------------------------------------------===//

namespace {

/// Codes to bytes, which are zero beforehand.
struct PackMove {
  const uint8_t *codes;
  uint8_t *bytes;

  void single(const FieldMove &move) const {
    bytes[move.byte] |= (codes[move.code] >> move.codeShift & move.mask)
                        << move.byteShift;
  }
  void quad(const FieldMove &move) const {
    uint32_t from, to;
    std::memcpy(&from, codes + move.code, 4);
    std::memcpy(&to, bytes + move.byte, 4);
    to |= (from >> move.codeShift & move.mask * 0x01010101u) << move.byteShift;
    std::memcpy(bytes + move.byte, &to, 4);
  }
};

/// Bytes to codes, which are zero beforehand.
struct UnpackMove {
  uint8_t *codes;
  const uint8_t *bytes;

  void single(const FieldMove &move) const {
    codes[move.code] |= (bytes[move.byte] >> move.byteShift & move.mask)
                        << move.codeShift;
  }
  void quad(const FieldMove &move) const {
    uint32_t from, to;
    std::memcpy(&from, bytes + move.byte, 4);
    std::memcpy(&to, codes + move.code, 4);
    to |= (from >> move.byteShift & move.mask * 0x01010101u) << move.codeShift;
    std::memcpy(codes + move.code, &to, 4);
  }
};

} // namespace

template <typename Move>
static void moveStrip(const Move &move, const PhaseMoves &moves, int64_t rows,
                      int64_t columns, bool whole) {
  if (whole) {
    for (const FieldMove &field : moves.quads)
      move.quad(field);
    for (const FieldMove &field : moves.singles)
      move.single(field);
    return;
  }
  for (const FieldMove &field : moves.fields)
    if (field.row < rows && field.column < columns)
      move.single(field);
}

//===----------------------------------------------------------------------===//
// Packer
//===----------------------------------------------------------------------===//

struct Packer::Implementation {
  BoundLayout layout;
  PackTable table;

  explicit Implementation(const BoundLayout &layout)
      : layout(layout), table(layout) {}

  /// Calls `visit` with each strip of row blocks [firstBlock, endBlock): the
  /// index of its first code's first byte, its first bit, its rows and columns
  /// inside the matrix and whether that is all of it.
  template <typename Visit>
  void forEachStrip(int64_t firstBlock, int64_t endBlock, Visit visit) const {
    const Atom &atom = layout.layout().atom;
    int64_t strip = table.stripAtoms() * atom.columns;
    int64_t runColumns = layout.runColumns();
    for (int64_t block = firstBlock; block < endBlock; ++block)
      for (int64_t run = 0; run < layout.runCount(); ++run) {
        int64_t row = block * atom.rows, column = run * runColumns;
        int64_t rows = std::min(atom.rows, layout.rows() - row);
        int64_t end = std::min(runColumns, layout.columns() - column);
        for (int64_t k = 0; k < end; k += strip) {
          int64_t columns = std::min(strip, end - k);
          visit((row * layout.columns() + column + k) *
                    layout.encoding().element.codeBytes(),
                layout.atomBit(block, run, k / atom.columns, 0), rows, columns,
                rows == atom.rows && columns == strip);
        }
      }
  }

  /// Calls `visit` with the index and the address of each parameter of row
  /// blocks [firstBlock, endBlock).
  template <typename Visit>
  void forEachParameter(Component component, int64_t firstBlock,
                        int64_t endBlock, Visit visit) const {
    const Layout &map = layout.layout();
    const Encoding &encoding = layout.encoding();
    int64_t rows = map.parameters == ParameterPlacement::Inline
                       ? layout.rows()
                       : encoding.parameterRows(layout.rows());
    int64_t end = std::min(rows, endBlock * map.atom.rows);
    for (int64_t n = firstBlock * map.atom.rows; n < end; ++n)
      for (int64_t g = 0; g < layout.groupCount(); ++g)
        visit(encoding.parameterIndex(n, g, layout.groupCount()),
              layout.parameter(component, n, g));
  }

  void packRepeated(const uint8_t *codes, int64_t firstBlock, int64_t endBlock,
                    uint8_t *bytes) const;
  void packParameters(Component component, const float *values,
                      int64_t firstBlock, int64_t endBlock,
                      uint8_t *const buffers[4]) const;
  void unpackParameters(Component component, const uint8_t *const buffers[4],
                        int64_t firstBlock, int64_t endBlock,
                        std::vector<float> &values) const;
};

/// The codes that row blocks [firstBlock, endBlock) repeat, zero above the
/// matrix. They are few, and their bits needn't be neighbours.
void Packer::Implementation::packRepeated(const uint8_t *codes,
                                          int64_t firstBlock, int64_t endBlock,
                                          uint8_t *bytes) const {
  const Atom &atom = layout.layout().atom;
  const ElementFormat &element = layout.encoding().element;
  unsigned size = element.codeBytes();
  for (int64_t block = firstBlock; block < endBlock; ++block)
    for (int64_t before = 1; before <= atom.overlap; ++before) {
      int64_t n = block * atom.rows - before;
      for (int64_t k = 0; n >= 0 && k < layout.columns(); ++k) {
        const uint8_t *code = codes + (n * layout.columns() + k) * size;
        for (unsigned bit = 0; bit < element.codeBits(); ++bit) {
          int64_t address = layout.repeatedCode(block, before, k, bit).bit;
          bytes[address / 8] |= (code[bit / 8] >> bit % 8 & 1) << address % 8;
        }
      }
    }
}

void Packer::Implementation::packParameters(Component component,
                                            const float *values,
                                            int64_t firstBlock,
                                            int64_t endBlock,
                                            uint8_t *const buffers[4]) const {
  int64_t bits = layout.componentBits(component);
  if (!bits || !values)
    return;
  forEachParameter(
      component, firstBlock, endBlock, [&](int64_t index, BitAddress address) {
        writeBits(buffers[address.buffer], address.bit, bits,
                  parameterToBits(layout.encoding(), component, values[index]));
      });
}

void Packer::Implementation::unpackParameters(
    Component component, const uint8_t *const buffers[4], int64_t firstBlock,
    int64_t endBlock, std::vector<float> &values) const {
  int64_t bits = layout.componentBits(component);
  if (!bits)
    return;
  forEachParameter(
      component, firstBlock, endBlock, [&](int64_t index, BitAddress address) {
        uint32_t stored = readBits(buffers[address.buffer], address.bit, bits);
        values[index] = parameterFromBits(layout.encoding(), component, stored);
      });
}

Packer::Packer(const BoundLayout &layout)
    : implementation(std::make_unique<Implementation>(layout)) {}
Packer::~Packer() = default;
Packer::Packer(Packer &&) noexcept = default;
Packer &Packer::operator=(Packer &&) noexcept = default;

bool Packer::blocksAreIndependent() const {
  const BoundLayout &layout = implementation->layout;
  bool rowMajor = layout.layout().order == BlockOrder::RowMajor;
  bool shared = layout.encoding().granularity == Granularity::Tensor &&
                layout.layout().parameters == ParameterPlacement::Separate;
  return layout.rowBlockCount() <= 1 ||
         (rowMajor && layout.rowBlockBits() % 8 == 0 && !shared);
}

void Packer::packBlocks(const MatrixView &matrix, int64_t firstBlock,
                        int64_t endBlock, uint8_t *const buffers[4]) const {
  const PackTable &table = implementation->table;
  implementation->forEachStrip(
      firstBlock, endBlock,
      [&](int64_t code, int64_t bit, int64_t rows, int64_t columns,
          bool whole) {
        PackMove move{matrix.codes + code, buffers[0] + bit / 8};
        moveStrip(move, table.moves(bit), rows, columns, whole);
      });
  implementation->packRepeated(matrix.codes, firstBlock, endBlock, buffers[0]);
  auto parameters = [&](Component component, const float *values) {
    implementation->packParameters(component, values, firstBlock, endBlock,
                                   buffers);
  };
  parameters(Component::Scale, matrix.scales);
  parameters(Component::ZeroPoint, matrix.zeroPoints);
  parameters(Component::Minimum, matrix.minima);
}

PackedMatrix Packer::pack(const MatrixView &matrix) const {
  PackedMatrix packed(implementation->layout);
  uint8_t *buffers[4];
  for (unsigned buffer = 0; buffer < 4; ++buffer)
    buffers[buffer] = packed.buffers[buffer].data();
  packBlocks(matrix, 0, implementation->layout.rowBlockCount(), buffers);
  return packed;
}

void Packer::unpackBlocks(const uint8_t *const buffers[4], int64_t firstBlock,
                          int64_t endBlock, QuantizedMatrix &matrix) const {
  const PackTable &table = implementation->table;
  implementation->forEachStrip(
      firstBlock, endBlock,
      [&](int64_t code, int64_t bit, int64_t rows, int64_t columns,
          bool whole) {
        UnpackMove move{matrix.codes.data() + code, buffers[0] + bit / 8};
        moveStrip(move, table.moves(bit), rows, columns, whole);
      });
  auto parameters = [&](Component component, std::vector<float> &values) {
    implementation->unpackParameters(component, buffers, firstBlock, endBlock,
                                     values);
  };
  parameters(Component::Scale, matrix.scales);
  parameters(Component::ZeroPoint, matrix.zeroPoints);
  parameters(Component::Minimum, matrix.minima);
}

QuantizedMatrix Packer::unpack(const uint8_t *const buffers[4]) const {
  const BoundLayout &layout = implementation->layout;
  QuantizedMatrix matrix;
  matrix.reset(layout.encoding(), layout.rows(),
               layout.columns() * layout.encoding().element.valuesPerCode());
  unpackBlocks(buffers, 0, layout.rowBlockCount(), matrix);
  return matrix;
}

QuantizedMatrix Packer::unpack(const PackedMatrix &packed) const {
  const uint8_t *buffers[4];
  for (unsigned buffer = 0; buffer < 4; ++buffer)
    buffers[buffer] = packed.buffers[buffer].data();
  return unpack(buffers);
}

//===----------------------------------------------------------------------===//
// Whole matrices
//===----------------------------------------------------------------------===//

PackedMatrix pack(const BoundLayout &layout, const MatrixView &matrix) {
  return Packer(layout).pack(matrix);
}

QuantizedMatrix unpack(const BoundLayout &layout, const PackedMatrix &packed) {
  return Packer(layout).unpack(packed);
}

static bool sameMeaning(const Encoding &a, const Encoding &b) {
  return a.element == b.element && a.zeroPoint == b.zeroPoint &&
         a.hasMinimum == b.hasMinimum && a.granularity == b.granularity &&
         (a.granularity != Granularity::Group || a.groupSize == b.groupSize) &&
         a.scale == b.scale && a.outer == b.outer;
}

Status repack(const BoundLayout &from, const uint8_t *const buffers[4],
              const BoundLayout &to, PackedMatrix &result) {
  if (!sameMeaning(from.encoding(), to.encoding()))
    return {"repacking needs one encoding on both sides, found two"};
  if (from.rows() != to.rows() || from.columns() != to.columns())
    return {"repacking needs one shape on both sides, found " +
            std::to_string(from.rows()) + "x" + std::to_string(from.columns()) +
            " and " + std::to_string(to.rows()) + "x" +
            std::to_string(to.columns()) + " codes"};
  result = Packer(to).pack(Packer(from).unpack(buffers));
  return Status::success();
}

} // namespace lowbit::numerics
