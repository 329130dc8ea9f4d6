//===- WeightView.cpp - a weight as an operand of a contraction -----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightView.h"

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/WeightSource.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace lowbit;

using Loops = SmallVector<int64_t, 4>;

int64_t WeightView::getExtent(int64_t loop) const {
  auto type = cast<RankedTensorType>(root.getType());
  for (auto [dimension, other] : llvm::enumerate(loops))
    if (other == loop)
      return type.getDimSize(dimension);
  return 0;
}

//===----------------------------------------------------------------------===//
// Looking through producers
//===----------------------------------------------------------------------===//

/// Loops of the dimensions of a source that `map` reads for a result whose
/// dimensions run with `loops`.
static std::optional<Loops> throughMap(AffineMap map, ArrayRef<int64_t> loops) {
  Loops result;
  for (AffineExpr expression : map.getResults()) {
    if (auto dimension = dyn_cast<AffineDimExpr>(expression))
      result.push_back(loops[dimension.getPosition()]);
    else if (isa<AffineConstantExpr>(expression))
      result.push_back(kNoLoop);
    else
      return std::nullopt;
  }
  return result;
}

/// The position in `shape` of the one extent that isn't 1 within `group`, its
/// last element where all are 1; nothing where several aren't.
static std::optional<int64_t> findExtent(ArrayRef<int64_t> shape,
                                         ArrayRef<int64_t> group) {
  int64_t found = group.back(), count = 0;
  for (int64_t dimension : group)
    if (shape[dimension] != 1) {
      found = dimension;
      ++count;
    }
  if (count > 1)
    return std::nullopt;
  return found;
}

static std::optional<Loops> throughCollapse(tensor::CollapseShapeOp op,
                                            ArrayRef<int64_t> loops) {
  Loops result(op.getSrcType().getRank(), kNoLoop);
  for (auto [dimension, group] :
       llvm::enumerate(op.getReassociationIndices())) {
    auto kept = findExtent(op.getSrcType().getShape(), group);
    if (!kept)
      return std::nullopt;
    result[*kept] = loops[dimension];
  }
  return result;
}

static std::optional<Loops> throughExpand(tensor::ExpandShapeOp op,
                                          ArrayRef<int64_t> loops) {
  Loops result;
  for (ArrayRef<int64_t> group : op.getReassociationIndices()) {
    auto kept = findExtent(op.getResultType().getShape(), group);
    if (!kept)
      return std::nullopt;
    result.push_back(loops[*kept]);
  }
  return result;
}

/// Loops of the operand's dimensions for those of the op's result.
static std::optional<Loops> throughProducer(Operation *op,
                                            ArrayRef<int64_t> loops) {
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return throughCollapse(collapse, loops);
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return throughExpand(expand, loops);
  if (!isRearrangement(op))
    return std::nullopt;
  auto linalgOp = cast<linalg::LinalgOp>(op);
  AffineMap output =
      linalgOp.getMatchingIndexingMap(linalgOp.getDpsInitOperand(0));
  AffineMap inverse = inversePermutation(output);
  if (!inverse)
    return std::nullopt;
  AffineMap input =
      linalgOp.getMatchingIndexingMap(linalgOp.getDpsInputOperand(0));
  return throughMap(input.compose(inverse), loops);
}

std::optional<WeightView> lowbit::viewWeight(Value operand, AffineMap map) {
  Operation *source = getWeightSource(operand);
  auto type = dyn_cast<RankedTensorType>(operand.getType());
  if (!source || !type || !type.hasStaticShape())
    return std::nullopt;
  Loops identity = llvm::to_vector<4>(llvm::seq<int64_t>(0, map.getNumDims()));
  std::optional<Loops> loops = throughMap(map, identity);
  if (!loops)
    return std::nullopt;
  while (operand.getDefiningOp() != source) {
    Operation *producer = operand.getDefiningOp();
    std::optional<Loops> next = throughProducer(producer, *loops);
    auto inner = dyn_cast<RankedTensorType>(producer->getOperand(0).getType());
    if (!next || !inner || !inner.hasStaticShape())
      break;
    loops = next;
    operand = producer->getOperand(0);
  }
  return WeightView{operand, *loops};
}

//===----------------------------------------------------------------------===//
// Building the matrix
//===----------------------------------------------------------------------===//

Value lowbit::transposed(OpBuilder &builder, Location loc, Value value,
                         ArrayRef<int64_t> permutation) {
  if (llvm::is_sorted(permutation))
    return value;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, value);
  SmallVector<OpFoldResult> permuted = applyPermutation(sizes, permutation);
  Value init = tensor::EmptyOp::create(
      builder, loc, permuted,
      cast<RankedTensorType>(value.getType()).getElementType());
  return linalg::TransposeOp::create(builder, loc, value, init, permutation)
      ->getResult(0);
}

Value lowbit::collapsed(OpBuilder &builder, Location loc, Value value,
                        ArrayRef<int64_t> sizes) {
  if (llvm::all_of(sizes, [](int64_t size) { return size == 1; }))
    return value;
  SmallVector<ReassociationIndices> groups;
  int64_t next = 0;
  for (int64_t size : sizes) {
    groups.push_back(llvm::to_vector<2>(llvm::seq(next, next + size)));
    next += size;
  }
  return tensor::CollapseShapeOp::create(builder, loc, value, groups);
}

/// The root without the dimensions that no loop runs with; `loops` loses them
/// too.
static Value dropUnits(OpBuilder &builder, Location loc, const WeightView &view,
                       Loops &loops) {
  SmallVector<int64_t> sizes;
  int64_t pending = 0;
  for (int64_t loop : view.loops) {
    ++pending;
    if (loop == kNoLoop)
      continue;
    sizes.push_back(pending);
    loops.push_back(loop);
    pending = 0;
  }
  sizes.back() += pending;
  return collapsed(builder, loc, view.root, sizes);
}

Value lowbit::materializeMatrix(OpBuilder &builder, Location loc,
                                const WeightView &view,
                                ArrayRef<int64_t> rowLoops,
                                ArrayRef<int64_t> columnLoops) {
  Loops loops;
  Value value = dropUnits(builder, loc, view, loops);
  // Stored as [columns..., rows...]: the transposition is one of a matrix,
  // which is read through.
  SmallVector<int64_t> sizes{static_cast<int64_t>(columnLoops.size()),
                             static_cast<int64_t>(rowLoops.size())};
  if (llvm::equal(loops, llvm::concat<const int64_t>(columnLoops, rowLoops)))
    return transposed(builder, loc, collapsed(builder, loc, value, sizes),
                      {1, 0});
  SmallVector<int64_t> permutation;
  for (int64_t loop : llvm::concat<const int64_t>(rowLoops, columnLoops))
    permutation.push_back(llvm::find(loops, loop) - loops.begin());
  value = transposed(builder, loc, value, permutation);
  return collapsed(builder, loc, value,
                   {static_cast<int64_t>(rowLoops.size()),
                    static_cast<int64_t>(columnLoops.size())});
}
