//===- AttentionKernel.cpp - attention on a GPU ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One pass over the keys (Dao et al., "FlashAttention", 2022; Milakov and
// Gimelshein, "Online normalizer calculation for softmax", 2018): a workgroup
// has a head and a few queries, and takes 64 keys at a time. Each thread scores
// one key; all find the largest score so far, by which what is summed up is
// corrected; then each thread adds up four columns of some of the 64 values. No
// score ever leaves the workgroup. Queries of a few heads that read the same
// keys share a workgroup, and many keys are divided among workgroups, whose
// results AttentionJoin.cpp makes one of.
//
//===----------------------------------------------------------------------===//

#include "AttentionBuilder.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lowbit;

/// Keys of a round: one for each thread.
static constexpr int64_t kKeys = kGPUWorkgroupSize;

AttentionBuilder::AttentionBuilder(ImplicitLocOpBuilder &builder,
                                   const GPUAttentionSpec &spec)
    : KernelParts(builder), spec(spec),
      keys(builder, spec.format, spec.groups * spec.rows, spec.width,
           spec.getStep()),
      values(builder, spec.format, spec.groups * spec.rows, spec.valueWidth,
             spec.getStep()) {
  number = b.getF32Type();
  int64_t step = spec.getStep();
  numbers = step == 1 ? number : Type(VectorType::get({step}, number));
  steps = spec.width / step;
  valueSteps = spec.valueWidth / step;
  held = spec.getHeldHeads();
  queries = held * spec.getHeldRows();
  lanes = llvm::PowerOf2Ceil(valueSteps);
  slices = kGPUWorkgroupSize / lanes;
}

/// The variables of a loop that has states.
void AttentionBuilder::nameStates(scf::ForOp loop) {
  static constexpr StringLiteral names[] = {"largest", "sum", "total"};
  for (auto [i, variable] : llvm::enumerate(loop.getRegionIterArgs()))
    named(variable, names[i % std::size(names)]);
}

/// Queries of the workgroup are those of its heads, then their next ones.
AttentionBuilder::HeldPlace AttentionBuilder::getHeld(const Index &query) {
  return {indices.add(firstHeld, indices.remainder(query, held)),
          indices.add(firstRow, indices.divide(query, held))};
}

/// The place, or the last one where there aren't so many.
AttentionBuilder::Place AttentionBuilder::getPlace(const HeldPlace &place) {
  int64_t inGroup = spec.heads / spec.groups, rows = queries / held;
  Index number = clamp(place.inGroup, inGroup, llvm::alignTo(inGroup, held));
  return {indices.add(indices.multiply(group, inGroup), number),
          clamp(place.row, spec.queries, llvm::alignTo(spec.queries, rows))};
}

Value AttentionBuilder::exists(const HeldPlace &place) {
  int64_t inGroup = spec.heads / spec.groups, rows = queries / held;
  Value result;
  if (inGroup % held != 0)
    result = isBelow(place.inGroup, inGroup);
  if (spec.queries % rows == 0)
    return result;
  Value isRow = isBelow(place.row, spec.queries);
  return result ? Value(arith::AndIOp::create(b, result, isRow)) : isRow;
}

/// Scaled queries to workgroup memory.
void AttentionBuilder::loadQueries() {
  heldQueries = shared(queries * steps, numbers, "queries");
  int64_t count = queries * steps;
  auto loop =
      scf::ForOp::create(b, indices.materialize(own), constantIndex(count),
                         constantIndex(kGPUWorkgroupSize));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Index at = counter(loop, "place", count);
  Place place = getPlace(getHeld(indices.divide(at, steps)));
  Index from = indices.add(indices.multiply(getQueryRow(place), steps),
                           indices.remainder(at, steps));
  Value scaled = arith::MulFOp::create(b, load(query, from),
                                       constantFloat(numbers, spec.scale));
  store(scaled, heldQueries, at);
}

/// How many keys queries up to `lastRow` see: `firstSeen` and one more for each
/// row, if later keys are hidden, else `end` each.
void AttentionBuilder::findKeys(const Index &lastRow) {
  Value count = constantIndex(spec.rows);
  if (spec.hasLength)
    count = arith::IndexCastOp::create(b, b.getIndexType(),
                                       load(length, indices.constant(0)));
  end = named(count, "key_count");
  if (!spec.causal)
    return;
  firstSeen =
      named(arith::AddIOp::create(
                b, arith::SubIOp::create(b, count, constantIndex(spec.queries)),
                constantIndex(1)),
            "first_seen");
  Value last =
      arith::AddIOp::create(b, firstSeen, indices.materialize(lastRow));
  end = named(arith::MinUIOp::create(b, count, last), "end");
}

/// The keys of part `number`: whole rounds, as far as there are keys.
void AttentionBuilder::findPart(const Index &number) {
  part = number;
  firstKey = constantIndex(0);
  lastKey = end;
  if (spec.getParts() == 1)
    return;
  int64_t all = spec.getParts() * kKeys;
  Value rounds = arith::DivUIOp::create(
      b, arith::AddIOp::create(b, end, constantIndex(all - 1)),
      constantIndex(all));
  Value count = arith::MulIOp::create(b, rounds, constantIndex(kKeys));
  firstKey = named(arith::MulIOp::create(b, indices.materialize(part), count),
                   "first");
  lastKey = named(
      arith::MinUIOp::create(b, end, arith::AddIOp::create(b, firstKey, count)),
      "last");
}

/// Key `at`, or the last one where there aren't so many.
Index AttentionBuilder::clampKey(const Index &at) {
  Value key = arith::MinUIOp::create(b, indices.materialize(at),
                                     constantIndex(spec.rows - 1));
  return named(indices.value(key, spec.rows), "key");
}

/// `score` and what the mask says of the key.
Value AttentionBuilder::addMask(Value score, const Place &of,
                                const Index &key) {
  // Coordinates of the head, the query and the key, last ones first.
  SmallVector<Index> place{key, of.row};
  Index rest = of.head;
  for (int64_t extent : llvm::reverse(spec.batch)) {
    place.push_back(indices.remainder(rest, extent));
    rest = indices.divide(rest, extent);
  }
  Index at = indices.constant(0);
  int64_t stride = 1;
  for (auto [i, extent] : llvm::enumerate(llvm::reverse(spec.mask))) {
    if (extent != 1)
      at = indices.add(at, indices.multiply(place[i], stride));
    stride *= extent;
  }
  Value sum = arith::AddFOp::create(b, score, load(mask, at));
  return arith::MaxNumFOp::create(b, sum, constantFloat(number, kLeast));
}

/// What a product of a query and key `at`, which `key` is if it is there,
/// counts as: with the scale of the key, the mask, and none if it isn't seen.
Value AttentionBuilder::finishScore(Value score, Value scale, const Place &of,
                                    const Index &at, const Index &key) {
  Value seen = end;
  if (scale)
    score = arith::MulFOp::create(b, score, scale);
  if (mask)
    score = addMask(score, of, key);
  if (spec.causal)
    seen = arith::AddIOp::create(b, firstSeen, indices.materialize(of.row));
  return named(arith::SelectOp::create(b, isBelow(at, seen), score,
                                       constantFloat(number, kHidden)),
               "score");
}

/// The scores of a thread's key, one for each query.
SmallVector<Value> AttentionBuilder::scoreKey(const Index &at) {
  Index key = clampKey(at);
  Index row =
      named(indices.add(indices.multiply(group, spec.rows), key), "key_row");
  RowParameters parameters = keys.enter(row);
  SmallVector<Value> products(queries, constantFloat(numbers, 0));
  auto loop = scf::ForOp::create(b, constantIndex(0), constantIndex(steps),
                                 constantIndex(1), products);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Index step = counter(loop, "part", steps);
    Value part = keys.load(row, step, parameters);
    SmallVector<Value> next;
    for (auto [i, product] : llvm::enumerate(loop.getRegionIterArgs()))
      next.push_back(multiplyAdd(
          part,
          load(heldQueries, indices.add(indices.constant(i * steps), step)),
          product));
    scf::YieldOp::create(b, next);
  }
  Value scale = keys.loadScale(row);
  SmallVector<Value> result;
  for (auto [i, product] : llvm::enumerate(loop.getResults())) {
    Place of = getPlace(getHeld(indices.constant(i)));
    result.push_back(finishScore(sum(product), scale, of, at, key));
  }
  return result;
}

/// Adds the values of a round's keys, which `weights` has the weights of.
SmallVector<AttentionBuilder::QueryState>
AttentionBuilder::addValues(const Index &first, ArrayRef<QueryState> states) {
  Index column =
      named(clamp(indices.remainder(own, lanes), valueSteps, lanes), "column");
  Index slice = named(indices.divide(own, lanes), "slice");
  auto loop =
      scf::ForOp::create(b, indices.materialize(slice), constantIndex(kKeys),
                         constantIndex(slices), flatten(states));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  nameStates(loop);
  Index at = counter(loop, "place", kKeys);
  Index row = named(indices.add(indices.multiply(group, spec.rows),
                                clampKey(indices.add(first, at))),
                    "value_row");
  Value loaded = values.load(row, column, values.enter(row)),
        scale = values.loadScale(row);
  SmallVector<QueryState> next = gather(loop.getRegionIterArgs());
  for (auto [i, state] : llvm::enumerate(next)) {
    Value weight =
        load(weights, indices.add(indices.constant(i * kGPUWorkgroupSize), at));
    state.sum = arith::AddFOp::create(b, state.sum, weight);
    if (scale)
      weight = arith::MulFOp::create(b, weight, scale);
    state.values = multiplyAdd(splat(weight, numbers), loaded, state.values);
  }
  scf::YieldOp::create(b, flatten(next));
  return gather(loop.getResults());
}

/// 64 keys from `first` on.
SmallVector<AttentionBuilder::QueryState>
AttentionBuilder::buildRound(const Index &first, ArrayRef<QueryState> states) {
  SmallVector<Value> mine = scoreKey(named(indices.add(first, own), "own_key"));
  SmallVector<Value> largest =
      reduceLanes(mine, kGPUWorkgroupSize, /*isMax=*/true);
  SmallVector<QueryState> next;
  for (auto [i, state] : llvm::enumerate(states)) {
    Value now = named(getLarger(largest[i], state.largest), "largest");
    Value factor = named(getWeight(state.largest, now), "factor");
    next.push_back(
        {now, arith::MulFOp::create(b, state.sum, factor),
         arith::MulFOp::create(b, state.values, splat(factor, numbers))});
    store(getWeight(mine[i], now), weights,
          indices.add(indices.constant(i * kGPUWorkgroupSize), own));
  }
  gpu::BarrierOp::create(b);
  SmallVector<QueryState> result = addValues(first, next);
  gpu::BarrierOp::create(b);
  return result;
}

/// The group, and the first head and query of those of the workgroup.
void AttentionBuilder::takeGroup(const std::array<int64_t, 3> &grid) {
  Index head = block(gpu::Dimension::x, grid[0]);
  int64_t blocks = grid[0] / spec.groups;
  group = named(indices.divide(head, blocks), "group");
  firstHeld = indices.multiply(indices.remainder(head, blocks), held);
  firstRow =
      named(indices.multiply(block(gpu::Dimension::y, grid[1]), queries / held),
            "first_row");
}

std::array<int64_t, 3> AttentionBuilder::build(gpu::GPUFuncOp kernel) {
  takeArguments(kernel);
  auto [x, y] = spec.getWorkgroups();
  std::array<int64_t, 3> grid = {x, y, spec.getParts()};
  own = thread();
  takeGroup(grid);
  weights = shared(queries * kGPUWorkgroupSize, number, "weights");
  loadQueries();
  findKeys(getHeld(indices.constant(queries - 1)).row);
  findPart(block(gpu::Dimension::z, grid[2]));
  gpu::BarrierOp::create(b);
  QueryState none{constantFloat(number, kHidden), constantFloat(number, 0),
                  constantFloat(numbers, 0)};
  SmallVector<Value> before = flatten(SmallVector<QueryState>(queries, none));
  auto loop =
      scf::ForOp::create(b, firstKey, lastKey, constantIndex(kKeys), before);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    nameStates(loop);
    SmallVector<QueryState> next = buildRound(counter(loop, "first_key"),
                                              gather(loop.getRegionIterArgs()));
    scf::YieldOp::create(b, flatten(next));
  }
  writeResults(gather(loop.getResults()));
  return grid;
}

GPUKernel lowbit::getGPUAttentionKernel(KernelModule &kernels,
                                        const GPUAttentionSpec &spec,
                                        MLIRContext *context) {
  GPUKernel kernel = emitGPUKernel<AttentionBuilder>(kernels, spec, context);
  emitGPUKernelForProcessors<AttentionBuilder>(kernels, spec, kernel, context);
  return kernel;
}
