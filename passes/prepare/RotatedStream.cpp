//===- RotatedStream.cpp - values that can be rotated together ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RotatedStream.h"
#include "lowbit/Numerics/Hadamard.h"
#include "lowbit/Transforms/Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lowbit;

LogicalResult RotatedStream::collect(Value value) {
  columns = cast<ShapedType>(value.getType()).getShape().back();
  if (!add(value, std::nullopt))
    return failure();
  // Members are added while they are looked at.
  for (size_t i = 0; i < members.size(); ++i) {
    Value member = members[i];
    if (!checkProducer(member))
      return failure();
    for (OpOperand &use : member.getUses())
      if (!checkUse(use))
        return failure();
  }
  return success();
}

/// Notes that `value` is rotated, and what it lacks of a norm's weight then.
bool RotatedStream::add(Value value, std::optional<std::vector<float>> norm) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getRank() == 0 || type.getShape().back() != columns)
    return fail("a value of other columns is added to it");
  if (norm && members.contains(value) && !pending.contains(value))
    return fail("a norm's result is read by other than layers");
  if (norm)
    pending[value] = std::move(*norm);
  members.insert(value);
  return true;
}

//===----------------------------------------------------------------------===//
// Elementwise operations
//===----------------------------------------------------------------------===//

/// Whether `operand` has the columns.
bool RotatedStream::isFull(linalg::LinalgOp op, OpOperand &operand) {
  return op.getMatchingIndexingMap(&operand).isFunctionOfDim(op.getNumLoops() -
                                                             1);
}

/// Whether `scalar` is the same number for all columns of a row.
bool RotatedStream::isRowScalar(linalg::LinalgOp op, Value scalar) {
  if (auto element = dyn_cast<BlockArgument>(scalar)) {
    if (element.getOwner() != op.getBlock())
      return true;
    OpOperand &operand = op->getOpOperand(element.getArgNumber());
    return !isFull(op, operand) || getUniformValue(operand.get()).has_value();
  }
  Operation *inner = scalar.getDefiningOp();
  return inner->getBlock() != op.getBlock() ||
         llvm::all_of(inner->getOperands(),
                      [&](Value operand) { return isRowScalar(op, operand); });
}

/// The weight of a norm: its readers take it over.
bool RotatedStream::addNorm(linalg::LinalgOp op, Value scalar) {
  auto element = dyn_cast<BlockArgument>(scalar);
  if (!element || element.getOwner() != op.getBlock())
    return false;
  OpOperand &operand = op->getOpOperand(element.getArgNumber());
  auto weight = editor.readConstant(operand);
  if (!weight || static_cast<int64_t>(weight->size()) != columns)
    return false;
  norms.insert(&operand);
  pending[op->getResult(0)] = std::move(*weight);
  return true;
}

/// Whether `scalar` is linear in members, which it adds.
bool RotatedStream::isLinear(linalg::LinalgOp op, Value scalar) {
  if (auto element = dyn_cast<BlockArgument>(scalar)) {
    OpOperand &operand = op->getOpOperand(element.getArgNumber());
    if (!isFull(op, operand))
      return fail("one number is added to all of its columns");
    auto vector = editor.readConstant(operand);
    if (vector && static_cast<int64_t>(vector->size()) == columns)
      return vectors.insert(&operand), true;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    unsigned last = op.getNumLoops() - 1;
    if (map.getResults().back() != getAffineDimExpr(last, map.getContext()))
      return fail("its columns are permuted");
    if (pending.contains(operand.get()))
      return fail("a norm's result is read by other than layers");
    return add(operand.get(), std::nullopt);
  }
  Operation *inner = scalar.getDefiningOp();
  if (inner->getBlock() != op.getBlock())
    return fail("one number is added to all of its columns");
  auto linear = [&](unsigned i) { return isLinear(op, inner->getOperand(i)); };
  return llvm::TypeSwitch<Operation *, bool>(inner)
      .Case<arith::AddFOp, arith::SubFOp>(
          [&](Operation *) { return linear(0) && linear(1); })
      .Case<arith::NegFOp, arith::ExtFOp, arith::TruncFOp>(
          [&](Operation *) { return linear(0); })
      .Case([&](arith::MulFOp mul) {
        for (unsigned i : {0u, 1u})
          if (isRowScalar(op, mul->getOperand(1 - i)))
            return linear(i);
        for (unsigned i : {0u, 1u})
          if (addNorm(op, mul->getOperand(1 - i)))
            return linear(i);
        return fail("columns are multiplied by numbers that are not constant");
      })
      .Case([&](arith::DivFOp div) {
        if (!isRowScalar(op, div.getRhs()))
          return fail("columns are divided by numbers of their own");
        return linear(0);
      })
      .Default([&](Operation *other) {
        return fail("'" + other->getName().getStringRef() +
                    "' is not linear in its columns");
      });
}

bool RotatedStream::checkElementwise(linalg::LinalgOp op) {
  if (!isElementwiseOnTensors(op) || op->getNumResults() != 1)
    return fail("'" + op->getName().getStringRef() + "' mixes its columns");
  return isLinear(op, op.getBlock()->getTerminator()->getOperand(0));
}

/// Whether `op` adds up numbers over the columns.
static bool sumsColumns(linalg::LinalgOp op) {
  if (!op || op.getNumReductionLoops() != 1 || op->getNumResults() != 1)
    return false;
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  auto sum = op.getBlock()
                 ->getTerminator()
                 ->getOperand(0)
                 .getDefiningOp<arith::AddFOp>();
  return sum && reduced.front() == op.getNumLoops() - 1;
}

/// Whether `scalar` is the square of an element of `value`.
static bool isSquareOf(linalg::LinalgOp op, Value scalar, Value value) {
  auto isElement = [&](Value operand) {
    auto element = dyn_cast<BlockArgument>(operand);
    return element && element.getOwner() == op.getBlock() &&
           op->getOperand(element.getArgNumber()) == value;
  };
  if (auto mul = scalar.getDefiningOp<arith::MulFOp>())
    return isElement(mul.getLhs()) && isElement(mul.getRhs());
  if (auto power = scalar.getDefiningOp<math::PowFOp>()) {
    FloatAttr exponent;
    return isElement(power.getLhs()) &&
           matchPattern(power.getRhs(), m_Constant(&exponent)) &&
           exponent.getValue().isExactlyValue(2.0);
  }
  return false;
}

/// Whether all that `op` makes of `value` is the sum of the squares of rows,
/// which a rotation leaves alone.
static bool readsNorm(linalg::LinalgOp op, Value value) {
  if (op->getNumResults() != 1)
    return false;
  Value yielded = op.getBlock()->getTerminator()->getOperand(0);
  if (sumsColumns(op)) {
    Operation *sum = yielded.getDefiningOp();
    return isSquareOf(op, sum->getOperand(0), value) ||
           isSquareOf(op, sum->getOperand(1), value);
  }
  return isElementwiseOnTensors(op) && isSquareOf(op, yielded, value) &&
         llvm::all_of(op->getUsers(), [](Operation *user) {
           return isa<tensor::DimOp>(user) ||
                  sumsColumns(dyn_cast<linalg::LinalgOp>(user));
         });
}

//===----------------------------------------------------------------------===//
// Members
//===----------------------------------------------------------------------===//

/// Whether `op` keeps the last dimension apart.
static bool keepsColumns(Operation *op) {
  SmallVector<ReassociationIndices> groups;
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    groups = collapse.getReassociationIndices();
  else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    groups = expand.getReassociationIndices();
  else
    return isa<tensor::CastOp>(op);
  return !groups.empty() && groups.back().size() == 1;
}

bool RotatedStream::addWriter(LinearOp op) {
  if (op.getActivation() || op.getGated())
    return fail("a layer with an activation writes it");
  if (!matchConstantMatrix(op.getWeight()))
    return fail("a layer whose weight is no constant float matrix writes it");
  if (op.getBias()) {
    if (!editor.readConstant(op.getBiasMutable()[0]))
      return fail("a layer whose bias is computed writes it");
    vectors.insert(&op.getBiasMutable()[0]);
  }
  writers.insert(op);
  return !op.getResidual() || add(op.getResidual(), std::nullopt);
}

bool RotatedStream::addReader(LinearOp op) {
  if (!matchConstantMatrix(op.getWeight()))
    return fail("a layer whose weight is no constant float matrix reads it");
  readers.insert(op);
  return true;
}

bool RotatedStream::checkProducer(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return fail("an argument is added to it");
  if (auto linear = dyn_cast<LinearOp>(op))
    return addWriter(linear);
  if (auto table = dyn_cast<EmbeddingOp>(op)) {
    if (!matchConstantMatrix(table.getWeight()))
      return fail("an embedding that is no constant float matrix writes it");
    return tables.insert(op), true;
  }
  if (keepsColumns(op)) {
    // What lacks a norm's weight comes from what lacks it.
    Value source = op->getOperand(0);
    return members.contains(source) || add(source, std::nullopt);
  }
  if (auto elementwise = dyn_cast<linalg::LinalgOp>(op))
    return checkElementwise(elementwise);
  return fail("'" + op->getName().getStringRef() + "' writes it");
}

bool RotatedStream::checkUse(OpOperand &use) {
  Operation *op = use.getOwner();
  if (isa<tensor::DimOp>(op))
    return true;
  auto norm = pending.find(use.get());
  std::optional<std::vector<float>> weight;
  if (norm != pending.end())
    weight = norm->second;
  if (auto linear = dyn_cast<LinearOp>(op)) {
    if (use == linear.getInputMutable())
      return addReader(linear);
    if (linear.getResidual() == use.get() && !weight)
      return add(linear.getResult(), std::nullopt);
    return fail("a layer reads it as other than its input");
  }
  if (keepsColumns(op))
    return add(op->getResult(0), std::move(weight));
  auto elementwise = dyn_cast<linalg::LinalgOp>(op);
  if (!elementwise)
    return fail("'" + op->getName().getStringRef() + "' reads it");
  if (elementwise.isDpsInit(&use) &&
      !elementwise.payloadUsesValueFromOperand(&use))
    return true;
  if (weight)
    return fail("a norm's result is read by other than layers");
  if (readsNorm(elementwise, use.get()))
    return true;
  if (sumsColumns(elementwise))
    return fail("its columns are added up, as the mean of a norm is");
  // Its result is one of the stream, and checked as such.
  return add(op->getResult(0), std::nullopt);
}

//===----------------------------------------------------------------------===//
// Rotating
//===----------------------------------------------------------------------===//

void RotatedStream::rotate() {
  auto update = [&](OpOperand &weight, auto change) {
    auto matrix = matchConstantMatrix(weight.get());
    std::vector<float> values = matrix->readRows(0, matrix->rows);
    change(values, matrix->rows, matrix->columns);
    editor.replace(weight, values);
  };
  for (Operation *op : readers) {
    LinearOp layer = cast<LinearOp>(op);
    auto norm = pending.find(layer.getInput());
    update(layer.getWeightMutable(),
           [&](std::vector<float> &values, int64_t rows, int64_t width) {
             for (size_t i = 0; norm != pending.end() && i < values.size(); ++i)
               values[i] *= norm->second[i % width];
             numerics::rotateRows(values.data(), rows, width);
           });
  }
  for (Operation *op : writers)
    update(cast<LinearOp>(op).getWeightMutable(),
           [](std::vector<float> &values, int64_t rows, int64_t width) {
             numerics::rotateColumns(values.data(), rows, width);
           });
  for (Operation *op : tables)
    update(cast<EmbeddingOp>(op).getWeightMutable(),
           [](std::vector<float> &values, int64_t rows, int64_t width) {
             numerics::rotateRows(values.data(), rows, width);
           });
  for (OpOperand *operand : vectors) {
    std::vector<float> values = *editor.readConstant(*operand);
    numerics::rotateRows(values.data(), 1, columns);
    editor.replace(*operand, values);
  }
  for (OpOperand *operand : norms)
    editor.replace(*operand, std::vector<float>(columns, 1));
}
