//===- ImportBlockScaled.cpp - TOSA's block-scaled operations -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Upstream lowers none of these to linalg. Constants become weights: codes of a
// small float in groups, one power of two each. The dialect's scales are f16 or
// f32, both of which hold powers of two exactly, f32 all those of E8M0. A value
// that is quantized and used in the same function stays in f32, rounded to the
// numbers that the format has, so that no target needs arithmetic on 4-bit
// floats.
//
//===----------------------------------------------------------------------===//

#include "BlockScaled.h"
#include "CodedTensor.h"
#include "ConstantData.h"

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

namespace lowbit {
#define GEN_PASS_DEF_IMPORTBLOCKSCALEDPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {

/// The two halves of a block-scaled tensor.
struct BlockScaled {
  Value data, scale;
  int64_t blockSize;

  RankedTensorType getType() const {
    return dyn_cast<RankedTensorType>(data.getType());
  }
};

struct ImportBlockScaledPass
    : lowbit::impl::ImportBlockScaledPassBase<ImportBlockScaledPass> {
  using ImportBlockScaledPassBase::ImportBlockScaledPassBase;

  void runOnOperation() override;

private:
  LogicalResult lower(WeightImporter &importer, Operation *op);
  Value buildNumbers(OpBuilder &builder, WeightImporter &importer,
                     Operation *user, const BlockScaled &tensor, Type type);
  Value importConstant(OpBuilder &builder, WeightImporter &importer,
                       Operation *user, const BlockScaled &tensor, Type type);
};

} // namespace

static int64_t getBlockSize(tosa::BlockSize size) {
  return tosa::BlockSizeAttr::getBlockSizeValue(size);
}

/// Whether the tensor can be cut into blocks; says on `op` what is missing.
static LogicalResult checkShape(Operation *op, Value value, int64_t blockSize) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (type && type.getRank() > 0 &&
      !ShapedType::isDynamic(type.getShape().back()) &&
      type.getShape().back() % blockSize == 0)
    return success();
  return op->emitOpError() << "lowering requires a ranked tensor whose last "
                              "dimension is a static multiple of "
                           << blockSize << ", found " << value.getType();
}

//===----------------------------------------------------------------------===//
// Numbers of a block-scaled tensor
//===----------------------------------------------------------------------===//

/// The constant as codes in blocks; nothing where it isn't one.
static std::optional<CodedTensor> readConstant(const BlockScaled &tensor,
                                               Type type, std::string &reason) {
  RankedTensorType shape = tensor.getType();
  std::optional<NamedConstant> data = findConstant(tensor.data);
  std::optional<NamedConstant> scale = findConstant(tensor.scale);
  if (!data || !scale || !shape.hasStaticShape())
    return std::nullopt;
  CodedTensor result;
  result.name = data->name;
  result.expressedType = type;
  result.extents.assign(shape.getShape().begin(), shape.getShape().end());
  result.extents.back() /= tensor.blockSize;
  result.scale.strides = computeSuffixProduct(result.extents);
  result.extents.push_back(tensor.blockSize);
  result.scale.strides.push_back(0);
  result.groupLoop = shape.getRank() - 1;
  MLIRContext *context = shape.getContext();
  auto number = dyn_cast<FloatType>(shape.getElementType());
  result.element =
      number ? ElementFormatInterface(SmallFloatAttr::get(context, number))
             : IntAttr::get(context, 8, /*restricted=*/false);
  auto codes = readCodes(data->data, reason);
  auto scales = readNumbers(scale->data, /*isSigned=*/false, reason);
  if (!codes || !scales)
    return std::nullopt;
  result.codes = std::move(*codes);
  result.scale.values = std::move(*scales);
  if (!number)
    for (float &value : result.scale.values)
      value *= 0x1p-6f;
  return result;
}

/// Numbers of a constant; null, with an error, where it can't be read, and
/// without one where it isn't constant.
Value ImportBlockScaledPass::importConstant(OpBuilder &builder,
                                            WeightImporter &importer,
                                            Operation *user,
                                            const BlockScaled &tensor,
                                            Type type) {
  std::string reason;
  std::optional<CodedTensor> coded = readConstant(tensor, type, reason);
  Value value = coded ? importer.import(builder, user->getLoc(),
                                        std::move(*coded), reason)
                      : Value();
  if (value) {
    ++numWeights;
    return fromBlocks(builder, user->getLoc(), value);
  }
  if (!reason.empty())
    user->emitOpError() << "block-scaled constant: " << reason;
  return {};
}

/// Numbers of `tensor`, in `type`: of a weight, of what a cast rounded, or by
/// arithmetic. Null after an error.
Value ImportBlockScaledPass::buildNumbers(OpBuilder &builder,
                                          WeightImporter &importer,
                                          Operation *user,
                                          const BlockScaled &tensor,
                                          Type type) {
  Location loc = user->getLoc();
  if (failed(checkShape(user, tensor.data, tensor.blockSize)))
    return {};
  if (findConstant(tensor.data) && findConstant(tensor.scale))
    return importConstant(builder, importer, user, tensor, type);
  auto cast = tensor.data.getDefiningOp<tosa::CastToBlockScaledOp>();
  Type element = tensor.getType().getElementType();
  if (cast && tensor.scale == cast.getOutputScale()) {
    BlockElement numbers = BlockElement::of(element);
    Value blocks =
        toBlocks(builder, loc, cast.getInputData(), tensor.blockSize);
    Value scales = buildBlockScales(builder, loc, blocks, numbers);
    return fromBlocks(builder, loc,
                      buildRounded(builder, loc, blocks, scales, numbers,
                                   /*isRescaled=*/true, type));
  }
  if (!isa<FloatType>(element)) {
    user->emitOpError()
        << "requires mxint8 data that are constant or come from "
           "tosa.cast_to_block_scaled, found "
        << describeOrigin(tensor.data) << "; no upstream operation reads them";
    return {};
  }
  return fromBlocks(
      builder, loc,
      buildScaled(builder, loc,
                  toBlocks(builder, loc, tensor.data, tensor.blockSize),
                  tensor.scale, type));
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// a [N, H, C] times b [D, W, C], transposed; one b serves all N where D is 1.
static Value buildProduct(OpBuilder &builder, Location loc, Value a, Value b,
                          RankedTensorType type) {
  auto weight = cast<RankedTensorType>(b.getType());
  bool isShared = weight.getDimSize(0) == 1;
  MLIRContext *context = builder.getContext();
  AffineExpr n, h, w, c;
  bindDims(context, n, h, w, c);
  auto map = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(4, 0, results, context);
  };
  if (isShared)
    b = tensor::CollapseShapeOp::create(
        builder, loc, b,
        ArrayRef{ReassociationIndices{0, 1}, ReassociationIndices{2}});
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, a);
  sizes[2] = tensor::getMixedSize(builder, loc, b, isShared ? 0 : 1);
  Value init =
      tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getFloatAttr(type.getElementType(), 0));
  init = linalg::FillOp::create(builder, loc, zero, init).getResult(0);
  using utils::IteratorType;
  auto product = linalg::GenericOp::create(
      builder, loc, init.getType(), ValueRange{a, b}, init,
      ArrayRef{map({n, h, c}), isShared ? map({w, c}) : map({n, w, c}),
               map({n, h, w})},
      ArrayRef{IteratorType::parallel, IteratorType::parallel,
               IteratorType::parallel, IteratorType::reduction},
      [](OpBuilder &inner, Location loc, ValueRange values) {
        Value term = arith::MulFOp::create(inner, loc, values[0], values[1]);
        Value sum = arith::AddFOp::create(inner, loc, values[2], term);
        linalg::YieldOp::create(inner, loc, sum);
      });
  Value result = product.getResult(0);
  if (result.getType() != type)
    result = tensor::CastOp::create(builder, loc, type, result);
  return result;
}

/// Scales and rounded data as tensors of small floats, for whoever takes them.
static LogicalResult lowerCastTo(OpBuilder &builder,
                                 tosa::CastToBlockScaledOp op) {
  int64_t size = getBlockSize(op.getBlockSize());
  if (failed(checkShape(op, op.getInputData(), size)))
    return failure();
  auto type = cast<RankedTensorType>(op.getOutputData().getType());
  if (!isa<FloatType>(type.getElementType()))
    return op->emitOpError()
           << "requires mxint8 data that block-scaled operations alone read, "
              "found another use; no upstream operation makes them";
  Location loc = op.getLoc();
  BlockElement element = BlockElement::of(type.getElementType());
  Value blocks = toBlocks(builder, loc, op.getInputData(), size);
  Value scales = buildBlockScales(builder, loc, blocks, element);
  Value data = buildRounded(builder, loc, blocks, scales, element,
                            /*isRescaled=*/false, type.getElementType());
  Type scaleType =
      cast<RankedTensorType>(op.getOutputScale().getType()).getElementType();
  op.getOutputData().replaceAllUsesWith(fromBlocks(builder, loc, data));
  op.getOutputScale().replaceAllUsesWith(
      buildNarrowed(builder, loc, scales, scaleType));
  return success();
}

LogicalResult ImportBlockScaledPass::lower(WeightImporter &importer,
                                           Operation *op) {
  OpBuilder builder(op);
  if (auto cast = dyn_cast<tosa::CastToBlockScaledOp>(op)) {
    if (!op->use_empty() && failed(lowerCastTo(builder, cast)))
      return failure();
  } else if (auto cast = dyn_cast<tosa::CastFromBlockScaledOp>(op)) {
    auto type = mlir::cast<ShapedType>(cast.getOutputData().getType());
    Value value = buildNumbers(builder, importer, op,
                               {cast.getInputData(), cast.getInputScale(),
                                getBlockSize(cast.getBlockSize())},
                               type.getElementType());
    if (!value)
      return failure();
    cast.getOutputData().replaceAllUsesWith(value);
  } else {
    auto product = mlir::cast<tosa::MatmulTBlockScaledOp>(op);
    int64_t size = getBlockSize(product.getBlockSize());
    auto type = mlir::cast<RankedTensorType>(product.getOutputData().getType());
    Value a = buildNumbers(builder, importer, op,
                           {product.getAData(), product.getAScale(), size},
                           type.getElementType());
    Value b = a ? buildNumbers(builder, importer, op,
                               {product.getBData(), product.getBScale(), size},
                               type.getElementType())
                : Value();
    if (!b)
      return failure();
    product.getOutputData().replaceAllUsesWith(
        buildProduct(builder, op->getLoc(), a, b, type));
    ++numProducts;
  }
  op->erase();
  return success();
}

void ImportBlockScaledPass::runOnOperation() {
  WeightImporter importer(getOperation());
  // Casts to blocks last: their users may need none of what they would write.
  SmallVector<Operation *> users, casts;
  getOperation().walk([&](Operation *op) {
    if (isa<tosa::CastFromBlockScaledOp, tosa::MatmulTBlockScaledOp>(op))
      users.push_back(op);
    else if (isa<tosa::CastToBlockScaledOp>(op))
      casts.push_back(op);
  });
  llvm::append_range(users, casts);
  for (Operation *op : users)
    if (failed(lower(importer, op)))
      return signalPassFailure();
  importer.dropReplaced();
}
