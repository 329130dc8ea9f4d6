//===- CodeWindows.cpp - overlapping codes as runs of bits ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodeWindows.h"
#include "CodeFields.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

using namespace lowbit;
using namespace lowbit::cpu;

/// Streams whose bytes alternate.
static constexpr int64_t kStreams = kStepColumns;

WindowPlace CodeWindows::at(int64_t row, int64_t lanes) const {
  int64_t bit = first + codeBits * row;
  WindowPlace place{bit / 8 * kStreams, {}};
  for (int64_t lane = 0; lane < lanes; ++lane)
    place.starts.push_back(static_cast<int32_t>(bit % 8 + codeBits * lane));
  return place;
}

int64_t CodeWindows::sharedBlocks() const {
  for (int64_t blocks : {4, 2}) {
    int64_t rows = 2 * blocks;
    bool isWhole = rows * codeBits % 8 == 0 && subBlocks % blocks == 0;
    if (isWhole && first % 8 + (rows - 1) * codeBits + 8 <= 16)
      return blocks;
  }
  return 1;
}

WindowPlace CodeWindows::atShared(int64_t row, int64_t index) const {
  WindowPlace place = at(row, kLanes);
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    int64_t before = lane / 2 * (2 * sharedBlocks()) + 2 * index + lane % 2;
    place.starts[lane] =
        static_cast<int32_t>((first + codeBits * row) % 8 + codeBits * before);
  }
  return place;
}

int64_t CodeWindows::vectorBytes(int64_t rows) const {
  // Windows of more than 8 bits are read as two bytes.
  int64_t bits = 7 + codeBits * (rows - 1) + (windowBits > 8 ? 16 : 8);
  int64_t bytes = llvm::divideCeil(bits, 8) * kStreams;
  return std::max<int64_t>(16, llvm::PowerOf2Ceil(bytes));
}

uint32_t CodeWindows::windowOf(uint32_t run) const {
  return llvm::reverseBits(run) >> (32 - windowBits);
}

std::optional<CodeWindows>
cpu::findCodeWindows(const numerics::Layout &layout,
                     const numerics::Encoding &encoding) {
  const numerics::Atom &atom = layout.atom;
  unsigned codeBits = encoding.element.codeBits();
  unsigned windowBits = encoding.element.windowBits();
  if (windowBits == codeBits || windowBits > kMaxWindowBits ||
      encoding.element.valuesPerCode() != 1 || atom.rows % kLanes ||
      atom.columns != kStreams || atom.bits % (8 * kStreams) ||
      layout.order != numerics::BlockOrder::RowMajor ||
      layout.rowAlignment != 1 || layout.tailBits < 8 * kVectorBytes)
    return std::nullopt;
  // Where bit `bit` of the window in a row is: codes before are bits above.
  auto address = [&](int64_t row, int64_t column, int64_t bit) {
    return atom.offsetOf(row - bit / codeBits, column, bit % codeBits);
  };
  int64_t top = windowBits - 1, start = address(0, 0, top);
  int64_t first = start / (8 * kStreams) * 8 + start % 8;
  for (int64_t row = 0; row < atom.rows; ++row)
    for (int64_t column = 0; column < kStreams; ++column)
      for (int64_t bit = 0; bit <= top; ++bit) {
        int64_t inStream = first + row * codeBits + top - bit;
        int64_t expected =
            (inStream / 8 * kStreams + column) * 8 + inStream % 8;
        if (start < 0 || address(row, column, bit) != expected)
          return std::nullopt;
      }
  return CodeWindows{atom.rows / kLanes, codeBits, windowBits, first};
}
