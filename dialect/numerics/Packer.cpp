//===- Packer.cpp - table-driven packing ----------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Walks row blocks, runs of atoms and strips of a run; each strip is a list of
// byte moves from PackTable. Moves in fours work on 32-bit words of four codes
// and four bytes, which is independent of byte order because no bit leaves its
// byte. Codes that are digits go one by one.
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
      minima(matrix.minima.empty() ? nullptr : matrix.minima.data()),
      stored(matrix.stored.empty() ? nullptr : &matrix.stored) {}

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
// Digits
//===----------------------------------------------------------------------===//

namespace {

/// The digits of a byte (Atom::base). With d of them, a byte is
/// 256 v / base^d + e, 0 <= e < 1 and base^d <= 256, so that
/// byte base^d / 256 is v and less than 1, and so on for the digits behind
/// those that a power of the base has moved out at the top.
class ByteDigits {
public:
  explicit ByteDigits(int64_t base) : base(static_cast<uint32_t>(base)) {
    for (int64_t i = digitsPerByte(base); i > 0; --i)
      all *= this->base;
  }

  uint32_t get(uint8_t byte, int64_t place) const {
    uint32_t rest = byte;
    for (; place > 0; --place)
      rest = rest * base & 255;
    return rest * base >> 8;
  }
  /// Where the digit was 0. More than a digit, of codes that quantizers never
  /// write, is the largest.
  void set(uint8_t &byte, int64_t place, uint32_t digit) const {
    digit = std::min(digit, base - 1);
    for (uint32_t unit = all / base;; unit /= base)
      if (place-- == 0) {
        uint32_t value = (byte * all >> 8) + digit * unit;
        byte = static_cast<uint8_t>((256 * value + all - 1) / all);
        return;
      }
  }

private:
  uint32_t base, all = 1;
};

} // namespace

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

  std::pair<int64_t, int64_t> codesOfBlocks(int64_t firstBlock,
                                            int64_t endBlock) const;
  void packDigits(const uint8_t *codes, int64_t firstBlock, int64_t endBlock,
                  uint8_t *bytes) const;
  void unpackDigits(const uint8_t *bytes, int64_t firstBlock, int64_t endBlock,
                    uint8_t *codes) const;
  void packRepeated(const uint8_t *codes, int64_t firstBlock, int64_t endBlock,
                    uint8_t *bytes) const;
  void packParameters(Component component, const MatrixView &matrix,
                      int64_t firstBlock, int64_t endBlock,
                      uint8_t *const buffers[4]) const;
  void packRuns(Component component, const StoredBits &stored,
                int64_t firstBlock, int64_t endBlock, uint8_t *bytes) const;
  void unpackParameters(Component component, const uint8_t *const buffers[4],
                        int64_t firstBlock, int64_t endBlock,
                        QuantizedMatrix &matrix) const;
};

/// All parameters.
static constexpr Component parameters[] = {
    Component::Scale, Component::ZeroPoint, Component::Minimum,
    Component::ScaleOfScales, Component::ScaleOfMinima};

/// Calls `visit(byte, place)` for each code of row blocks
/// [firstBlock, endBlock), row by row: the byte with its digit, and the digit's
/// place in it.
template <typename Visit>
static void forEachDigit(const BoundLayout &layout, int64_t firstBlock,
                         int64_t endBlock, Visit visit) {
  int64_t blockRows = layout.layout().atom.rows;
  int64_t end = std::min(layout.rows(), endBlock * blockRows);
  for (int64_t n = firstBlock * blockRows; n < end; ++n)
    for (int64_t k = 0; k < layout.columns(); ++k) {
      int64_t address = layout.code(n, k, 0).bit;
      visit(address / 8, address % 8);
    }
}

/// `codes` and what follows are those of `firstBlock`.
void Packer::Implementation::packDigits(const uint8_t *codes,
                                        int64_t firstBlock, int64_t endBlock,
                                        uint8_t *bytes) const {
  ByteDigits digits(layout.layout().atom.base);
  forEachDigit(layout, firstBlock, endBlock, [&](int64_t byte, int64_t place) {
    digits.set(bytes[byte], place, *codes++);
  });
}

void Packer::Implementation::unpackDigits(const uint8_t *bytes,
                                          int64_t firstBlock, int64_t endBlock,
                                          uint8_t *codes) const {
  ByteDigits digits(layout.layout().atom.base);
  forEachDigit(layout, firstBlock, endBlock, [&](int64_t byte, int64_t place) {
    *codes++ = static_cast<uint8_t>(digits.get(bytes[byte], place));
  });
}

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
        const uint8_t *from = codes + (n * layout.columns() + k) * size;
        uint32_t code = from[0] | (size > 1 ? from[1] << 8 : 0);
        code += layout.layout().added[0];
        for (unsigned bit = 0; bit < element.codeBits(); ++bit) {
          int64_t address = layout.repeatedCode(block, before, k, bit).bit;
          bytes[address / 8] |= (code >> bit & 1) << address % 8;
        }
      }
    }
}

void Packer::Implementation::packParameters(Component component,
                                            const MatrixView &matrix,
                                            int64_t firstBlock,
                                            int64_t endBlock,
                                            uint8_t *const buffers[4]) const {
  int64_t bits = layout.componentBits(component);
  if (!bits || !hasComponent(matrix, component))
    return;
  StoredBits stored(layout, matrix, component);
  // Bits follow each other, but where pieces say otherwise.
  bool isPieced = layout.parameterLayout(component);
  if (!isPieced && layout.layout().parameters != ParameterPlacement::Separate)
    return packRuns(component, stored, firstBlock, endBlock, buffers[0]);
  int64_t step = isPieced ? 1 : bits;
  forEachParameter(layout, component, firstBlock, endBlock,
                   [&](int64_t n, int64_t g, int64_t index) {
                     uint32_t all = stored[index];
                     for (int64_t bit = 0; bit < bits; bit += step) {
                       BitAddress at = layout.parameter(component, n, g, bit);
                       uint32_t part = isPieced ? all >> bit & 1 : all;
                       writeBits(buffers[at.buffer], at.bit, step, part);
                     }
                   });
}

/// Parameters beside the codes: those of a block's rows follow each other.
void Packer::Implementation::packRuns(Component component,
                                      const StoredBits &stored,
                                      int64_t firstBlock, int64_t endBlock,
                                      uint8_t *bytes) const {
  const Encoding &encoding = layout.encoding();
  int64_t bits = layout.componentBits(component);
  int64_t columns = layout.parameterColumns(component);
  int64_t blockRows = layout.layout().atom.rows;
  int64_t endRow = std::min(layout.rows(), endBlock * blockRows);
  for (int64_t first = firstBlock * blockRows; first < endRow;
       first += blockRows)
    for (int64_t g = 0; g < columns; ++g) {
      int64_t address = layout.parameter(component, first, g, 0).bit;
      int64_t end = std::min(endRow, first + blockRows);
      for (int64_t n = first; n < end; ++n, address += bits)
        writeBits(bytes, address, bits,
                  stored[encoding.parameterIndex(n, g, columns)]);
    }
}

void Packer::Implementation::unpackParameters(Component component,
                                              const uint8_t *const buffers[4],
                                              int64_t firstBlock,
                                              int64_t endBlock,
                                              QuantizedMatrix &matrix) const {
  int64_t bits = layout.componentBits(component);
  if (!bits)
    return;
  int64_t step = layout.parameterLayout(component) ? 1 : bits;
  forEachParameter(layout, component, firstBlock, endBlock,
                   [&](int64_t n, int64_t g, int64_t index) {
                     uint32_t stored = 0;
                     for (int64_t bit = 0; bit < bits; bit += step) {
                       BitAddress at = layout.parameter(component, n, g, bit);
                       stored |= readBits(buffers[at.buffer], at.bit, step)
                                 << bit;
                     }
                     setStoredBits(layout, matrix, component, index, stored);
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
  for (unsigned i = 1; i < 4; ++i)
    shared |= layout.layout().parameters == ParameterPlacement::Separate &&
              (layout.layout().own[i] || layout.encoding().groupRows > 1 ||
               layout.componentBits(static_cast<Component>(i)) % 8);
  return layout.rowBlockCount() <= 1 ||
         (rowMajor && layout.rowBlockBits() % 8 == 0 && !shared);
}

/// Adds to the codes of `rows` rows, modulo 2^width, and moves them.
static void addToCodes(const BoundLayout &layout, uint32_t added, int64_t rows,
                       const uint8_t *from, uint8_t *to) {
  const ElementFormat &element = layout.encoding().element;
  unsigned bytes = element.codeBytes();
  uint32_t mask = element.codeCount() - 1;
  if (bytes == 1) {
    for (int64_t i = 0; i < rows * layout.columns(); ++i)
      to[i] = static_cast<uint8_t>((from[i] + added) & mask);
    return;
  }
  for (int64_t i = 0; i < rows * layout.columns(); ++i) {
    uint32_t code = from[bytes * i];
    if (bytes > 1)
      code |= from[bytes * i + 1] << 8;
    code = (code + added) & mask;
    for (unsigned byte = 0; byte < bytes; ++byte)
      to[bytes * i + byte] = static_cast<uint8_t>(code >> 8 * byte);
  }
}

/// The rows of blocks [firstBlock, endBlock) and the first one's codes.
std::pair<int64_t, int64_t>
Packer::Implementation::codesOfBlocks(int64_t firstBlock,
                                      int64_t endBlock) const {
  int64_t blockRows = layout.layout().atom.rows;
  int64_t first = firstBlock * blockRows;
  int64_t rows = std::min(layout.rows(), endBlock * blockRows) - first;
  return {std::max<int64_t>(rows, 0),
          first * layout.columns() * layout.encoding().element.codeBytes()};
}

void Packer::packBlocks(const MatrixView &matrix, int64_t firstBlock,
                        int64_t endBlock, uint8_t *const buffers[4]) const {
  const PackTable &table = implementation->table;
  const BoundLayout &layout = implementation->layout;
  auto [rows, firstCode] = implementation->codesOfBlocks(firstBlock, endBlock);
  int64_t start = firstCode;
  const uint8_t *codes = matrix.codes + start;
  std::vector<uint8_t> changed;
  if (uint32_t added = layout.layout().added[0]) {
    changed.resize(rows * layout.columns() *
                   layout.encoding().element.codeBytes());
    addToCodes(layout, added, rows, codes, changed.data());
    codes = changed.data();
  }
  if (layout.layout().atom.base)
    implementation->packDigits(codes, firstBlock, endBlock, buffers[0]);
  else
    implementation->forEachStrip(
        firstBlock, endBlock,
        [&](int64_t code, int64_t bit, int64_t rows, int64_t columns,
            bool whole) {
          PackMove move{codes + (code - start), buffers[0] + bit / 8};
          moveStrip(move, table.moves(bit), rows, columns, whole);
        });
  implementation->packRepeated(matrix.codes, firstBlock, endBlock, buffers[0]);
  for (Component component : parameters)
    implementation->packParameters(component, matrix, firstBlock, endBlock,
                                   buffers);
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
  const BoundLayout &layout = implementation->layout;
  auto [rows, start] = implementation->codesOfBlocks(firstBlock, endBlock);
  uint8_t *codes = matrix.codes.data() + start;
  if (layout.layout().atom.base)
    implementation->unpackDigits(buffers[0], firstBlock, endBlock, codes);
  else
    implementation->forEachStrip(
        firstBlock, endBlock,
        [&](int64_t code, int64_t bit, int64_t rows, int64_t columns,
            bool whole) {
          UnpackMove move{matrix.codes.data() + code, buffers[0] + bit / 8};
          moveStrip(move, table.moves(bit), rows, columns, whole);
        });
  if (uint32_t added = layout.layout().added[0]) {
    addToCodes(layout, 0 - added, rows, codes, codes);
  }
  for (Component component : parameters)
    implementation->unpackParameters(component, buffers, firstBlock, endBlock,
                                     matrix);
}

QuantizedMatrix Packer::unpack(const uint8_t *const buffers[4]) const {
  const BoundLayout &layout = implementation->layout;
  QuantizedMatrix matrix;
  matrix.reset(layout.encoding(), layout.rows(),
               layout.columns() * layout.encoding().element.valuesPerCode());
  unpackBlocks(buffers, 0, layout.rowBlockCount(), matrix);
  matrix.readStored();
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

bool haveSameMeaning(const Encoding &a, const Encoding &b) {
  return a.element == b.element && a.zeroPoint == b.zeroPoint &&
         a.hasMinimum == b.hasMinimum && a.granularity == b.granularity &&
         (a.granularity != Granularity::Group ||
          (a.groupSize == b.groupSize && a.groupRows == b.groupRows)) &&
         a.scale == b.scale && a.outer == b.outer &&
         (a.stored == b.stored ||
          (a.stored && b.stored && haveSameMeaning(*a.stored, *b.stored)));
}

Status repack(const BoundLayout &from, const uint8_t *const buffers[4],
              const BoundLayout &to, PackedMatrix &result) {
  if (!haveSameMeaning(from.encoding(), to.encoding()))
    return {"repacking needs one encoding on both sides, found two"};
  if (from.rows() != to.rows() || from.columns() != to.columns())
    return {"repacking needs one shape on both sides, found " +
            std::to_string(from.rows()) + "x" + std::to_string(from.columns()) +
            " and " + std::to_string(to.rows()) + "x" +
            std::to_string(to.columns()) + " codes"};
  bool keepsScales = from.layout().parameters == ParameterPlacement::Atom;
  if (from.encoding().stored &&
      keepsScales != (to.layout().parameters == ParameterPlacement::Atom))
    return {"repacking needs the scales of quantized scales in both layouts or "
            "in none, found them in one"};
  result = Packer(to).pack(Packer(from).unpack(buffers));
  return Status::success();
}

} // namespace lowbit::numerics
