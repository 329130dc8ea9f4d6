//===- FoldDoubles.cpp - 64-bit floats of constants, before a model runs --===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shaders have no 64-bit floats. Importers compute in them what depends on
// shapes alone, such as between which pixels an image is sampled, where 32 bits
// would round to another pixel. Operations fold themselves, element by element;
// what is left is of inputs, and an error later.
//
//===----------------------------------------------------------------------===//

#include "lowbit/CodeGen/GPU/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/Matchers.h"

namespace lowbit {
#define GEN_PASS_DEF_GPUFOLDDOUBLESPASS
#include "lowbit/CodeGen/GPU/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

static bool isDouble(Value value) {
  return getElementTypeOrSelf(value.getType()).isF64();
}

static bool hasDoubles(linalg::GenericOp op) {
  return llvm::any_of(op->getOperands(), isDouble) ||
         llvm::any_of(*op.getBody(), [](Operation &inner) {
           return llvm::any_of(inner.getOperands(), isDouble);
         });
}

namespace {
/// Elements of constants, and of what is computed from them.
class Evaluator {
public:
  explicit Evaluator(int64_t mostElements) : mostElements(mostElements) {}

  /// Null where `value` is no constant, or not one that can be computed here.
  DenseElementsAttr evaluate(Value value);

private:
  DenseElementsAttr evaluateOnce(Value value);
  DenseElementsAttr compute(linalg::GenericOp op);
  Attribute computeElement(linalg::GenericOp op, ArrayRef<int64_t> point);
  Attribute fold(Operation &inner, ArrayRef<int64_t> point);
  Attribute lookUp(Value value);

  int64_t mostElements;
  DenseMap<Value, DenseElementsAttr> known;
  /// Of the point that is computed.
  DenseMap<Value, Attribute> elements;
};
} // namespace

/// Every element written once, none of them read.
static bool isElementwise(linalg::GenericOp op) {
  return op.getNumDpsInits() == 1 &&
         op.getNumParallelLoops() == op.getNumLoops() &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity() &&
         op.getRegionOutputArgs().front().use_empty();
}

/// What folders of others don't do: they keep what they would round.
static Attribute round(arith::TruncFOp op, Attribute operand) {
  auto number = dyn_cast_or_null<FloatAttr>(operand);
  auto type = dyn_cast<FloatType>(op.getType());
  if (!number || !type)
    return {};
  APFloat value = number.getValue();
  bool isInexact;
  value.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                &isInexact);
  return FloatAttr::get(type, value);
}

Attribute Evaluator::lookUp(Value value) {
  if (Attribute element = elements.lookup(value))
    return element;
  Attribute constant;
  return matchPattern(value, m_Constant(&constant)) ? constant : Attribute();
}

Attribute Evaluator::fold(Operation &inner, ArrayRef<int64_t> point) {
  if (auto index = dyn_cast<linalg::IndexOp>(inner))
    return IntegerAttr::get(index.getType(), point[index.getDim()]);
  SmallVector<Attribute> operands;
  for (Value operand : inner.getOperands())
    operands.push_back(lookUp(operand));
  if (llvm::is_contained(operands, Attribute()))
    return {};
  if (auto truncation = dyn_cast<arith::TruncFOp>(inner))
    return round(truncation, operands.front());
  // Others may write what holds for one element into the operation.
  if (!isa<arith::ArithDialect, math::MathDialect>(inner.getDialect()) &&
      !isa<affine::AffineApplyOp, tensor::ExtractOp>(inner))
    return {};
  SmallVector<OpFoldResult> results;
  if (failed(inner.fold(operands, results)) || results.size() != 1)
    return {};
  if (auto value = dyn_cast<Value>(results.front()))
    return lookUp(value);
  return cast<Attribute>(results.front());
}

Attribute Evaluator::computeElement(linalg::GenericOp op,
                                    ArrayRef<int64_t> point) {
  elements.clear();
  for (OpOperand *input : op.getDpsInputOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(input);
    if (auto tensor = known.lookup(input->get())) {
      SmallVector<uint64_t> at = llvm::to_vector_of<uint64_t>(
          op.getMatchingIndexingMap(input).compose(point));
      elements[argument] = tensor.getValues<Attribute>()[at];
    } else {
      elements[argument] = lookUp(input->get());
    }
  }
  for (Operation &inner : op.getBody()->without_terminator()) {
    Attribute result = fold(inner, point);
    if (!result)
      return {};
    elements[inner.getResult(0)] = result;
  }
  return lookUp(op.getBody()->getTerminator()->getOperand(0));
}

DenseElementsAttr Evaluator::compute(linalg::GenericOp op) {
  auto type = cast<RankedTensorType>(op.getResult(0).getType());
  if (!isElementwise(op) || !type.hasStaticShape() ||
      type.getNumElements() == 0 || type.getNumElements() > mostElements)
    return {};
  for (OpOperand *input : op.getDpsInputOperands())
    if (isa<RankedTensorType>(input->get().getType()) &&
        !evaluate(input->get()))
      return {};
  // Folding may tidy an operation: that of a copy.
  OwningOpRef<linalg::GenericOp> copy = op.clone();
  SmallVector<Attribute> results;
  SmallVector<int64_t> strides = computeStrides(type.getShape());
  for (int64_t i = 0; i < type.getNumElements(); ++i) {
    Attribute result = computeElement(*copy, delinearize(i, strides));
    if (!result)
      return {};
    results.push_back(result);
  }
  return DenseElementsAttr::get(type, results);
}

DenseElementsAttr Evaluator::evaluateOnce(Value value) {
  DenseElementsAttr constant;
  if (matchPattern(value, m_Constant(&constant)))
    return constant;
  Operation *op = value.getDefiningOp();
  if (auto generic = dyn_cast_or_null<linalg::GenericOp>(op))
    return generic->getNumResults() == 1 ? compute(generic)
                                         : DenseElementsAttr();
  if (!isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
    return {};
  DenseElementsAttr source = evaluate(op->getOperand(0));
  auto type = cast<RankedTensorType>(value.getType());
  return source && type.hasStaticShape() ? source.reshape(type)
                                         : DenseElementsAttr();
}

DenseElementsAttr Evaluator::evaluate(Value value) {
  auto found = known.find(value);
  if (found != known.end())
    return found->second;
  DenseElementsAttr result = evaluateOnce(value);
  known[value] = result;
  return result;
}

namespace {
struct GPUFoldDoublesPass
    : lowbit::impl::GPUFoldDoublesPassBase<GPUFoldDoublesPass> {
  using Base::Base;

  void runOnOperation() override {
    Evaluator evaluator(mostElements);
    getOperation().walk([&](linalg::GenericOp op) {
      if (!op.hasPureTensorSemantics() || op->getNumResults() != 1 ||
          !hasDoubles(op))
        return;
      // In their order, so that each finds what it needs.
      DenseElementsAttr result = evaluator.evaluate(op.getResult(0));
      if (!result || isDouble(op.getResult(0)))
        return;
      OpBuilder b(op);
      op.getResult(0).replaceAllUsesWith(
          arith::ConstantOp::create(b, op.getLoc(), result));
      ++numFolded;
    });
  }
};
} // namespace
