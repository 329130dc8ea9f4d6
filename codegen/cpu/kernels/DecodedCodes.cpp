//===- DecodedCodes.cpp - codes that many rows share, in memory -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What decoding a code takes is little where it is a field of a byte or one
// look-up: vector units do it while others multiply. There, bytes from memory
// gain nothing.
//
//===----------------------------------------------------------------------===//

#include "SegmentProducts.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

/// Whether codes are of fields that must be moved, more than one and a half
/// times each: a shift takes as long as two products of the four that few rows
/// have, in the one unit that these leave to it.
bool SegmentProducts::movesManyFields() const {
  int64_t moves = 0;
  for (const auto &code : fields.fields)
    moves += llvm::count_if(code, [](const CodeField &field) {
      return field.shift != field.codeBit;
    });
  return 2 * moves > 3 * int64_t(fields.fields.size());
}

/// Whether the sums of few rows leave registers to more than one vector of
/// codes: those of 16-bit activations are half of them.
bool SegmentProducts::hasRoomBesideSums() const {
  int64_t rows = rowTile();
  return 2 * accumulatorCount(rows, sliceCount(rows)) <
         size_t(target.registers);
}

bool SegmentProducts::isJoined() const {
  return !windows && !isTable() && !encoding.element.isLattice() &&
         movesManyFields();
}

bool SegmentProducts::keepsDecoded() const {
  constexpr size_t kShortTable = 64;
  if (windows || encoding.element.isLattice())
    return true;
  if (!isTable())
    return isJoined() || (hasScatteredCodes() && !hasRoomBesideSums());
  return encoding.element.tableOwner() == numerics::TableOwner::Row ||
         tables.bytes[0].size() > kShortTable || hasScatteredCodes();
}

/// Where the first digit of register `at` is in dot product `product` of an
/// atom.
Value SegmentProducts::decodedPlace(const SegmentOperands &operands, Value atom,
                                    int64_t product, int64_t at) {
  int64_t slices = operands.slices.count;
  int64_t vector = product * fields.subBlocks + at / slices;
  int64_t known = vector * digits() * kVectorBytes +
                  at % slices * target.lanes() * kStepColumns;
  Value first =
      b.add(operands.decoded.place, b.mul(operands.slices.first, kStepColumns));
  return b.add(b.add(first, b.mul(atom, decodedAtomBytes())), known);
}

/// The same, from what was decoded before where there is some.
SegmentProducts::Values
SegmentProducts::getBytes(ArrayRef<Value> vectors,
                          const SegmentOperands &operands, Value atom,
                          int64_t product, int64_t at) {
  if (!operands.decoded.areThere)
    return decode(vectors, operands, product, at);
  Value place = decodedPlace(operands, atom, product, at);
  VectorType type = b.bytes(target.vectorBits / 8);
  Values result;
  for (int64_t digit = 0; digit < digits(); ++digit)
    result.push_back(b.load(operands.decoded.memory,
                            b.add(place, digit * kVectorBytes), type));
  return result;
}

/// Keeps the digits of all registers in dot product `product` of an atom.
void SegmentProducts::keepBytes(ArrayRef<Values> bytes,
                                const SegmentOperands &operands, Value atom,
                                int64_t product) {
  for (auto [at, digits] : llvm::enumerate(bytes)) {
    Value place = decodedPlace(operands, atom, product, at);
    for (auto [digit, value] : llvm::enumerate(digits))
      b.store(value, operands.decoded.memory,
              b.add(place, digit * kVectorBytes));
  }
}
