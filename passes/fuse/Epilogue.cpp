//===- Epilogue.cpp - what follows a linear layer -------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Epilogue.h"
#include "MatchActivation.h"
#include "ScalarCone.h"

#include "lowbit/Transforms/WeightSource.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Additions
//===----------------------------------------------------------------------===//

/// The addition of `element`, which an elementwise op has, to a tensor's.
static std::optional<AddedTensor> findAdditionOf(BlockArgument element) {
  if (!element || !element.hasOneUse())
    return std::nullopt;
  auto sum = dyn_cast<arith::AddFOp>(*element.getUsers().begin());
  if (!sum)
    return std::nullopt;
  Value other = sum.getLhs() == element ? sum.getRhs() : sum.getLhs();
  auto argument = dyn_cast<BlockArgument>(other);
  auto user = cast<linalg::LinalgOp>(sum->getParentOp());
  if (!argument || argument.getOwner() != user.getBlock())
    return std::nullopt;
  OpOperand *operand = user.getMatchingOpOperand(argument);
  return AddedTensor{user,
                     sum.getResult(),
                     operand->get(),
                     user.getMatchingIndexingMap(operand),
                     {}};
}

/// The use of `value`, if there is one, in the block of what computes it.
static OpOperand *getOnlyUse(Value value) {
  if (!value.hasOneUse())
    return nullptr;
  OpOperand &use = *value.use_begin();
  bool isNear = use.getOwner()->getBlock() == value.getParentBlock();
  return isNear ? &use : nullptr;
}

std::optional<AddedTensor> lowbit::findAddition(LinearOp op) {
  OpOperand *use = getOnlyUse(op.getResult());
  return use ? findAdditionOf(getElement(*use)) : std::nullopt;
}

std::optional<AddedTensor> lowbit::findReshapedAddition(LinearOp op) {
  SmallVector<RowReshape> reshapes;
  OpOperand *use = getOnlyUse(op.getResult());
  while (use) {
    std::optional<RowReshape> reshape = RowReshape::get(use->getOwner());
    if (!reshape)
      break;
    reshapes.push_back(*reshape);
    use = getOnlyUse(use->getOwner()->getResult(0));
  }
  if (!use)
    return std::nullopt;
  BlockArgument element = getElement(*use);
  if (!element) {
    std::optional<RowReshape> reshape = RowReshape::ofUnitLoops(*use);
    if (!reshape)
      return std::nullopt;
    reshapes.push_back(*reshape);
    element =
        cast<linalg::LinalgOp>(use->getOwner()).getMatchingBlockArgument(use);
  }
  std::optional<AddedTensor> added = findAdditionOf(element);
  if (added)
    added->reshapes = std::move(reshapes);
  return added;
}

bool lowbit::isAddedAmongOthers(LinearOp op) {
  if (op->use_empty() || op->hasOneUse())
    return false;
  return llvm::any_of(op->getUses(), [](OpOperand &use) {
    BlockArgument element = getElement(use);
    return element &&
           llvm::any_of(element.getUsers(), llvm::IsaPred<arith::AddFOp>);
  });
}

/// How a rearrangement's source is read when its result is read by `map`; null
/// where that is no affine map of the loops.
static AffineMap throughRearrangement(linalg::LinalgOp op, AffineMap map) {
  AffineMap output = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  AffineMap inverse = inversePermutation(output);
  if (!inverse)
    return {};
  AffineMap input = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  return input.compose(inverse).compose(map);
}

std::optional<VectorView> lowbit::findVector(Value tensor, AffineMap map,
                                             int64_t size) {
  while (Operation *op = tensor.getDefiningOp()) {
    if (!isRearrangement(op))
      break;
    AffineMap next = throughRearrangement(cast<linalg::LinalgOp>(op), map);
    if (!next)
      break;
    tensor = op->getOperand(0);
    map = next;
  }
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type || type.getRank() == 0 || map.getNumDims() == 0)
    return std::nullopt;
  std::optional<int64_t> found;
  AffineExpr innermost =
      getAffineDimExpr(map.getNumDims() - 1, map.getContext());
  for (auto [dimension, expression] : llvm::enumerate(map.getResults())) {
    if (expression == innermost && type.getDimSize(dimension) == size)
      found = dimension;
    else if (type.getDimSize(dimension) != 1)
      return std::nullopt;
  }
  if (!found)
    return std::nullopt;
  return VectorView{tensor, *found};
}

Value lowbit::materializeVector(OpBuilder &builder, Location loc,
                                const VectorView &vector) {
  auto type = cast<RankedTensorType>(vector.tensor.getType());
  if (type.getRank() == 1)
    return vector.tensor;
  ReassociationIndices all =
      llvm::to_vector<2>(llvm::seq<int64_t>(0, type.getRank()));
  return tensor::CollapseShapeOp::create(builder, loc, vector.tensor,
                                         ArrayRef<ReassociationIndices>{all});
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

std::optional<FoundActivation> lowbit::findActivation(LinearOp op) {
  ScalarCone cone(op.getResult());
  std::optional<FoundActivation> shared;
  for (Value root : llvm::reverse(cone.getScalars())) {
    if (root.getType() != op.getType().getElementType())
      continue;
    auto activation = matchActivation(op.getContext(), cone.getAlgebra(),
                                      cone.getFunction(root));
    if (!activation)
      continue;
    if (cone.isUsedOnlyFor(root))
      return FoundActivation{*activation, root, /*isShared=*/false};
    if (!shared)
      shared = FoundActivation{*activation, root, /*isShared=*/true};
  }
  return shared;
}

//===----------------------------------------------------------------------===//
// Replacement
//===----------------------------------------------------------------------===//

/// The ops of `body` that its terminator needs when `known` needs none, in
/// order, and the block arguments that these use.
static SetVector<Operation *> collectNeeded(Block *body, Value known,
                                            DenseSet<Value> &arguments) {
  SetVector<Operation *> needed;
  SmallVector<Value> pending(body->getTerminator()->getOperands());
  while (!pending.empty()) {
    Value value = pending.pop_back_val();
    if (value == known)
      continue;
    Operation *op = value.getDefiningOp();
    if (!op)
      arguments.insert(value);
    else if (op->getBlock() == body && needed.insert(op))
      llvm::append_range(pending, op->getOperands());
  }
  return needed;
}

/// Whether `value` is a layer's result or computed by an elementwise op.
static bool isComputedElementwise(Value value) {
  if (value.getDefiningOp<LinearOp>())
    return true;
  auto op = value.getDefiningOp<linalg::LinalgOp>();
  return op && isElementwiseOnTensors(op);
}

/// `op` with `tensor` as one more input whose element stands for `scalar`, and
/// without the inputs that aren't needed then.
static linalg::GenericOp rebuild(RewriterBase &rewriter, linalg::LinalgOp op,
                                 Value scalar, Value tensor) {
  Block *body = op.getBlock();
  DenseSet<Value> arguments;
  SetVector<Operation *> needed = collectNeeded(body, scalar, arguments);
  SmallVector<Value> inputs, kept, inits;
  SmallVector<AffineMap> maps;
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (!arguments.contains(argument))
      continue;
    kept.push_back(argument);
    inputs.push_back(input->get());
    maps.push_back(op.getMatchingIndexingMap(input));
  }
  inputs.push_back(tensor);
  maps.push_back(rewriter.getMultiDimIdentityMap(op.getNumLoops()));
  for (OpOperand &init : op.getDpsInitsMutable()) {
    // A shape may come from what is about to die.
    bool isComputed = isComputedElementwise(init.get());
    bool hasType = init.get().getType() == tensor.getType();
    inits.push_back(isComputed && hasType ? tensor : init.get());
    maps.push_back(op.getMatchingIndexingMap(&init));
  }
  return linalg::GenericOp::create(
      rewriter, op.getLoc(), op->getResultTypes(), inputs, inits, maps,
      op.getIteratorTypesArray(),
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        IRMapping mapping;
        mapping.map(kept, args.take_front(kept.size()));
        mapping.map(scalar, args[kept.size()]);
        for (Operation &inner : *body)
          if (needed.contains(&inner))
            builder.clone(inner, mapping);
        SmallVector<Value> results;
        for (Value value : body->getTerminator()->getOperands())
          results.push_back(mapping.lookupOrDefault(value));
        linalg::YieldOp::create(builder, loc, results);
      });
}

void lowbit::replaceScalar(RewriterBase &rewriter, Value scalar, Value tensor) {
  auto op = cast<linalg::LinalgOp>(scalar.getParentBlock()->getParentOp());
  bool isWhole = op->getNumResults() == 1 &&
                 op->getResult(0).getType() == tensor.getType() &&
                 op.getBlock()->getTerminator()->getOperand(0) == scalar;
  if (isWhole)
    rewriter.replaceOp(op, tensor);
  else
    rewriter.replaceOp(op, rebuild(rewriter, op, scalar, tensor));
}
