//===- BFloatTiles.cpp - products of bf16 in tiles ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A product of tiles of bf16 takes 16 cycles for 32 columns, 512 products in
// each. Counted for 32 x 32 results and a slice of 64 columns:
//
//   tile products    8                                        128 cycles
//   loads            4 tiles of sums, 8 to multiply            96
//   stores           4 tiles                                   64
//
// and no vector operation: scales are in the weights. A region of 64 x 64
// results takes 8 KiB of either side for a slice and 16 KiB of sums, which stay
// in the first-level cache while the slices of a chunk pass by; each byte comes
// from the second-level cache once for two products, 32 bytes in a cycle. With
// slices of 128 columns there are fewer loads and stores of sums (80 and 32
// cycles for 128), but 48 KiB, all of that cache.
//
// Rows of activations are read as they are: without headers, a row of a tile is
// one line of a cache, and rows are an odd number of lines apart, so that 16 of
// them are in different sets.
//
//===----------------------------------------------------------------------===//

#include "BFloatTiles.h"
#include "mlir/Dialect/AMX/AMXDialect.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

/// Sums of a register are tiles, one behind the other.
Value BFloatTiles::sumPlace(Value row, Value index) {
  return b.mul(b.add(b.mul(index, sumRows), row), kLanes);
}

void BFloatTiles::multiply(const Chunk &chunk) {
  constexpr int64_t kTwo = 2 * kRows;
  Value pairs = b.div(chunk.registers, 2);
  Value steps =
      b.div(countPairs(b.sub(chunk.end, chunk.first)), kColumns / kPair);
  Value firstByte = b.mul(chunk.first, 2 * spec.panel.paddedColumns());
  b.loop(b.index(0), sumRows, kRegionRows, {}, [&](Value row, ValueRange) {
    Value rowEnd = b.min(b.add(row, kRegionRows), sumRows);
    Value twoEnd = b.add(row, b.mul(b.div(b.sub(rowEnd, row), kTwo), kTwo));
    b.loop(b.index(0), pairs, kRegionPairs, {},
           [&](Value pair, ValueRange) -> Values {
             Value pairEnd = b.min(b.add(pair, kRegionPairs), pairs);
             multiplyRegion({row, twoEnd, rowEnd, pair, pairEnd}, firstByte,
                            steps);
             return {};
           });
    return Values();
  });
}

/// All steps of a chunk, whose activations begin at byte `firstByte` of a row.
void BFloatTiles::multiplyRegion(const Region &region, Value firstByte,
                                 Value steps) {
  Value done = b.index(0);
  for (int64_t count = kSliceSteps; count; --count) {
    Value end = b.mul(b.div(steps, count), count);
    b.loop(done, end, count, {}, [&](Value step, ValueRange) -> Values {
      multiplySlice(region, firstByte, step, count);
      return {};
    });
    done = end;
  }
}

void BFloatTiles::multiplySlice(const Region &region, Value firstByte,
                                Value step, int64_t count) {
  b.loop(region.firstPair, region.pairEnd, 1, {}, [&](Value pair, ValueRange) {
    auto multiplyTo = [&](Value first, Value end, int64_t rowTiles) {
      b.loop(first, end, rowTiles * kRows, {},
             [&](Value row, ValueRange) -> Values {
               multiplyTiles(row, rowTiles, pair, firstByte, step, count);
               return {};
             });
    };
    multiplyTo(region.firstRow, region.twoEnd, 2);
    multiplyTo(region.twoEnd, region.rowEnd, 1);
    return Values();
  });
}

/// Adds the products of `count` steps to the sums of one or two tiles of rows
/// with two registers of weights.
void BFloatTiles::multiplyTiles(Value row, int64_t rowTiles, Value pair,
                                Value firstByte, Value step, int64_t count) {
  auto factor = amx::TileType::get({kRows, kColumns}, b.getBF16Type());
  auto sum = amx::TileType::get({kRows, kLanes}, b.getF32Type());
  Value firstRegister = b.mul(pair, 2);
  Values places, tiles;
  for (int64_t t = 0; t < rowTiles; ++t)
    for (int64_t i = 0; i < 2; ++i) {
      places.push_back(
          sumPlace(b.add(row, t * kRows), b.add(firstRegister, i)));
      tiles.push_back(amx::TileLoadOp::create(b, sum, sums, places.back(),
                                              b.index(kLanes)));
    }
  Value columns = b.add(firstByte, b.mul(step, kColumns * 2));
  for (int64_t s = 0; s < count; ++s) {
    Values weights;
    for (int64_t i = 0; i < 2; ++i) {
      Value place = placeOf(b.add(firstRegister, i),
                            b.mul(b.add(step, s), kColumns / kPair));
      weights.push_back(amx::TileLoadOp::create(b, factor, decoded, place,
                                                b.index(kVectorBytes)));
    }
    for (int64_t t = 0; t < rowTiles; ++t) {
      Value place = b.add(b.mul(b.add(row, t * kRows), rowBytes),
                          b.add(columns, s * kColumns * 2));
      Value rows =
          amx::TileLoadOp::create(b, factor, operands.panel, place, rowBytes);
      for (int64_t i = 0; i < 2; ++i) {
        Value &tile = tiles[2 * t + i];
        tile = amx::TileMulFOp::create(b, sum, rows, weights[i], tile);
      }
    }
  }
  for (auto [tile, place] : llvm::zip_equal(tiles, places))
    amx::TileStoreOp::create(b, sums, place, tile, b.index(kLanes));
}
