//===- QuantizeKernel.cpp - activations in 8 bits on a GPU ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Threads share the units of a group. First each finds the largest number of
// its own, and together the largest of all; then each rounds its units, and
// sums up the codes of one, which is what a weight's zero point is multiplied
// with.
//
//===----------------------------------------------------------------------===//

#include "QuantizeKernel.h"
#include "KernelParts.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lowbit;

static constexpr float kLargest = 127, kSmallest = -128;

std::string GPUQuantizeSpec::name() const {
  std::string result = "quantize_int8";
  result += scale ? "_static" : "_g" + std::to_string(group);
  return result + "_u" + std::to_string(unitSteps * kGPUStep) + "_" +
         std::to_string(rows) + "x" + std::to_string(columns);
}

namespace {

/// Emits one kernel.
class QuantizeBuilder : KernelParts {
public:
  QuantizeBuilder(ImplicitLocOpBuilder &builder, const GPUQuantizeSpec &spec)
      : KernelParts(builder), spec(spec) {
    number = b.getF32Type();
    numbers = VectorType::get({kGPUStep}, number);
    rowUnits = getGPUPaddedSteps(spec.columns) / spec.unitSteps;
    int64_t unitColumns = spec.unitSteps * kGPUStep;
    units =
        std::min<int64_t>(llvm::divideCeil(spec.group, unitColumns), rowUnits);
    groups = llvm::divideCeil(rowUnits, units);
    lanes = std::min<int64_t>(llvm::PowerOf2Ceil(units), kGPUWorkgroupSize);
  }

  SmallVector<Type> getArgumentTypes();
  /// Emits the body; returns the grid.
  std::array<int64_t, 3> build(gpu::GPUFuncOp kernel);

private:
  Value loadStep(const Index &unit, const Index &step);
  void forEachUnit(function_ref<void(const Index &unit)> body);
  Value findLargest();
  void writeUnit(const Index &unit, Value scale);
  Value roundStep(const Index &unit, const Index &step, Value divisor,
                  Value sum);

  const GPUQuantizeSpec &spec;
  Type number;
  VectorType numbers;
  /// Units of a row and of a group, groups of a row, threads of a group.
  int64_t rowUnits, units, groups, lanes;
  Value input, codes, pairs;
  Index lane, row, group;
};

} // namespace

SmallVector<Type> QuantizeBuilder::getArgumentTypes() {
  bool isWhole = spec.columns % kGPUStep == 0;
  auto buffer = [&](int64_t count, Type element) -> Type {
    return MemRefType::get({count}, element);
  };
  return {buffer(spec.rows * spec.columns / (isWhole ? kGPUStep : 1),
                 isWhole ? Type(numbers) : number),
          buffer(spec.rows * rowUnits * spec.unitSteps, b.getI32Type()),
          buffer(spec.rows * rowUnits, VectorType::get({2}, number))};
}

Value QuantizeBuilder::loadStep(const Index &unit, const Index &step) {
  Index at = indices.add(indices.multiply(unit, spec.unitSteps), step);
  return loadColumns(input, row, indices.multiply(at, kGPUStep), spec.columns,
                     rowUnits * spec.unitSteps * kGPUStep);
}

/// The units of this thread, of those of a row.
void QuantizeBuilder::forEachUnit(function_ref<void(const Index &)> body) {
  auto loop = scf::ForOp::create(b, indices.materialize(lane),
                                 constantIndex(units), constantIndex(lanes));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Index unit = indices.add(indices.multiply(group, units),
                           indices.value(loop.getInductionVar(), units));
  if (groups * units > rowUnits) {
    auto exists = scf::IfOp::create(b, isBelow(unit, rowUnits), false);
    b.setInsertionPointToStart(exists.thenBlock());
  }
  body(unit);
}

/// The largest magnitude of the group. Where the last group has fewer units,
/// its last one stands for those that it lacks.
Value QuantizeBuilder::findLargest() {
  auto loop =
      scf::ForOp::create(b, indices.materialize(lane), constantIndex(units),
                         constantIndex(lanes), constantFloat(numbers, 0));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Index unit =
        clamp(indices.add(indices.multiply(group, units),
                          indices.value(loop.getInductionVar(), units)),
              rowUnits, groups * units);
    auto steps =
        scf::ForOp::create(b, constantIndex(0), constantIndex(spec.unitSteps),
                           constantIndex(1), loop.getRegionIterArg(0));
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(steps.getBody());
      Value step = loadStep(
          unit, indices.value(steps.getInductionVar(), spec.unitSteps));
      Value larger = arith::MaxNumFOp::create(b, math::AbsFOp::create(b, step),
                                              steps.getRegionIterArg(0));
      scf::YieldOp::create(b, larger);
    }
    scf::YieldOp::create(b, steps.getResult(0));
  }
  Value largest = vector::ReductionOp::create(b, vector::CombiningKind::MAXNUMF,
                                              loop.getResult(0));
  return reduceLanes(largest, lanes, /*isMax=*/true).front();
}

/// Writes the codes of a step; returns `sum` plus theirs.
Value QuantizeBuilder::roundStep(const Index &unit, const Index &step,
                                 Value divisor, Value sum) {
  Value level =
      arith::DivFOp::create(b, loadStep(unit, step), splat(divisor, numbers));
  level = math::RoundEvenOp::create(b, level);
  level = arith::MaxNumFOp::create(b, level, constantFloat(numbers, kSmallest));
  level = arith::MinNumFOp::create(b, level, constantFloat(numbers, kLargest));
  auto words = VectorType::get({kGPUStep}, b.getI32Type());
  Value each = arith::FPToSIOp::create(b, words, level);
  Value joined;
  for (int64_t i = 0; i < kGPUStep; ++i) {
    Value code = vector::ExtractOp::create(b, each, i);
    sum = arith::AddIOp::create(b, sum, code);
    Value byte = arith::ShLIOp::create(
        b, arith::AndIOp::create(b, code, constantWord(0xff)),
        constantWord(8 * i));
    joined = joined ? arith::OrIOp::create(b, joined, byte).getResult() : byte;
  }
  Index at = indices.add(indices.multiply(row, rowUnits), unit);
  store(joined, codes, indices.add(indices.multiply(at, spec.unitSteps), step));
  return sum;
}

void QuantizeBuilder::writeUnit(const Index &unit, Value scale) {
  // A group of zeros has scale 0.
  Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, scale,
                                       constantFloat(number, 0));
  Value divisor =
      arith::SelectOp::create(b, isZero, constantFloat(number, 1), scale);
  auto loop =
      scf::ForOp::create(b, constantIndex(0), constantIndex(spec.unitSteps),
                         constantIndex(1), constantWord(0));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value sum =
        roundStep(unit, indices.value(loop.getInductionVar(), spec.unitSteps),
                  divisor, loop.getRegionIterArg(0));
    scf::YieldOp::create(b, sum);
  }
  Value total = arith::MulFOp::create(
      b, scale, arith::SIToFPOp::create(b, number, loop.getResult(0)));
  Value pair = vector::FromElementsOp::create(b, VectorType::get({2}, number),
                                              ValueRange{scale, total});
  store(pair, pairs, indices.add(indices.multiply(row, rowUnits), unit));
}

std::array<int64_t, 3> QuantizeBuilder::build(gpu::GPUFuncOp kernel) {
  describeKernel(kernel, "codes of x[" + Twine(spec.rows) + " x " +
                             Twine(spec.columns) + "], rounded to 8 bits");
  describeBuffer(kernel, 0, "x");
  describeBuffer(kernel, 1, "codes", "codes of 8 bits, four in a word");
  describeBuffer(kernel, 2, "units", "of codes: the scale, and their sum");
  input = kernel.getArgument(0);
  codes = kernel.getArgument(1);
  pairs = kernel.getArgument(2);
  int64_t count = spec.rows * groups;
  Index thread;
  std::array<int64_t, 3> grid = spread(kernel, count * lanes, thread);
  lane = named(indices.remainder(thread, lanes), "lane");
  // Threads beyond the last group repeat it, but for what they write.
  Index at = indices.divide(thread, lanes), mine = at;
  bool hasMore = hasGPUThreadsBeyond(count * lanes);
  if (hasMore)
    mine = indices.value(arith::MinUIOp::create(b, indices.materialize(at),
                                                constantIndex(count - 1)),
                         count);
  row = named(indices.divide(mine, groups), "row");
  group = named(indices.remainder(mine, groups), "group");
  Value scale = spec.scale
                    ? constantFloat(number, *spec.scale)
                    : arith::DivFOp::create(b, findLargest(),
                                            constantFloat(number, kLargest))
                          .getResult();
  if (hasMore) {
    auto exists = scf::IfOp::create(b, isBelow(at, count), false);
    b.setInsertionPointToStart(exists.thenBlock());
  }
  forEachUnit([&](const Index &unit) { writeUnit(unit, scale); });
  return grid;
}

GPUKernel lowbit::getGPUQuantizeKernel(KernelModule &kernels,
                                       const GPUQuantizeSpec &spec,
                                       MLIRContext *context) {
  return emitGPUKernel<QuantizeBuilder>(kernels, spec, context);
}
