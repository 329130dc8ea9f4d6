//===- PanelSource.cpp - what stands in front of a panel ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PanelSource.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;

/// Whether `source` has the rows that `result` has, of as many columns or more.
static bool haveSameRows(Value source, Value result) {
  auto from = cast<ShapedType>(source.getType());
  auto to = cast<ShapedType>(result.getType());
  return from.getElementType() == to.getElementType() &&
         from.getRank() == to.getRank() &&
         from.getShape().drop_back() == to.getShape().drop_back() &&
         !from.isDynamicDim(from.getRank() - 1);
}

/// Whether `extract` reads from the row that the loops are at, column `column`.
static bool readsOwnRow(tensor::ExtractOp extract, Value column) {
  for (auto [i, index] : llvm::enumerate(extract.getIndices().drop_back())) {
    auto loop = index.getDefiningOp<linalg::IndexOp>();
    if (!loop || loop.getDim() != i)
      return false;
  }
  auto cast = extract.getIndices().back().getDefiningOp<arith::IndexCastOp>();
  return cast && cast.getIn() == column;
}

std::optional<ColumnGather> cpu::matchColumnGather(Value value) {
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInputs() == 0 || op.getNumDpsInputs() > 2 ||
      op.getNumLoops() == 0 || op.getNumParallelLoops() != op.getNumLoops())
    return std::nullopt;
  Value columns = op.getDpsInputs()[0], factors;
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  Value number = op.getBlock()->getTerminator()->getOperand(0);
  if (op.getNumDpsInputs() == 2) {
    auto product = number.getDefiningOp<arith::MulFOp>();
    if (!product || product.getRhs() != op.getBlock()->getArgument(1) ||
        !product.getType().isF32())
      return std::nullopt;
    factors = op.getDpsInputs()[1];
    number = product.getLhs();
  }
  auto extract = number.getDefiningOp<tensor::ExtractOp>();
  if (!extract || !haveSameRows(extract.getTensor(), value) ||
      extract.getTensor().getParentBlock() == op.getBlock() ||
      !getElementTypeOrSelf(columns.getType()).isInteger(32) ||
      !result.isIdentity())
    return std::nullopt;
  for (OpOperand *input : op.getDpsInputOperands())
    if (op.getMatchingIndexingMap(input) != result.getMinorSubMap(1))
      return std::nullopt;
  if (!readsOwnRow(extract, op.getBlock()->getArgument(0)))
    return std::nullopt;
  return ColumnGather{extract.getTensor(), columns, factors};
}

/// What `value` was before its rows were counted otherwise. Rows that are as
/// long are the same ones.
static Value skipReshapesOfRows(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
      break;
    auto from = cast<RankedTensorType>(op->getOperand(0).getType());
    auto to = cast<RankedTensorType>(value.getType());
    if (from.getRank() == 0 || to.getRank() == 0 ||
        from.isDynamicDim(from.getRank() - 1) ||
        from.getShape().back() != to.getShape().back())
      break;
    value = op->getOperand(0);
  }
  return value;
}

Value cpu::matchBFloatRounding(Value value) {
  value = skipReshapesOfRows(value);
  auto op = value.getDefiningOp<linalg::LinalgOp>();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!op || !type || !type.getElementType().isBF16() ||
      op.getNumDpsInputs() != 1 || op->getNumResults() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return {};
  Value number = op.getBlock()->getTerminator()->getOperand(0);
  auto rounding = number.getDefiningOp<arith::TruncFOp>();
  if (!rounding || rounding.getIn() != op.getBlock()->getArgument(0) ||
      !rounding.getIn().getType().isF32())
    return {};
  return op.getDpsInputs()[0];
}

PanelSource cpu::matchPanelSource(Value value) {
  PanelSource source{value, matchColumnGather(value), false};
  if (source.gather)
    source.tensor = source.gather->source;
  if (Value exact = matchBFloatRounding(source.tensor)) {
    source.tensor = exact;
    source.roundsToBFloat = true;
  }
  return source;
}
