//===- BFloatProducts.cpp - products of many rows in bf16 -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BFloatProducts.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

int64_t BFloatProducts::panelBlocks() const {
  return std::max<int64_t>(1, form.panelRows / layout.atom.rows);
}

int64_t BFloatProducts::sumRegisters() const {
  return llvm::alignTo(panelBlocks() * registers(), form.interleaved);
}

/// As many as have the chunk's columns, or one, and whole steps.
int64_t BFloatProducts::chunkSegments() const {
  int64_t padded = spec.panel.paddedColumns();
  int64_t count = std::max<int64_t>(1, form.chunkColumns / padded);
  while (count * padded % form.stepColumns)
    ++count;
  return count;
}

/// Pairs of columns of `count` segments, whole steps.
Value BFloatProducts::countPairs(Value count) {
  Value columns = b.mul(count, spec.panel.paddedColumns());
  if (spec.panel.paddedColumns() % form.stepColumns == 0)
    return b.div(columns, kPair);
  return b.mul(b.ceilDiv(columns, form.stepColumns), form.stepColumns / kPair);
}

/// Where a pair of columns of the panel's register `index` is.
Value BFloatProducts::placeOf(Value index, Value pair) {
  int64_t pairs = chunkSegments() * spec.panel.paddedColumns() / kPair;
  int64_t count = form.interleaved;
  Value before = b.div(index, count),
        inside = b.sub(index, b.mul(before, count));
  Value first = b.mul(b.add(b.mul(before, pairs), pair), count);
  return b.mul(b.add(first, inside), kVectorBytes);
}

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

void BFloatProducts::prepare() {
  rowBytes = countBFloatRowBytes(b, spec.panel, operands.k);
}

void BFloatProducts::emitPanels(Value first, Value last, Value rows) {
  sumRows = rows;
  decoded =
      allocate(placeOf(b.index(sumRegisters()), b.index(0)), b.getI8Type());
  sums = allocate(countSums(), b.getF32Type());
  b.loop(first, last, panelBlocks(), {}, [&](Value tile, ValueRange) -> Values {
    emitPanel(tile, last);
    return {};
  });
}

Value BFloatProducts::countSums() {
  return b.mul(sumRows, sumRegisters() * kLanes);
}

void BFloatProducts::emitPanel(Value tile, Value last) {
  clear(sums, countSums(), b.getF32Type());
  // Registers that are multiplied together are decoded together.
  int64_t together = std::max<int64_t>(1, form.interleaved / registers());
  Value blocks = b.min(b.sub(last, tile), b.index(panelBlocks()));
  blocks = b.mul(b.ceilDiv(blocks, together), together);
  int64_t step = chunkSegments();
  b.loop(b.index(0), segments, step, {}, [&](Value segment, ValueRange) {
    Chunk chunk{segment, b.min(b.add(segment, step), segments),
                b.mul(blocks, registers())};
    b.loop(b.index(0), blocks, 1, {}, [&](Value i, ValueRange) -> Values {
      // A panel that ends beyond the last block has that one again.
      decodeBlock(chunk, b.min(b.add(tile, i), b.sub(last, b.index(1))),
                  b.mul(i, registers()));
      return {};
    });
    multiply(chunk);
    return Values();
  });
  storePanel(tile, last);
}

void BFloatProducts::storePanel(Value tile, Value last) {
  VectorType floats = b.vector(kLanes, b.getF32Type());
  Value blocks = b.min(b.sub(last, tile), b.index(panelBlocks()));
  // The last tile may have rows beyond the last one.
  Value rows = b.min(sumRows, operands.m);
  b.loop(b.index(0), rows, 1, {}, [&](Value row, ValueRange) {
    b.loop(b.index(0), blocks, 1, {}, [&](Value block, ValueRange) -> Values {
      Value first = b.mul(b.add(tile, block), layout.atom.rows);
      for (int64_t i = 0; i < registers(); ++i) {
        Value index = b.add(b.mul(block, registers()), i);
        Value sum =
            vector::LoadOp::create(b, floats, sums, sumPlace(row, index));
        store(sum, b.add(first, i * kLanes), row);
      }
      return {};
    });
    return Values();
  });
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Decodes the chunk's segments of row block `block`, whose registers are those
/// of the panel from `firstRegister` on.
void BFloatProducts::decodeBlock(const Chunk &chunk, Value block,
                                 Value firstRegister) {
  SegmentOperands segment = prepareBlock(block);
  Value base = b.mul(block, operands.blockBytes);
  Value full = b.min(b.div(operands.k, spec.panel.columns), chunk.end);
  forEachSegment(
      chunk.first, full, chunk.end, [&](Value number, Extent columns) {
        Value pair = b.mul(b.sub(number, chunk.first),
                           spec.panel.paddedColumns() / kPair);
        SegmentPlace place = placeSegment(base, block, number);
        segment.codes = place.codes;
        decodeSegment(segment, place.parameters, firstRegister, pair, columns);
      });
  if (spec.panel.paddedColumns() % form.stepColumns == 0)
    return;
  Value count = b.sub(chunk.end, chunk.first);
  Value pairs = b.mul(count, spec.panel.paddedColumns() / kPair);
  Values places;
  for (int64_t i = 0; i < registers(); ++i)
    places.push_back(placeOf(b.add(firstRegister, i), b.index(0)));
  clearPairs(places, pairs, countPairs(count));
}

/// Zeros in pairs [first, end) of columns of registers that begin at `places`:
/// what they meet must not become NaN.
void BFloatProducts::clearPairs(ArrayRef<Value> places, Value first,
                                Value end) {
  Value none = b.zero(b.bytes(kVectorBytes));
  b.loop(first, end, 1, {}, [&](Value pair, ValueRange) -> Values {
    for (Value start : places)
      b.store(none, decoded, b.add(start, b.mul(pair, pairBytes())));
    return {};
  });
}

void BFloatProducts::decodeSegment(const SegmentOperands &segment,
                                   const GroupParameters::Place &place,
                                   Value firstRegister, Value firstPair,
                                   Extent columns) {
  Numbers numbers;
  Values places;
  for (int64_t i = 0; i < registers(); ++i) {
    numbers.push_back(parameters.load(place, b.index(i * kLanes)));
    places.push_back(placeOf(b.add(firstRegister, i), firstPair));
  }
  Value atoms = countAtoms(columns);
  b.loop(b.index(0), atoms, 1, {}, [&](Value atom, ValueRange) -> Values {
    Value before = b.mul(atom, atomColumns() / kPair * pairBytes());
    SmallVector<Values> digits(registers());
    products.unpack(
        segment, atom,
        [&](int64_t step, int64_t index, int64_t digit, Value bytes) {
          digits[index].push_back(bytes);
          if (digit + 1 < products.digits())
            return;
          Value at = b.add(places[index], before);
          storeNumbers(digits[index], numbers[index],
                       b.add(at, step * kStepColumns / kPair * pairBytes()));
          digits[index].clear();
        });
    return {};
  });
  clearPairs(places, b.mul(atoms, atomColumns() / kPair),
             b.index(spec.panel.paddedColumns() / kPair));
}

/// Stores the numbers of four columns, whose bytes `digits` are, highest digit
/// first, as two pairs.
void BFloatProducts::storeNumbers(ArrayRef<Value> digits,
                                  const GroupParameters::Numbers &numbers,
                                  Value place) {
  VectorType half = b.vector(kLanes, b.getBF16Type());
  for (int64_t pair = 0; pair < kStepColumns / kPair; ++pair) {
    Values columns;
    for (int64_t i = 0; i < kPair; ++i)
      columns.push_back(x86vector::CvtPackedF32ToBF16Op::create(
          b, half, decode(digits, numbers, pair * kPair + i)));
    b.store(vector::InterleaveOp::create(b, columns[0], columns[1]), decoded,
            b.add(place, pair * pairBytes()));
  }
}

/// The value of one column of four in f32.
Value BFloatProducts::decode(ArrayRef<Value> digits,
                             const GroupParameters::Numbers &numbers,
                             int64_t column) {
  VectorType words = b.vector(kLanes, b.getI32Type());
  VectorType floats = b.vector(kLanes, b.getF32Type());
  constexpr int kByte = 8, kRest = 24;
  Value number;
  for (Value bytes : digits) {
    Value digit = b.bitcast(bytes, words);
    digit = b.shift(digit, kRest - kByte * int(column));
    digit =
        products.hasUnsignedBytes()
            ? arith::ShRUIOp::create(b, digit, b.splat(words, int64_t(kRest)))
                  .getResult()
            : b.shift(digit, -kRest);
    digit = b.toFloat(digit);
    number = number ? b.fma(number, b.splat(floats, 256.0), digit) : digit;
  }
  if (double step = products.step(); step != 1)
    number = b.mulf(number, b.splat(floats, step));
  if (numbers.zeroPoint)
    number = arith::SubFOp::create(b, number, numbers.zeroPoint);
  number = b.mulf(number, numbers.scale);
  if (numbers.minimum)
    number = arith::AddFOp::create(b, number, numbers.minimum);
  return number;
}
