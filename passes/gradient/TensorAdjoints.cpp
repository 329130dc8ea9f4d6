//===- TensorAdjoints.cpp - gradients of tensors that move ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What moves elements moves their gradients back; where an element goes nowhere
// its gradient is zero.
//
//===----------------------------------------------------------------------===//

#include "GradientUtils.h"
#include "lowbit/Transforms/Adjoints.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;

static void differentiateCast(tensor::CastOp op, Gradients &gradients) {
  // Types are made equal when gradients are added.
  gradients.add(op.getSource(), gradients.get(op.getResult()));
}

static void differentiateExpand(tensor::ExpandShapeOp op,
                                Gradients &gradients) {
  gradients.add(op.getSrc(), tensor::CollapseShapeOp::create(
                                 gradients.builder, op.getLoc(),
                                 op.getSrcType(), gradients.get(op.getResult()),
                                 op.getReassociationIndices()));
}

static void differentiateCollapse(tensor::CollapseShapeOp op,
                                  Gradients &gradients) {
  OpBuilder &b = gradients.builder;
  gradients.add(op.getSrc(),
                tensor::ExpandShapeOp::create(
                    b, op.getLoc(), op.getSrcType(),
                    gradients.get(op.getResult()), op.getReassociationIndices(),
                    tensor::getMixedSizes(b, op.getLoc(), op.getSrc())));
}

static void differentiateReshape(tensor::ReshapeOp op, Gradients &gradients) {
  OpBuilder &b = gradients.builder;
  Location loc = op.getLoc();
  SmallVector<Value> extents;
  for (OpFoldResult size : tensor::getMixedSizes(b, loc, op.getSource()))
    extents.push_back(getValueOrCreateConstantIndexOp(b, loc, size));
  auto shapeType = RankedTensorType::get({static_cast<int64_t>(extents.size())},
                                         b.getIndexType());
  Value shape = tensor::FromElementsOp::create(b, loc, shapeType, extents);
  gradients.add(op.getSource(), tensor::ReshapeOp::create(
                                    b, loc, op.getSource().getType(),
                                    gradients.get(op.getResult()), shape));
}

static void differentiateExtractSlice(tensor::ExtractSliceOp op,
                                      Gradients &gradients) {
  OpBuilder &b = gradients.builder;
  Value zeros = createZerosLike(b, op.getLoc(), op.getSource());
  gradients.add(op.getSource(),
                tensor::InsertSliceOp::create(
                    b, op.getLoc(), gradients.get(op.getResult()), zeros,
                    op.getMixedOffsets(), op.getMixedSizes(),
                    op.getMixedStrides()));
}

static void differentiateInsertSlice(tensor::InsertSliceOp op,
                                     Gradients &gradients) {
  OpBuilder &b = gradients.builder;
  Location loc = op.getLoc();
  Value gradient = gradients.get(op.getResult());
  if (gradients.isActive(op.getSource()))
    gradients.add(op.getSource(), tensor::ExtractSliceOp::create(
                                      b, loc, op.getSourceType(), gradient,
                                      op.getMixedOffsets(), op.getMixedSizes(),
                                      op.getMixedStrides()));
  if (!gradients.isActive(op.getDest()))
    return;
  // What was overwritten went nowhere.
  Value zeros = createZerosLike(b, loc, op.getSource());
  gradients.add(op.getDest(), tensor::InsertSliceOp::create(
                                  b, loc, zeros, gradient, op.getMixedOffsets(),
                                  op.getMixedSizes(), op.getMixedStrides()));
}

static void differentiateConcat(tensor::ConcatOp op, Gradients &gradients) {
  OpBuilder &b = gradients.builder;
  Location loc = op.getLoc();
  int64_t rank = op.getResultType().getRank();
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)),
      strides(rank, b.getIndexAttr(1));
  Value gradient = gradients.get(op.getResult());
  for (Value input : op.getInputs()) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, input);
    if (gradients.isActive(input))
      gradients.add(input, tensor::ExtractSliceOp::create(
                               b, loc, cast<RankedTensorType>(input.getType()),
                               gradient, offsets, sizes, strides));
    Value offset =
        getValueOrCreateConstantIndexOp(b, loc, offsets[op.getDim()]);
    Value size = getValueOrCreateConstantIndexOp(b, loc, sizes[op.getDim()]);
    offsets[op.getDim()] =
        arith::AddIOp::create(b, loc, offset, size).getResult();
  }
}

static void differentiatePad(tensor::PadOp op, Gradients &gradients) {
  OpBuilder &b = gradients.builder;
  SmallVector<OpFoldResult> strides(op.getSourceType().getRank(),
                                    b.getIndexAttr(1));
  gradients.add(op.getSource(),
                tensor::ExtractSliceOp::create(
                    b, op.getLoc(), op.getSourceType(),
                    gradients.get(op.getResult()), op.getMixedLowPad(),
                    tensor::getMixedSizes(b, op.getLoc(), op.getSource()),
                    strides));
}

static std::string checkPad(tensor::PadOp op, const Activity &activity,
                            const AdjointRegistry &) {
  return activity.isCaptured(op) ? "what it pads with depends on a layer" : "";
}

static void differentiateExtract(tensor::ExtractOp op, Gradients &gradients) {
  OpBuilder &b = gradients.builder;
  Value zeros = createZerosLike(b, op.getLoc(), op.getTensor());
  gradients.add(op.getTensor(),
                tensor::InsertOp::create(b, op.getLoc(),
                                         gradients.get(op.getResult()), zeros,
                                         op.getIndices()));
}

/// In a body the tensor would be made anew for each element.
static std::string checkExtract(tensor::ExtractOp op, const Activity &,
                                const AdjointRegistry &) {
  return isa<FunctionOpInterface>(op->getParentOp())
             ? ""
             : "it has none in the body of another operation";
}

static void differentiateFromElements(tensor::FromElementsOp op,
                                      Gradients &gradients) {
  OpBuilder &b = gradients.builder;
  ArrayRef<int64_t> shape = op.getType().getShape();
  for (auto [i, element] : llvm::enumerate(op.getElements())) {
    if (!gradients.isActive(element))
      continue;
    SmallVector<Value> indices(shape.size());
    int64_t rest = i;
    for (size_t dim = shape.size(); dim-- > 0; rest /= shape[dim])
      indices[dim] =
          arith::ConstantIndexOp::create(b, op.getLoc(), rest % shape[dim]);
    gradients.add(element,
                  tensor::ExtractOp::create(
                      b, op.getLoc(), gradients.get(op.getResult()), indices));
  }
}

void lowbit::populateTensorAdjoints(AdjointRegistry &registry) {
  registry.add<tensor::CastOp>(differentiateCast);
  registry.add<tensor::ExpandShapeOp>(differentiateExpand);
  registry.add<tensor::CollapseShapeOp>(differentiateCollapse);
  registry.add<tensor::ReshapeOp>(differentiateReshape);
  registry.add<tensor::ExtractSliceOp>(differentiateExtractSlice);
  registry.add<tensor::InsertSliceOp>(differentiateInsertSlice);
  registry.add<tensor::ConcatOp>(differentiateConcat);
  registry.add<tensor::PadOp>(differentiatePad, checkPad);
  registry.add<tensor::ExtractOp>(differentiateExtract, checkExtract);
  registry.add<tensor::FromElementsOp>(differentiateFromElements);
}
