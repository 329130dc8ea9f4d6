//===- ResidualStream.cpp - what layers add to ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/ResidualStream.h"
#include "lowbit/Transforms/Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

namespace {
/// What is added to a tensor in an elementwise op.
struct Addition {
  Value result, other;
  /// Whether `other` has a number for each number of the tensor.
  bool isWhole;
};
} // namespace

/// The addition that `use` is an operand of, if its user does nothing else.
static std::optional<Addition> matchAddition(OpOperand &use) {
  auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
  BlockArgument own = getElement(use);
  if (!op || !own || op->getNumResults() != 1 || op.getNumDpsInputs() != 2)
    return std::nullopt;
  auto add = own.hasOneUse() ? dyn_cast<arith::AddFOp>(*own.user_begin())
                             : arith::AddFOp();
  if (!add || op.getBlock()->getTerminator()->getOperand(0) != add.getResult())
    return std::nullopt;
  Value scalar = add.getLhs() == own ? add.getRhs() : add.getLhs();
  auto argument = dyn_cast<BlockArgument>(scalar);
  if (!argument || argument.getOwner() != op.getBlock())
    return std::nullopt;
  OpOperand *other = op.getMatchingOpOperand(argument);
  if (!op.isDpsInput(other) || other == &use)
    return std::nullopt;
  return Addition{op->getResult(0), other->get(),
                  op.getMatchingIndexingMap(other).isIdentity()};
}

Value lowbit::findResidual(LinearOp layer) {
  Value value = layer.getResult();
  while (value.hasOneUse()) {
    OpOperand &use = *value.use_begin();
    if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
            use.getOwner())) {
      value = use.getOwner()->getResult(0);
      continue;
    }
    std::optional<Addition> addition = matchAddition(use);
    if (!addition)
      return {};
    if (addition->isWhole)
      return addition->other;
    value = addition->result;
  }
  return {};
}
