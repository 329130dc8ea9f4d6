//===- WidenBoundary.cpp - what scripts hand over -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WidenBoundary.h"
#include "lowbit/Transforms/Cache.h"
#include "lowbit/Transforms/Elementwise.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseSet.h"

using namespace lowbit;

/// The type of a caller's tensor for one of 16-bit floats; null for others.
static mlir::RankedTensorType getWideType(mlir::Type type) {
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  if (!tensor || !llvm::isa<mlir::Float16Type, mlir::BFloat16Type>(
                     tensor.getElementType()))
    return {};
  return tensor.clone(mlir::Float32Type::get(type.getContext()));
}

/// Rounds an input that callers give in f32.
static void widenInput(mlir::BlockArgument input, mlir::OpBuilder &b) {
  mlir::RankedTensorType wide = getWideType(input.getType());
  if (!wide)
    return;
  auto own = llvm::cast<mlir::RankedTensorType>(input.getType());
  llvm::SmallVector<mlir::OpOperand *> uses;
  for (mlir::OpOperand &use : input.getUses())
    uses.push_back(&use);
  input.setType(wide);
  mlir::Value rounded =
      convertFloats(b, input.getLoc(), input, own.getElementType());
  for (mlir::OpOperand *use : uses)
    use->set(rounded);
}

static void widen(mlir::func::FuncOp function) {
  mlir::Block &body = function.getBody().front();
  llvm::SmallDenseSet<int64_t> states;
  auto b = mlir::OpBuilder::atBlockBegin(&body);
  for (mlir::BlockArgument input : body.getArguments()) {
    auto state = function.getArgAttrOfType<mlir::IntegerAttr>(
        input.getArgNumber(), kStateAttrName);
    if (state)
      states.insert(state.getInt());
    else
      widenInput(input, b);
  }
  llvm::SmallVector<mlir::Type> results(function.getResultTypes());
  function.walk([&](mlir::func::ReturnOp end) {
    b.setInsertionPoint(end);
    for (mlir::OpOperand &output : end->getOpOperands()) {
      mlir::RankedTensorType wide = getWideType(output.get().getType());
      if (!wide || states.contains(output.getOperandNumber()))
        continue;
      output.set(convertFloats(b, end.getLoc(), output.get(), b.getF32Type()));
      results[output.getOperandNumber()] = wide;
    }
  });
  function.setFunctionType(b.getFunctionType(body.getArgumentTypes(), results));
}

void lowbit::widenBoundary(mlir::ModuleOp packed) {
  for (auto function : packed.getOps<mlir::func::FuncOp>())
    if (function.isPublic() && !function.isExternal())
      widen(function);
}
