//===- SegmentWindows.cpp - codes that overlap, in a segment --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A register's windows are bits of one vector, which need not be aligned: each
// register loads from the byte where its first window begins, so that all of
// them share the constants that tell where the others are. What is loaded
// beyond is the next atom's, or the layout's tail.
//
// Windows of a byte need not even be shifted where rows are dealt out to as
// many registers as codes fit a byte: register i of S then has the rows S j +
// i, and its windows have their first bits in one byte, from some bit on, and
// their last in the next, up to that bit. A selection of bits joins them,
// rotated; the table is rotated as well. (One and the same load, four bytes
// further.)
//
// Where two bytes of a stream hold the windows of more than two rows, registers
// of 16 lanes share a load and its permutation, and their rows alternate in
// pairs. Sums are put in order at the end of a group.
//
//===----------------------------------------------------------------------===//

#include "SegmentProducts.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

/// The number of registers that rows are dealt out to, or 0.
static int64_t countRotated(const CodeWindows &windows, int64_t lanes) {
  int64_t blocks = 8 / windows.codeBits;
  // The last window of as many rows ends with a byte.
  bool isWhole = 8 % windows.codeBits == 0 && windows.subBlocks % blocks == 0 &&
                 windows.first % 8 == windows.codeBits;
  return lanes == kLanes && windows.windowBits == 8 && isWhole ? blocks : 0;
}

/// Bits of the windows of the `index`-th of these registers that are in their
/// second byte.
static int64_t getRotation(const CodeWindows &windows, int64_t index) {
  return windows.codeBits * (index + 1) % 8;
}

/// Registers whose rows alternate.
int64_t SegmentProducts::sharedBlocks() const {
  if (int64_t count = countRotated(*windows, target.lanes()))
    return count;
  return target.lanes() == kLanes ? windows->sharedBlocks() : 1;
}

/// The windows of all registers of an atom, rotated.
static SegmentProducts::Values loadRotated(KernelBuilder &b,
                                           const CodeWindows &windows,
                                           Value weights, Value offset) {
  SegmentProducts::Values result;
  VectorType type = b.bytes(kVectorBytes);
  int64_t count = countRotated(windows, kLanes);
  Value before, here;
  for (int64_t i = 0; i < windows.subBlocks; ++i) {
    if (i % count == 0) {
      // The first row's window begins in the byte before its code's.
      Value place = b.add(offset, windows.at(i * kLanes, kLanes).byte);
      before = b.load(weights, place, type);
      here = b.load(weights, b.add(place, kStepColumns), type);
    }
    int64_t bits = getRotation(windows, i % count);
    if (bits == 0) {
      result.push_back(here);
      continue;
    }
    unsigned low = (1u << bits) - 1;
    result.push_back(arith::OrIOp::create(b, b.maskBytes(here, low),
                                          b.maskBytes(before, 0xFF ^ low)));
  }
  return result;
}

/// The windows of all registers of an atom, each one byte or two.
SegmentProducts::Values
SegmentProducts::loadWindows(const SegmentOperands &operands, Value offset) {
  int64_t lanes = target.lanes(), shared = sharedBlocks();
  if (countRotated(*windows, lanes))
    return loadRotated(b, *windows, operands.weights, offset);
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
  int64_t rotated = countRotated(*windows, target.lanes());
  int64_t bits = rotated ? getRotation(*windows, at % rotated) : 0;
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
  int64_t run = countRotated(*windows, target.lanes()) ? 1 : 2;
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
