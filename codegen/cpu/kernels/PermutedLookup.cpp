//===- PermutedLookup.cpp - look-ups by permutations of bytes -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PermutedLookup.h"
#include "FactoredTable.h"
#include "KernelBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace lowbit;

using Bytes = ArrayRef<int8_t>;

/// A long table stays in memory, as words, of which each lane of four bytes
/// loads four.
static Value loadBytes(RewriterBase &rewriter, LutOp op) {
  cpu::KernelBuilder b(op.getLoc(), rewriter);
  VectorType type = op.getType();
  VectorType words = b.vector(type.getNumElements() / 4, b.getI32Type());
  SmallVector<int32_t> table;
  for (int8_t byte : op.getTable())
    table.push_back(uint8_t(byte));
  int64_t most = table.size() - 1;
  Value lower = b.bitcast(op.getIndices(), words), result;
  Value upper = op.getUpper() ? b.bitcast(op.getUpper(), words) : Value();
  auto getByte = [&](Value lanes, int64_t place, int64_t mask) -> Value {
    Value moved =
        arith::ShRUIOp::create(b, lanes, b.splat(words, int64_t(8 * place)));
    return arith::AndIOp::create(b, moved, b.splat(words, mask));
  };
  for (int64_t place = 0; place < 4; ++place) {
    Value index = getByte(lower, place, most & 0xFF);
    if (upper)
      index = arith::OrIOp::create(
          b, index, b.shift(getByte(upper, place, most >> 8), 8));
    Value byte = b.shift(b.gather(ArrayRef<int32_t>(table), index), 8 * place);
    result = result ? arith::OrIOp::create(b, result, byte).getResult() : byte;
  }
  return b.bitcast(result, type);
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

Value PermutedLookup::call(Builder &b, StringRef name, ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, operands.front().getType(),
                                       b.getStringAttr(name), operands)
      .getResult(0);
}

Value PermutedLookup::repeat(Builder &b, Bytes part, int64_t bytes) {
  SmallVector<int8_t> all;
  for (int64_t i = 0; i < bytes; ++i)
    all.push_back(part[i % part.size()]);
  auto type = VectorType::get({bytes}, b.getI8Type());
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, Bytes(all)));
}

Value PermutedLookup::maskIndices(Builder &b, Value indices, int8_t mask) {
  auto type = cast<VectorType>(indices.getType());
  return arith::AndIOp::create(
      b, indices,
      arith::ConstantOp::create(b, DenseElementsAttr::get(type, mask)));
}

/// Shifts of 16 bits do: what they move in from the neighbour stays below the
/// sign.
Value PermutedLookup::testBit(Builder &b, Value indices, unsigned bit) {
  auto type = cast<VectorType>(indices.getType());
  if (bit < 7) {
    auto pairs = VectorType::get({type.getNumElements() / 2}, b.getI16Type());
    Value words = vector::BitCastOp::create(b, pairs, indices);
    Value count = arith::ConstantOp::create(
        b, DenseElementsAttr::get(pairs, b.getI16IntegerAttr(7 - bit)));
    words = arith::ShLIOp::create(b, words, count);
    indices = vector::BitCastOp::create(b, type, words);
  }
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, indices, zero);
}

//===----------------------------------------------------------------------===//
// Tables that are known
//===----------------------------------------------------------------------===//

/// Whether the second half is the negative of the first.
static bool isNegated(Bytes table) {
  size_t half = table.size() / 2;
  return llvm::equal(
      table.take_front(half), table.drop_front(half),
      [](int8_t x, int8_t y) { return static_cast<int8_t>(-x) == y; });
}

Value PermutedLookup::lower(RewriterBase &rewriter, LutOp op) const {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  Indices indices{op.getIndices(), op.getUpper()};
  Bytes table = op.getTable();
  FactoredTable factored;
  int64_t bytes = op.getType().getNumElements();
  if (int64_t(table.size()) > getPartSize(bytes))
    factored = factorTable(table);
  size_t size = factored.entries.size();
  bool isShorter = size > 1 && size < table.size();
  if (isShorter)
    table = factored.entries;
  int64_t looked = isNegated(table) ? table.size() / 2 : table.size();
  if (looked > getLongest())
    return loadBytes(rewriter, op);
  if (isShorter)
    indices = {hash(b, indices, factored.images, 0),
               size > 256 ? hash(b, indices, factored.images, 8) : Value()};
  return lookUp(b, indices, table);
}

Value PermutedLookup::lower(RewriterBase &rewriter, HashOp op) const {
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  SmallVector<uint16_t> images;
  for (int8_t image : op.getImages())
    images.push_back(static_cast<uint8_t>(image));
  return hash(b, {op.getIndices(), op.getUpper()}, images, 0);
}

Value PermutedLookup::lookUp(Builder &b, Indices indices, Bytes table) const {
  auto type = cast<VectorType>(indices.lower.getType());
  int64_t size = table.size();
  if (size <= getPartSize(type.getNumElements()))
    return lookUpPart(b, indices.lower, table);
  // First, so that the last look-up may overwrite the index.
  unsigned bit = llvm::Log2_64(size / 2);
  Value isHigh = testBit(b, bit < 8 ? indices.lower : indices.upper, bit % 8);
  Bytes front = table.take_front(size / 2), back = table.drop_front(size / 2);
  Value low = lookUp(b, indices, front), high;
  // Floats have a sign on top, which needs no table.
  if (isNegated(table))
    high = arith::SubIOp::create(
        b, arith::ConstantOp::create(b, b.getZeroAttr(type)), low);
  else
    high = lookUp(b, indices, back);
  return arith::SelectOp::create(b, isHigh, high, low);
}

/// Each byte's upper bits moved down by `count`, with its neighbour's above.
static Value shiftDown(ImplicitLocOpBuilder &b, Value indices, int count) {
  auto type = cast<VectorType>(indices.getType());
  auto pairs = VectorType::get({type.getNumElements() / 2}, b.getI16Type());
  Value amount = arith::ConstantOp::create(
      b, DenseElementsAttr::get(pairs, b.getI16IntegerAttr(count)));
  Value words = vector::BitCastOp::create(b, pairs, indices);
  words = arith::ShRUIOp::create(b, words, amount);
  return vector::BitCastOp::create(b, type, words);
}

Value PermutedLookup::hash(Builder &b, Indices indices,
                           ArrayRef<uint16_t> images, unsigned first) const {
  Value result;
  for (size_t bit = 0; bit < images.size(); bit += 4) {
    ArrayRef<uint16_t> some =
        images.slice(bit, std::min<size_t>(4, images.size() - bit));
    SmallVector<int8_t> part(16);
    for (unsigned i = 0; i < 16; ++i)
      for (auto [j, image] : llvm::enumerate(some))
        if (i >> j & 1)
          part[i] ^= static_cast<int8_t>(image >> first);
    if (llvm::all_of(part, [](int8_t byte) { return byte == 0; }))
      continue;
    Value index = bit < 8 ? indices.lower : indices.upper;
    if (bit % 8)
      index = shiftDown(b, index, 4);
    Value bytes = lookUpPart(b, index, part);
    result =
        result ? arith::XOrIOp::create(b, result, bytes).getResult() : bytes;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Tables that are data
//===----------------------------------------------------------------------===//

/// `indices` in tables of `size` bytes, in the table of the row where
/// `rows` of them are in one register.
static Value joinRow(ImplicitLocOpBuilder &b, Value indices, int64_t size,
                     int64_t rows) {
  auto type = cast<VectorType>(indices.getType());
  SmallVector<int8_t> first;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    first.push_back(static_cast<int8_t>(i / 4 % rows * size));
  Value masked = arith::AndIOp::create(
      b, indices,
      arith::ConstantOp::create(
          b, DenseElementsAttr::get(type, static_cast<int8_t>(size - 1))));
  if (rows == 1)
    return masked;
  return arith::OrIOp::create(
      b, masked,
      arith::ConstantOp::create(b, DenseElementsAttr::get(type, Bytes(first))));
}

Value PermutedLookup::chooseLanes(
    Builder &b, Value chosen, Value others,
    llvm::function_ref<bool(int64_t lane)> isChosen) {
  if (!others)
    return chosen;
  auto type = cast<VectorType>(chosen.getType());
  int64_t lanes = type.getNumElements() / 4;
  auto words = VectorType::get({lanes}, b.getI32Type());
  SmallVector<bool> mask;
  for (int64_t lane = 0; lane < lanes; ++lane)
    mask.push_back(isChosen(lane));
  Value condition = arith::ConstantOp::create(
      b, DenseElementsAttr::get(words.clone(b.getI1Type()), mask));
  Value result = arith::SelectOp::create(
      b, condition, vector::BitCastOp::create(b, words, chosen),
      vector::BitCastOp::create(b, words, others));
  return vector::BitCastOp::create(b, type, result);
}

Value PermutedLookup::takeTable(Builder &b, Value tables, int64_t first,
                                int64_t count, int64_t bytes) {
  SmallVector<int64_t> places;
  for (int64_t i = 0; i < bytes; ++i)
    places.push_back(first + i % count);
  return vector::ShuffleOp::create(b, tables, tables, places);
}

Value PermutedLookup::lookUpLearned(Builder &b, Value indices, Value tables,
                                    bool perRow) const {
  int64_t bytes = cast<VectorType>(indices.getType()).getNumElements();
  int64_t lanes = bytes / 4, size = getTableSize(indices, tables, perRow);
  int64_t most = getPartSize(bytes);
  if (size > most)
    return ByteLookup::lookUpLearned(b, indices, tables, perRow);
  if (!perRow)
    return lookUpTable(b, joinRow(b, indices, size, 1), tables);
  int64_t rows = std::min(lanes, most / size);
  indices = joinRow(b, indices, size, rows);
  Value result;
  for (int64_t first = 0; first < lanes; first += rows) {
    Value table = takeTable(b, tables, first * size, rows * size, rows * size);
    result = chooseLanes(b, lookUpTable(b, indices, table), result,
                         [&](int64_t lane) { return lane >= first; });
  }
  return result;
}
