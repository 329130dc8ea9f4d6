//===- LinearOwn.cpp - matrix products whose threads share nothing --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For devices that are processors: what workgroup memory would hold, their
// caches have, and a barrier is a switch between threads. WebGPU clears
// workgroup memory at the beginning of each workgroup, some implementations by
// code for each of its words. So a thread reads the rows it needs itself, for a
// few rows of activations and of the weight: with R and W of them, R + W reads
// serve R W products. Grids are those of the kernels for GPUs; where a
// workgroup does more here, the last ones have nothing to do.
//
//===----------------------------------------------------------------------===//

#include "LinearBuilder.h"
#include "lowbit/IR/LowbitWordOps.h"

using namespace mlir;
using namespace lowbit;

static constexpr int64_t kStep = kGPUStep;
/// Rows of activations that a thread multiplies at once, and of the weight, at
/// most. Where that is too much code, it multiplies by fewer rows of the
/// weight, and in as many more turns other rows of activations: each number
/// that is decoded serves as many of these.
static constexpr int64_t kOwnRows = 2, kOwnColumns = 8;
/// How much code there may be, by the measure of countOwnCode: with that,
/// pipelines take SwiftShader up to 0.15 s.
static constexpr int64_t kMostOwnCode = 48;

/// How much code there is for each of `columns` rows of the weight, in fields
/// of codes that a loop reads, or what takes as long to compile.
int64_t LinearBuilder::countOwnCode(int64_t columns) const {
  int64_t period = weight->getPeriod(), fields = weight->getFields();
  // Of results; those that may exist each by itself are written in as many
  // branches.
  int64_t code = (bias ? 1 : 0) + (residual ? 2 : 0);
  code += spec.n % columns ? 5 : 0;
  if (units) {
    int64_t steps = std::max(period, kStep);
    return code + steps * (fields + kOwnRows) +
           4 * (std::max(steps / spec.unitSteps, int64_t(1)) - 1);
  }
  bool isMoved = buffers.minima || buffers.zeroPoints;
  int64_t lookUp = needsGPUTable(spec.encoding) ? 8 : 0;
  int64_t shared = weight->getSharedSteps();
  code += period * (fields + lookUp + isMoved);
  if (shared == 0)
    return code + 8 * period;
  return code + (isMoved ? 7 : 2) * llvm::divideCeil(period, shared);
}

/// Rows of the weight that a thread multiplies at once, at most `most`, a power
/// of two. Those of a gated layer's column are of one thread.
int64_t LinearBuilder::limitOwnColumns(int64_t most) const {
  int64_t least = spec.isGated ? 2 : 1;
  while (most > least && most * countOwnCode(most) > kMostOwnCode)
    most /= 2;
  return std::max(most, least);
}

/// The same with few rows of activations: more of them share what is read of
/// activations, fewer occupy more threads.
static int64_t countVectorColumns(const GPULinearSpec &spec) {
  return spec.n >= 8192 ? 4 : spec.n >= 2048 ? 2 : 1;
}

/// Adds the products of some steps of an atom, those of turn `turn`, to the
/// sums. `parameters` are those of the whole atom, or null where it has
/// several.
SmallVector<Value> LinearBuilder::addOwnTurn(
    const OwnRows &own, const Index &atom, const Index &turn,
    ArrayRef<WeightParameters> parameters, ValueRange sums) {
  int64_t period = weight->getPeriod(), shared = weight->getSharedSteps();
  Index firstStep = indices.multiply(turn, period);
  SmallVector<Value> next(sums);
  SmallVector<WeightParameters> current(parameters);
  current.resize(own.columns.size());
  for (int64_t i = 0; i < period; ++i) {
    Index step = indices.add(firstStep, indices.constant(i));
    Index place = indices.multiply(
        indices.add(indices.multiply(atom, weight->getSteps()), step), kStep);
    SmallVector<Value> inputs;
    for (const Index &row : own.rows)
      inputs.push_back(loadInput(row, place));
    for (auto [j, column] : llvm::enumerate(own.columns)) {
      bool isNew = i == 0 || shared == 0 || i % shared == 0 || shared % period;
      if (parameters.empty() && isNew)
        current[j] = weight->loadParameters(column, atom, step);
      Value numbers = named(
          weight->apply(weight->decodeTurn(column, atom, i, turn), current[j]),
          "weights");
      for (auto [k, input] : llvm::enumerate(inputs)) {
        Value &sum = next[k * own.columns.size() + j];
        sum = vector::FMAOp::create(b, input, numbers, sum);
      }
    }
  }
  return next;
}

/// The same of all steps.
SmallVector<Value> LinearBuilder::addOwnAtom(const OwnRows &own,
                                             const Index &atom,
                                             ValueRange sums) {
  SmallVector<WeightParameters> parameters;
  if (weight->getSharedSteps() == weight->getSteps())
    for (const Index &column : own.columns)
      parameters.push_back(
          weight->loadParameters(column, atom, indices.constant(0)));
  return accumulate("turn", weight->getSteps() / weight->getPeriod(),
                    own.rows.size(), sums,
                    [&](const Index &turn, ValueRange before) {
                      return addOwnTurn(own, atom, turn, parameters, before);
                    });
}

/// Adds the products of codes, of `count` steps from `first` on of a turn: as
/// many steps as a word of four codes has neighbours in a vector, or more where
/// fields repeat later.
SmallVector<Value> LinearBuilder::multiplyOwnCodes(const OwnRows &own,
                                                   const Index &atom,
                                                   const Index &turn,
                                                   int64_t first, int64_t count,
                                                   ValueRange products) {
  int64_t period = weight->getPeriod(), turnSteps = std::max(period, kStep);
  int64_t vectors = weight->getSteps() / kStep;
  SmallVector<Value> next(products);
  for (int64_t step = first; step < first + count; ++step) {
    Index place = indices.add(indices.multiply(turn, turnSteps / kStep),
                              indices.constant(step / kStep));
    SmallVector<Value> inputs;
    for (const Index &row : own.rows) {
      Index from = indices.add(
          indices.multiply(
              indices.add(indices.multiply(row, weight->getAtoms()), atom),
              vectors),
          place);
      inputs.push_back(
          vector::ExtractOp::create(b, load(input, from), step % kStep));
    }
    Index part = indices.add(indices.multiply(turn, turnSteps / period),
                             indices.constant(step / period));
    for (auto [j, column] : llvm::enumerate(own.columns)) {
      Value codes = weight->decodeTurnBytes(column, atom, step % period, part);
      for (auto [k, input] : llvm::enumerate(inputs)) {
        Value &product = next[k * own.columns.size() + j];
        product =
            DotBytesOp::create(b, product.getType(), product, codes, input);
      }
    }
  }
  return next;
}

/// Adds what products of a unit's codes, from `step` on, stand for.
SmallVector<Value> LinearBuilder::addOwnUnit(const OwnRows &own,
                                             const Index &atom,
                                             const Index &step,
                                             ValueRange products,
                                             ValueRange sums) {
  SmallVector<Value> next(sums), ofRows;
  for (const Index &row : own.rows)
    ofRows.push_back(load(units, getUnit(row, atom, step)));
  for (auto [j, column] : llvm::enumerate(own.columns)) {
    WeightParameters parameters = weight->loadParameters(column, atom, step);
    for (auto [k, unit] : llvm::enumerate(ofRows)) {
      size_t at = k * own.columns.size() + j;
      next[at] = addUnit(products[at], unit, parameters, next[at]);
    }
  }
  return next;
}

/// addOwnAtom of codes. A turn has some units, or a unit some turns.
SmallVector<Value> LinearBuilder::addOwnCodedAtom(const OwnRows &own,
                                                  const Index &atom,
                                                  ValueRange sums) {
  int64_t turnSteps = std::max(weight->getPeriod(), kStep);
  int64_t unit = spec.unitSteps, turns = std::max<int64_t>(unit / turnSteps, 1);
  SmallVector<Value> none(sums.size(), constantWord(0));
  return accumulate(
      "unit", weight->getSteps() / (turns * turnSteps), own.rows.size(), sums,
      [&](const Index &number, ValueRange before) {
        Index step = indices.multiply(number, turns * turnSteps);
        if (unit > turnSteps) {
          SmallVector<Value> products = accumulate(
              "turn", turns, own.rows.size(), none,
              [&](const Index &turn, ValueRange products) {
                return multiplyOwnCodes(
                    own, atom,
                    indices.add(indices.multiply(number, turns), turn), 0,
                    turnSteps, products);
              });
          return addOwnUnit(own, atom, step, products, before);
        }
        SmallVector<Value> next(before);
        for (int64_t first = 0; first < turnSteps; first += unit)
          next = addOwnUnit(
              own, atom, indices.add(step, indices.constant(first)),
              multiplyOwnCodes(own, atom, number, first, unit, none), next);
        return next;
      });
}

/// A loop from 0 to `count` whose body makes the next sums of the present ones.
SmallVector<Value> LinearBuilder::accumulate(
    StringRef name, int64_t count, int64_t rows, ValueRange sums,
    function_ref<SmallVector<Value>(const Index &, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, constantIndex(0), constantIndex(count),
                                 constantIndex(1), sums);
  nameSums(loop, rows, "sum");
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Index index = counter(loop, name, count);
  scf::YieldOp::create(b, body(index, loop.getRegionIterArgs()));
  return llvm::to_vector_of<Value>(loop.getResults());
}

/// The products of a thread's rows, from 0 on, and their results.
void LinearBuilder::multiplyOwn(const Index &firstRow, int64_t rows,
                                int64_t mostRows, const Index &firstColumn,
                                int64_t columns, int64_t mostColumns) {
  OwnRows own;
  for (int64_t i = 0; i < rows; ++i)
    own.rows.push_back(named(
        clamp(indices.add(firstRow, indices.constant(i)), spec.m, mostRows),
        "row"));
  for (int64_t j = 0; j < columns; ++j)
    own.columns.push_back(
        named(clamp(indices.add(firstColumn, indices.constant(j)), spec.n,
                    mostColumns),
              "column"));
  SmallVector<Value> sums(
      rows * columns, constantFloat(units ? Type(b.getF32Type()) : floats, 0));
  sums = accumulate("atom", weight->getAtoms(), rows, sums,
                    [&](const Index &atom, ValueRange before) {
                      return units ? addOwnCodedAtom(own, atom, before)
                                   : addOwnAtom(own, atom, before);
                    });
  // All of a thread's columns exist, or none, wherever they divide the weight.
  int64_t parts = spec.isGated ? 2 : 1;
  int64_t atOnce = spec.n % columns == 0 ? columns : parts;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; j += atOnce)
      writeOwn(ArrayRef(sums).slice(i * columns + j, atOnce),
               indices.add(firstRow, indices.constant(i)),
               indices.add(firstColumn, indices.constant(j)));
}

/// Writes results that exist if the first one does.
void LinearBuilder::writeOwn(ArrayRef<Value> sums, const Index &row,
                             const Index &firstColumn) {
  int64_t parts = spec.isGated ? 2 : 1;
  Value inside = arith::AndIOp::create(b, isBelow(row, spec.m),
                                       isBelow(firstColumn, spec.n));
  auto writes = scf::IfOp::create(b, inside, false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(writes.thenBlock());
  for (size_t j = 0; j < sums.size(); j += parts) {
    SmallVector<Value> totals;
    for (Value each : sums.slice(j, parts))
      totals.push_back(sum(each));
    Index column = indices.add(firstColumn, indices.constant(j));
    finish(row, indices.divide(column, parts), totals);
  }
}

void LinearBuilder::buildOwnTiles(std::array<int64_t, 3> grid) {
  weight->useTable();
  Index own = thread();
  int64_t columns = limitOwnColumns(kOwnColumns);
  int64_t turns = kOwnColumns / columns, rows = turns * kOwnRows;
  int64_t across = kTile / columns;
  auto works = scf::IfOp::create(b, isBelow(own, kTile / rows * across), false);
  b.setInsertionPointToStart(works.thenBlock());
  Index firstRow = named(
      indices.add(indices.multiply(block(gpu::Dimension::y, grid[1]), kTile),
                  indices.multiply(indices.divide(own, across), rows)),
      "first_row");
  Index firstColumn = named(
      indices.add(indices.multiply(block(gpu::Dimension::x, grid[0]), kTile),
                  indices.multiply(indices.remainder(own, across), columns)),
      "first_column");
  auto loop = scf::ForOp::create(b, constantIndex(0), constantIndex(turns),
                                 constantIndex(1));
  b.setInsertionPointToStart(loop.getBody());
  Index turn = counter(loop, "turn", turns);
  multiplyOwn(indices.add(firstRow, indices.multiply(turn, kOwnRows)), kOwnRows,
              grid[1] * kTile, firstColumn, columns, grid[0] * kTile);
}

/// As many threads as the kernel for GPUs has, in workgroups of any size: those
/// that are left over have nothing to do.
void LinearBuilder::buildOwnVector(gpu::GPUFuncOp kernel) {
  weight->useTable();
  int64_t columns = limitOwnColumns(countVectorColumns(spec));
  int64_t needed = llvm::divideCeil(spec.n, columns);
  Index number;
  spread(kernel, spec.n * countLanes(), number);
  named(number, "thread");
  auto works = scf::IfOp::create(b, isBelow(number, needed), false);
  b.setInsertionPointToStart(works.thenBlock());
  multiplyOwn(indices.constant(0), spec.m, spec.m,
              indices.multiply(number, columns), columns, needed * columns);
}
