//===- TileProducts.cpp - products of many rows in tiles ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Why a plain form stays below half of the rate of tiles, counted for 32 x 32
// results and a segment of 128 columns, activations of 8 bits. A tile product
// takes 16 cycles; a cycle has room for two loads of 64 bytes, a store, and two
// vector operations; a tile is 16 loads or stores:
//
//   tile products    8                                        128 cycles
//   loads            8 tiles, 64 products, 64 sums, 32 scales 144
//   stores           4 tiles, 64 sums                         128
//   vector           64 x (convert, multiply, multiply-add)    96
//
// So everything is about as long as the products, and whatever doesn't overlap
// with them adds to them. With 32 columns, products take 64 cycles (half of a
// tile is empty), and all else as long as before. What is done about it:
//
// - A visit multiplies up to four segments before it scales them, which reads
//   and writes sums once for all: 128 cycles of loads and 96 of stores for
//   each segment of 128 columns, 80 and 80 for each of 32.
// - Regions of 64 x 64 results: bytes come from the second-level cache once for
//   two products. For 32 x 32 they would come at 64 bytes in a cycle, more than
//   that cache gives.
// - Activations are in tiles already: with steps of 64 columns, no load crosses
//   a line.
// - No offset is subtracted from sums; bytes are signed numbers.
// - Segments with the same scales, all of a row's where weights have one and
//   activations one per token, are scaled once: sums stay in tiles. Every 256
//   columns 256 cycles of products then meet 160 of loads, 64 of stores and no
//   vector operation.
// - Groups whose scales are integers under a scale that several have, such that
//   codes times integers are bytes, are decoded to those products: vpmullw,
//   vpaddw and vpxord for 64 bytes in place of the vpaddb of an offset.
//   The groups under one scale are then one segment, of full tiles: segments of
//   activations are joined up to 256 columns. For those 256 columns, products,
//   loads, stores and vector operations take 256, 208, 128 and 96 cycles, where
//   8 groups of 32 that are scaled one by one take 512, 640, 640 and 768.
// - The processor looks 512 operations ahead. A visit of two segments of 128
//   columns is 16 products, 16 tile loads and 8 stores, and its scaling 16
//   times 35 instructions, 800 operations, for llvm-mca (22, sapphirerapids):
//   one after the other, tiles wait until most of the scaling is done, and then
//   for the last product (52 cycles until it is there). So products of a visit
//   go to one half of a buffer while those of the visit before are scaled from
//   the other, four rows after each step of four products: 200 operations (340
//   with groups of 32) between two steps. It takes four loops of four rows in
//   place of one of 16, and a buffer of 8 KiB more.
//
// What is left: llvm-mca has 24 cycles for a row of the scaling of two segments
// and 48 for one of four of 32 columns, all in the vector unit, of which its
// model has one for 64 bytes. The processor has two: 192 and 384 cycles for
// either visit, beside 256 of products. (The model knows no tiles.) So products
// and loads limit groups of 128, and scaling those of 32: tiles work for two
// thirds of its time, on columns half of which are empty.
//
//===----------------------------------------------------------------------===//

#include "TileProducts.h"
#include "mlir/Dialect/AMX/AMXDialect.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

/// Longer segments are loops.
static constexpr int64_t kUnrolledSteps = 4;

Value TileProducts::tileOffset(Value block, Value segment, int64_t digit,
                               Value index) {
  Value before = b.add(b.mul(block, tileSegments), segment);
  before = b.add(b.mul(before, products.digits()), digit);
  return b.mul(b.add(b.mul(before, registers()), index), tileBytes());
}

Value TileProducts::allocateLocal(int64_t elements, Type element) {
  return memref::AllocaOp::create(b, MemRefType::get({elements}, element),
                                  b.getI64IntegerAttr(kVectorBytes));
}

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

void TileProducts::prepare() {
  tileSegments = b.div(segments, spec.panel.joinedSegments);
  raw = allocateLocal(rawElements(), b.getI32Type());
  sums = allocateLocal(kRegionElements, b.getF32Type());
  if (hasRuns() && needsActivationSum())
    headers =
        allocateLocal(kRegionRows * PanelFormat::kHeaderBytes, b.getI8Type());
}

void TileProducts::emitPanels(Value first, Value last, Value rows) {
  int64_t most =
      std::max<int64_t>(1, spec.tuning.unpackedRows / layout.atom.rows);
  Value blocks = b.min(b.sub(last, first), b.index(most));
  decoded =
      allocate(tileOffset(blocks, b.index(0), 0, b.index(0)), b.getI8Type());
  b.loop(first, last, most, {}, [&](Value tile, ValueRange) -> Values {
    emitPanel(tile, b.min(b.sub(last, tile), b.index(most)), rows);
    return {};
  });
}

void TileProducts::emitPanel(Value tile, Value blocks, Value rows) {
  b.loop(b.index(0), blocks, 1, {}, [&](Value block, ValueRange) -> Values {
    unpackBlock(tile, block);
    return {};
  });
  Value pairs = b.mul(blocks, registers() / 2);
  b.loop(b.index(0), rows, kRegionRows, {}, [&](Value row, ValueRange) {
    b.loop(b.index(0), pairs, kRegionPairs, {},
           [&](Value pair, ValueRange) -> Values {
             Value end = b.min(b.add(pair, kRegionPairs), pairs);
             emitRegion(tile, rows, row, pair, end);
             return {};
           });
    return Values();
  });
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// What is not written of a short segment meets zeros in the activations.
void TileProducts::unpackBlock(Value tile, Value block) {
  SegmentOperands segment = prepareBlock(b.add(tile, block));
  Value base = b.mul(b.add(tile, block), operands.blockBytes);
  Value full = b.div(operands.k, spec.panel.columns);
  forEachSegment(b.index(0), full, segments, [&](Value s, Extent columns) {
    SegmentPlace place = placeSegment(base, b.add(tile, block), s);
    segment.codes = place.codes;
    segment.factors.clear();
    for (int64_t i = 0; spec.scaledSegments && i < registers(); ++i)
      segment.factors.push_back(products.prepareFactor(
          parameters.loadIntegers(place.parameters, b.index(i * kLanes))));
    unpackSegment(segment, block, s, columns);
  });
}

/// Where the bytes of each digit and register of a segment's rows go; of
/// segments that are joined, one begins where the one before it ends.
SmallVector<TileProducts::Values> TileProducts::placeRows(Value block,
                                                          Value segment) {
  Value joined = b.div(segment, spec.panel.joinedSegments);
  Value before = b.mul(b.sub(segment, b.mul(joined, spec.panel.joinedSegments)),
                       spec.panel.paddedColumns() * kLanes);
  SmallVector<Values> places(products.digits());
  for (int64_t digit = 0; digit < products.digits(); ++digit)
    for (int64_t i = 0; i < registers(); ++i)
      places[digit].push_back(
          b.add(tileOffset(block, joined, digit, b.index(i)), before));
  return places;
}

void TileProducts::unpackSegment(const SegmentOperands &segmentOperands,
                                 Value block, Value segment, Extent columns) {
  int64_t unroll = 1;
  while (columns.known &&
         2 * unroll * atomColumns() <= PanelFormat::kTileBytes &&
         countAtoms(*columns.known) % (2 * unroll) == 0)
    unroll *= 2;
  Value atoms = countAtoms(columns);
  SmallVector<Values> places = placeRows(block, segment);
  b.loop(b.index(0), atoms, unroll, {}, [&](Value atom, ValueRange) -> Values {
    for (int64_t i = 0; i < unroll; ++i) {
      Value here = b.add(atom, i);
      Value column = b.mul(here, atomColumns() / kStepColumns * kVectorBytes);
      products.unpack(
          segmentOperands, here,
          [&](int64_t step, int64_t index, int64_t digit, Value bytes) {
            Value place = b.add(places[digit][index], column);
            b.store(bytes, decoded, b.add(place, step * kVectorBytes));
          });
    }
    return {};
  });
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// Where a segment of a tile's rows begins in the panel.
Value TileProducts::segmentOffset(Value row, Value segment) {
  return b.add(b.mul(row, operands.panelRowBytes),
               b.mul(segment, kTileRows * spec.panel.joinedSegments *
                                  spec.panel.segmentBytes()));
}

/// Adds the products of a step of columns to the sums of a level.
TileProducts::Values TileProducts::multiplyStep(const Operand &operand,
                                                Value step, int64_t level,
                                                ValueRange sums) {
  Value place =
      b.add(segmentOffset(operand.row, operand.segment),
            kTileRows * PanelFormat::kHeaderBytes * spec.panel.joinedSegments);
  int64_t tileRows = sums.size() / 2, columns = spec.panel.stepColumns();
  Type byte = b.getI8Type();
  auto left = amx::TileType::get({kTileRows, columns}, byte);
  auto right = amx::TileType::get({columns / kStepColumns, kVectorBytes}, byte);
  UnitAttr isUnsigned =
      products.hasUnsignedBytes() ? b.getUnitAttr() : UnitAttr();
  Values next(sums);
  Value before = b.mul(step, kTileRows * columns);
  Value rowTile = b.mul(operands.panelRowBytes, kTileRows);
  for (int64_t digit = 0; digit < products.digits(); ++digit)
    for (int64_t part = 0; part < products.parts(); ++part) {
      if (products.levelOf(digit, part) != level)
        continue;
      Values factors;
      for (int64_t i = 0; i < 2; ++i) {
        Value tile = tileOffset(operand.pair.block, operand.segment, digit,
                                b.add(operand.pair.firstRegister, i));
        factors.push_back(amx::TileLoadOp::create(
            b, right, decoded, b.add(tile, before), b.index(kVectorBytes)));
      }
      int64_t partBytes = kTileRows * spec.panel.joinedColumns();
      for (int64_t t = 0; t < tileRows; ++t) {
        Value tile = b.add(b.add(place, b.mul(rowTile, t)),
                           b.add(before, part * partBytes));
        Value rows = amx::TileLoadOp::create(b, left, operands.panel, tile,
                                             b.index(columns));
        for (int64_t i = 0; i < 2; ++i) {
          Value &sum = next[2 * t + i];
          sum = amx::TileMulIOp::create(b, sum.getType(), rows, factors[i], sum,
                                        /*isZextLhs=*/UnitAttr(), isUnsigned);
        }
      }
    }
  return next;
}

/// The steps of a segment that are no loop.
int64_t TileProducts::unrolledSteps() const {
  return (spec.panel.stepCount() - 1) % kUnrolledSteps + 1;
}

/// Leaves the products of a level in `raw`, from element `place` on: of one
/// segment or, in a run, of `count` more. Long segments are added up there:
/// LLVM spills tiles that loops carry.
void TileProducts::emitProducts(const Operand &operand, int64_t tileRows,
                                int64_t level, int64_t count, Value place,
                                llvm::function_ref<void()> between) {
  auto type = amx::TileType::get({kTileRows, kLanes}, b.getI32Type());
  auto placeOf = [&](int64_t i) { return b.add(place, i * kTileElements); };
  auto load = [&](bool isCarried) {
    Values tiles;
    for (int64_t i = 0; i < 2 * tileRows; ++i)
      tiles.push_back(isCarried ? amx::TileLoadOp::create(
                                      b, type, raw, placeOf(i), b.index(kLanes))
                                      .getResult()
                                : amx::TileZeroOp::create(b, type).getResult());
    return tiles;
  };
  auto store = [&](ValueRange tiles) {
    for (auto [i, tile] : llvm::enumerate(tiles))
      amx::TileStoreOp::create(b, raw, placeOf(i), tile, b.index(kLanes));
  };
  int64_t steps = spec.panel.stepCount(), looped = steps - unrolledSteps();
  Values tiles = load(/*isCarried=*/hasRuns());
  for (int64_t s = 0; s < count; ++s) {
    Operand next{operand.pair, b.add(operand.segment, s), operand.row};
    for (int64_t step = looped; step < steps; ++step) {
      tiles = multiplyStep(next, b.index(step), level, tiles);
      between();
    }
  }
  store(tiles);
  if (!looped)
    return;
  assert(count == 1 && "long segments are visits of their own");
  b.loop(b.index(0), b.index(looped), kUnrolledSteps, {},
         [&](Value first, ValueRange) -> Values {
           Values tiles = load(/*isCarried=*/true);
           for (int64_t s = 0; s < kUnrolledSteps; ++s)
             tiles = multiplyStep(operand, b.add(first, s), level, tiles);
           store(tiles);
           return {};
         });
}

/// Adds row `r` of products of tile `tile`, from element `first` of `raw` on,
/// scaled, to `sum`; the row's headers are at `places` of `memory`.
Value TileProducts::addProducts(const Visit &visit, Value memory,
                                ArrayRef<Value> places, Value first, Value r,
                                int64_t tile, Value sum) {
  VectorType ints = b.vector(kLanes, b.getI32Type());
  for (auto [s, header] : llvm::enumerate(places)) {
    Values levels;
    for (int64_t level = 0; level < products.levels(); ++level) {
      int64_t at =
          (int64_t(s) * products.levels() + level) * kVisitTiles + tile;
      Value place = b.add(b.add(first, b.mul(r, kLanes)), at * kTileElements);
      levels.push_back(vector::LoadOp::create(b, ints, raw, place));
    }
    Value activations;
    if (needsActivationSum())
      activations = products.activationSum(memory, header);
    sum = parameters.apply(visit.numbers[s][tile % 2],
                           products.finish(levels, memory, header), activations,
                           sum);
  }
  return sum;
}

/// Where the headers of row `r` of the tile at `block` are.
Value TileProducts::headerOffset(const Region &region, Value block, Value r,
                                 Value segment) {
  Value inBlock = b.mul(r, PanelFormat::kHeaderBytes);
  if (!headers)
    return b.add(segmentOffset(block, segment), inBlock);
  Value before =
      b.mul(b.sub(block, region.firstRow), PanelFormat::kHeaderBytes);
  return b.add(before, inBlock);
}

/// Scales the products of a visit, from element `first` of `raw` on, and adds
/// them to the region's sums.
void TileProducts::emitScales(const Region &region, const Pair &pair,
                              const Visit &visit, const Rows &rows,
                              Value first) {
  VectorType floats = b.vector(kLanes, b.getF32Type());
  b.loop(b.index(rows.begin), b.index(rows.end), 1, {},
         [&](Value r, ValueRange) {
           for (int64_t t = 0; t < rows.tiles; ++t) {
             Value block = b.add(rows.first, t * kTileRows);
             Value inRegion = b.add(b.sub(block, region.firstRow), r);
             Values places, results, at;
             for (int64_t s = 0; s < visit.count(); ++s)
               places.push_back(
                   headerOffset(region, block, r, b.add(visit.first, s)));
             for (int64_t i = 0; i < 2; ++i) {
               Value place = b.mul(b.add(inRegion, i * kRegionRows), kLanes);
               at.push_back(b.add(pair.sums, place));
               Value sum = vector::LoadOp::create(b, floats, sums, at[i]);
               results.push_back(addProducts(visit,
                                             headers ? headers : operands.panel,
                                             places, first, r, 2 * t + i, sum));
             }
             for (auto [result, place] : llvm::zip_equal(results, at))
               vector::StoreOp::create(b, result, sums, place);
           }
           return Values();
         });
}
