//===- LayerAdjoints.cpp - gradients through layers -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GradientUtils.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Adjoints.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

/// W [N, K] as a weight [K, N]. One that is stored so, behind a transpose, is
/// taken from before it.
static Value transposeWeight(OpBuilder &b, Location loc, Value weight) {
  auto transpose = weight.getDefiningOp<linalg::TransposeOp>();
  if (transpose && transpose.getPermutation() == ArrayRef<int64_t>{1, 0})
    return transpose.getInput();
  auto type = cast<RankedTensorType>(weight.getType());
  Value init = tensor::EmptyOp::create(
      b, loc, {type.getDimSize(1), type.getDimSize(0)}, type.getElementType());
  return linalg::TransposeOp::create(b, loc, weight, init,
                                     ArrayRef<int64_t>{1, 0})
      ->getResult(0);
}

/// y = x W^T + b + r: the gradient of x is that of y, times W.
static void differentiateLinear(LinearOp op, Gradients &gradients) {
  OpBuilder &b = gradients.builder;
  Value gradient = gradients.get(op.getResult());
  if (op.getResidual())
    gradients.add(op.getResidual(), gradient);
  if (!gradients.isActive(op.getInput()))
    return;
  Value weight = transposeWeight(b, op.getLoc(), op.getWeight());
  gradients.add(op.getInput(),
                LinearOp::create(b, op.getLoc(), op.getInput().getType(),
                                 gradient, weight, /*bias=*/Value(),
                                 /*residual=*/Value(), ActivationAttr(),
                                 /*gated=*/false)
                    .getResult());
}

static std::string checkLinear(LinearOp op, const Activity &activity,
                               const AdjointRegistry &) {
  if (op.getActivation() || op.getGated())
    return "its activation is part of it; differentiate before lowbit-fuse";
  if (isa<QuantizedTensorType>(op.getWeight().getType()) ||
      isa<QuantizedTensorType>(op.getInput().getType()))
    return "it is quantized; gradients are those of the float model";
  if (activity.contains(op.getWeight()) ||
      (op.getBias() && activity.contains(op.getBias())))
    return "its weight or bias depends on another layer";
  return "";
}

void lowbit::populateLayerAdjoints(AdjointRegistry &registry) {
  registry.add<LinearOp>(differentiateLinear, checkLinear);
}
