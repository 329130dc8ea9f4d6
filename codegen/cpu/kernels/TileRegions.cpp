//===- TileRegions.cpp - in which order tiles are multiplied and scaled ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The loops over a region, 64 x 64 results. Why they are as they are stands in
// TileProducts.cpp.
//
//===----------------------------------------------------------------------===//

#include "TileProducts.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

/// As many segments as leave the first-level cache room for the sums, beside
/// their tiles: each visit reads and writes those once.
int64_t TileProducts::getVisitCount() const {
  constexpr int64_t kMostTiles = 4, kMostColumns = 256;
  int64_t each = hasRuns() ? spec.panel.stepCount() : products.levels();
  int64_t count = 1;
  while (2 * count * each <= kMostTiles &&
         2 * count * spec.panel.joinedColumns() <= kMostColumns)
    count *= 2;
  return count;
}

/// Products of two visits, one segment after the other, or sums of a region.
int64_t TileProducts::rawElements() const {
  int64_t tiles = hasRuns() ? kRegionElements / kTileElements
                            : 2 * getVisitCount() * kVisitTiles;
  return tiles * products.levels() * kTileElements;
}

TileProducts::Pair TileProducts::getPair(const Region &region, Value pair) {
  int64_t pairs = registers() / 2;
  Value block = b.div(pair, pairs);
  return {block, b.mul(b.sub(pair, b.mul(block, pairs)), 2),
          b.mul(b.sub(pair, region.firstPair), 2 * kRegionRows * kLanes)};
}

TileProducts::Visit TileProducts::getVisit(Value tile, const Pair &pair,
                                           Value segment, int64_t count) {
  Visit visit{segment, {}};
  Value block = b.add(tile, pair.block);
  Value base = b.mul(block, operands.blockBytes);
  for (int64_t s = 0; s < count; ++s) {
    Value first = b.mul(b.add(segment, s), spec.panel.joinedSegments);
    GroupParameters::Place place = placeGroup(base, block, groupOf(first));
    visit.numbers.emplace_back();
    for (int64_t i = 0; i < 2; ++i) {
      Value row = b.mul(b.add(pair.firstRegister, i), kLanes);
      visit.numbers.back()[i] = spec.scaledSegments
                                    ? parameters.loadOfScaled(place, row)
                                    : parameters.load(place, row);
    }
  }
  return visit;
}

void TileProducts::emitRegion(Value tile, Value rows, Value firstRow,
                              Value firstPair, Value pairEnd) {
  constexpr int64_t kTwo = 2 * kTileRows;
  Value rowEnd = b.min(b.add(firstRow, kRegionRows), rows);
  Value count = b.mul(b.div(b.sub(rowEnd, firstRow), kTwo), kTwo);
  Region region{tile,   firstRow,  b.add(firstRow, count),
                rowEnd, firstPair, pairEnd};
  clear(sums, b.index(kRegionElements), b.getF32Type());
  if (hasRuns())
    emitRuns(region);
  else
    emitVisits(region);
  storeRegion(region, b.min(rowEnd, operands.m));
}

/// Segments [first, end), as many at a time as a visit has, then each alone.
void TileProducts::forEachVisit(
    Value first, Value end,
    llvm::function_ref<void(Value first, Value end, int64_t count)> body) {
  for (int64_t step = getVisitCount();; step = 1) {
    Value count = b.mul(b.div(b.sub(end, first), step), step);
    Value stepEnd = b.add(first, count);
    body(first, stepEnd, step);
    first = stepEnd;
    if (step == 1)
      return;
  }
}

/// Two tiles of the region's rows at a time, for what is carried from one to
/// the next.
TileProducts::Values TileProducts::forEachTwo(
    const Region &region, ValueRange carried,
    llvm::function_ref<Values(Value row, ValueRange carried)> body) {
  return b.loop(region.firstRow, region.twoEnd, 2 * kTileRows, carried, body);
}

/// A last tile of rows, where there is one.
void TileProducts::forOne(const Region &region,
                          llvm::function_ref<void(Value row)> body) {
  Value isLeft = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                       region.twoEnd, region.rowEnd);
  auto op = scf::IfOp::create(b, isLeft, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body(region.twoEnd);
}

/// All of the region's pairs of 32 rows of weights and tiles of rows.
void TileProducts::forEachTiles(
    const Region &region, llvm::function_ref<void(const Pair &)> start,
    llvm::function_ref<void(const Pair &, Value row, int64_t tiles)> body) {
  b.loop(region.firstPair, region.pairEnd, 1, {},
         [&](Value index, ValueRange) -> Values {
           Pair pair = getPair(region, index);
           start(pair);
           forEachTwo(region, {}, [&](Value row, ValueRange) -> Values {
             body(pair, row, 2);
             return {};
           });
           forOne(region, [&](Value row) { body(pair, row, 1); });
           return {};
         });
}

//===----------------------------------------------------------------------===//
// Visits
//===----------------------------------------------------------------------===//

/// Multiplies the segments of a visit, from element `place` of `raw` on, and
/// calls `between` after each step.
void TileProducts::multiplyVisit(const Operand &operand, int64_t count,
                                 int64_t tileRows, Value place,
                                 llvm::function_ref<void()> between) {
  int64_t levels = products.levels();
  for (int64_t s = 0; s < count; ++s)
    for (int64_t level = 0; level < levels; ++level) {
      Operand next{operand.pair, b.add(operand.segment, s), operand.row};
      int64_t before = (s * levels + level) * kVisitTiles * kTileElements;
      emitProducts(next, tileRows, level, 1, b.add(place, before), between);
    }
}

/// Products of each visit are scaled and added to sums that are floats: among
/// the products of the next one, if it has two tiles of rows.
void TileProducts::emitVisits(const Region &region) {
  Value no = b.index(0);
  forEachVisit(
      b.index(0), tileSegments, [&](Value first, Value end, int64_t count) {
        Values waiting{no, first, region.firstPair, region.firstRow, no};
        waiting = b.loop(
            first, end, count, waiting, [&](Value segment, ValueRange in) {
              return b.loop(region.firstPair, region.pairEnd, 1, in,
                            [&](Value pair, ValueRange in) {
                              return emitPair(region, segment, count, pair, in);
                            });
            });
        ifWaiting(waiting, [&] {
          Pair pair = getPair(region, waiting[2]);
          Visit visit = getVisit(region.tile, pair, waiting[1], count);
          emitScales(region, pair, visit, {waiting[3], 2, 0, kTileRows},
                     b.sub(b.index(rawElements() / 2), waiting[4]));
        });
      });
}

/// The visits of a pair; `waiting` is the last one before them, whose products
/// are to be scaled. It is a number that is 0 if there is none, its segment,
/// pair and row, and where the next one's products go.
TileProducts::Values TileProducts::emitPair(const Region &region, Value segment,
                                            int64_t count, Value index,
                                            ValueRange waiting) {
  Pair pair = getPair(region, index);
  Value size = b.index(rawElements() / 2);
  Values last = forEachTwo(region, waiting, [&](Value row, ValueRange in) {
    // Without one before, these are the numbers of a visit that there is.
    Pair before = getPair(region, in[2]);
    Visit visit = getVisit(region.tile, before, in[1], count);
    int64_t units = count * products.levels() * unrolledSteps(), unit = 0;
    multiplyVisit({pair, segment, row}, count, 2, in[4], [&] {
      int64_t begin = kTileRows * unit / units;
      int64_t end = kTileRows * ++unit / units;
      if (begin == end)
        return;
      ifWaiting(in, [&] {
        emitScales(region, before, visit, {in[3], 2, begin, end},
                   b.sub(size, in[4]));
      });
    });
    return Values{b.index(1), segment, index, row, b.sub(size, in[4])};
  });
  forOne(region, [&](Value row) {
    multiplyVisit({pair, segment, row}, count, 1, last[4], [] {});
    Visit visit = getVisit(region.tile, pair, segment, count);
    emitScales(region, pair, visit, {row, 1, 0, kTileRows}, last[4]);
  });
  return last;
}

void TileProducts::ifWaiting(ValueRange waiting,
                             llvm::function_ref<void()> body) {
  Value isWaiting = arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                                          waiting[0], b.index(0));
  auto op = scf::IfOp::create(b, isWaiting, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

/// Where a run's sums are.
Value TileProducts::getSumsPlace(const Region &region, const Pair &pair,
                                 Value row) {
  Value before = b.mul(b.sub(row, region.firstRow), 2 * kLanes);
  return b.mul(b.add(pair.sums, before), products.levels());
}

/// Adds the products of segments [first, end).
void TileProducts::addSegments(const Region &region, Value first, Value end) {
  auto add = [&](Value segment, int64_t count) {
    auto ignore = [](const Pair &) {};
    forEachTiles(region, ignore, [&](const Pair &pair, Value row, int64_t n) {
      Value place = getSumsPlace(region, pair, row);
      for (int64_t level = 0; level < products.levels(); ++level)
        emitProducts({pair, segment, row}, n, level, count,
                     b.add(place, level * kVisitTiles * kTileElements), [] {});
    });
  };
  forEachVisit(first, end, [&](Value first, Value end, int64_t count) {
    b.loop(first, end, count, {}, [&](Value segment, ValueRange) -> Values {
      add(segment, count);
      return {};
    });
  });
}

/// Segments that have their scales in common: sums stay integers.
void TileProducts::emitRuns(const Region &region) {
  int64_t most = runSegments();
  b.loop(b.index(0), tileSegments, most, {}, [&](Value first, ValueRange) {
    Value end = b.min(b.add(first, most), tileSegments);
    clear(raw, b.index(rawElements()), b.getI32Type());
    addSegments(region, first, end);
    if (needsActivationSum())
      addHeaders(region, first, end);
    Visit visit;
    forEachTiles(
        region,
        [&](const Pair &pair) {
          visit = getVisit(region.tile, pair, first, 1);
        },
        [&](const Pair &pair, Value row, int64_t tiles) {
          emitScales(region, pair, visit, {row, tiles, 0, kTileRows},
                     getSumsPlace(region, pair, row));
        });
    return Values();
  });
}

/// Leaves the headers of the region's rows for segments [first, end) as one:
/// their scale, and the sums of their sums. A vector has those of four rows.
void TileProducts::addHeaders(const Region &region, Value first, Value end) {
  VectorType words = b.vector(kLanes, b.getI32Type());
  constexpr int64_t kVectors =
      kTileRows * PanelFormat::kHeaderBytes / kVectorBytes;
  SmallVector<int64_t> withScales;
  for (int64_t lane = 0; lane < kLanes; ++lane)
    withScales.push_back(lane % 4 == 0 ? lane : kLanes + lane);
  auto load = [&](Value row, Value segment, int64_t i) {
    Value place = b.add(segmentOffset(row, segment), i * kVectorBytes);
    return b.load(operands.panel, place, words);
  };
  b.loop(region.firstRow, region.rowEnd, kTileRows, {},
         [&](Value row, ValueRange) -> Values {
           Values init(kVectors, b.zero(words));
           Values all =
               b.loop(first, end, 1, init, [&](Value segment, ValueRange in) {
                 Values next;
                 for (int64_t i = 0; i < kVectors; ++i)
                   next.push_back(b.add(in[i], load(row, segment, i)));
                 return next;
               });
           Value place =
               b.mul(b.sub(row, region.firstRow), PanelFormat::kHeaderBytes);
           for (int64_t i = 0; i < kVectors; ++i)
             b.store(vector::ShuffleOp::create(b, load(row, first, i), all[i],
                                               withScales),
                     headers, b.add(place, i * kVectorBytes));
           return {};
         });
}

void TileProducts::storeRegion(const Region &region, Value rowEnd) {
  VectorType floats = b.vector(kLanes, b.getF32Type());
  b.loop(region.firstRow, rowEnd, 1, {}, [&](Value row, ValueRange) {
    b.loop(region.firstPair, region.pairEnd, 1, {},
           [&](Value pair, ValueRange) -> Values {
             Value first = b.add(b.mul(region.tile, layout.atom.rows),
                                 b.mul(pair, 2 * kLanes));
             Value place =
                 b.add(b.mul(b.sub(pair, region.firstPair), 2 * kRegionRows),
                       b.sub(row, region.firstRow));
             for (int64_t i = 0; i < 2; ++i) {
               Value at = b.mul(b.add(place, i * kRegionRows), kLanes);
               store(vector::LoadOp::create(b, floats, sums, at),
                     b.add(first, i * kLanes), row);
             }
             return {};
           });
    return Values();
  });
}
