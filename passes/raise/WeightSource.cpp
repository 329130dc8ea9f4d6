//===- WeightSource.cpp - the constant behind a value ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/WeightSource.h"

#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace lowbit;

bool lowbit::isRearrangement(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || !linalgOp.hasPureTensorSemantics() ||
      linalgOp.getNumDpsInputs() != 1 || linalgOp.getNumDpsInits() != 1 ||
      !linalgOp.isAllParallelLoops() ||
      !isa<RankedTensorType>(linalgOp.getDpsInputOperand(0)->get().getType()))
    return false;
  Value yielded = linalgOp.getBlock()->getTerminator()->getOperand(0);
  if (auto widened = yielded.getDefiningOp<arith::ExtFOp>())
    yielded = widened.getIn();
  return yielded == linalgOp.getBlock()->getArgument(0);
}

Operation *lowbit::getWeightSource(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (isa<WeightOp, arith::ConstantOp>(op))
      return op;
    if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp,
             tensor::ExtractSliceOp, arith::ExtFOp, PackOp, DequantizeOp,
             QuantizeOp>(op) &&
        !isRearrangement(op))
      return nullptr;
    value = op->getOperand(0);
  }
  return nullptr;
}

/// Whether a constant has numbers by row and column.
static bool isConstantMatrix(Operation *op) {
  auto type = dyn_cast<ShapedType>(op->getResult(0).getType());
  return isa<arith::ConstantOp>(op) && type && type.getRank() >= 2;
}

Operation *lowbit::findComputedWeight(Value value) {
  Operation *weight = nullptr;
  llvm::SetVector<Value> values;
  values.insert(value);
  for (size_t i = 0; i < values.size(); ++i) {
    Operation *op = values[i].getDefiningOp();
    if (!op || !isMemoryEffectFree(op))
      return nullptr;
    if (!weight && (isa<WeightOp>(op) || isConstantMatrix(op)))
      weight = op;
    values.insert_range(op->getOperands());
    getUsedValuesDefinedAbove(op->getRegions(), values);
  }
  return weight;
}

std::string lowbit::getWeightName(Operation *source) {
  std::string name;
  llvm::raw_string_ostream stream(name);
  if (auto weight = dyn_cast<WeightOp>(source))
    stream << '@' << weight.getGlobal();
  else if (auto location = source->getLoc()->findInstanceOf<NameLoc>())
    stream << location.getName().strref();
  else
    stream << "a constant";
  return name;
}

void lowbit::replaceSource(OpOperand &operand, Value value) {
  Operation *producer = operand.get().getDefiningOp();
  operand.set(value);
  while (producer && producer->use_empty() && isMemoryEffectFree(producer)) {
    Operation *next = producer->getNumOperands()
                          ? producer->getOperand(0).getDefiningOp()
                          : nullptr;
    producer->erase();
    producer = next;
  }
}
