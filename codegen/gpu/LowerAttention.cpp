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
/// Keys or values: static tensors, numbers and perhaps scales, how they are
/// stored, and how many of their rows there are, if not all.
struct Rows {
  SmallVector<Value> tensors;
  GPURowFormat format = GPURowFormat::F32;
  Value count;
};
} // namespace

/// The tensor whose first rows `rows` are, and their number. None if they are
/// another part of one. Rows run along dimension `dim`. With `column`, rows may
/// have some of the columns, from that one on.
static std::optional<std::pair<Value, Value>>
findSource(Value rows, int64_t dim, std::optional<int64_t> column = {}) {
  auto slice = rows.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice || !slice.getSourceType().hasStaticShape() ||
      slice.getSourceType().getRank() != slice.getType().getRank() ||
      !llvm::all_of(slice.getMixedStrides(), isOneInteger))
    return std::nullopt;
  int64_t last = slice.getType().getRank() - 1;
  for (auto [i, first, size] :
       llvm::enumerate(slice.getMixedOffsets(), slice.getMixedSizes())) {
    auto at = static_cast<int64_t>(i);
    bool isPart = column && at == last;
    if (getConstantIntValue(first) != (isPart ? *column : 0))
      return std::nullopt;
    if (at != dim && !isPart &&
        getConstantIntValue(size) != slice.getSourceType().getDimSize(i))
      return std::nullopt;
  }
  auto count = dyn_cast<Value>(slice.getMixedSizes()[dim]);
  if (!count)
    return std::nullopt;
  return std::pair(slice.getSource(), count);
}

/// How numbers that `decode` reads from a cache are stored there; none if it
/// does something else with them.
static std::optional<GPURowFormat> findFormat(linalg::GenericOp decode) {
  auto isOfType = [&](unsigned input, function_ref<bool(Type)> test) {
    return test(getElementTypeOrSelf(decode.getInputs()[input].getType()));
  };
  auto isHalf = [](Type type) { return type.isF16(); };
  auto isByte = [](Type type) { return type.isInteger(8); };
  int64_t rank = decode.getNumLoops();
  SmallVector<AffineMap> maps = decode.getIndexingMapsArray();
  Block &body = decode.getRegion().front();
  Value result = body.getTerminator()->getOperand(0);
  if (decode.getNumDpsInits() != 1 || !maps.front().isIdentity() ||
      !maps.back().isIdentity() ||
      decode.getNumParallelLoops() != decode.getNumLoops())
    return std::nullopt;
  auto widens = [&](Value value, unsigned input) {
    auto op = value.getDefiningOp<arith::ExtFOp>();
    return op && op.getIn() == body.getArgument(input);
  };
  if (decode.getNumDpsInputs() == 1 && isOfType(0, isHalf) && widens(result, 0))
    return GPURowFormat::F16;
  auto product = result.getDefiningOp<arith::MulFOp>();
  if (decode.getNumDpsInputs() != 2 || !isOfType(0, isByte) ||
      !isOfType(1, isHalf) || !product ||
      maps[1] != AffineMap::getMultiDimIdentityMap(rank, decode.getContext())
                     .getMajorSubMap(rank - 1))
    return std::nullopt;
  auto code = product.getLhs().getDefiningOp<arith::SIToFPOp>();
  if (!code || code.getIn() != body.getArgument(0) ||
      !widens(product.getRhs(), 1))
    return std::nullopt;
  return GPURowFormat::Int8;
}

/// Whether `body` computes code * scale + minimum, where the code is the lower
/// or upper half of a byte, as loop `half` says.
static bool decodesNibbles(Block &body, int64_t half) {
  auto widens = [&](Value value, unsigned input) {
    auto op = value.getDefiningOp<arith::ExtFOp>();
    return op && op.getIn() == body.getArgument(input);
  };
  auto isConstant = [](Value value, int64_t number) {
    return getConstantIntValue(value) == number;
  };
  auto sum = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  auto product = sum ? sum.getLhs().getDefiningOp<arith::MulFOp>() : nullptr;
  auto number =
      product ? product.getLhs().getDefiningOp<arith::SIToFPOp>() : nullptr;
  auto code = number ? number.getIn().getDefiningOp<arith::AndIOp>() : nullptr;
  auto shifted = code ? code.getLhs().getDefiningOp<arith::ShRUIOp>() : nullptr;
  auto byte =
      shifted ? shifted.getLhs().getDefiningOp<arith::ExtUIOp>() : nullptr;
  auto shift =
      shifted ? shifted.getRhs().getDefiningOp<arith::MulIOp>() : nullptr;
  auto place =
      shift ? shift.getLhs().getDefiningOp<arith::IndexCastOp>() : nullptr;
  auto index = place ? place.getIn().getDefiningOp<linalg::IndexOp>() : nullptr;
  return byte && index && byte.getIn() == body.getArgument(0) &&
         isConstant(code.getRhs(), 15) && isConstant(shift.getRhs(), 4) &&
         index.getDim() == static_cast<uint64_t>(half) &&
         widens(product.getRhs(), 1) && widens(sum.getRhs(), 2);
}

/// The cache of int4 whose first rows `value` is: [..., rows, 2, width / 2],
/// with both halves of a row side by side.
static std::optional<Rows> findNibbles(tensor::CollapseShapeOp value) {
  auto decode = value.getSrc().getDefiningOp<linalg::GenericOp>();
  int64_t rank = value.getType().getRank();
  if (!decode || decode.getNumDpsInputs() != 3 ||
      decode.getNumDpsInits() != 1 || decode.getNumLoops() != rank + 1 ||
      decode.getNumParallelLoops() != decode.getNumLoops() ||
      value.getReassociationIndices().back().size() != 2)
    return std::nullopt;
  SmallVector<AffineMap> maps = decode.getIndexingMapsArray();
  AffineMap identity =
      AffineMap::getMultiDimIdentityMap(rank + 1, value.getContext());
  AffineMap perHalf = identity.getMajorSubMap(rank);
  if (!maps[3].isIdentity() || maps[0] != identity.dropResult(rank - 1) ||
      maps[1] != perHalf || maps[2] != perHalf ||
      !getElementTypeOrSelf(decode.getInputs()[0].getType()).isInteger(8) ||
      !decodesNibbles(decode.getRegion().front(), rank - 1))
    return std::nullopt;
  auto codes = findSource(decode.getInputs()[0], rank - 2);
  auto scales = findSource(decode.getInputs()[1], rank - 2, /*column=*/0);
  auto minima = findSource(decode.getInputs()[2], rank - 2, /*column=*/2);
  if (!codes || !scales || !minima || scales->first != minima->first ||
      scales->second != codes->second || minima->second != codes->second)
    return std::nullopt;
  auto parameters = cast<RankedTensorType>(scales->first.getType());
  if (!parameters.getElementType().isF16() || parameters.getShape().back() != 4)
    return std::nullopt;
  Rows rows;
  rows.tensors = {codes->first, scales->first};
  rows.format = GPURowFormat::Int4;
  rows.count = codes->second;
  return rows;
}

/// `rows`, or the caches whose first rows they are.
static std::optional<Rows> findRows(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  Rows rows;
  if (type.hasStaticShape()) {
    rows.tensors = {value};
    return rows;
  }
  if (auto halves = value.getDefiningOp<tensor::CollapseShapeOp>())
    return findNibbles(halves);
  SmallVector<Value> slices{value};
  if (auto decode = value.getDefiningOp<linalg::GenericOp>()) {
    std::optional<GPURowFormat> format = findFormat(decode);
    if (!format)
      return std::nullopt;
    rows.format = *format;
    slices.assign(decode.getInputs().begin(), decode.getInputs().end());
  }
  for (Value slice : slices) {
    auto source = findSource(slice, type.getRank() - 2);
    if (!source || (rows.count && rows.count != source->second))
      return std::nullopt;
    rows.tensors.push_back(source->first);
    rows.count = source->second;
  }
  return rows;
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

/// The mask with a column for each of `rows`; null where there is no such form.
Value AttentionLowering::getMask(Value mask, Value count, int64_t rows,
                                 std::string &reason) {
  auto type = cast<RankedTensorType>(mask.getType());
  if (!type.getElementType().isF32()) {
    reason = "its mask is not f32";
    return {};
  }
  if (type.hasStaticShape())
    return mask;
  if (!count) {
    reason = "its mask is not of a shape that is known when the model is "
             "compiled";
    return {};
  }
  std::unique_ptr<WholeRows> &whole = wholes[{count, rows}];
  if (!whole)
    whole = std::make_unique<WholeRows>(count, rows);
  std::string why;
  Value result = whole->get(mask, why);
  if (!result)
    reason = "its mask can't be computed for all rows of a cache: " + why;
  return result;
}

std::optional<std::string> AttentionLowering::lower(AttentionOp op) {
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  for (Value value : {op.getQuery(), op.getKey(), op.getValue()})
    if (!getElementTypeOrSelf(value.getType()).isF32())
      return "its activations are not f32";
  std::optional<Rows> keys = findRows(op.getKey());
  std::optional<Rows> values = findRows(op.getValue());
  if (!query.hasStaticShape() || !keys || !values ||
      keys->count != values->count || keys->format != values->format)
    return "its rows are not known when the model is compiled, and are not "
           "the first of caches";
  auto key = cast<RankedTensorType>(keys->tensors.front().getType());
  auto value = cast<RankedTensorType>(values->tensors.front().getType());
  // Bytes of int4 have two numbers.
  int64_t each = values->format == GPURowFormat::Int4 ? 2 : 1;
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
                        each * value.getDimSize(rank - 1),
                        op.getScale().convertToFloat(),
                        op.getCausal(),
                        keys->format,
                        static_cast<bool>(keys->count),
                        {},
                        {}};
  if (query.getNumElements() == 0 || key.getNumElements() == 0 ||
      value.getNumElements() == 0)
    return "it has no numbers";
  std::string reason;
  Value mask;
  if (op.getMask()) {
    mask = getMask(op.getMask(), keys->count, spec.rows, reason);
    if (!mask)
      return reason;
    llvm::append_range(spec.mask,
                       cast<RankedTensorType>(mask.getType()).getShape());
    llvm::append_range(spec.batch, shape.drop_back(2));
  }
  reason = explainNoGPUKernel(spec);
  if (!reason.empty())
    return reason;
  SmallVector<Value> inputs{op.getQuery()};
  llvm::append_range(inputs, keys->tensors);
  llvm::append_range(inputs, values->tensors);
  if (mask)
    inputs.push_back(mask);
  if (spec.hasLength)
    inputs.push_back(getLength(keys->count));
  op.getResult().replaceAllUsesWith(dispatch(op, spec, inputs));
  op.erase();
  return std::nullopt;
}

/// The result of the kernel, or of those of its parts and the one that joins
/// them.
Value AttentionLowering::dispatch(AttentionOp op, const GPUAttentionSpec &spec,
                                  ValueRange inputs) {
  OpBuilder b(op);
  auto add = [&](const GPUKernel &kernel, RankedTensorType type,
                 ValueRange inputs) -> Value {
    Value init = tensor::EmptyOp::create(b, op.getLoc(), type.getShape(),
                                         type.getElementType());
    return DispatchOp::create(b, op.getLoc(), TypeRange{type}, kernel.symbol,
                              b.getDenseI64ArrayAttr(kernel.workgroups), inputs,
                              ValueRange{init})
        .getResult(0);
  };
  auto type = cast<RankedTensorType>(op.getResult().getType());
  GPUKernel kernel = getGPUAttentionKernel(kernels, spec, op.getContext());
  if (spec.getParts() == 1)
    return add(kernel, type, inputs);
  auto parts = RankedTensorType::get({spec.getResultSteps() * spec.getStep()},
                                     type.getElementType());
  Value sums = add(kernel, parts, inputs);
  return add(getGPUAttentionJoinKernel(kernels, spec, op.getContext()), type,
             sums);
}
