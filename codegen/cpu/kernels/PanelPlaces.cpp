//===- PanelPlaces.cpp - where a panel's segments are ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PanelPlaces.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

/// A row by itself, or a block of them whose parts alternate. Those are blocks
/// of kTileRows rows, where segments are joined, and of one row, where none
/// are.
PanelPlaces::Place PanelPlaces::find(Value row, Value segment) {
  int64_t bytes = format.segmentBytes();
  Value rowBytes = b.mul(b.ceilDiv(k, format.columns), bytes);
  if (!format.hasTiles()) {
    Value header = b.add(b.mul(row, rowBytes), b.mul(segment, bytes));
    return {header, b.add(header, PanelFormat::kHeaderBytes), {}, {}, {}, {}};
  }
  Value isTiled = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, row,
                                        countTiledRows(b, format, m));
  auto select = [&](Value tiled, int64_t single) {
    return b.createOrFold<arith::SelectOp>(isTiled, tiled, b.index(single));
  };
  auto rest = [&](Value value, int64_t divisor) {
    return b.createOrFold<arith::RemUIOp>(value, b.index(divisor));
  };
  int64_t joined = format.joinedSegments, padded = format.paddedColumns();
  Value rows = select(b.index(PanelFormat::kTileRows), 1);
  Value inBlock = select(rest(row, PanelFormat::kTileRows), 0);
  Value inJoined = select(rest(segment, joined), 0);
  Value start = b.add(b.mul(b.sub(row, inBlock), rowBytes),
                      b.mul(b.mul(b.sub(segment, inJoined), bytes), rows));
  Value headers = b.mul(rows, select(b.index(joined), 1));
  Value header = b.add(b.mul(inJoined, rows), inBlock);
  return {b.add(start, b.mul(header, PanelFormat::kHeaderBytes)),
          b.add(start, b.mul(headers, PanelFormat::kHeaderBytes)),
          rows,
          inBlock,
          b.mul(inJoined, padded),
          select(b.index(joined * padded), padded)};
}

Value PanelPlaces::valueOffset(const Place &place, Value column, int64_t part) {
  if (!place.rows)
    return b.add(b.add(place.values, column), part * format.paddedColumns());
  int64_t step = format.stepColumns();
  column = b.add(place.firstColumn, column);
  Value inStep = arith::RemUIOp::create(b, column, b.index(step));
  Value first = b.sub(column, inStep);
  Value before = b.mul(place.rows,
                       part ? b.add(first, b.mul(place.columns, part)) : first);
  return b.add(b.add(place.values, before),
               b.add(b.mul(place.row, step), inStep));
}
