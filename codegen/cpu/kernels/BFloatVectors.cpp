//===- BFloatVectors.cpp - products of bf16 in vector registers -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BFloatVectors.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

/// Rows of activations whose sums are in registers together: with those of four
/// registers of weights 24 of 32, beside the weights and one activation.
static constexpr int64_t kRowTiles[] = {6, 2, 1};
/// Products of the innermost loop's body, which divide a segment.
static constexpr int64_t kUnrolledPairs = 4;

Value BFloatVectors::sumPlace(Value row, Value index) {
  return b.mul(b.add(b.mul(row, sumRegisters()), index), kLanes);
}

void BFloatVectors::multiply(const Chunk &chunk) {
  Value quads = b.ceilDiv(chunk.registers, kQuad);
  b.loop(b.index(0), quads, 1, {}, [&](Value quad, ValueRange) {
    Value done = b.index(0);
    for (int64_t count : kRowTiles) {
      Value end = b.mul(b.div(sumRows, count), count);
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
void BFloatVectors::multiplyRows(const Chunk &chunk, Value quad, Value row,
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
  Value pairs = countPairs(b.sub(chunk.end, chunk.first));
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
