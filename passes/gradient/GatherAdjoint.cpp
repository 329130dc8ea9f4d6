//===- GatherAdjoint.cpp - gradients through gathers ----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A body that reads t[i(l), ...] from a tensor of its surroundings takes its
// elements from anywhere. Their gradients go back there one by one, in loops
// that carry the gradient of t.
//
//===----------------------------------------------------------------------===//

#include "GatherAdjoint.h"
#include "GradientUtils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace lowbit;
using mlir::linalg::LinalgOp;

/// Whether each dimension is a loop or the only place.
static bool isPlain(AffineMap map) {
  return llvm::all_of(map.getResults(), [](AffineExpr expr) {
    return isa<AffineDimExpr, AffineConstantExpr>(expr);
  });
}

std::string lowbit::checkGathers(LinalgOp op, const Activity &activity) {
  for (Operation &inner : *op.getBlock()) {
    auto extract = dyn_cast<tensor::ExtractOp>(inner);
    for (OpOperand &operand : inner.getOpOperands())
      if (activity.contains(operand.get()) &&
          (!extract || operand.get() != extract.getTensor()))
        return "its body reads what depends on a layer";
    SetVector<Value> captured;
    getUsedValuesDefinedAbove(inner.getRegions(), captured);
    if (llvm::any_of(captured,
                     [&](Value value) { return activity.contains(value); }))
      return "its body reads what depends on a layer";
  }
  if (!llvm::all_of(op.getIndexingMapsArray(), isPlain) ||
      op.getNumParallelLoops() != op.getNumLoops())
    return "it gathers what depends on a layer, and does not run over all "
           "elements of its result in parallel";
  return "";
}

namespace {
/// The loops of one operation.
class Scatter {
public:
  Scatter(LinalgOp op, Gradients &gradients)
      : op(op), gradients(gradients), b(gradients.builder), loc(op.getLoc()) {
    op.getBlock()->walk([&](tensor::ExtractOp extract) {
      if (gradients.isActive(extract.getTensor()))
        tensors.insert(extract.getTensor());
    });
  }

  void build();

private:
  SmallVector<Value> getExtents();
  Value read(Value tensor, AffineMap map, ValueRange loops);
  SmallVector<Value> buildBody(ValueRange loops, ValueRange sums);

  LinalgOp op;
  Gradients &gradients;
  OpBuilder &b;
  Location loc;
  SetVector<Value> tensors;
};
} // namespace

/// The loops' extents: all are dimensions of the first result.
SmallVector<Value> Scatter::getExtents() {
  SmallVector<Value> extents(op.getNumLoops());
  AffineMap map = op.getIndexingMapMatchingResult(op->getResult(0));
  for (auto [i, expr] : llvm::enumerate(map.getResults()))
    extents[cast<AffineDimExpr>(expr).getPosition()] =
        tensor::DimOp::create(b, loc, op->getResult(0), i);
  return extents;
}

Value Scatter::read(Value tensor, AffineMap map, ValueRange loops) {
  if (!isa<TensorType>(tensor.getType()))
    return tensor;
  SmallVector<Value> indices;
  for (AffineExpr expr : map.getResults()) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      indices.push_back(loops[dim.getPosition()]);
    else
      indices.push_back(arith::ConstantIndexOp::create(
          b, loc, cast<AffineConstantExpr>(expr).getValue()));
  }
  return tensor::ExtractOp::create(b, loc, tensor, indices);
}

/// One iteration: the gradients `sums` of `tensors` with what it adds to them.
SmallVector<Value> Scatter::buildBody(ValueRange loops, ValueRange sums) {
  IRMapping mapping;
  for (OpOperand &operand : op->getOpOperands())
    mapping.map(
        op.getMatchingBlockArgument(&operand),
        read(operand.get(), op.getMatchingIndexingMap(&operand), loops));
  SmallVector<Operation *> operations;
  SmallVector<tensor::ExtractOp> extracts;
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      mapping.map(index.getResult(), loops[index.getDim()]);
      continue;
    }
    operations.push_back(b.clone(inner, mapping));
    if (auto extract = dyn_cast<tensor::ExtractOp>(operations.back()))
      if (tensors.contains(extract.getTensor()))
        extracts.push_back(extract);
  }
  SmallVector<Value> sources, terms;
  for (tensor::ExtractOp extract : extracts)
    sources.push_back(extract);
  for (Value yielded : op.getBlock()->getTerminator()->getOperands())
    terms.push_back(mapping.lookupOrDefault(yielded));
  Activity activity(*b.getInsertionBlock(), sources, terms);
  Gradients inner(b, gradients.registry, activity);
  for (auto [i, term] : llvm::enumerate(terms))
    if (Value gradient = gradients.get(op->getResult(i)))
      inner.add(term,
                read(gradient,
                     op.getIndexingMapMatchingResult(op->getResult(i)), loops));
  // Elements that were read are where the way back ends in this iteration.
  llvm::erase_if(operations,
                 [&](Operation *op) { return isa<tensor::ExtractOp>(op); });
  inner.run(operations);
  SmallVector<Value> results(sums);
  for (tensor::ExtractOp extract : extracts) {
    Value gradient = inner.get(extract);
    if (!gradient)
      continue;
    size_t which = llvm::find(tensors, extract.getTensor()) - tensors.begin();
    Value old =
        tensor::ExtractOp::create(b, loc, results[which], extract.getIndices());
    Value sum = arith::AddFOp::create(b, loc, old, gradient);
    results[which] = tensor::InsertOp::create(b, loc, sum, results[which],
                                              extract.getIndices());
  }
  return results;
}

void Scatter::build() {
  SmallVector<Value> zeros, extents = getExtents();
  for (Value tensor : tensors)
    zeros.push_back(createZerosLike(b, loc, tensor));
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  SmallVector<Value> lower(extents.size(), zero), steps(extents.size(), one);
  scf::LoopNest nest = scf::buildLoopNest(
      b, loc, lower, extents, steps, zeros,
      [&](OpBuilder &inside, Location, ValueRange loops, ValueRange sums) {
        OpBuilder::InsertionGuard guard(b);
        b.restoreInsertionPoint(inside.saveInsertionPoint());
        return SmallVector<Value>(buildBody(loops, sums));
      });
  for (auto [tensor, gradient] : llvm::zip_equal(tensors, nest.results))
    gradients.add(tensor, gradient);
}

void lowbit::differentiateGathers(LinalgOp op, Gradients &gradients) {
  Scatter(op, gradients).build();
}
