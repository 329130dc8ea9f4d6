//===- LatticeCodes.cpp - codes of a lattice as bytes ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LatticeCodes.h"
#include "CodeDigits.h"
#include "SegmentProducts.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

/// Byte `code` of each lane of `bytes`, as an integer of 32 bits.
static Value getByte(KernelBuilder &b, Value bytes, int64_t code) {
  auto type = cast<VectorType>(bytes.getType());
  VectorType words = b.vector(type.getNumElements() / 4, b.getI32Type());
  Value lane = b.bitcast(bytes, words);
  if (code != 0)
    lane = arith::ShRUIOp::create(b, lane, b.splat(words, 8 * code));
  if (code + 1 == kStepColumns)
    return lane;
  return arith::AndIOp::create(b, lane, b.splat(words, int64_t(0xFF)));
}

/// Numbers `first` to `first` + 3 of the magnitudes of code `code`, plus the
/// offset.
Value LatticeCodes::getMagnitudes(const Parts &parts, int64_t code,
                                  int64_t first) {
  int offset = getLatticeOffset(format);
  const std::vector<int8_t> &numbers = numerics::latticeMagnitudes(format);
  SmallVector<int32_t> entries;
  for (size_t at = first; at < numbers.size(); at += format.values) {
    uint32_t word = 0;
    for (int64_t i = 0; i < kStepColumns; ++i)
      word |= uint32_t(numbers[at + i] + offset) << (8 * i);
    entries.push_back(static_cast<int32_t>(word));
  }
  Value index = getByte(b, parts.index, code);
  if (parts.upper)
    index = arith::OrIOp::create(b, index,
                                 b.shift(getByte(b, parts.upper, code), 8));
  return b.gather(ArrayRef<int32_t>(entries), index);
}

/// Bytes of all ones where the signs of code `code` negate numbers `first` to
/// `first` + 3, and 0 elsewhere.
Value LatticeCodes::getNegated(Value signs, int64_t code, int64_t first) {
  auto type = cast<VectorType>(signs.getType());
  SmallVector<int64_t> places;
  SmallVector<int8_t> bits;
  for (int64_t byte = 0; byte < type.getNumElements(); ++byte) {
    places.push_back(byte / kStepColumns * kStepColumns + code);
    bits.push_back(static_cast<int8_t>(1 << (first + byte % kStepColumns)));
  }
  Value all = vector::ShuffleOp::create(b, signs, signs, places);
  Value mask = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, ArrayRef<int8_t>(bits)));
  Value isSet =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                            arith::AndIOp::create(b, all, mask), b.zero(type));
  return arith::SelectOp::create(b, isSet, b.splat(type, int64_t(-1)),
                                 b.zero(type));
}

/// With an offset o that is a power of two, o - m has the bits of o + m below
/// 2 o, all but the lowest inverted, for m is odd: o - m = 2 o - (o + m).
Value LatticeCodes::getBytes(const Parts &parts, int64_t dotIndex) {
  int64_t number = dotIndex * kStepColumns;
  int64_t code = number / format.values, first = number % format.values;
  auto type = cast<VectorType>(parts.signs.getType());
  Value bytes = b.bitcast(getMagnitudes(parts, code, first), type);
  // Bit i of the signs is bit i of the code's bits and the one before, xor.
  Value signs =
      arith::XOrIOp::create(b, parts.signs, b.add(parts.signs, parts.signs));
  Value negated = getNegated(signs, code, first);
  int64_t inverted = 2 * getLatticeOffset(format) - 2;
  negated = arith::AndIOp::create(b, negated, b.splat(type, inverted));
  return arith::XOrIOp::create(b, bytes, negated);
}

/// The bytes of a lattice's codes, in the dot product `dotIndex` of their step.
Value SegmentProducts::getLatticeBytes(ArrayRef<Value> vectors,
                                       ArrayRef<CodeField> blockFields,
                                       int64_t slice, int64_t slices,
                                       int64_t dotIndex) {
  constexpr unsigned kByte = 8;
  numerics::LatticeFormat format = numerics::latticeOf(encoding.element);
  unsigned indexBits = format.indexBits();
  auto read = [&](unsigned first, unsigned end) {
    return decode(vectors, blockFields, slice, slices, /*isShared=*/false,
                  first, end);
  };
  LatticeCodes::Parts parts;
  parts.index = read(0, std::min(indexBits, kByte));
  if (indexBits > kByte)
    parts.upper = read(kByte, indexBits);
  parts.signs = read(indexBits, format.codeBits);
  return LatticeCodes(b, format).getBytes(parts, dotIndex);
}
