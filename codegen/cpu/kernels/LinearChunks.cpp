//===- LinearChunks.cpp - products of many rows, in chunks of columns -----===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where codes take long to decode, many rows of activations shouldn't each few
// of them do so again. All of them pass by a chunk of a row block's columns:
// the first ones decode it and keep what they multiply, in a buffer that stays
// in the first-level cache; the others read that. Their sums wait in memory for
// the next chunk. They are added up in the same order as elsewhere, so that
// results don't tell how many rows there were.
//
// A chunk is some whole groups, runs of groups whose sums are integers or,
// where rows have one scale, segments: its units. What is left behind the last
// unit is added from packed codes.
//
// Codes that take an instruction or two are decoded as fast as they are loaded,
// and gain nothing (bench/results/amd-epyc-zen4-2-cores.md).
//
//===----------------------------------------------------------------------===//

#include "LinearKernel.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

using Values = LinearKernel::Values;

/// Bytes of a chunk: half of a first-level cache, or a third.
static constexpr int64_t kChunkBytes = 16 << 10;
/// Rows of activations that memory for them is worth.
static constexpr int64_t kLeastRows = 32;

int64_t LinearKernel::unitColumns() const {
  if (!isGrouped())
    return spec.panel.columns;
  return encoding.groupSize * std::max<int64_t>(1, spec.integerGroups);
}

/// Units of a row, but for what is left behind them.
LinearKernel::Value LinearKernel::countUnits() {
  if (!isGrouped())
    return b.div(k, unitColumns());
  return hasIntegers() ? b.div(fullGroups, spec.integerGroups) : fullGroups;
}

/// Bytes of a unit as it is multiplied; groups are padded each by itself.
int64_t LinearKernel::unitBytes() const {
  if (hasIntegers())
    return products.decodedBytes(encoding.groupSize) * spec.integerGroups;
  return products.decodedBytes(unitColumns());
}

int64_t LinearKernel::unitsPerChunk() const {
  return std::max<int64_t>(1, kChunkBytes / unitBytes());
}

bool LinearKernel::hasChunks() const {
  return products.keepsDecoded() && spec.panel.kind != PanelKind::Float &&
         !spec.panel.takesRowCount() &&
         spec.target->arch != llvm::Triple::wasm32 &&
         unitColumns() % spec.panel.columns == 0 && unitBytes() <= kChunkBytes;
}

/// Floats of a row of activations: its sums, and that of the activations where
/// a group needs it when it is complete.
int64_t LinearKernel::rowSums() const {
  bool hasOwn = !isGrouped() && needsActivationSum();
  return layout.atom.rows + (hasOwn ? kLanes : 0);
}

/// Emits what is computed in chunks; the first row that isn't. Null for kernels
/// without chunks.
Value LinearKernel::emitChunks() {
  if (!hasChunks())
    return {};
  int64_t count = products.rowTile(/*areDecoded=*/true);
  Value isNeeded = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, m,
                                         b.index(kLeastRows));
  Value rows = arith::SelectOp::create(
      b, isNeeded, b.mul(b.div(m, count), count), b.index(0));
  auto op = scf::IfOp::create(b, isNeeded, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  auto allocate = [&](Value elements, Type element) -> Value {
    return memref::AllocOp::create(
        b, MemRefType::get({ShapedType::kDynamic}, element),
        ValueRange{elements}, b.getI64IntegerAttr(kVectorBytes));
  };
  chunkSums = allocate(b.mul(rows, rowSums()), b.getF32Type());
  decoded = allocate(b.index(unitsPerChunk() * unitBytes()), b.getI8Type());
  b.loop(first, last, 1, {}, [&](Value tile, ValueRange) -> Values {
    emitChunkedTile(tile, rows);
    return {};
  });
  return rows;
}

void LinearKernel::emitChunkedTile(Value tile, Value rows) {
  int64_t count = products.rowTile(/*areDecoded=*/true);
  Value none = b.zero(b.vector(kLanes, b.getF32Type()));
  b.loop(b.index(0), b.mul(rows, rowSums()), kLanes, {},
         [&](Value i, ValueRange) -> Values {
           vector::StoreOp::create(b, none, chunkSums, i);
           return {};
         });
  auto forRows = [&](Value first, llvm::function_ref<void(Rows)> body) {
    b.loop(first, rows, count, {}, [&](Value row, ValueRange) -> Values {
      emitPasses(count, [&](Slices slices) { body({row, count, slices}); });
      return {};
    });
  };
  Value units = countUnits();
  b.loop(b.index(0), units, unitsPerChunk(), {},
         [&](Value unit, ValueRange) -> Values {
           Value end = b.min(b.add(unit, unitsPerChunk()), units);
           emitPasses(count, [&](Slices slices) {
             Rows first{b.index(0), count, slices};
             first.decoded = {decoded, b.index(0), /*areThere=*/false};
             addChunk(tile, first, unit, end);
           });
           forRows(b.index(count), [&](Rows rows) {
             rows.decoded = {decoded, b.index(0), /*areThere=*/true};
             addChunk(tile, rows, unit, end);
           });
           return {};
         });
  forRows(b.index(0), [&](Rows rows) { finishRows(tile, rows); });
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// Where the `index`-th sum of the `r`-th row is: a register's or, behind them,
/// that of activations.
Value LinearKernel::sumPlace(const Rows &rows, int64_t r, int64_t index) {
  Value row = b.mul(b.add(rows.first, r), rowSums());
  return b.add(row, firstRow(rows.slices, index));
}

/// In the order in which groups and segments carry them: all registers' sums,
/// then those of activations.
Values LinearKernel::loadSums(const Rows &rows) {
  VectorType type = lanes(b.getF32Type());
  int64_t registers = products.registerCount(rows.slices.count);
  Values result;
  for (int64_t r = 0; r < rows.count; ++r)
    for (int64_t i = 0; i < registers; ++i)
      result.push_back(
          vector::LoadOp::create(b, type, chunkSums, sumPlace(rows, r, i)));
  if (!isGrouped() && needsActivationSum())
    for (int64_t r = 0; r < rows.count; ++r)
      result.push_back(vector::LoadOp::create(b, type, chunkSums,
                                              sumPlace(rows, r, registers)));
  return result;
}

void LinearKernel::storeSums(const Rows &rows, ValueRange sums) {
  int64_t registers = products.registerCount(rows.slices.count);
  for (auto [i, sum] : llvm::enumerate(sums)) {
    int64_t count = rows.count * registers, at = i;
    Value place = at < count ? sumPlace(rows, at / registers, at % registers)
                             : sumPlace(rows, at - count, registers);
    vector::StoreOp::create(b, sum, chunkSums, place);
  }
}

/// Adds the units [first, end) to the rows' sums.
void LinearKernel::addChunk(Value tile, Rows rows, Value first, Value end) {
  if (!rows.decoded.areThere)
    prepareTables(tile, rows);
  Values sums = loadSums(rows);
  if (hasIntegers())
    return storeSums(rows,
                     addRuns(tile, first, end, /*areWhole=*/true, rows, sums));
  if (isGrouped())
    return storeSums(rows, addGroups(tile, first, end, rows, sums));
  Value codes =
      b.add(b.add(placeGroup(tile, b.index(0)).offset, parameters.bytes()),
            b.mul(first, segmentBytes()));
  storeSums(rows, addSegments(codes, first, b.sub(end, first), rows, sums));
}

/// Adds what is behind the last unit, and stores the rows' results.
void LinearKernel::finishRows(Value tile, Rows rows) {
  prepareTables(tile, rows);
  Values sums = loadSums(rows);
  if (hasIntegers()) {
    Value runs = b.div(allGroups, spec.integerGroups);
    return storeRows(
        tile, rows,
        addRuns(tile, countUnits(), runs, /*areWhole=*/false, rows, sums));
  }
  if (isGrouped())
    return storeRows(tile, rows,
                     addShortGroup(tile, fullGroups, allGroups, rows, sums));
  GroupParameters::Place place = placeGroup(tile, b.index(0));
  sums = addShortSegment(b.add(place.offset, parameters.bytes()), b.index(0), k,
                         rows, sums);
  int64_t registers = products.registerCount(rows.slices.count);
  Values none(rows.count * registers, b.zero(lanes(b.getF32Type())));
  storeRows(tile, rows, applyGroup(place, rows, sums, none));
}
