//===- SlicedOperands.cpp - epilogues on slices that steps read -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SlicedOperands.h"
#include "lowbit/Reference/Activation.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

/// Whether `value` is a slice whose place is known when the model runs.
static bool isPlacedAtRun(Value value) {
  while (Operation *view = value ? value.getDefiningOp() : nullptr) {
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(view);
        slice && !slice.getOffsets().empty())
      return true;
    if (!isa<tensor::ExtractSliceOp, tensor::ExpandShapeOp,
             tensor::CollapseShapeOp>(view))
      return false;
    value = view->getOperand(0);
  }
  return false;
}

/// The bias of a layer with a single row in the shape of its result, if it is a
/// view of that; null if not. (Fusion would go on with the view's shape.)
static Value findRow(LinearOp op) {
  auto view = op.getBias().getDefiningOp<tensor::CollapseShapeOp>();
  return view && view.getSrcType() == op.getType() ? view.getSrc() : Value();
}

/// activation(product + bias) + residual.
static Value buildEpilogue(OpBuilder &b, LinearOp op, Value product) {
  Location loc = op.getLoc();
  unsigned rank = op.getType().getRank();
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  SmallVector<Value> inputs{product};
  SmallVector<AffineMap> maps{identity};
  if (op.getBias()) {
    Value row = findRow(op);
    inputs.push_back(row ? row : op.getBias());
    maps.push_back(
        row ? identity
            : AffineMap::getMinorIdentityMap(rank, 1, b.getContext()));
  }
  if (op.getResidual()) {
    inputs.push_back(op.getResidual());
    maps.push_back(identity);
  }
  maps.push_back(identity);
  auto buildBody = [&](OpBuilder &b, Location loc, ValueRange values) {
    Value result = values.front();
    if (op.getBias())
      result = arith::AddFOp::create(b, loc, result, values[1]);
    if (ActivationAttr activation = op.getActivationAttr())
      result = buildActivation(b, loc, activation, result);
    if (op.getResidual())
      result = arith::AddFOp::create(b, loc, result, values.drop_back().back());
    linalg::YieldOp::create(b, loc, result);
  };
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  Value init =
      tensor::EmptyOp::create(b, loc, op.getType().getShape(), b.getF32Type());
  return linalg::GenericOp::create(b, loc, op.getType(), inputs, init, maps,
                                   loops, buildBody)
      .getResult(0);
}

LinearOp lowbit::separateSlicedOperands(LinearOp op) {
  auto isF32 = [](Value value) {
    return !value || getElementTypeOrSelf(value.getType()).isF32();
  };
  if (op.getGated() || !op.getType().hasStaticShape() ||
      !isF32(op.getResult()) || !isF32(op.getBias()) ||
      !isF32(op.getResidual()) ||
      (!isPlacedAtRun(op.getBias()) && !isPlacedAtRun(op.getResidual())))
    return op;
  OpBuilder b(op);
  auto product = LinearOp::create(b, op.getLoc(), op.getType(), op.getInput(),
                                  op.getWeight(), /*bias=*/Value(),
                                  /*residual=*/Value(), ActivationAttr(),
                                  /*gated=*/UnitAttr());
  op.getResult().replaceAllUsesWith(buildEpilogue(b, op, product));
  op.erase();
  return product;
}
