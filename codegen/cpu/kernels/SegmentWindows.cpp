//===- SegmentWindows.cpp - codes that overlap, in a segment --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A register's windows are bits of one vector, which need not be aligned: each
// register loads from the byte where its first window begins, so that all of
// them share the constants that tell where the others are. What is loaded
// beyond is the next atom's, or the layout's tail.
//
// Where codes divide a byte, windows need not even be shifted: rows are dealt
// out to as many registers as codes fit a byte. Register i of S then has the
// rows S j + i, whose windows end at the same bit of a byte each, and all
// registers read the same bytes. A window of 8 bits is the last bits of one
// byte and the first of the next; a selection of bits joins them, rotated; the
// table is rotated as well. (One and the same load, four bytes further.) Longer
// windows are looked up by a hash of their bits (FactoredTable.h), to which it
// is all the same where they are: of three bytes, bits of the first and last
// are joined, and the one in the middle is taken whole.
//
// Where two bytes of a stream hold the windows of more than two rows, registers
// of 16 lanes share a load and its permutation, and their rows alternate in
// pairs. Sums are put in order at the end of a group.
//
//===----------------------------------------------------------------------===//

#include "SegmentProducts.h"
#include "lowbit/IR/LowbitTableOps.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

/// The number of registers that rows are dealt out to so that the windows of
/// each end at the same bit of a byte, or 0.
int64_t SegmentProducts::countAligned() const {
  int64_t blocks = 8 / windows->codeBits;
  // The last window of as many rows ends with a byte.
  int64_t end = windows->first + windows->windowBits - windows->codeBits;
  bool isWhole = 8 % windows->codeBits == 0 &&
                 windows->subBlocks % blocks == 0 && end % 8 == 0;
  bool isKnown = windows->windowBits <= 8 || !factored.empty();
  return target.lanes() == kLanes && windows->windowBits >= 8 && isWhole &&
                 isKnown
             ? blocks
             : 0;
}

/// Bits of the windows of the `index`-th of these registers that are in the
/// byte where they end, 1 to 8.
static int64_t countLastBits(const CodeWindows &windows, int64_t index) {
  return windows.codeBits * (index % (8 / windows.codeBits) + 1);
}

/// Registers whose rows alternate.
int64_t SegmentProducts::sharedBlocks() const {
  if (int64_t count = countAligned())
    return count;
  return target.lanes() == kLanes ? windows->sharedBlocks() : 1;
}

/// The bytes of the windows of all registers of an atom: a window of 8 bits,
/// rotated; of longer ones, the ends joined in one byte, and the byte before
/// the last.
SegmentProducts::Values SegmentProducts::loadAligned(Value weights,
                                                     Value offset) {
  Values result;
  VectorType type = b.bytes(kVectorBytes);
  int64_t count = countAligned(), length = windows->windowBits;
  // Bytes from where the first row's window begins to where it ends.
  int64_t last = llvm::divideCeil(windows->first % 8 + length, int64_t(8)) - 1;
  Value first, middle, here;
  for (int64_t i = 0; i < windows->subBlocks; ++i) {
    if (i % count == 0) {
      Value place = b.add(offset, windows->at(i * kLanes, kLanes).byte);
      auto load = [&](int64_t byte) {
        return b.load(weights, b.add(place, byte * kStepColumns), type);
      };
      here = load(last);
      middle = load(last - 1);
      first = length > 8 && last > 1 ? load(last - 2) : middle;
    }
    int64_t bits = countLastBits(*windows, i);
    unsigned low = (1u << bits) - 1;
    bool isOneByte = length > 8 ? bits + 8 >= length : bits == 8;
    result.push_back(isOneByte
                         ? here
                         : arith::OrIOp::create(b, b.maskBytes(here, low),
                                                b.maskBytes(first, 0xFF ^ low))
                               .getResult());
    if (length > 8)
      result.push_back(middle);
  }
  return result;
}

/// What such bytes of register `index` stand for, where windows are long.
SegmentProducts::Values
SegmentProducts::getHashedDigits(Value ends, Value middle, int64_t index) {
  // Bit r of a window, the oldest being 0, is bit r + start of three bytes.
  int64_t length = windows->windowBits;
  int64_t start = 16 + countLastBits(*windows, index) - length;
  Values result;
  for (const FactoredTable &table : factored) {
    SmallVector<int8_t> images(16);
    for (int64_t r = 0; r < length; ++r) {
      int64_t bit = start + r;
      int64_t place = bit / 8 == 1 ? bit : bit % 8;
      images[place] = static_cast<int8_t>(table.images[r]);
    }
    Value hash = HashOp::create(b, ends.getType(), ends, middle,
                                b.getDenseI8ArrayAttr(images));
    result.push_back(LutOp::create(b, hash.getType(), hash, /*upper=*/Value(),
                                   b.getDenseI8ArrayAttr(table.entries)));
  }
  return result;
}

/// The windows of all registers of an atom, each one byte or two.
SegmentProducts::Values
SegmentProducts::loadWindows(const SegmentOperands &operands, Value offset) {
  int64_t lanes = target.lanes(), shared = sharedBlocks();
  if (countAligned())
    return loadAligned(operands.weights, offset);
  VectorType streamType = b.bytes(windows->vectorBytes(lanes * shared));
  if (lanes == kLanes)
    streamType = b.bytes(kVectorBytes);
  VectorType type = b.bytes(target.vectorBits / 8);
  Value first =
      b.mul(b.div(operands.slices.first, 8), windows->bytesPerEightRows());
  offset = b.add(offset, first);
  Values result;
  Value streams;
  for (int64_t i = 0; i < registerCount(operands.slices.count); ++i) {
    int64_t row =
        i / operands.slices.count * kLanes + i % operands.slices.count * lanes;
    int64_t index = i % shared;
    WindowPlace place = shared > 1
                            ? windows->atShared(row - index * kLanes, index)
                            : windows->at(row, lanes);
    if (index == 0)
      streams = b.load(operands.weights, b.add(offset, place.byte), streamType);
    result.push_back(WindowsOp::create(b, type, streams, place.starts));
    if (windows->windowBits <= 8)
      continue;
    for (int32_t &start : place.starts)
      start += 8;
    result.push_back(WindowsOp::create(b, type, streams, place.starts));
  }
  return result;
}

/// The bytes that the windows of register `at` are multiplied as.
SegmentProducts::Values
SegmentProducts::getWindowDigits(ArrayRef<Value> vectors, int64_t at) {
  bool isWide = windows->windowBits > 8;
  Value lower = vectors[isWide ? 2 * at : at];
  Value upper = isWide ? vectors[2 * at + 1] : Value();
  if (isWide && countAligned())
    return getHashedDigits(lower, upper, at);
  int64_t bits = countAligned() ? countLastBits(*windows, at) % 8 : 0;
  Values result;
  for (const std::vector<int8_t> &table : tables.bytes) {
    std::vector<int8_t> entries = table;
    for (size_t i = 0; bits && i < table.size(); ++i)
      entries[i] = table[(i >> bits | i << (8 - bits)) & 0xFF];
    result.push_back(LutOp::create(b, lower.getType(), lower, upper,
                                   b.getDenseI8ArrayAttr(entries)));
  }
  return result;
}

void SegmentProducts::sortRows(MutableArrayRef<Value> registers) {
  if (!windows)
    return;
  for (size_t i = 0; i < registers.size(); i += sharedBlocks())
    sortShared(registers.slice(i, sharedBlocks()));
}

/// From registers whose rows, or pairs of rows, alternate to rows in order.
void SegmentProducts::sortShared(MutableArrayRef<Value> registers) {
  int64_t count = registers.size();
  if (count == 1)
    return;
  int64_t run = countAligned() ? 1 : 2;
  // Runs of rows i and i + count / 2 first, then those next to each other.
  size_t half = count / 2;
  SmallVector<int64_t> front, back;
  for (int64_t i = 0; i < kLanes / run; ++i)
    for (int64_t row = 0; row < run; ++row) {
      int64_t lane = i / 2 * run + row + (i % 2 ? kLanes : 0);
      front.push_back(lane);
      back.push_back(lane + kLanes / 2);
    }
  Values sorted;
  for (size_t i = 0; i < half; ++i)
    for (ArrayRef<int64_t> lanes : {ArrayRef(front), ArrayRef(back)})
      sorted.push_back(vector::ShuffleOp::create(b, registers[i],
                                                 registers[i + half], lanes));
  // What is left alternates among half as many registers.
  for (size_t part = 0; part < 2; ++part) {
    Values some;
    for (size_t i = 0; i < half; ++i)
      some.push_back(sorted[2 * i + part]);
    sortShared(some);
    llvm::copy(some, registers.begin() + part * half);
  }
}
