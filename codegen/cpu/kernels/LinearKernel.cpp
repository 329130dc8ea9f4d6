//===- LinearKernel.cpp - matrix products that read packed codes ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row block is a few kilobytes that stay in the first-level cache while all
// rows of activations pass by.
//
//===----------------------------------------------------------------------===//

#include "LinearKernel.h"
#include "BFloatTiles.h"
#include "BFloatVectors.h"
#include "TileProducts.h"
#include "lowbit/Reference/Activation.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

using Values = LinearKernel::Values;

//===----------------------------------------------------------------------===//
// Segments and groups
//===----------------------------------------------------------------------===//

/// Adds a segment's products (and activation sums) to `sums`.
Values LinearKernel::emitSegment(Value codes, Value segment, Extent columns,
                                 const Rows &rows, ValueRange sums) {
  SegmentOperands operands{weights,     codes, panel, rows.slices,
                           rows.tables, {},    {},    rows.decoded};
  Value offset = b.mul(segment, spec.panel.segmentBytes());
  for (int64_t r = 0; r < rows.count; ++r) {
    Value row = b.mul(b.add(rows.first, r), panelRowBytes);
    operands.rows.push_back(b.add(row, offset));
  }
  Values terms = hasIntegers() ? products.emitIntegers(operands, columns)
                               : products.emit(operands, columns);
  if (needsActivationSum())
    for (Value row : operands.rows)
      terms.push_back(products.activationSum(panel, row));
  if (sums.empty())
    return terms;
  for (auto [term, sum] : llvm::zip_equal(terms, sums))
    term = hasIntegers() ? b.add(sum, term)
                         : arith::AddFOp::create(b, sum, term).getResult();
  return terms;
}

/// Rows whose decoded codes are `count` times `columns` columns further.
Rows LinearKernel::advance(Rows rows, Value count, int64_t columns) {
  if (Value &place = rows.decoded.place)
    place = b.add(place, b.mul(count, products.decodedBytes(columns)));
  return rows;
}

/// Adds `count` whole segments; the first is number `segment` of a row, its
/// codes begin at `codes`.
Values LinearKernel::addSegments(Value codes, Value segment, Value count,
                                 const Rows &rows, ValueRange sums) {
  int64_t length = spec.panel.columns, bytes = segmentBytes();
  return b.loop(b.index(0), count, 1, sums, [&](Value s, ValueRange in) {
    return emitSegment(b.add(codes, b.mul(s, bytes)), b.add(segment, s),
                       {length, {}}, advance(rows, s, length), in);
  });
}

/// Adds what a group of `columns` columns has behind its whole segments.
Values LinearKernel::addShortSegment(Value codes, Value segment, Value columns,
                                     const Rows &rows, ValueRange sums) {
  int64_t length = spec.panel.columns, bytes = segmentBytes();
  return b.loop(b.div(columns, length), b.ceilDiv(columns, length), 1, sums,
                [&](Value s, ValueRange in) {
                  Value rest = b.sub(columns, b.mul(s, length));
                  return emitSegment(b.add(codes, b.mul(s, bytes)),
                                     b.add(segment, s), {std::nullopt, rest},
                                     rows, in);
                });
}

/// All segments of a group: one, a known number of equal ones, or as many as
/// `columns` takes with a short last one.
Values LinearKernel::emitSegments(Value codes, Value segment, Extent columns,
                                  const Rows &rows) {
  int64_t length = spec.panel.columns;
  if (columns.known && *columns.known <= length)
    return emitSegment(codes, segment, columns, rows, {});
  Value all = columns.known ? b.index(*columns.known) : columns.value;
  Values sums(sumCount(rows), zeroSum());
  sums = addSegments(codes, segment, b.div(all, length), rows, sums);
  if (columns.known && *columns.known % length == 0)
    return sums;
  return addShortSegment(codes, segment, all, rows, sums);
}

/// Adds the group at `place` of the weights to the rows' sums.
Values LinearKernel::emitGroup(const GroupParameters::Place &place,
                               Extent columns, const Rows &rows,
                               ValueRange outer) {
  int64_t segments =
      isGrouped() ? llvm::divideCeil(encoding.groupSize, spec.panel.columns)
                  : 0;
  Values sums = emitSegments(b.add(place.offset, parameters.bytes()),
                             b.mul(place.group, segments), columns, rows);
  return hasIntegers() ? applyIntegers(place, rows, sums, outer)
                       : applyGroup(place, rows, sums, outer);
}

Values LinearKernel::applyGroup(const GroupParameters::Place &place,
                                const Rows &rows, MutableArrayRef<Value> sums,
                                ValueRange outer) {
  Values result;
  int64_t registers = products.registerCount(rows.slices.count);
  products.sortRows(sums.take_front(rows.count * registers));
  for (int64_t r = 0; r < rows.count; ++r)
    for (int64_t i = 0; i < registers; ++i) {
      Value sum =
          needsActivationSum() ? sums[rows.count * registers + r] : Value();
      result.push_back(parameters.apply(place, firstRow(rows.slices, i),
                                        sums[r * registers + i], sum,
                                        outer[r * registers + i]));
    }
  return result;
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

void LinearKernel::bindArguments() {
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  auto argument = entry->args_begin();
  weights = *argument++;
  if (encoding.outer != numerics::OuterScale::None)
    outer = *argument++;
  tables.bindArguments(argument);
  parameters.bindArguments(weights, argument);
  panel = *argument++;
  if (spec.hasBias)
    bias = *argument++;
  if (spec.hasResidual)
    residual = *argument++;
  for (Value *value : {&m, &n, &k, &output, &first, &last})
    *value = *argument++;
}

/// Bytes of a row block: its full groups and the short one, if there is one.
void LinearKernel::computeBlockBytes() {
  if (isGrouped()) {
    int64_t group = encoding.groupSize;
    fullGroups = b.div(k, group);
    allGroups = b.ceilDiv(k, group);
    Value rest = b.sub(k, b.mul(fullGroups, group));
    Value restBytes = b.mul(b.sub(allGroups, fullGroups), parameters.bytes());
    blockBytes = b.add(b.mul(fullGroups, fullGroupBytes()),
                       b.add(restBytes, codeBytes(rest)));
    return;
  }
  // One group of all columns; none where K is 0.
  fullGroups = b.index(0);
  allGroups = b.min(k, b.index(1));
  blockBytes = b.add(b.mul(allGroups, parameters.bytes()), codeBytes(k));
}

void LinearKernel::emit() {
  bindArguments();
  computeBlockBytes();
  parameters.setGroups(allGroups);
  panelRowBytes =
      b.mul(b.ceilDiv(k, spec.panel.columns), spec.panel.segmentBytes());
  Value unpacked = emitUnpacked();
  if (!unpacked)
    unpacked = emitChunks();
  b.loop(first, last, 1, {}, [&](Value tile, ValueRange) -> Values {
    Value done = unpacked ? unpacked : b.index(0);
    for (int64_t count : getRowTiles()) {
      Value end = b.mul(b.div(m, count), count);
      // The last tile may have rows beyond the last one.
      if (unpacked)
        end = b.max(end, unpacked);
      b.loop(done, end, count, {}, [&](Value row, ValueRange) -> Values {
        emitPasses(count, [&](Slices slices) {
          emitRows(tile, {row, count, slices});
        });
        return {};
      });
      done = end;
    }
    return {};
  });
  func::ReturnOp::create(b);
}

/// Emits what is computed from unpacked weights; the first row that isn't. Null
/// for kernels without such rows.
Value LinearKernel::emitUnpacked() {
  Value rows;
  if (spec.panel.hasTiles())
    rows = emitUnpacked<TileProducts>(countTiledRows(b, spec.panel, m));
  if (!spec.panel.hasBFloat())
    return rows;
  Value bfloats = countBFloatRows(b, spec.panel, m);
  if (spec.panel.hasBFloatTiles)
    emitUnpacked<BFloatTiles>(bfloats);
  else
    emitUnpacked<BFloatVectors>(bfloats);
  // One of them is 0.
  return rows ? b.add(rows, bfloats) : bfloats;
}

/// The first `rows` rows of activations.
template <typename Products> Value LinearKernel::emitUnpacked(Value rows) {
  UnpackedProducts::Operands operands{weights,
                                      panel,
                                      m,
                                      n,
                                      k,
                                      blockBytes,
                                      panelRowBytes,
                                      isGrouped() ? fullGroupBytes() : 0,
                                      segmentBytes()};
  Products(b, spec, parameters, tables)
      .emit(operands, first, last, rows,
            [&](Value sum, Value weightRow, Value row) {
              storeRegister(sum, weightRow, row);
            });
  return rows;
}

/// Rows of activations that are computed together: as many as there may be,
/// fours of what is left where that is more, then each alone.
SmallVector<int64_t> LinearKernel::getRowTiles() const {
  constexpr int64_t kFewRows = 4;
  SmallVector<int64_t> tiles{products.rowTile()};
  if (tiles.back() > kFewRows)
    tiles.push_back(kFewRows);
  if (tiles.back() > 1)
    tiles.push_back(1);
  return tiles;
}

/// As many passes over the block as it takes to see all of its lanes.
void LinearKernel::emitPasses(int64_t count,
                              llvm::function_ref<void(Slices)> body) {
  int64_t slices = products.sliceCount(count);
  int64_t perPass = slices * spec.target->lanes();
  if (perPass == kLanes)
    return body({slices, b.index(0)});
  b.loop(b.index(0), b.index(kLanes), perPass, {},
         [&](Value lane, ValueRange) -> Values {
           body({slices, lane});
           return {};
         });
}

void LinearKernel::prepareTables(Value tile, Rows &rows) {
  Value block = b.mul(tile, layout.atom.rows);
  int64_t registers = products.registerCount(rows.slices.count);
  for (int64_t i = 0; i < registers; ++i)
    if (Value table = tables.load(b.add(block, firstRow(rows.slices, i)), n))
      rows.tables.push_back(products.prepareTable(table));
}

/// Where a row block's parameters for a group are.
GroupParameters::Place LinearKernel::placeGroup(Value tile, Value group) {
  int64_t bytes = isGrouped() ? fullGroupBytes() : 0;
  Value base = b.mul(tile, blockBytes);
  return {b.add(base, b.mul(group, bytes)), tile, group};
}

/// Adds the whole groups [first, end) to the rows' sums. Decoded codes begin
/// with those of the first.
Values LinearKernel::addGroups(Value tile, Value first, Value end, Rows rows,
                               ValueRange sums) {
  int64_t group = encoding.groupSize;
  return b.loop(first, end, 1, sums, [&](Value g, ValueRange in) {
    return emitGroup(placeGroup(tile, g), {group, {}},
                     advance(rows, b.sub(g, first), group), in);
  });
}

/// Adds the group of fewer columns, if there is one: those of [first, end).
Values LinearKernel::addShortGroup(Value tile, Value first, Value end,
                                   Rows rows, ValueRange sums) {
  int64_t group = isGrouped() ? encoding.groupSize : 0;
  return b.loop(first, end, 1, sums, [&](Value g, ValueRange in) {
    Value rest = b.sub(k, b.mul(g, group));
    return emitGroup(placeGroup(tile, g), {std::nullopt, rest}, rows, in);
  });
}

void LinearKernel::emitRows(Value tile, Rows rows) {
  int64_t registers = products.registerCount(rows.slices.count);
  Values sums(rows.count * registers, b.zero(lanes(b.getF32Type())));
  prepareTables(tile, rows);
  if (hasIntegers()) {
    Value runs = b.div(allGroups, spec.integerGroups);
    return storeRows(
        tile, rows,
        addRuns(tile, b.index(0), runs, /*areWhole=*/false, rows, sums));
  }
  if (isGrouped())
    sums = addGroups(tile, b.index(0), fullGroups, rows, sums);
  storeRows(tile, rows, addShortGroup(tile, fullGroups, allGroups, rows, sums));
}

/// Multiplies the rows' sums by what is one factor of all of a row's segments.
/// Rows without columns have no header that holds it.
Values LinearKernel::scaleRows(const Rows &rows, ValueRange sums) {
  if (!products.leavesScale())
    return Values(sums);
  int64_t registers = products.registerCount(rows.slices.count);
  return b.loop(b.index(0), b.min(k, b.index(1)), 1, sums,
                [&](Value, ValueRange in) {
                  Values scaled;
                  for (int64_t r = 0; r < rows.count; ++r) {
                    Value row = b.mul(b.add(rows.first, r), panelRowBytes);
                    Value scale = products.leftScale(panel, row);
                    for (Value sum : in.slice(r * registers, registers))
                      scaled.push_back(b.mulf(sum, scale));
                  }
                  return scaled;
                });
}

void LinearKernel::storeRows(Value tile, const Rows &rows, ValueRange sums) {
  Values results = scaleRows(rows, sums);
  Value block = b.mul(tile, layout.atom.rows);
  int64_t registers = products.registerCount(rows.slices.count);
  for (int64_t r = 0; r < rows.count; ++r)
    for (int64_t i = 0; i < registers; ++i)
      storeRegister(results[r * registers + i],
                    b.add(block, firstRow(rows.slices, i)),
                    b.add(rows.first, r));
}

/// Every second of a register's lanes, from lane `first` on.
Value LinearKernel::takePairs(Value values, int64_t first) {
  SmallVector<int64_t> places;
  for (int64_t lane = first; lane < spec.target->lanes(); lane += 2)
    places.push_back(lane);
  return vector::ShuffleOp::create(b, values, values, places);
}

/// Outer scale, bias, activation, gate and residual, and a register's rows into
/// the result, as far as there are so many. In a gated layer a register's lanes
/// alternate between gate and value, which gives half as many results.
void LinearKernel::storeRegister(Value sum, Value weightRow, Value row) {
  bool hasMasks = spec.target->hasMasks;
  auto toResult = [&](Value rows) {
    return spec.isGated ? b.div(rows, 2) : rows;
  };
  auto load = [&](Value memory, Value offset, Value left) {
    auto type = cast<VectorType>(sum.getType());
    return b.loadFirst(memory, offset, left, type, hasMasks);
  };
  Value left = b.max(b.sub(n, weightRow), b.index(0)), factor;
  Value offset = b.add(b.mul(row, toResult(n)), toResult(weightRow));
  if (outer && encoding.outer == numerics::OuterScale::Channel)
    sum = b.mulf(sum, load(outer, weightRow, left));
  else if (outer)
    sum = b.mulf(sum, b.broadcast(memref::LoadOp::create(b, outer, b.index(0)),
                                  spec.target->lanes()));
  if (bias)
    sum = arith::AddFOp::create(b, sum, load(bias, weightRow, left));
  left = toResult(left);
  if (spec.isGated) {
    factor = takePairs(sum, 1);
    sum = takePairs(sum, 0);
  }
  if (spec.activation)
    sum = buildActivation(b, b.getLoc(), spec.activation, sum);
  if (factor)
    sum = arith::MulFOp::create(b, sum, factor);
  if (residual)
    sum = arith::AddFOp::create(b, sum, load(residual, offset, left));
  b.storeFirst(sum, output, offset, left, hasMasks);
}

func::FuncOp cpu::getOrCreateLinearKernel(ModuleOp module,
                                          const LinearKernelSpec &spec) {
  std::string name = spec.name();
  if (auto existing = module.lookupSymbol<func::FuncOp>(name))
    return existing;
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Type bytes = flatBuffer(builder.getI8Type());
  Type floats = flatBuffer(builder.getF32Type());
  Type index = builder.getIndexType();
  SmallVector<Type> arguments{bytes};
  if (spec.encoding.getOuterScale() != OuterScaleKind::None)
    arguments.push_back(floats);
  if (RowTables::isNeeded(spec.encoding))
    arguments.push_back(bytes);
  llvm::append_range(arguments, getStoredTypes(spec.encoding));
  arguments.push_back(bytes);
  arguments.append(spec.hasBias + spec.hasResidual, floats);
  arguments.append({index, index, index, floats, index, index});
  auto function = func::FuncOp::create(builder, module.getLoc(), name,
                                       builder.getFunctionType(arguments, {}));
  function.setPrivate();
  LinearKernel(function, spec).emit();
  return function;
}
