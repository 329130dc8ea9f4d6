//===- AttentionKernel.cpp - attention on a GPU ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One pass over the keys (Dao et al., "FlashAttention", 2022; Milakov and
// Gimelshein, "Online normalizer calculation for softmax", 2018): a workgroup
// has a head and a few queries, and takes 64 keys at a time. Each thread scores
// one key; all find the largest score so far, by which what is summed up is
// corrected; then each thread adds up four columns of some of the 64 values. No
// score ever leaves the workgroup.
//
//===----------------------------------------------------------------------===//

#include "AttentionBuilder.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lowbit;

/// Queries of a workgroup: each key and value that is read serves all of them.
static constexpr int64_t kMostQueries = 4;
/// Keys of a round: one for each thread.
static constexpr int64_t kKeys = kGPUWorkgroupSize;

std::string GPUAttentionSpec::name() const {
  std::string result = "attention";
  if (causal)
    result += "_causal";
  if (!mask.empty())
    result += "_masked";
  if (hasLength)
    result += "_cached";
  if (format != GPURowFormat::F32)
    result += "_" + getName(format).str();
  char separator = '_';
  for (int64_t extent : {heads, groups, queries, rows, width, valueWidth}) {
    result += separator + std::to_string(extent);
    separator = 'x';
  }
  return result;
}

/// Numbers of a row that are read at once: of halves in int4, of one of them.
static int64_t getStep(const GPUAttentionSpec &spec) {
  int64_t unit = spec.format == GPURowFormat::Int4 ? 2 * kGPUStep : kGPUStep;
  bool isWhole = spec.width % unit == 0 && spec.valueWidth % unit == 0;
  return isWhole ? kGPUStep : 1;
}

AttentionBuilder::AttentionBuilder(ImplicitLocOpBuilder &builder,
                                   const GPUAttentionSpec &spec)
    : KernelParts(builder), spec(spec),
      keys(builder, spec.format, spec.groups * spec.rows, spec.width,
           getStep(spec)),
      values(builder, spec.format, spec.groups * spec.rows, spec.valueWidth,
             getStep(spec)) {
  number = b.getF32Type();
  int64_t step = getStep(spec);
  numbers = step == 1 ? number : Type(VectorType::get({step}, number));
  steps = spec.width / step;
  valueSteps = spec.valueWidth / step;
  queries = std::min(spec.queries, kMostQueries);
  lanes = llvm::PowerOf2Ceil(valueSteps);
  slices = kGPUWorkgroupSize / lanes;
}

/// The variables of a loop that has states.
void AttentionBuilder::nameStates(scf::ForOp loop) {
  static constexpr StringLiteral names[] = {"largest", "sum", "total"};
  for (auto [i, variable] : llvm::enumerate(loop.getRegionIterArgs()))
    named(variable, names[i % std::size(names)]);
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
  Index row = clamp(indices.add(firstRow, indices.divide(at, steps)),
                    spec.queries, llvm::alignTo(spec.queries, queries));
  Index from = indices.add(
      indices.multiply(indices.add(indices.multiply(head, spec.queries), row),
                       steps),
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
    Place of{head, clamp(getRow(i), spec.queries,
                         llvm::alignTo(spec.queries, queries))};
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

/// The sum of the weights of a query, the number `query` of the workgroup, and
/// of what they weigh of a column of values: slices of threads have parts.
std::pair<Value, Value> AttentionBuilder::addSlices(const Index &query,
                                                    const Index &column,
                                                    Value totals) {
  auto loop = scf::ForOp::create(
      b, constantIndex(0), constantIndex(slices), constantIndex(1),
      ValueRange{constantFloat(number, 0), constantFloat(numbers, 0)});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Index slice = counter(loop, "slice", slices);
  Index at = indices.add(indices.multiply(query, kGPUWorkgroupSize),
                         indices.add(indices.multiply(slice, lanes), column));
  scf::YieldOp::create(
      b, ValueRange{arith::AddFOp::create(b, loop.getRegionIterArg(0),
                                          load(weights, at)),
                    arith::AddFOp::create(b, loop.getRegionIterArg(1),
                                          load(totals, at))});
  named(loop.getRegionIterArg(0), "sum");
  named(loop.getRegionIterArg(1), "total");
  return {loop.getResult(0), loop.getResult(1)};
}

/// Adds up what threads have of each column, and writes it. Loops, as slices
/// are many where heads are narrow, and compilers of pipelines take the longer
/// for each of their numbers.
void AttentionBuilder::writeResults(ArrayRef<QueryState> states) {
  Value totals = shared(queries * kGPUWorkgroupSize, numbers, "totals");
  for (auto [i, state] : llvm::enumerate(states)) {
    Index at = indices.add(indices.constant(i * kGPUWorkgroupSize), own);
    store(state.sum, weights, at);
    store(state.values, totals, at);
  }
  gpu::BarrierOp::create(b);
  int64_t count = queries * valueSteps;
  auto loop =
      scf::ForOp::create(b, indices.materialize(own), constantIndex(count),
                         constantIndex(kGPUWorkgroupSize));
  b.setInsertionPointToStart(loop.getBody());
  Index place = counter(loop, "place", count);
  Index query = indices.divide(place, valueSteps),
        column = indices.remainder(place, valueSteps);
  Index row = indices.add(firstRow, query);
  if (spec.queries % queries != 0) {
    auto exists = scf::IfOp::create(b, isBelow(row, spec.queries), false);
    b.setInsertionPointToStart(exists.thenBlock());
  }
  auto [sum, total] = addSlices(query, column, totals);
  Index to = indices.add(
      indices.multiply(indices.add(indices.multiply(head, spec.queries), row),
                       valueSteps),
      column);
  store(arith::DivFOp::create(b, total, splat(sum, numbers)), result, to);
}

std::array<int64_t, 3> AttentionBuilder::build(gpu::GPUFuncOp kernel) {
  takeArguments(kernel);
  std::array<int64_t, 3> grid = {
      spec.heads, static_cast<int64_t>(llvm::divideCeil(spec.queries, queries)),
      1};
  own = thread();
  head = block(gpu::Dimension::x, grid[0]);
  group = named(indices.divide(head, spec.heads / spec.groups), "group");
  firstRow = named(indices.multiply(block(gpu::Dimension::y, grid[1]), queries),
                   "first_row");
  weights = shared(queries * kGPUWorkgroupSize, number, "weights");
  loadQueries();
  findKeys(getRow(queries - 1));
  gpu::BarrierOp::create(b);
  QueryState none{constantFloat(number, kHidden), constantFloat(number, 0),
                  constantFloat(numbers, 0)};
  SmallVector<Value> before = flatten(SmallVector<QueryState>(queries, none));
  auto loop = scf::ForOp::create(b, constantIndex(0), end, constantIndex(kKeys),
                                 before);
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

std::string lowbit::explainNoGPUKernel(const GPUAttentionSpec &spec) {
  int64_t step = getStep(spec);
  if (std::max(spec.width, spec.valueWidth) > kGPUWorkgroupSize * step)
    return "its heads are wider than " +
           std::to_string(kGPUWorkgroupSize * step);
  if (spec.causal && spec.rows < spec.queries)
    return "it has queries that see no key";
  if (spec.heads > kMostGPUWorkgroups || spec.queries > kMostGPUWorkgroups)
    return "it has more heads or queries than a dispatch has workgroups";
  return "";
}

GPUKernel lowbit::getGPUAttentionKernel(KernelModule &kernels,
                                        const GPUAttentionSpec &spec,
                                        MLIRContext *context) {
  GPUKernel kernel = emitGPUKernel<AttentionBuilder>(kernels, spec, context);
  emitGPUKernelForProcessors<AttentionBuilder>(kernels, spec, kernel, context);
  return kernel;
}
