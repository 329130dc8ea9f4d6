//===- AttentionResults.cpp - what workgroups of attention write ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionBuilder.h"

using namespace mlir;
using namespace lowbit;

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
  Index query = named(indices.divide(place, valueSteps), "query"),
        column = named(indices.remainder(place, valueSteps), "column");
  HeldPlace heldPlace = getHeld(query);
  if (Value isOne = exists(heldPlace)) {
    auto writes = scf::IfOp::create(b, isOne, false);
    b.setInsertionPointToStart(writes.thenBlock());
  }
  auto [sum, total] = addSlices(query, column, totals);
  Index row = getResultRow(getQueryRow(getPlace(heldPlace)));
  if (spec.getParts() == 1) {
    Value mean = arith::DivFOp::create(b, total, splat(sum, numbers));
    store(mean, result, indices.add(row, column));
    return;
  }
  store(total, result, indices.add(row, column));
  Value largest = states.front().largest;
  for (auto [i, state] : llvm::enumerate(states.drop_front())) {
    Value isThis =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                              indices.materialize(query), constantIndex(i + 1));
    largest = arith::SelectOp::create(b, isThis, state.largest, largest);
  }
  auto isFirst = scf::IfOp::create(b, isBelow(column, 1), false);
  b.setInsertionPointToStart(isFirst.thenBlock());
  storeState(largest, sum, row);
}

/// Where the result of a row of queries begins, or that of a part.
Index AttentionBuilder::getResultRow(const Index &row) {
  int64_t all = spec.heads * spec.queries;
  return indices.multiply(indices.add(indices.multiply(part, all), row),
                          spec.getResultSteps() / spec.getParts() / all);
}

/// What a part says of the row of queries whose result begins at `row`.
void AttentionBuilder::storeState(Value largest, Value sum, const Index &row) {
  Index at = indices.add(row, indices.constant(valueSteps));
  if (numbers == number) {
    store(largest, result, at);
    store(sum, result, indices.add(at, indices.constant(1)));
    return;
  }
  Value zero = constantFloat(number, 0);
  store(vector::FromElementsOp::create(b, numbers,
                                       ValueRange{largest, sum, zero, zero}),
        result, at);
}
