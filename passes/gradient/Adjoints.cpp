//===- Adjoints.cpp - the course of a backward pass -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/Adjoints.h"
#include "GradientUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Activity
//===----------------------------------------------------------------------===//

/// Operands, and what regions read from outside.
static llvm::SetVector<Value> getInputs(Operation *op) {
  llvm::SetVector<Value> inputs;
  getUsedValuesDefinedAbove(op->getRegions(), inputs);
  inputs.insert(op->operand_begin(), op->operand_end());
  return inputs;
}

static bool isFloat(Value value) {
  return isa<FloatType>(getElementTypeOrSelf(value.getType()));
}

Activity::Activity(Block &block, ArrayRef<Value> sources,
                   ArrayRef<Value> targets) {
  llvm::DenseSet<Value> varied(sources.begin(), sources.end());
  for (Operation &op : block)
    if (llvm::any_of(getInputs(&op),
                     [&](Value value) { return varied.contains(value); }))
      for (Value result : op.getResults())
        if (isFloat(result))
          varied.insert(result);
  auto use = [&](Value value) {
    if (varied.contains(value))
      active.insert(value);
  };
  llvm::for_each(targets, use);
  for (Operation &op : llvm::reverse(block))
    if (llvm::any_of(op.getResults(),
                     [&](Value value) { return active.contains(value); }))
      llvm::for_each(getInputs(&op), use);
}

bool Activity::passesThrough(Operation *op) const {
  return llvm::any_of(op->getResults(),
                      [&](Value value) { return contains(value); }) &&
         llvm::any_of(getInputs(op),
                      [&](Value value) { return contains(value); });
}

bool Activity::isCaptured(Operation *op) const {
  llvm::SetVector<Value> inputs;
  getUsedValuesDefinedAbove(op->getRegions(), inputs);
  return llvm::any_of(inputs, [&](Value value) { return contains(value); });
}

//===----------------------------------------------------------------------===//
// Gradients
//===----------------------------------------------------------------------===//

void Gradients::add(Value value, Value gradient) {
  if (!isActive(value))
    return;
  Location loc = gradient.getLoc();
  if (gradient.getType() != value.getType())
    gradient = tensor::CastOp::create(builder, loc, value.getType(), gradient);
  Value &sum = known[value];
  if (!sum)
    sum = gradient;
  else if (isa<FloatType>(value.getType()))
    sum = arith::AddFOp::create(builder, loc, sum, gradient);
  else
    sum = addTensors(builder, loc, sum, gradient);
}

void Gradients::run(ArrayRef<Operation *> operations) {
  for (Operation *op : llvm::reverse(operations))
    if (activity.passesThrough(op) &&
        llvm::any_of(op->getResults(),
                     [&](Value result) { return get(result) != nullptr; }))
      registry.build(op, *this);
}

//===----------------------------------------------------------------------===//
// AdjointRegistry
//===----------------------------------------------------------------------===//

const AdjointRegistry::Entry *AdjointRegistry::lookup(Operation *op) const {
  for (const Entry &entry : llvm::reverse(entries))
    if (entry.matches(op))
      return &entry;
  return nullptr;
}

std::string AdjointRegistry::explain(Operation *op,
                                     const Activity &activity) const {
  const Entry *entry = lookup(op);
  if (!entry)
    return "it has no adjoint";
  return entry->check ? entry->check(op, activity, *this) : "";
}

void AdjointRegistry::build(Operation *op, Gradients &gradients) const {
  lookup(op)->build(op, gradients);
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

Value lowbit::createEmptyLike(OpBuilder &builder, Location loc, Value value) {
  return tensor::EmptyOp::create(builder, loc,
                                 tensor::getMixedSizes(builder, loc, value),
                                 getElementTypeOrSelf(value.getType()));
}

Value lowbit::createZerosLike(OpBuilder &builder, Location loc, Value value) {
  Value init = createEmptyLike(builder, loc, value);
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(getElementTypeOrSelf(value.getType())));
  return linalg::FillOp::create(builder, loc, zero, init).getResult(0);
}

Value lowbit::addTensors(OpBuilder &builder, Location loc, Value a, Value b) {
  int64_t rank = cast<RankedTensorType>(a.getType()).getRank();
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  Value init = createEmptyLike(builder, loc, a);
  Value sum = linalg::GenericOp::create(
                  builder, loc, init.getType(), ValueRange{a, b}, init,
                  ArrayRef{identity, identity, identity}, loops,
                  [](OpBuilder &b, Location loc, ValueRange values) {
                    Value sum =
                        arith::AddFOp::create(b, loc, values[0], values[1]);
                    linalg::YieldOp::create(b, loc, sum);
                  })
                  .getResult(0);
  return sum.getType() == a.getType()
             ? sum
             : tensor::CastOp::create(builder, loc, a.getType(), sum);
}
