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

/// Registers of weights and rows of activations whose sums are in registers
/// together: 24 of 32, beside the weights and one activation.
static constexpr int64_t kQuad = 4, kRowTiles[] = {6, 2, 1};
/// Columns that are decoded at a time, at least a segment: 64 KiB of a panel.
static constexpr int64_t kChunkColumns = 512;
/// Columns of a product, and products of the innermost loop's body, which
/// divide a segment.
static constexpr int64_t kPair = 2, kUnrolledPairs = 4;

int64_t BFloatProducts::panelBlocks() const {
  return std::max<int64_t>(1, kPanelRows / layout.atom.rows);
}

int64_t BFloatProducts::chunkSegments() const {
  return std::max<int64_t>(1, kChunkColumns / spec.panel.paddedColumns());
}

/// Where a pair of columns of the panel's register `index` is.
Value BFloatProducts::placeOf(Value index, Value pair) {
  int64_t pairs = chunkSegments() * spec.panel.paddedColumns() / kPair;
  Value quad = b.div(index, kQuad);
  Value inQuad = b.sub(index, b.mul(quad, kQuad));
  Value before = b.mul(b.add(b.mul(quad, pairs), pair), kQuad);
  return b.mul(b.add(before, inQuad), kVectorBytes);
}

Value BFloatProducts::sumPlace(Value row, Value index) {
  return b.mul(b.add(b.mul(row, llvm::alignTo(panelRegisters(), kQuad)), index),
               kLanes);
}

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

void BFloatProducts::prepare() {
  rowBytes = countBFloatRowBytes(b, spec.panel, operands.k);
}

void BFloatProducts::emitPanels(Value first, Value last, Value rows) {
  int64_t quads = llvm::divideCeil(panelRegisters(), kQuad);
  decoded =
      allocate(placeOf(b.index(quads * kQuad), b.index(0)), b.getI8Type());
  sums = allocate(sumPlace(rows, b.index(0)), b.getF32Type());
  b.loop(first, last, panelBlocks(), {}, [&](Value tile, ValueRange) -> Values {
    emitPanel(tile, last, rows);
    return {};
  });
}

void BFloatProducts::emitPanel(Value tile, Value last, Value rows) {
  clear(sums, sumPlace(rows, b.index(0)), b.getF32Type());
  int64_t step = chunkSegments();
  b.loop(b.index(0), segments, step, {},
         [&](Value segment, ValueRange) -> Values {
           Chunk chunk{tile, segment, b.min(b.add(segment, step), segments)};
           // A panel that ends beyond the last block has that one again.
           for (int64_t i = 0; i < panelBlocks(); ++i)
             decodeBlock(chunk, b.min(b.add(tile, i), b.sub(last, b.index(1))),
                         b.index(i * registers()));
           multiply(chunk, rows);
           return {};
         });
  storePanel(tile, last, rows);
}

void BFloatProducts::storePanel(Value tile, Value last, Value rows) {
  VectorType floats = b.vector(kLanes, b.getF32Type());
  Value blocks = b.min(b.sub(last, tile), b.index(panelBlocks()));
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
  constexpr int64_t kPairBytes = kQuad * kVectorBytes;
  Value atoms = countAtoms(columns);
  b.loop(b.index(0), atoms, 1, {}, [&](Value atom, ValueRange) -> Values {
    Value before = b.mul(atom, atomColumns() / kPair * kPairBytes);
    SmallVector<Values> digits(registers());
    products.unpack(
        segment, atom,
        [&](int64_t step, int64_t index, int64_t digit, Value bytes) {
          digits[index].push_back(bytes);
          if (digit + 1 < products.digits())
            return;
          Value at = b.add(places[index], before);
          storeNumbers(digits[index], numbers[index],
                       b.add(at, step * kStepColumns / kPair * kPairBytes));
          digits[index].clear();
        });
    return {};
  });
  // What codes leave of the segment meets zeros, which NaN must not.
  Value rest = b.mul(atoms, atomColumns() / kPair);
  Value none = b.zero(b.bytes(kVectorBytes));
  b.loop(rest, b.index(spec.panel.paddedColumns() / kPair), 1, {},
         [&](Value pair, ValueRange) -> Values {
           for (Value start : places)
             b.store(none, decoded, b.add(start, b.mul(pair, kPairBytes)));
           return {};
         });
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
            b.add(place, pair * kQuad * kVectorBytes));
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

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

void BFloatProducts::multiply(const Chunk &chunk, Value rows) {
  int64_t quads = llvm::divideCeil(panelRegisters(), kQuad);
  b.loop(b.index(0), b.index(quads), 1, {}, [&](Value quad, ValueRange) {
    Value done = b.index(0);
    for (int64_t count : kRowTiles) {
      Value end = b.mul(b.div(rows, count), count);
      // Fewer rows at once may end before what more have done.
      end = b.max(end, done);
      b.loop(done, end, count, {}, [&](Value row, ValueRange) -> Values {
        multiplyRows(chunk, quad, row, count);
        return {};
      });
      done = end;
    }
    return Values();
  });
}

/// Adds the products of a chunk of four registers of weights with `count` rows
/// of activations to their sums.
void BFloatProducts::multiplyRows(const Chunk &chunk, Value quad, Value row,
                                  int64_t count) {
  VectorType floats = b.vector(kLanes, b.getF32Type());
  VectorType numbers = b.vector(kPair * kLanes, b.getBF16Type());
  int64_t padded = spec.panel.paddedColumns();
  Value firstRegister = b.mul(quad, kQuad);
  Value weights = placeOf(firstRegister, b.index(0));
  Values places, init, rowPlaces;
  for (int64_t r = 0; r < count; ++r) {
    Value at = b.add(row, r);
    rowPlaces.push_back(
        b.add(b.mul(at, rowBytes), b.mul(chunk.first, 2 * padded)));
    for (int64_t i = 0; i < kQuad; ++i) {
      places.push_back(sumPlace(at, b.add(firstRegister, i)));
      init.push_back(vector::LoadOp::create(b, floats, sums, places.back()));
    }
  }
  Value pairs = b.mul(b.sub(chunk.end, chunk.first), padded / kPair);
  Values results = b.loop(
      b.index(0), pairs, kUnrolledPairs, init, [&](Value pair, ValueRange in) {
        Values next(in);
        Value before = b.add(weights, b.mul(pair, kQuad * kVectorBytes));
        Value column = b.mul(pair, 2 * kPair);
        for (int64_t p = 0; p < kUnrolledPairs; ++p) {
          Values factors;
          for (int64_t i = 0; i < kQuad; ++i)
            factors.push_back(
                b.load(decoded, b.add(before, (p * kQuad + i) * kVectorBytes),
                       numbers));
          for (int64_t r = 0; r < count; ++r) {
            Value at = b.add(b.add(rowPlaces[r], column), p * 2 * kPair);
            Value x = b.bitcast(
                b.loadSplat(operands.panel, at, b.getI32Type(), kLanes),
                numbers);
            for (int64_t i = 0; i < kQuad; ++i) {
              Value &sum = next[r * kQuad + i];
              sum = x86vector::DotBF16Op::create(b, floats, sum, x, factors[i]);
            }
          }
        }
        return next;
      });
  for (auto [result, place] : llvm::zip_equal(results, places))
    vector::StoreOp::create(b, result, sums, place);
}
