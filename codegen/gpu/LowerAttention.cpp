//===- LowerAttention.cpp - attention becomes dispatches ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LowerAttention.h"
#include "lowbit/IR/LowbitGPUOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace lowbit;

namespace {
/// Keys or values: a static tensor, and how many of its rows, if not all.
struct Rows {
  Value tensor, count;
};
} // namespace

/// `rows`, or the cache whose first rows they are. None if another part of a
/// tensor has this type.
static std::optional<Rows> findRows(Value rows) {
  auto type = cast<RankedTensorType>(rows.getType());
  if (type.hasStaticShape())
    return Rows{rows, {}};
  auto slice = rows.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice || !slice.getSourceType().hasStaticShape() ||
      slice.getSourceType().getRank() != type.getRank() ||
      !llvm::all_of(slice.getMixedOffsets(), isZeroInteger) ||
      !llvm::all_of(slice.getMixedStrides(), isOneInteger))
    return std::nullopt;
  for (auto [i, size] : llvm::enumerate(slice.getMixedSizes()))
    if (static_cast<int64_t>(i) != type.getRank() - 2 &&
        getConstantIntValue(size) != slice.getSourceType().getDimSize(i))
      return std::nullopt;
  auto count = dyn_cast<Value>(slice.getMixedSizes()[type.getRank() - 2]);
  if (!count)
    return std::nullopt;
  return Rows{slice.getSource(), count};
}

/// A buffer with the number that the host computes, one for all layers.
Value AttentionLowering::getLength(Value count) {
  Value &tensor = lengths[count];
  if (tensor)
    return tensor;
  Location loc = count.getLoc();
  OpBuilder b(count.getContext());
  b.setInsertionPointAfterValue(count);
  Value init =
      tensor::EmptyOp::create(b, loc, ArrayRef<int64_t>{1}, b.getI32Type());
  tensor = linalg::GenericOp::create(
               b, loc, init.getType(), ValueRange(), init,
               b.getMultiDimIdentityMap(1), utils::IteratorType::parallel,
               [&](OpBuilder &b, Location loc, ValueRange) {
                 Value word =
                     arith::IndexCastOp::create(b, loc, b.getI32Type(), count);
                 linalg::YieldOp::create(b, loc, word);
               })
               .getResult(0);
  return tensor;
}

std::optional<std::string> AttentionLowering::lower(AttentionOp op) {
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  for (Value value : {op.getQuery(), op.getKey(), op.getValue()})
    if (!getElementTypeOrSelf(value.getType()).isF32())
      return "its activations are not f32";
  if (op.getMask())
    return "it has a mask";
  std::optional<Rows> keys = findRows(op.getKey());
  std::optional<Rows> values = findRows(op.getValue());
  if (!query.hasStaticShape() || !keys || !values ||
      keys->count != values->count)
    return "its rows are not known when the model is compiled, and are not "
           "the first of caches";
  auto key = cast<RankedTensorType>(keys->tensor.getType());
  auto value = cast<RankedTensorType>(values->tensor.getType());
  ArrayRef<int64_t> shape = query.getShape();
  // Batches of heads are heads.
  int64_t rank = shape.size(), batch = 1;
  for (int64_t extent : shape.drop_back(3))
    batch *= extent;
  GPUAttentionSpec spec{batch * shape[rank - 3],
                        batch * key.getDimSize(rank - 3),
                        shape[rank - 2],
                        key.getDimSize(rank - 2),
                        shape[rank - 1],
                        value.getDimSize(rank - 1),
                        op.getScale().convertToFloat(),
                        op.getCausal(),
                        static_cast<bool>(keys->count)};
  if (query.getNumElements() == 0 || key.getNumElements() == 0 ||
      value.getNumElements() == 0)
    return "it has no numbers";
  std::string reason = explainNoGPUKernel(spec);
  if (!reason.empty())
    return reason;
  GPUAttentionKernel kernel =
      getGPUAttentionKernel(kernels, spec, op.getContext());
  SmallVector<Value> inputs{op.getQuery(), keys->tensor, values->tensor};
  if (spec.hasLength)
    inputs.push_back(getLength(keys->count));
  OpBuilder b(op);
  auto type = cast<RankedTensorType>(op.getResult().getType());
  Value init = tensor::EmptyOp::create(b, op.getLoc(), type.getShape(),
                                       type.getElementType());
  auto dispatch = DispatchOp::create(
      b, op.getLoc(), TypeRange{type}, kernel.symbol,
      b.getDenseI64ArrayAttr(kernel.workgroups), inputs, ValueRange{init});
  op.getResult().replaceAllUsesWith(dispatch.getResult(0));
  op.erase();
  return std::nullopt;
}
