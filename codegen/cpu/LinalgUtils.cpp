//===- LinalgUtils.cpp - questions about linalg ops -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgUtils.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

bool lowbit::hasCostlyBody(linalg::LinalgOp op) {
  return llvm::any_of(op.getBlock()->getOperations(), [](Operation &inner) {
    if (isa<math::AbsFOp, math::FmaOp, math::CopySignOp>(inner))
      return false;
    return isa<arith::DivFOp, arith::RemFOp, tensor::ExtractOp>(inner) ||
           isa_and_nonnull<math::MathDialect>(inner.getDialect());
  });
}

bool lowbit::isContraction(linalg::LinalgOp op) {
  if (isa<linalg::ContractOp>(op.getOperation()))
    return true;
  // Exactly a product and a sum of floats: what a fused multiply-add computes.
  Block::OpListType &body = op.getBlock()->getOperations();
  if (body.size() != 3 || !isa<arith::MulFOp>(body.front()) ||
      !isa<arith::AddFOp>(*std::next(body.begin())) ||
      !linalg::isaContractionOpInterface(op))
    return false;
  // Without rows and columns, dot products alone, it is a reduction.
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  if (failed(dims) || (dims->m.empty() && dims->n.empty()))
    return false;
  if (!dims->m.empty() && !dims->n.empty())
    return true;
  // Several dimensions of one side and none of the other: a depthwise
  // convolution, which has no outer products.
  if (dims->m.size() + dims->n.size() != 1)
    return false;
  // A vector times a matrix whose rows memory runs along: as many dot products.
  unsigned row = dims->m.empty() ? dims->n.front() : dims->m.front();
  return llvm::none_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    return map.isFunctionOfDim(row) && llvm::any_of(dims->k, [&](unsigned sum) {
             return map.getResults().back() ==
                    getAffineDimExpr(sum, op.getContext());
           });
  });
}

bool lowbit::isAllParallel(linalg::LinalgOp op) {
  return op.getNumParallelLoops() == op.getNumLoops();
}

bool lowbit::isDataMovement(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 1 || !isAllParallel(op))
    return false;
  auto yield = dyn_cast<linalg::YieldOp>(op.getBlock()->front());
  return yield && yield.getNumOperands() == 1 &&
         yield.getOperand(0) == op.getBlock()->getArgument(0);
}

int64_t lowbit::estimateWork(linalg::LinalgOp op) {
  int64_t work = hasCostlyBody(op) ? 8 : 1;
  for (int64_t extent : op.getStaticLoopRanges())
    work *= ShapedType::isDynamic(extent) ? kAssumedExtent
                                          : std::max<int64_t>(extent, 1);
  return work;
}

SmallVector<int64_t> lowbit::chooseBlockTiles(ArrayRef<int64_t> extents,
                                              int64_t count) {
  SmallVector<int64_t> tiles(extents.size(), 0);
  for (int64_t i = extents.size() - 1; i >= 0; --i) {
    int64_t extent = extents[i];
    if (!ShapedType::isDynamic(extent) && extent <= count) {
      count /= std::max<int64_t>(extent, 1);
      continue;
    }
    // As many blocks as it takes, all of about the same size.
    tiles[i] = count;
    if (!ShapedType::isDynamic(extent))
      tiles[i] = llvm::divideCeil(extent, llvm::divideCeil(extent, count));
    count = 1;
  }
  return tiles;
}
