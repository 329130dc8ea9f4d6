//===- BitAddress.cpp - a layout's address function in IR -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// BoundLayout's functions are linear in the row block, the group (or run) and
// the atom. Their coefficients are therefore differences of the function's
// values, and what is left to build is the digits within an atom: the modes of
// a piece.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Reference/BitAddress.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <numeric>

using namespace mlir;
using namespace lowbit;
using numerics::Axis;
using numerics::BoundLayout;
using numerics::Component;
using numerics::Layout;
using numerics::Mode;
using numerics::Piece;

static constexpr int64_t byteBits = 8;

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

/// Codes that `piece` spans along `axis`.
static int64_t extentOf(const Piece &piece, Axis axis) {
  int64_t extent = 1;
  for (const Mode &mode : piece.modes)
    if (mode.axis == axis)
      extent *= mode.extent;
  return extent;
}

/// Distance of bit `bit` of a code from bit 0, both counted within `piece`.
static int64_t bitOffset(const Piece &piece, int64_t bit) {
  int64_t offset = 0;
  for (const Mode &mode : piece.modes)
    if (mode.axis == Axis::Bit) {
      offset += bit % mode.extent * mode.stride;
      bit /= mode.extent;
    }
  return offset;
}

/// Bits that stay together wherever a run that begins at `offset` is put: words
/// of a column-major order, or interleaved bytes, may cut longer ones.
static int64_t unbrokenBits(const Layout &layout, const Piece &piece,
                            int64_t offset) {
  int64_t word = layout.wordBits ? layout.wordBits : layout.atom.bits;
  if (layout.atom.interleave > 1)
    word = byteBits;
  else if (layout.order == numerics::BlockOrder::RowMajor ||
           word == layout.atom.bits)
    return layout.atom.bits;
  int64_t unit = std::gcd(word, offset);
  for (const Mode &mode : piece.modes)
    if (mode.axis != Axis::Bit && mode.extent > 1)
      unit = std::gcd(unit, mode.stride);
  return unit;
}

SmallVector<BitRun> lowbit::findBitRuns(const Layout &layout) {
  SmallVector<BitRun> runs;
  for (const Piece &piece : layout.atom.pieces) {
    if (piece.component != Component::Code)
      continue;
    int64_t count = extentOf(piece, Axis::Bit), longest = 0;
    for (int64_t bit = 0; bit < count; ++bit) {
      int64_t offset = piece.offset + bitOffset(piece, bit);
      BitRun *last = longest ? &runs.back() : nullptr;
      if (last && last->count < longest &&
          last->offset + last->count == offset) {
        ++last->count;
        continue;
      }
      runs.push_back({&piece, piece.bit + bit, 1, offset});
      longest = unbrokenBits(layout, piece, offset);
    }
  }
  return runs;
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

/// A coordinate relative to the box of a piece, and whether it is in it.
static Index enterBox(IndexBuilder &builder, Index place, int64_t origin,
                      int64_t extent, int64_t atomExtent, Value &isInside) {
  if (origin == 0 && extent == atomExtent)
    return place;
  OpBuilder &b = builder.getBuilder();
  Location loc = builder.getLoc();
  Value relative =
      arith::SubIOp::create(b, loc, builder.materialize(place),
                            builder.materialize(builder.constant(origin)));
  // Unsigned, so that places before the box compare as far behind it.
  Value inside =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, relative,
                            builder.materialize(builder.constant(extent)));
  isInside =
      isInside ? arith::AndIOp::create(b, loc, isInside, inside) : inside;
  return {relative, std::gcd(place.divisor, origin), extent};
}

/// Offset in the atom of the piece's codes at (row, column) of its box.
static Index buildBoxOffset(IndexBuilder &builder, const Piece &piece,
                            Index row, Index column, int64_t first) {
  Index offset = builder.constant(first);
  for (const Mode &mode : piece.modes) {
    if (mode.axis == Axis::Bit)
      continue;
    Index &rest = mode.axis == Axis::Row ? row : column;
    Index digit = builder.remainder(rest, mode.extent);
    offset = builder.add(offset, builder.multiply(digit, mode.stride));
    rest = builder.divide(rest, mode.extent);
  }
  return offset;
}

/// Places an offset within an atom: the bytes of interleaved parts alternate,
/// and column-major order spreads words.
static Index placeOffset(IndexBuilder &builder, const BoundLayout &layout,
                         Index offset) {
  const Layout &map = layout.layout();
  if (int64_t parts = map.atom.interleave; parts > 1) {
    int64_t bits = map.atom.bits / parts;
    Index within = builder.remainder(offset, bits);
    Index byte =
        builder.add(builder.multiply(builder.divide(within, byteBits), parts),
                    builder.divide(offset, bits));
    offset = builder.add(builder.multiply(byte, byteBits),
                         builder.remainder(within, byteBits));
  }
  int64_t word = map.wordBits ? map.wordBits : map.atom.bits;
  if (map.order == numerics::BlockOrder::RowMajor || word == map.atom.bits)
    return offset;
  int64_t start = layout.atomBit(0, 0, 0, 0);
  Index words = builder.multiply(builder.divide(offset, word),
                                 layout.atomBit(0, 0, 0, word) - start);
  return builder.add(words, builder.remainder(offset, word));
}

/// The row block of `n` and the row within it.
static std::pair<Index, Index> splitRow(IndexBuilder &builder,
                                        const BoundLayout &layout, Index n) {
  int64_t rows = layout.layout().atom.rows;
  return {builder.divide(n, rows), builder.remainder(n, rows)};
}

namespace {
/// What a step of each coordinate costs in bits.
struct Strides {
  int64_t start, block, run, atom;

  explicit Strides(const BoundLayout &layout)
      : start(layout.atomBit(0, 0, 0, 0)),
        block(layout.atomBit(1, 0, 0, 0) - start),
        run(layout.atomBit(0, 1, 0, 0) - start),
        atom(layout.atomBit(0, 0, 1, 0) - start) {}
};
} // namespace

/// Whether runs follow one another as their atoms do, so that the whole row may
/// be addressed as one run.
static bool runsAreContinuous(const BoundLayout &layout,
                              const Strides &strides) {
  int64_t atomColumns = layout.layout().atom.columns;
  return layout.runCount() <= 1 ||
         (layout.runColumns() % atomColumns == 0 &&
          strides.run == layout.runColumns() / atomColumns * strides.atom);
}

RunAddress lowbit::buildRunAddress(IndexBuilder &builder,
                                   const BoundLayout &layout, Index n, Index k,
                                   const BitRun &run) {
  const numerics::Atom &atom = layout.layout().atom;
  const Piece &piece = *run.piece;
  Strides strides(layout);
  auto [block, row] = splitRow(builder, layout, n);
  Index group = builder.constant(0);
  if (!runsAreContinuous(layout, strides)) {
    group = builder.divide(k, layout.runColumns());
    k = builder.remainder(k, layout.runColumns());
  }
  Index atomIndex = builder.divide(k, atom.columns);
  Index column = builder.remainder(k, atom.columns);

  Value isInside;
  row = enterBox(builder, builder.add(row, builder.constant(atom.overlap)),
                 piece.row, extentOf(piece, Axis::Row),
                 atom.overlap + atom.rows, isInside);
  column = enterBox(builder, column, piece.column,
                    extentOf(piece, Axis::Column), atom.columns, isInside);
  Index bit = placeOffset(
      builder, layout, buildBoxOffset(builder, piece, row, column, run.offset));
  auto addTerm = [&](const Index &index, int64_t stride) {
    bit = builder.add(bit, builder.multiply(index, stride));
  };
  addTerm(block, strides.block);
  addTerm(group, strides.run);
  addTerm(atomIndex, strides.atom);
  return {builder.add(bit, builder.constant(strides.start)), isInside};
}

Index lowbit::buildParameterAddress(IndexBuilder &builder,
                                    const BoundLayout &layout,
                                    Component component, Index n, Index g) {
  int64_t rows = layout.layout().atom.rows;
  auto at = [&](int64_t row, int64_t group) {
    return layout.parameter(component, row, group).bit;
  };
  Index bit = builder.constant(at(0, 0));
  auto addTerm = [&](const Index &index, int64_t stride) {
    bit = builder.add(bit, builder.multiply(index, stride));
  };
  auto [block, row] = splitRow(builder, layout, n);
  addTerm(block, at(rows, 0) - at(0, 0));
  if (rows > 1)
    addTerm(row, at(1, 0) - at(0, 0));
  if (layout.groupCount() > 1)
    addTerm(g, at(0, 1) - at(0, 0));
  return bit;
}

Value lowbit::buildBitAddress(OpBuilder &b, Location loc,
                              const BoundLayout &layout, Value n, Value k,
                              int64_t bit) {
  IndexBuilder builder(b, loc);
  for (const BitRun &run : findBitRuns(layout.layout())) {
    if (bit < run.codeBit || bit >= run.codeBit + run.count)
      continue;
    RunAddress address = buildRunAddress(builder, layout, builder.value(n),
                                         builder.value(k), run);
    return builder.materialize(
        builder.add(address.bit, builder.constant(bit - run.codeBit)));
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

/// Byte `index` of `bytes` as `type`. An index beyond the end, which a read of
/// a fixed number of bytes may ask for, gives some byte.
static Value loadByte(IndexBuilder &builder, Value bytes, Value index,
                      bool mayExceed, Type type) {
  OpBuilder &b = builder.getBuilder();
  Location loc = builder.getLoc();
  bool isTensor = isa<RankedTensorType>(bytes.getType());
  if (mayExceed) {
    int64_t size = cast<ShapedType>(bytes.getType()).getDimSize(0);
    Value last;
    if (!ShapedType::isDynamic(size))
      last = arith::ConstantIndexOp::create(b, loc, size - 1);
    else
      last = arith::SubIOp::create(
          b, loc,
          isTensor ? Value(tensor::DimOp::create(b, loc, bytes, 0))
                   : Value(memref::DimOp::create(b, loc, bytes, 0)),
          arith::ConstantIndexOp::create(b, loc, 1));
    index = arith::MinUIOp::create(b, loc, index, last);
  }
  Value byte = isTensor ? Value(tensor::ExtractOp::create(b, loc, bytes, index))
                        : Value(memref::LoadOp::create(b, loc, bytes, index));
  return arith::ExtUIOp::create(b, loc, type, byte);
}

static Value integerConstant(IndexBuilder &builder, Type type, int64_t value) {
  return arith::ConstantOp::create(builder.getBuilder(), builder.getLoc(),
                                   IntegerAttr::get(type, value));
}

Value lowbit::buildLoadBits(IndexBuilder &builder, Value bytes,
                            const Index &address, int64_t count) {
  OpBuilder &b = builder.getBuilder();
  Location loc = builder.getLoc();
  int64_t alignment = std::gcd(byteBits, address.divisor);
  int64_t byteCount = llvm::divideCeil(byteBits - alignment + count, byteBits);
  Type type = b.getIntegerType(byteCount > 4 ? 64 : 32);
  Index first = builder.divide(address, byteBits);
  Value word;
  for (int64_t i = 0; i < byteCount; ++i) {
    Value index = builder.materialize(builder.add(first, builder.constant(i)));
    Value byte = loadByte(builder, bytes, index, i * byteBits >= count, type);
    if (i)
      byte = arith::ShLIOp::create(
          b, loc, byte, integerConstant(builder, type, i * byteBits));
    word = word ? arith::OrIOp::create(b, loc, word, byte) : byte;
  }
  Index shift = builder.remainder(address, byteBits);
  if (shift.getConstant() != 0) {
    Value amount =
        arith::IndexCastOp::create(b, loc, type, builder.materialize(shift));
    word = arith::ShRUIOp::create(b, loc, word, amount);
  }
  if (byteCount * byteBits > count && count < 32)
    word = arith::AndIOp::create(
        b, loc, word,
        integerConstant(builder, type, (int64_t(1) << count) - 1));
  if (byteCount > 4)
    word = arith::TruncIOp::create(b, loc, b.getI32Type(), word);
  return word;
}

/// Reads the digit to the base of `base` at `address` of `bytes` as i32: powers
/// of the base move those before it out of its byte.
static Value buildLoadDigit(IndexBuilder &builder, Value bytes,
                            const Index &address, int64_t base) {
  OpBuilder &b = builder.getBuilder();
  Location loc = builder.getLoc();
  Type type = b.getI32Type();
  auto number = [&](int64_t value) {
    return integerConstant(builder, type, value);
  };
  Value byte = loadByte(builder, bytes,
                        builder.materialize(builder.divide(address, byteBits)),
                        /*mayExceed=*/false, type);
  Value place = arith::IndexCastOp::create(
      b, loc, type, builder.materialize(builder.remainder(address, byteBits)));
  Value factor = number(1);
  int64_t power = base;
  for (int64_t i = 1; i < numerics::digitsPerByte(base); ++i, power *= base)
    factor = arith::SelectOp::create(
        b, loc,
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, place,
                              number(i)),
        number(power), factor);
  Value rest = arith::AndIOp::create(
      b, loc, arith::MulIOp::create(b, loc, byte, factor), number(255));
  return arith::ShRUIOp::create(
      b, loc, arith::MulIOp::create(b, loc, rest, number(base)),
      number(byteBits));
}

Value lowbit::buildLoadCode(IndexBuilder &builder, const BoundLayout &layout,
                            Value bytes, Index n, Index k) {
  OpBuilder &b = builder.getBuilder();
  Location loc = builder.getLoc();
  Type type = b.getI32Type();
  Value code;
  for (const BitRun &run : findBitRuns(layout.layout())) {
    RunAddress address = buildRunAddress(builder, layout, n, k, run);
    if (address.isInside)
      address.bit.value =
          arith::SelectOp::create(b, loc, address.isInside,
                                  builder.materialize(address.bit),
                                  builder.materialize(builder.constant(0)))
              .getResult();
    int64_t base = layout.layout().atom.base;
    Value bits = base ? buildLoadDigit(builder, bytes, address.bit, base)
                      : buildLoadBits(builder, bytes, address.bit, run.count);
    if (run.codeBit)
      bits = arith::ShLIOp::create(b, loc, bits,
                                   integerConstant(builder, type, run.codeBit));
    if (address.isInside)
      bits = arith::SelectOp::create(b, loc, address.isInside, bits,
                                     integerConstant(builder, type, 0));
    code = code ? arith::OrIOp::create(b, loc, code, bits) : bits;
  }
  return code;
}
