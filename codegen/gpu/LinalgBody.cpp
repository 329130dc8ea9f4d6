//===- LinalgBody.cpp - bodies of operations in a kernel ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is computed for one point: the operations of a body, and scalars that
// the host would compute, which each thread computes instead.
//
//===----------------------------------------------------------------------===//

#include "Fills.h"
#include "LinalgKernel.h"
#include "lowbit/IR/LowbitGPUOps.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace lowbit;

SmallVector<Index> LinalgKernel::apply(AffineMap map, ArrayRef<Index> point) {
  std::function<Index(AffineExpr)> evaluate = [&](AffineExpr expr) -> Index {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      return point[dim.getPosition()];
    // Symbols follow the dimensions.
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
      return point[map.getNumDims() + symbol.getPosition()];
    if (auto number = dyn_cast<AffineConstantExpr>(expr))
      return indices.constant(number.getValue());
    auto binary = cast<AffineBinaryOpExpr>(expr);
    Index lhs = evaluate(binary.getLHS());
    std::optional<int64_t> number;
    if (auto rhs = dyn_cast<AffineConstantExpr>(binary.getRHS()))
      number = rhs.getValue();
    switch (binary.getKind()) {
    case AffineExprKind::FloorDiv:
      return indices.divide(lhs, *number);
    case AffineExprKind::Mod:
      return indices.remainder(lhs, *number);
    case AffineExprKind::Mul:
      return indices.multiply(lhs, evaluate(binary.getRHS()));
    default:
      return indices.add(lhs, evaluate(binary.getRHS()));
    }
  };
  return llvm::map_to_vector(map.getResults(), evaluate);
}

/// A dispatch between `load` and `op` that writes what is loaded, after which a
/// kernel would load another number; null if there is none.
static DispatchOp findOverwriting(memref::LoadOp load, Operation *op) {
  Value base = getBaseBuffer(load.getMemRef());
  Operation *end = load->getBlock()->findAncestorOpInBlock(*op);
  if (!end || base.getDefiningOp<memref::GetGlobalOp>())
    return {};
  for (Operation *next = load; next && next != end; next = next->getNextNode())
    if (auto dispatch = dyn_cast<DispatchOp>(next))
      if (llvm::is_contained(
              llvm::map_range(dispatch.getOutputs(), getBaseBuffer), base))
        return dispatch;
  return {};
}

/// A scalar of the host, computed again in the kernel.
LogicalResult LinalgKernel::copyFromHost(Value value) {
  if (mapping.contains(value) || isa<MemRefType>(value.getType()))
    return success();
  Operation *definition = value.getDefiningOp();
  if (!definition)
    return op->emitError("GPU kernels require scalars to come from buffers, "
                         "found an argument of type ")
           << value.getType();
  if (auto load = dyn_cast<memref::LoadOp>(definition))
    if (DispatchOp dispatch = findOverwriting(load, op)) {
      InFlightDiagnostic error =
          op->emitError("GPU kernels require numbers that a host would load to "
                        "be where they were, found one that ")
          << dispatch.getKernelAttr() << " overwrites";
      error.attachNote(load.getLoc()) << "it is loaded here";
      return failure();
    }
  for (Value operand : definition->getOperands())
    if (failed(copyFromHost(operand)))
      return failure();
  return copyOperation(*definition, {});
}

/// The least or largest of affine expressions, as signed numbers.
Value LinalgKernel::copyExtremum(Operation &inner) {
  auto minimum = dyn_cast<affine::AffineMinOp>(inner);
  AffineMap map = minimum ? minimum.getAffineMap()
                          : cast<affine::AffineMaxOp>(inner).getAffineMap();
  SmallVector<Index> operands =
      llvm::map_to_vector(inner.getOperands(), [&](Value value) {
        return indices.value(mapping.lookupOrDefault(value));
      });
  Value result;
  for (const Index &index : apply(map, operands)) {
    Value value = indices.materialize(index);
    if (!result)
      result = value;
    else if (minimum)
      result = arith::MinSIOp::create(b, result, value);
    else
      result = arith::MaxSIOp::create(b, result, value);
  }
  return result;
}

LogicalResult LinalgKernel::copyOperation(Operation &inner,
                                          ArrayRef<Index> point) {
  if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
    mapping.map(index.getResult(), indices.materialize(point[index.getDim()]));
    return success();
  }
  auto asIndices = [&](ValueRange values) {
    return llvm::map_to_vector(values, [&](Value value) {
      return indices.value(mapping.lookupOrDefault(value));
    });
  };
  if (auto affine = dyn_cast<affine::AffineApplyOp>(inner)) {
    Index index =
        apply(affine.getAffineMap(), asIndices(affine.getMapOperands()))
            .front();
    mapping.map(affine.getResult(), indices.materialize(index));
    return success();
  }
  if (isa<affine::AffineMinOp, affine::AffineMaxOp>(inner)) {
    mapping.map(inner.getResult(0), copyExtremum(inner));
    return success();
  }
  if (auto loaded = dyn_cast<memref::LoadOp>(inner)) {
    SmallVector<Index> at = asIndices(loaded.getIndices());
    mapping.map(loaded.getResult(), load(loaded.getMemRef(), at));
    return success();
  }
  return words.copy(inner);
}

FailureOr<SmallVector<Value>> LinalgKernel::copyBody(linalg::LinalgOp linalgOp,
                                                     ArrayRef<Index> point,
                                                     ValueRange inits) {
  Block *body = linalgOp.getBlock();
  for (OpOperand *input : linalgOp.getDpsInputOperands()) {
    BlockArgument argument = linalgOp.getMatchingBlockArgument(input);
    if (argument.use_empty())
      continue;
    if (!isa<MemRefType>(input->get().getType())) {
      if (failed(copyFromHost(input->get())))
        return failure();
      mapping.map(argument, mapping.lookup(input->get()));
      continue;
    }
    mapping.map(argument,
                load(input->get(),
                     apply(linalgOp.getMatchingIndexingMap(input), point)));
  }
  for (auto [init, value] :
       llvm::zip_equal(linalgOp.getRegionOutputArgs(), inits))
    if (value)
      mapping.map(init, value);
  for (Operation &inner : body->without_terminator()) {
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != body && failed(copyFromHost(operand)))
        return failure();
    if (failed(copyOperation(inner, point)))
      return failure();
  }
  SmallVector<Value> results;
  for (Value value : body->getTerminator()->getOperands()) {
    if (value.getParentBlock() != body && failed(copyFromHost(value)))
      return failure();
    results.push_back(mapping.lookupOrDefault(value));
  }
  return results;
}
