//===- BFloatInputs.cpp - layers computed in bf16 -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BFloatInputs.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace lowbit;

/// `input` with each number rounded to bf16.
static Value buildRounding(ImplicitLocOpBuilder &b, Value input) {
  auto type = cast<RankedTensorType>(input.getType());
  Value init = tensor::EmptyOp::create(
      b, tensor::getMixedSizes(b, b.getLoc(), input), b.getBF16Type());
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  auto body = [](OpBuilder &builder, Location loc, ValueRange values) {
    Value number = values[0];
    if (number.getType().isF16())
      number =
          arith::ExtFOp::create(builder, loc, builder.getF32Type(), number);
    Value rounded =
        arith::TruncFOp::create(builder, loc, builder.getBF16Type(), number);
    linalg::YieldOp::create(builder, loc, rounded);
  };
  return linalg::GenericOp::create(b, init.getType(), input, init, maps, loops,
                                   body)
      .getResult(0);
}

/// The type of `global` with numbers of bf16.
static QuantizedTensorType getBFloatType(GlobalOp global) {
  auto type = cast<QuantizedTensorType>(global.getType());
  return QuantizedTensorType::get(type.getShape(),
                                  BFloat16Type::get(type.getContext()),
                                  type.getEncoding(), type.getLayout());
}

/// A second global with the data of `global`.
static GlobalOp createCopy(ModuleOp module, GlobalOp global) {
  OpBuilder builder(global);
  auto copy = cast<GlobalOp>(builder.clone(*global));
  std::string name = (global.getSymName() + ".bf16").str();
  for (unsigned i = 0; module.lookupSymbol(name); ++i)
    name = (global.getSymName() + ".bf16." + Twine(i)).str();
  copy.setSymName(name);
  return copy;
}

/// Lets the weights of `layers` be bf16: in place where nothing else reads
/// them.
static void expressWeights(ModuleOp module, ArrayRef<LinearOp> layers) {
  llvm::DenseSet<Operation *> chosen(layers.begin(), layers.end());
  llvm::DenseSet<StringAttr> shared;
  module.walk([&](WeightOp weight) {
    for (Operation *user : weight->getUsers())
      if (!chosen.contains(user))
        shared.insert(weight.getGlobalAttr().getAttr());
  });
  llvm::DenseMap<GlobalOp, GlobalOp> targets;
  for (LinearOp op : layers) {
    auto weight = op.getWeight().getDefiningOp<WeightOp>();
    GlobalOp source = weight.getGlobalOp(), &target = targets[source];
    if (!target) {
      target = source;
      if (shared.contains(source.getSymNameAttr()))
        target = createCopy(module, source);
      target.setType(getBFloatType(source));
    }
    OpBuilder builder(op);
    op.getWeightMutable().assign(WeightOp::create(
        builder, weight.getLoc(), target.getType(), target.getSymName()));
    if (weight.use_empty())
      weight.erase();
  }
}

void lowbit::computeInBFloat(ModuleOp module, ArrayRef<LinearOp> layers) {
  SmallVector<LinearOp> chosen;
  llvm::copy_if(layers, std::back_inserter(chosen), [](LinearOp op) {
    return isa<RankedTensorType>(op.getInput().getType()) &&
           isa<QuantizedTensorType>(op.getWeight().getType()) &&
           op.getWeight().getDefiningOp<WeightOp>();
  });
  llvm::DenseMap<std::pair<Value, Block *>, Value> rounded;
  for (LinearOp op : chosen) {
    if (getElementTypeOrSelf(op.getInput().getType()).isBF16())
      continue;
    Value &value = rounded[{op.getInput(), op->getBlock()}];
    if (!value) {
      ImplicitLocOpBuilder b(op.getLoc(), op);
      value = buildRounding(b, op.getInput());
    }
    op.getInputMutable().assign(value);
  }
  expressWeights(module, chosen);
}
