//===- LinearTiles.cpp - matrix products of many rows on a GPU ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A workgroup decodes a tile of 32 rows and 32 columns of the weight once for
// 32 rows of activations, and each thread computes 4 x 4 results.
//
//===----------------------------------------------------------------------===//

#include "LinearBuilder.h"
#include "lowbit/IR/LowbitWordOps.h"

using namespace mlir;
using namespace lowbit;

static constexpr int64_t kStep = kGPUStep;

LinearBuilder::Tiles LinearBuilder::allocateTiles() {
  int64_t size = kTile * weight->getSteps();
  Type element = units ? Type(b.getI32Type()) : isHalf ? halves : floats;
  Tiles tiles;
  tiles.inputs = shared(size, element, "inputs");
  tiles.weights = shared(size, element, "weights");
  if (isHalf) {
    tiles.inputScales = shared(2 * kTile, b.getF32Type(), "input_scales");
    tiles.weightScales = shared(2 * kTile, b.getF32Type(), "weight_scales");
  }
  return tiles;
}

/// Fills [32 rows, 8 steps] of activations and of decoded weights.
void LinearBuilder::loadTiles(const Tiles &tiles, const Index &firstRow,
                              const Index &firstWeight, const Index &atom) {
  if (isHalf)
    return loadHalfTiles(tiles, firstRow, firstWeight, atom);
  loadWeightTile(firstWeight, atom, [&](Value numbers, const Index &at) {
    store(numbers, tiles.weights, at);
  });
  if (units)
    return loadCodedInputs(tiles.inputs, firstRow, atom);
  int64_t steps = weight->getSteps();
  Index own = thread();
  int64_t paddedRows = llvm::alignTo(spec.m, kTile);
  auto loop = scf::ForOp::create(b, indices.materialize(own),
                                 constantIndex(kTile * steps),
                                 constantIndex(kGPUWorkgroupSize));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Index at = counter(loop, "place", kTile * steps);
  Index row = named(clamp(indices.add(firstRow, indices.divide(at, steps)),
                          spec.m, paddedRows),
                    "row");
  Index column =
      indices.add(indices.multiply(atom, steps * kStep),
                  indices.multiply(indices.remainder(at, steps), kStep));
  store(loadInput(row, column), tiles.inputs, at);
}

/// The same of codes: two threads load a row of the tile, each one half.
void LinearBuilder::loadCodedInputs(Value inputs, const Index &firstRow,
                                    const Index &atom) {
  int64_t steps = weight->getSteps(), vectors = steps / kStep;
  Index own = thread();
  for (int64_t first = 0; first < kTile * vectors; first += kGPUWorkgroupSize) {
    Index at = indices.add(own, indices.constant(first));
    Index row = clamp(indices.add(firstRow, indices.divide(at, vectors)),
                      spec.m, llvm::alignTo(spec.m, kTile));
    Index from =
        indices.add(indices.multiply(row, weight->getAtoms() * vectors),
                    indices.add(indices.multiply(atom, vectors),
                                indices.remainder(at, vectors)));
    Value codes = load(input, from);
    for (int64_t i = 0; i < kStep; ++i)
      store(vector::ExtractOp::create(b, codes, i), inputs,
            indices.add(indices.multiply(at, kStep), indices.constant(i)));
  }
}

/// Two threads decode a row of the tile, each one half: `take` gets what goes
/// to each place.
void LinearBuilder::loadWeightTile(
    const Index &firstWeight, const Index &atom,
    function_ref<void(Value numbers, const Index &at)> take) {
  int64_t steps = weight->getSteps();
  Index own = thread();
  Index half = named(indices.remainder(own, 2), "half");
  Index tileRow = named(indices.divide(own, 2), "tile_row");
  Value isSecond = arith::CmpIOp::create(
      b, arith::CmpIPredicate::ne, indices.materialize(half), constantIndex(0));
  Index row = named(clamp(indices.add(firstWeight, tileRow), spec.n,
                          llvm::alignTo(spec.n, kTile)),
                    "row");
  int64_t shared = weight->getSharedSteps();
  WeightParameters parameters;
  for (int64_t i = 0; i < steps / 2; ++i) {
    Index step =
        indices.add(indices.multiply(half, steps / 2), indices.constant(i));
    Index to = indices.add(indices.multiply(tileRow, steps), step);
    if (units) {
      take(weight->decodeEitherBytes(row, atom, i, i + steps / 2, isSecond),
           to);
      continue;
    }
    if (i == 0 || shared == 0 || i % shared == 0)
      parameters = weight->loadParameters(row, atom, step);
    Value numbers = weight->decodeEither(row, atom, i, i + steps / 2, isSecond);
    take(weight->apply(numbers, parameters), to);
  }
}

/// Element `at` of each of the four rows of `width` that are this thread's.
SmallVector<Value> LinearBuilder::loadOwn(Value from, const Index &which,
                                          int64_t width, const Index &at) {
  SmallVector<Value> found;
  for (int64_t i = 0; i < kOwn; ++i) {
    Index row = indices.add(indices.multiply(which, kOwn), indices.constant(i));
    found.push_back(load(from, indices.add(indices.multiply(row, width), at)));
  }
  return found;
}

/// Goes over `count` steps of a tile from `first` on: what `multiply` makes of
/// each of a thread's 4 x 4 sums.
SmallVector<Value> LinearBuilder::multiplySteps(
    Value inputs, Value weights, const Index &first, int64_t count,
    ValueRange sums,
    function_ref<Value(Value input, Value weight, Value sum)> multiply) {
  int64_t steps = weight->getSteps();
  auto loop = scf::ForOp::create(b, constantIndex(0), constantIndex(count),
                                 constantIndex(1), sums);
  // Sums of a part of the tile's columns begin anew.
  nameSums(loop, kOwn, isa<BlockArgument>(sums.front()) ? "sum" : "product");
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Index step = indices.add(first, counter(loop, "part", count));
  SmallVector<Value> lhs = loadOwn(inputs, threadRow(), steps, step);
  SmallVector<Value> rhs = loadOwn(weights, threadColumn(), steps, step);
  SmallVector<Value> next;
  for (int64_t i = 0; i < kOwn; ++i)
    for (int64_t j = 0; j < kOwn; ++j)
      next.push_back(
          multiply(lhs[i], rhs[j], loop.getRegionIterArgs()[i * kOwn + j]));
  scf::YieldOp::create(b, next);
  return llvm::to_vector_of<Value>(loop.getResults());
}

/// Adds the products of a tile to 4 x 4 sums of vectors.
SmallVector<Value> LinearBuilder::multiplyTiles(const Tiles &tiles,
                                                ValueRange sums) {
  return multiplySteps(tiles.inputs, tiles.weights, indices.constant(0),
                       weight->getSteps(), sums,
                       [&](Value input, Value weight, Value sum) -> Value {
                         return vector::FMAOp::create(b, input, weight, sum);
                       });
}

/// The same of codes, unit by unit.
SmallVector<Value> LinearBuilder::multiplyCodedTiles(const Tiles &tiles,
                                                     const Index &firstRow,
                                                     const Index &firstWeight,
                                                     const Index &atom,
                                                     ValueRange sums) {
  int64_t perAtom = weight->getSteps() / spec.unitSteps;
  auto loop = scf::ForOp::create(b, constantIndex(0), constantIndex(perAtom),
                                 constantIndex(1), sums);
  nameSums(loop, kOwn, "sum");
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Index first =
      indices.multiply(counter(loop, "unit", perAtom), spec.unitSteps);
  SmallVector<Value> products(kOwn * kOwn, constantWord(0));
  products = multiplySteps(
      tiles.inputs, tiles.weights, first, spec.unitSteps, products,
      [&](Value input, Value weight, Value sum) -> Value {
        return DotBytesOp::create(b, sum.getType(), sum, weight, input);
      });
  auto getRow = [&](const Index &start, const Index &which, int64_t i,
                    int64_t count) {
    Index row = indices.add(
        start, indices.add(indices.multiply(which, kOwn), indices.constant(i)));
    return clamp(row, count, llvm::alignTo(count, kTile));
  };
  SmallVector<Value> ofRows;
  for (int64_t i = 0; i < kOwn; ++i)
    ofRows.push_back(load(
        units, getUnit(getRow(firstRow, threadRow(), i, spec.m), atom, first)));
  SmallVector<Value> next(kOwn * kOwn);
  for (int64_t j = 0; j < kOwn; ++j) {
    Index row = getRow(firstWeight, threadColumn(), j, spec.n);
    WeightParameters parameters = weight->loadParameters(row, atom, first);
    for (int64_t i = 0; i < kOwn; ++i) {
      int64_t at = i * kOwn + j;
      next[at] = addUnit(products[at], ofRows[i], parameters,
                         loop.getRegionIterArgs()[at]);
    }
  }
  scf::YieldOp::create(b, next);
  return llvm::to_vector_of<Value>(loop.getResults());
}

std::array<int64_t, 3> LinearBuilder::buildTiles() {
  auto count = [](int64_t rows) -> int64_t {
    return llvm::divideCeil(rows, kTile);
  };
  std::array<int64_t, 3> grid = {count(spec.n), count(spec.m), 1};
  Tiles tiles = allocateTiles();
  weight->loadTable(indices.materialize(thread()), threads());
  Index firstWeight =
      named(indices.multiply(block(gpu::Dimension::x, grid[0]), kTile),
            "first_weight");
  Index firstRow = named(
      indices.multiply(block(gpu::Dimension::y, grid[1]), kTile), "first_row");
  SmallVector<Value> sums(
      kOwn * kOwn,
      constantFloat(units || isHalf ? Type(b.getF32Type()) : floats, 0));
  auto loop =
      scf::ForOp::create(b, constantIndex(0), constantIndex(weight->getAtoms()),
                         constantIndex(1), sums);
  nameSums(loop, kOwn, "sum");
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Index atom = counter(loop, "atom", weight->getAtoms());
    loadTiles(tiles, firstRow, firstWeight, atom);
    gpu::BarrierOp::create(b);
    ValueRange before = loop.getRegionIterArgs();
    SmallVector<Value> next =
        units ? multiplyCodedTiles(tiles, firstRow, firstWeight, atom, before)
        : isHalf ? multiplyHalfTiles(tiles, before)
                 : multiplyTiles(tiles, before);
    b.setInsertionPointToEnd(loop.getBody());
    gpu::BarrierOp::create(b);
    scf::YieldOp::create(b, next);
  }
  writeTile(SmallVector<Value>(loop.getResults()), firstRow);
  return grid;
}

/// Results meet in workgroup memory, so that the code for what follows a
/// product is there once, and neighbouring threads write neighbouring numbers.
void LinearBuilder::writeTile(ArrayRef<Value> sums, const Index &firstRow) {
  int64_t parts = spec.isGated ? 2 : 1;
  int64_t columns = kTile / parts;
  Value found = shared(kTile * kTile, b.getF32Type(), "found");
  Index own = thread();
  Index first = indices.add(indices.multiply(threadRow(), kOwn * kTile),
                            indices.multiply(threadColumn(), kOwn));
  for (int64_t i = 0; i < kOwn; ++i)
    for (int64_t j = 0; j < kOwn; ++j)
      store(sum(sums[i * kOwn + j]), found,
            indices.add(first, indices.constant(i * kTile + j)));
  gpu::BarrierOp::create(b);
  auto loop = scf::ForOp::create(b, indices.materialize(own),
                                 constantIndex(kTile * columns),
                                 constantIndex(kGPUWorkgroupSize));
  b.setInsertionPointToStart(loop.getBody());
  Index at = counter(loop, "place", kTile * columns);
  Index tileRow = named(indices.divide(at, columns), "tile_row"),
        tileColumn = named(indices.remainder(at, columns), "tile_column");
  Index row = named(indices.add(firstRow, tileRow), "row");
  Index column =
      named(indices.add(indices.multiply(block(gpu::Dimension::x,
                                               llvm::divideCeil(spec.n, kTile)),
                                         columns),
                        tileColumn),
            "column");
  Value inside = arith::AndIOp::create(b, isBelow(row, spec.m),
                                       isBelow(column, spec.getColumns()));
  auto writes = scf::IfOp::create(b, inside, false);
  b.setInsertionPointToStart(writes.thenBlock());
  SmallVector<Value> totals;
  for (int64_t part = 0; part < parts; ++part)
    totals.push_back(
        load(found, indices.add(indices.multiply(tileRow, kTile),
                                indices.add(indices.multiply(tileColumn, parts),
                                            indices.constant(part)))));
  finish(row, column, totals);
}
