//===- SoftmaxMatch.cpp - recognise a softmax -----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SoftmaxMatch.h"
#include "ElementTrace.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace lowbit;

/// Whether `op` combines the two arguments of `body`, the first of which may be
/// widened before.
static bool combinesArguments(Operation *op, Block *body) {
  auto reads = [&](unsigned i) {
    return llvm::any_of(op->getOperands(), [&](Value operand) {
      if (auto wide = operand.getDefiningOp<arith::ExtFOp>(); wide && i == 0)
        operand = wide.getIn();
      return operand == body->getArgument(i);
    });
  };
  return op->getNumOperands() == 2 && reads(0) && reads(1);
}

/// The reduction of the last dimension of a tensor that `element` is: with the
/// tensor, or null where it is none of `Combine`.
template <typename... Combine>
static Value matchRowReduction(const Element &element, unsigned rank) {
  auto op = element.value.getDefiningOp<linalg::LinalgOp>();
  if (element.scope || !op || !op.hasPureTensorSemantics() ||
      op.getNumDpsInputs() != 1 || op->getNumResults() != 1 ||
      op.getNumReductionLoops() != 1 || op.getNumLoops() != rank)
    return nullptr;
  Block *body = op.getBlock();
  Operation *combine = body->getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<Combine...>(combine) ||
      !combinesArguments(combine, body))
    return nullptr;
  OpOperand *input = op.getDpsInputOperand(0);
  AffineMap read = op.getMatchingIndexingMap(input);
  AffineMap written = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  // The row that the place belongs to is that of the element itself.
  AffineMap rows = AffineMap::getMultiDimIdentityMap(rank, op.getContext())
                       .getMajorSubMap(rank - 1);
  auto dropZeros = [](AffineMap map) {
    SmallVector<AffineExpr> results;
    for (AffineExpr expression : map.getResults())
      if (!isa<AffineConstantExpr>(expression))
        results.push_back(expression);
    return AffineMap::get(map.getNumDims(), 0, results, map.getContext());
  };
  if (!read.isIdentity() || dropZeros(written) != rows ||
      dropZeros(element.map) != rows)
    return nullptr;
  return input->get();
}

Value lowbit::matchSoftmax(Value weights) {
  unsigned rank = cast<RankedTensorType>(weights.getType()).getRank();
  Element quotient = skipCasts(traceElement(weights));
  if (auto softmax = quotient.value.getDefiningOp<linalg::SoftmaxOp>()) {
    bool isWhole = !quotient.scope && quotient.map.isIdentity();
    return isWhole && softmax.getDimension() + 1 == rank ? softmax.getInput()
                                                         : Value();
  }
  if (!isa_and_nonnull<arith::DivFOp>(quotient.getOp()))
    return nullptr;
  Element power = getUncastOperand(quotient, 0);
  if (!isa_and_nonnull<math::ExpOp>(power.getOp()))
    return nullptr;
  Element difference = getUncastOperand(power, 0);
  if (!isa_and_nonnull<arith::SubFOp>(difference.getOp()))
    return nullptr;
  Value powers =
      matchRowReduction<arith::AddFOp>(getUncastOperand(quotient, 1), rank);
  Value scores = matchRowReduction<arith::MaximumFOp, arith::MaxNumFOp>(
      getUncastOperand(difference, 1), rank);
  if (!powers || !scores || !(skipCasts(traceElement(powers)) == power) ||
      !(skipCasts(traceElement(scores)) == getUncastOperand(difference, 0)))
    return nullptr;
  return scores;
}
