//===- AttentionOwn.cpp - attention whose threads share nothing -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For devices that are processors, as LinearOwn.cpp. A thread has a few queries
// that read the same keys, and takes some keys at a time: it scores them, and
// adds what they weigh of their values to the rows of the result, which are
// corrected wherever a larger score is found, and divided in the end. A row
// that several keys are added to at once stays in a cache, so that sums need no
// registers, and code doesn't grow with the width of heads. Threads are few:
// where a workgroup of the kernel for GPUs has 64, those of a vector of a
// processor work.
//
//===----------------------------------------------------------------------===//

#include "AttentionBuilder.h"

using namespace mlir;
using namespace lowbit;

/// Threads of a workgroup that work.
static constexpr int64_t kThreads = 4;
/// Keys that are taken at a time. More of them read a result less often, and
/// make the kernel longer.
static constexpr int64_t kOwnKeys = 4;
/// Rows of a thread, where there are enough of them for so many threads: each
/// key that is read serves all.
static constexpr int64_t kMostOwnRows = 2, kEnoughThreads = 64;

int64_t AttentionBuilder::countOwnRows() const {
  int64_t all = spec.heads * spec.queries;
  bool areShared = all / spec.groups % kMostOwnRows == 0;
  return areShared && all / kMostOwnRows >= kEnoughThreads ? kMostOwnRows : 1;
}

/// What row `row` of this thread is.
AttentionBuilder::Place AttentionBuilder::getOwnPlace(int64_t row) {
  Index at = indices.add(firstRow, indices.constant(row));
  return {indices.divide(at, spec.queries),
          indices.remainder(at, spec.queries)};
}

/// The place of step `step` of a thread's row of queries.
Index AttentionBuilder::getOwnStep(int64_t row, const Index &step) {
  Index at = indices.add(firstRow, indices.constant(row));
  return indices.add(indices.multiply(at, steps), step);
}

/// Where the result of a thread's row begins.
Index AttentionBuilder::getOwnResult(int64_t row) {
  return getResultRow(indices.add(firstRow, indices.constant(row)));
}

/// The products of the rows of queries and keys, those of a query after the
/// other's.
SmallVector<Value> AttentionBuilder::multiplyOwnKeys(ArrayRef<Index> keyRows) {
  SmallVector<Value> products(ownRows * kOwnKeys, constantFloat(numbers, 0));
  SmallVector<RowParameters> parameters;
  for (const Index &row : keyRows)
    parameters.push_back(keys.enter(row));
  auto loop = scf::ForOp::create(b, constantIndex(0), constantIndex(steps),
                                 constantIndex(1), products);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Index step = counter(loop, "part", steps);
  SmallVector<Value> parts, next;
  for (auto [row, each] : llvm::zip_equal(keyRows, parameters))
    parts.push_back(keys.load(row, step, each));
  for (int64_t row = 0; row < ownRows; ++row) {
    Value mine = load(query, getOwnStep(row, step));
    for (int64_t i = 0; i < kOwnKeys; ++i)
      next.push_back(multiplyAdd(mine, parts[i],
                                 loop.getRegionIterArg(row * kOwnKeys + i)));
  }
  scf::YieldOp::create(b, next);
  return llvm::to_vector_of<Value>(loop.getResults());
}

/// The scores of keys `at`, those of a query after the other's.
SmallVector<Value> AttentionBuilder::scoreOwnKeys(ArrayRef<Index> at,
                                                  ArrayRef<Index> keyRows) {
  SmallVector<Value> scores = multiplyOwnKeys(keyRows), scales;
  for (const Index &row : keyRows)
    scales.push_back(keys.loadScale(row));
  for (auto [i, score] : llvm::enumerate(scores)) {
    size_t key = i % kOwnKeys;
    score =
        arith::MulFOp::create(b, sum(score), constantFloat(number, spec.scale));
    score = finishScore(score, scales[key], getOwnPlace(i / kOwnKeys), at[key],
                        clampKey(at[key]));
  }
  return scores;
}

/// Results become what `factors` say, and what `weights` say of the values, in
/// a round's rows of these. What is there before the first round is any number,
/// or none.
void AttentionBuilder::addOwnValues(ArrayRef<Index> valueRows, Value isFirst,
                                    ValueRange factors, ValueRange weights) {
  SmallVector<Value> vectors;
  for (auto [i, weight] : llvm::enumerate(weights)) {
    Value scale = values.loadScale(valueRows[i % kOwnKeys]), scaled = weight;
    if (scale)
      scaled = arith::MulFOp::create(b, weight, scale);
    vectors.push_back(splat(scaled, numbers));
  }
  SmallVector<RowParameters> parameters;
  for (const Index &row : valueRows)
    parameters.push_back(values.enter(row));
  auto loop = scf::ForOp::create(b, constantIndex(0), constantIndex(valueSteps),
                                 constantIndex(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Index step = counter(loop, "part", valueSteps);
  SmallVector<Value> parts;
  for (auto [row, each] : llvm::zip_equal(valueRows, parameters))
    parts.push_back(values.load(row, step, each));
  for (int64_t row = 0; row < ownRows; ++row) {
    Index at = indices.add(getOwnResult(row), step);
    Value before = arith::SelectOp::create(
        b, isFirst, constantFloat(numbers, 0), load(result, at));
    Value total =
        arith::MulFOp::create(b, before, splat(factors[row], numbers));
    for (int64_t i = 0; i < kOwnKeys; ++i)
      total = multiplyAdd(vectors[row * kOwnKeys + i], parts[i], total);
    store(total, result, at);
  }
}

/// The keys from `first` on. States are the largest score of each row, and the
/// sum of its weights.
SmallVector<Value> AttentionBuilder::buildOwnRound(const Index &first,
                                                   ValueRange states) {
  SmallVector<Index> at, rows;
  for (int64_t i = 0; i < kOwnKeys; ++i) {
    at.push_back(indices.add(first, indices.constant(i)));
    rows.push_back(named(
        indices.add(indices.multiply(group, spec.rows), clampKey(at.back())),
        "key_row"));
  }
  SmallVector<Value> scores = scoreOwnKeys(at, rows), next, factors, found;
  for (int64_t row = 0; row < ownRows; ++row) {
    Value before = states[2 * row], largest = before;
    ArrayRef<Value> mine = ArrayRef(scores).slice(row * kOwnKeys, kOwnKeys);
    for (Value score : mine)
      largest = named(getLarger(score, largest), "largest");
    factors.push_back(named(getWeight(before, largest), "factor"));
    Value sum = arith::MulFOp::create(b, states[2 * row + 1], factors.back());
    for (Value score : mine) {
      found.push_back(named(getWeight(score, largest), "weight"));
      sum = arith::AddFOp::create(b, sum, found.back());
    }
    next.append({largest, sum});
  }
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                        indices.materialize(first), firstKey);
  if (auto vector = dyn_cast<VectorType>(numbers))
    isFirst = splat(isFirst, vector.clone(b.getI1Type()));
  addOwnValues(rows, isFirst, factors, found);
  return next;
}

/// Divides results by the sums of their weights, which follow largest scores.
void AttentionBuilder::divideOwn(ValueRange states) {
  auto loop = scf::ForOp::create(b, constantIndex(0), constantIndex(valueSteps),
                                 constantIndex(1));
  b.setInsertionPointToStart(loop.getBody());
  Index step = counter(loop, "part", valueSteps);
  for (int64_t row = 0; row < ownRows; ++row) {
    Index at = indices.add(getOwnResult(row), step);
    Value sum = splat(states[2 * row + 1], numbers);
    store(arith::DivFOp::create(b, load(result, at), sum), result, at);
  }
}

/// What a part says of the thread's rows.
void AttentionBuilder::storeOwnStates(ValueRange states) {
  for (int64_t row = 0; row < ownRows; ++row)
    storeState(states[2 * row], states[2 * row + 1], getOwnResult(row));
}

/// Begins what is done by the threads that have rows, and says which.
void AttentionBuilder::takeOwnRows(std::array<int64_t, 3> grid) {
  ownRows = countOwnRows();
  int64_t all = spec.heads * spec.queries, count = all / ownRows;
  int64_t items = count * spec.getParts();
  Index lane = thread();
  Index workgroup = block(gpu::Dimension::z, grid[2]);
  workgroup = indices.add(indices.multiply(workgroup, grid[1]),
                          block(gpu::Dimension::y, grid[1]));
  workgroup = indices.add(indices.multiply(workgroup, grid[0]),
                          block(gpu::Dimension::x, grid[0]));
  Index item = indices.add(indices.multiply(workgroup, kThreads), lane);
  Value works =
      arith::AndIOp::create(b, isBelow(lane, kThreads), isBelow(item, items));
  auto body = scf::IfOp::create(b, works, false);
  b.setInsertionPointToStart(body.thenBlock());
  item = indices.value(indices.materialize(item), items);
  part = indices.divide(item, count);
  firstRow = named(indices.multiply(indices.remainder(item, count), ownRows),
                   "first_row");
  group = named(indices.divide(firstRow, all / spec.groups), "group");
}

void AttentionBuilder::buildOwn(gpu::GPUFuncOp kernel,
                                std::array<int64_t, 3> grid) {
  takeArguments(kernel);
  takeOwnRows(grid);
  // Rows of several heads may end with any query.
  findKeys(spec.queries % ownRows == 0 ? getOwnPlace(ownRows - 1).row
                                       : indices.constant(spec.queries - 1));
  findPart(part);
  SmallVector<Value> before;
  for (int64_t row = 0; row < ownRows; ++row)
    before.append({constantFloat(number, kHidden), constantFloat(number, 0)});
  auto loop =
      scf::ForOp::create(b, firstKey, lastKey, constantIndex(kOwnKeys), before);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    for (auto [i, variable] : llvm::enumerate(loop.getRegionIterArgs()))
      named(variable, i % 2 == 0 ? "largest" : "sum");
    Index first = counter(loop, "first_key");
    scf::YieldOp::create(b, buildOwnRound(first, loop.getRegionIterArgs()));
  }
  if (spec.getParts() == 1)
    divideOwn(loop.getResults());
  else
    storeOwnStates(loop.getResults());
}
