//===- SegmentWindows.cpp - codes that overlap, in a segment --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A register's windows are bits of one vector, which need not be aligned: each
// register loads from the byte where its first window begins, so that all of
// them share the constants that tell where the others are. What is loaded
// beyond is the next atom's, or the layout's tail.
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

/// Registers whose rows alternate.
int64_t SegmentProducts::sharedBlocks() const {
  return target.lanes() == kLanes ? windows->sharedBlocks() : 1;
}

/// The windows of all registers of an atom, each one byte or two.
SegmentProducts::Values
SegmentProducts::loadWindows(const SegmentOperands &operands, Value offset) {
  int64_t lanes = target.lanes(), shared = sharedBlocks();
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
  Values result;
  for (const std::vector<int8_t> &table : tables.bytes)
    result.push_back(LutOp::create(b, lower.getType(), lower, upper,
                                   b.getDenseI8ArrayAttr(table)));
  return result;
}

void SegmentProducts::sortRows(MutableArrayRef<Value> registers) {
  if (!windows)
    return;
  for (size_t i = 0; i < registers.size(); i += sharedBlocks())
    sortShared(registers.slice(i, sharedBlocks()));
}

/// From registers whose pairs of rows alternate to rows in order.
void SegmentProducts::sortShared(MutableArrayRef<Value> registers) {
  int64_t count = registers.size(), pairs = kLanes / 2;
  if (count == 1)
    return;
  // Pairs of rows i and i + count / 2 first, then those next to each other.
  size_t half = count / 2;
  SmallVector<int64_t> front, back;
  for (int64_t i = 0; i < pairs; ++i)
    for (int64_t row = 0; row < 2; ++row) {
      int64_t lane = i / 2 * 2 + row + (i % 2 ? kLanes : 0);
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
