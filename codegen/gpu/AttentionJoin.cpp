//===- AttentionJoin.cpp - one result of attention to parts of the keys ---===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each part has the largest of its scores, the sum of exp(score - largest), and
// of these times the values. A thread goes over the parts for a few columns of
// a row, as attention goes over keys.
//
//===----------------------------------------------------------------------===//

#include "AttentionKernel.h"
#include "KernelParts.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace lowbit;

namespace {
/// What is joined: for each part, rows of `row` elements of `step` numbers.
struct JoinSpec {
  int64_t parts, rows, row, step, valueSteps;

  std::string name() const {
    return "attention_join_" + std::to_string(parts) + "x" +
           std::to_string(rows) + "x" + std::to_string(valueSteps * step);
  }
};

/// Emits one kernel.
class JoinBuilder : KernelParts {
public:
  JoinBuilder(ImplicitLocOpBuilder &builder, const JoinSpec &spec)
      : KernelParts(builder), spec(spec), number(builder.getF32Type()),
        numbers(spec.step == 1 ? number
                               : Type(VectorType::get({spec.step}, number))) {}

  SmallVector<Type> getArgumentTypes() {
    return {MemRefType::get({spec.parts * spec.rows * spec.row}, numbers),
            MemRefType::get({spec.rows * spec.valueSteps}, numbers)};
  }
  /// Emits the body; returns the grid.
  std::array<int64_t, 3> build(gpu::GPUFuncOp kernel);

private:
  std::pair<Value, Value> loadState(const Index &row);
  SmallVector<Value> addPart(const Index &row, const Index &column,
                             ValueRange before);
  Value getFactor(Value largest, Value now) {
    return math::ExpOp::create(b, arith::SubFOp::create(b, largest, now));
  }

  const JoinSpec &spec;
  Type number, numbers;
  Value parts, result;
};
} // namespace

/// The largest score of a part, and the sum of its weights.
std::pair<Value, Value> JoinBuilder::loadState(const Index &row) {
  Index at = indices.add(row, indices.constant(spec.valueSteps));
  Value first = load(parts, at);
  if (spec.step == 1)
    return {first, load(parts, indices.add(at, indices.constant(1)))};
  return {vector::ExtractOp::create(b, first, 0),
          vector::ExtractOp::create(b, first, 1)};
}

/// The largest score, the sum of weights and that of values with a part's,
/// whose row begins at `row`. One without keys has no sum, and any values.
SmallVector<Value> JoinBuilder::addPart(const Index &row, const Index &column,
                                        ValueRange before) {
  auto [largest, sum] = loadState(row);
  Value hasKeys = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, sum,
                                        constantFloat(number, 0));
  Value values = load(parts, indices.add(row, column));
  if (auto vector = dyn_cast<VectorType>(numbers))
    values =
        arith::SelectOp::create(b, splat(hasKeys, vector.clone(b.getI1Type())),
                                values, constantFloat(numbers, 0));
  else
    values =
        arith::SelectOp::create(b, hasKeys, values, constantFloat(numbers, 0));
  Value isLarger =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, largest, before[0]);
  Value now = arith::SelectOp::create(b, isLarger, largest, before[0]);
  Value factors[] = {getFactor(before[0], now), getFactor(largest, now)};
  auto add = [&](Value old, Value own) -> Value {
    Type type = own.getType();
    return math::FmaOp::create(
        b, splat(factors[0], type), old,
        arith::MulFOp::create(b, splat(factors[1], type), own));
  };
  return {now, add(before[1], sum), add(before[2], values)};
}

std::array<int64_t, 3> JoinBuilder::build(gpu::GPUFuncOp kernel) {
  describeKernel(kernel, "attention of what parts of the keys have of it");
  describeBuffer(kernel, 0, "parts",
                 "for each row also the largest score and the sum of weights");
  describeBuffer(kernel, 1, "result");
  parts = kernel.getArgument(0);
  result = kernel.getArgument(1);
  int64_t count = spec.rows * spec.valueSteps;
  Index own;
  std::array<int64_t, 3> grid = spread(kernel, count, own);
  if (hasGPUThreadsBeyond(count)) {
    auto works = scf::IfOp::create(b, isBelow(own, count), false);
    b.setInsertionPointToStart(works.thenBlock());
  }
  own = indices.value(indices.materialize(own), count);
  Index row = named(indices.divide(own, spec.valueSteps), "row"),
        column = named(indices.remainder(own, spec.valueSteps), "column");
  // What attention has before its first key.
  Value none[] = {constantFloat(number, -1e38f), constantFloat(number, 0),
                  constantFloat(numbers, 0)};
  auto loop = scf::ForOp::create(b, constantIndex(0), constantIndex(spec.parts),
                                 constantIndex(1), none);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    for (auto [variable, name] :
         llvm::zip_equal(loop.getRegionIterArgs(),
                         ArrayRef<StringRef>{"largest", "sum", "total"}))
      named(variable, name);
    Index part = counter(loop, "part", spec.parts);
    Index from = indices.multiply(
        indices.add(indices.multiply(part, spec.rows), row), spec.row);
    scf::YieldOp::create(b, addPart(from, column, loop.getRegionIterArgs()));
  }
  store(arith::DivFOp::create(b, loop.getResult(2),
                              splat(loop.getResult(1), numbers)),
        result, own);
  return grid;
}

GPUKernel lowbit::getGPUAttentionJoinKernel(KernelModule &kernels,
                                            const GPUAttentionSpec &spec,
                                            MLIRContext *context) {
  int64_t parts = spec.getParts(), rows = spec.heads * spec.queries;
  JoinSpec join{parts, rows, spec.getResultSteps() / parts / rows,
                spec.getStep(), spec.valueWidth / spec.getStep()};
  return emitGPUKernel<JoinBuilder>(kernels, join, context);
}
