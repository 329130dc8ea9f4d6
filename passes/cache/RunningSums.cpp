//===- RunningSums.cpp - sums up to each position -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A loop over all positions so far would run again for each token, and no part
// of it would be that of the new tokens. A function of the position is.
//
//===----------------------------------------------------------------------===//

#include "RunningSums.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lowbit;

static void replaceElements(BlockArgument input, int64_t number) {
  for (Operation *user : llvm::make_early_inc_range(input.getUsers())) {
    auto extract = dyn_cast<tensor::ExtractOp>(user);
    if (!extract)
      continue;
    OpBuilder b(extract);
    extract.replaceAllUsesWith(
        arith::ConstantOp::create(b, extract.getLoc(),
                                  b.getIntegerAttr(extract.getType(), number))
            .getResult());
    extract.erase();
  }
}

namespace {
/// A loop that puts `first + i * step` at position i of a dimension.
struct RunningSum {
  Value init;
  unsigned dimension;
  APInt first, step;
};
} // namespace

/// The number that a loop adds in each step to what it carries as `sum`.
static std::optional<APInt> getStep(BlockArgument sum, Value next) {
  auto add = next.getDefiningOp<arith::AddIOp>();
  if (!add || !llvm::is_contained(add->getOperands(), Value(sum)))
    return std::nullopt;
  APInt step;
  Value other = add.getLhs() == sum ? add.getRhs() : add.getLhs();
  return matchPattern(other, m_ConstantInt(&step)) ? std::optional(step)
                                                   : std::nullopt;
}

/// The dimension along which `insert` goes with the loop through all of a new
/// tensor, whose other dimensions have one element.
static std::optional<unsigned> findDimension(scf::ForOp loop,
                                             tensor::InsertOp insert) {
  auto empty = loop.getInitArgs()[0].getDefiningOp<tensor::EmptyOp>();
  if (!empty || getConstantIntValue(loop.getLowerBound()) != 0 ||
      getConstantIntValue(loop.getStep()) != 1)
    return std::nullopt;
  std::optional<unsigned> dimension;
  for (auto [i, index] : llvm::enumerate(insert.getIndices())) {
    OpFoldResult extent = empty.getMixedSizes()[i];
    if (index == loop.getInductionVar() && !dimension &&
        isEqualConstantIntOrValue(extent, loop.getUpperBound()))
      dimension = i;
    else if (getConstantIntValue(extent) != 1)
      return std::nullopt;
  }
  return dimension;
}

static std::optional<RunningSum> matchRunningSum(scf::ForOp loop) {
  if (loop.getNumResults() != 2 || !loop.getResult(1).use_empty())
    return std::nullopt;
  auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
  auto insert = yield.getOperand(0).getDefiningOp<tensor::InsertOp>();
  BlockArgument sum = loop.getRegionIterArg(1);
  Value next = yield.getOperand(1);
  APInt first;
  std::optional<APInt> step = getStep(sum, next);
  if (!insert || insert.getDest() != loop.getRegionIterArg(0) || !step ||
      !matchPattern(loop.getInitArgs()[1], m_ConstantInt(&first)))
    return std::nullopt;
  // With or without the position's own number.
  if (insert.getScalar() == next)
    first += *step;
  else if (insert.getScalar() != sum)
    return std::nullopt;
  std::optional<unsigned> dimension = findDimension(loop, insert);
  if (!dimension)
    return std::nullopt;
  return RunningSum{loop.getInitArgs()[0], *dimension, first, *step};
}

static void replaceLoop(scf::ForOp loop, const RunningSum &sum) {
  OpBuilder b(loop);
  auto type = cast<RankedTensorType>(sum.init.getType());
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  auto build = [&](OpBuilder &b, Location loc, ValueRange) {
    Type element = type.getElementType();
    auto constant = [&](const APInt &number) {
      return arith::ConstantOp::create(b, loc,
                                       b.getIntegerAttr(element, number));
    };
    Value index = linalg::IndexOp::create(b, loc, sum.dimension);
    Value number = arith::IndexCastOp::create(b, loc, element, index);
    number = arith::MulIOp::create(b, loc, number, constant(sum.step));
    linalg::YieldOp::create(
        b, loc,
        arith::AddIOp::create(b, loc, number, constant(sum.first)).getResult());
  };
  Value whole = linalg::GenericOp::create(
                    b, loop.getLoc(), type, ValueRange(), sum.init,
                    b.getMultiDimIdentityMap(type.getRank()), iterators, build)
                    .getResult(0);
  loop.getResult(0).replaceAllUsesWith(whole);
  loop.erase();
}

void lowbit::countPositions(func::FuncOp function,
                            ArrayRef<InputMeaning> meanings) {
  for (auto [input, meaning] :
       llvm::zip_equal(function.getArguments(), meanings))
    if (meaning == InputMeaning::Ones || meaning == InputMeaning::Zeros)
      replaceElements(input, meaning == InputMeaning::Ones);
  for (auto loop : llvm::make_early_inc_range(function.getOps<scf::ForOp>()))
    if (std::optional<RunningSum> sum = matchRunningSum(loop))
      replaceLoop(loop, *sum);
}
