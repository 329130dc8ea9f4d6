//===- ImportQuant.cpp - upstream's quantized types -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// quant.uniform keeps scales in the type: per tensor, per axis or per block. A
// dimension in blocks is two loops, one over blocks, which selects a scale, and
// one within, which does not; all three kinds are then the same.
//
//===----------------------------------------------------------------------===//

#include "CodedTensor.h"
#include "ConstantData.h"
#include "QuantRoundTrip.h"

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/TypeUtilities.h"
#include <cmath>

namespace lowbit {
#define GEN_PASS_DEF_IMPORTQUANTPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

namespace {
/// Scales and zero points of a tensor, [blocks of each dimension].
struct BlockParameters {
  SmallVector<int64_t> blocks;
  std::vector<double> scales, zeroPoints;
};
} // namespace

static std::optional<BlockParameters>
getParameters(quant::QuantizedType type, int64_t rank, std::string &reason) {
  BlockParameters result;
  result.blocks.assign(rank, 1);
  if (auto uniform = dyn_cast<quant::UniformQuantizedType>(type)) {
    result.scales = {uniform.getScale()};
    result.zeroPoints = {double(uniform.getZeroPoint())};
    return result;
  }
  if (auto axis = dyn_cast<quant::UniformQuantizedPerAxisType>(type)) {
    result.blocks[axis.getQuantizedDimension()] = axis.getScales().size();
    llvm::append_range(result.scales, axis.getScales());
    llvm::append_range(result.zeroPoints, axis.getZeroPoints());
    return result;
  }
  auto blocks = dyn_cast<quant::UniformQuantizedSubChannelType>(type);
  if (!blocks || blocks.getScales().getType().getRank() != rank) {
    reason = "a quant.uniform type is required";
    return std::nullopt;
  }
  llvm::copy(blocks.getScales().getType().getShape(), result.blocks.begin());
  for (const APFloat &scale : blocks.getScales().getValues<APFloat>())
    result.scales.push_back(scale.convertToDouble());
  // The text of a zero point is signed even where the storage isn't.
  double range = std::ldexp(1, type.getStorageTypeIntegralWidth());
  for (const APInt &bits : blocks.getZeroPoints().getValues<APInt>()) {
    double point = bits.roundToDouble(/*isSigned=*/true);
    result.zeroPoints.push_back(point < 0 && !type.isSigned() ? point + range
                                                              : point);
  }
  return result;
}

/// The fewest bits that hold the storage range of `type`.
static unsigned getWidth(quant::QuantizedType type) {
  int64_t low = type.getStorageTypeMin(), high = type.getStorageTypeMax();
  unsigned width = 1;
  if (type.isSigned())
    while (low < -(int64_t(1) << (width - 1)) ||
           high > (int64_t(1) << (width - 1)) - 1)
      ++width;
  else
    while (high > (int64_t(1) << width) - 1)
      ++width;
  return width;
}

/// `number` rounded to the expressed type, as upstream's lowering does.
static float roundTo(Type type, double number) {
  return FloatAttr::get(type, number).getValueAsDouble();
}

/// The tensor of `type` without name and codes.
static std::optional<CodedTensor> describe(RankedTensorType type,
                                           std::string &reason) {
  auto element = dyn_cast<quant::QuantizedType>(type.getElementType());
  if (!element || !type.hasStaticShape()) {
    reason = "a quantized tensor of static shape is required";
    return std::nullopt;
  }
  unsigned width = getWidth(element);
  if (width > 8) {
    llvm::raw_string_ostream(reason)
        << "storage of at most 8 bits is required, found " << width;
    return std::nullopt;
  }
  auto parameters = getParameters(element, type.getRank(), reason);
  if (!parameters)
    return std::nullopt;
  CodedTensor tensor;
  MLIRContext *context = type.getContext();
  tensor.expressedType = element.getExpressedType();
  tensor.element = element.isSigned()
                       ? ElementFormatInterface(
                             IntAttr::get(context, width, /*restricted=*/false))
                       : UIntAttr::get(context, width);
  SmallVector<int64_t> strides = computeSuffixProduct(parameters->blocks);
  for (int64_t i = 0; i < type.getRank(); ++i) {
    int64_t blocks = parameters->blocks[i];
    int64_t size = type.getDimSize(i) / blocks;
    if (blocks > 1 && size > 1)
      tensor.groupLoop = tensor.extents.size();
    if (blocks > 1 || size == 1) {
      tensor.extents.push_back(blocks);
      tensor.scale.strides.push_back(blocks > 1 ? strides[i] : 0);
    }
    if (size > 1) {
      tensor.extents.push_back(size);
      tensor.scale.strides.push_back(0);
    }
  }
  tensor.zeroPoint.strides = tensor.scale.strides;
  for (auto [scale, point] :
       llvm::zip(parameters->scales, parameters->zeroPoints)) {
    tensor.scale.values.push_back(roundTo(tensor.expressedType, scale));
    tensor.zeroPoint.values.push_back(point);
  }
  // Per axis of a matrix's columns, and the like, have no split dimension.
  if (!tensor.groupLoop)
    tensor.groupLoop = findGroupLoop(tensor);
  return tensor;
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// Codes of `numbers`: rounded half to even and clamped to the storage range.
static void quantizeNumbers(CodedTensor &tensor, quant::QuantizedType type,
                            ArrayRef<float> numbers) {
  SmallVector<int64_t> strides = computeSuffixProduct(tensor.extents);
  for (auto [i, number] : llvm::enumerate(numbers)) {
    SmallVector<int64_t> loops = delinearize(i, strides);
    double code = std::nearbyint(number / tensor.scale.at(loops) +
                                 tensor.zeroPoint.at(loops));
    code = std::clamp(code, double(type.getStorageTypeMin()),
                      double(type.getStorageTypeMax()));
    tensor.codes.push_back(static_cast<uint8_t>(static_cast<int64_t>(code)));
  }
}

/// Fails, with a reason, where a code is outside of the storage range of
/// `type`; codes then lose the bits that the range doesn't need.
static LogicalResult narrowCodes(CodedTensor &tensor, quant::QuantizedType type,
                                 std::string &reason) {
  unsigned stored = std::min(8u, type.getStorageTypeIntegralWidth());
  unsigned width = tensor.element.getCodeBits();
  for (uint8_t &code : tensor.codes) {
    int64_t number = type.isSigned() ? llvm::SignExtend64(code, stored)
                                     : code & ((1u << stored) - 1);
    if (number < type.getStorageTypeMin() ||
        number > type.getStorageTypeMax()) {
      llvm::raw_string_ostream(reason)
          << "codes of " << type.getStorageTypeMin() << " to "
          << type.getStorageTypeMax() << " are required, found " << number;
      return failure();
    }
    code = number & ((1u << width) - 1);
  }
  return success();
}

/// The constant that `op` converts to numbers.
static std::optional<CodedTensor> readTensor(quant::DequantizeCastOp op,
                                             std::string &reason) {
  auto type = dyn_cast<RankedTensorType>(op.getInput().getType());
  if (!type) {
    reason = "a ranked tensor is required";
    return std::nullopt;
  }
  Operation *cast = op.getInput().getDefiningOp();
  Value source = op.getInput();
  if (cast && isa<quant::StorageCastOp, quant::QuantizeCastOp>(cast))
    source = cast->getOperand(0);
  std::optional<NamedConstant> constant = findConstant(source);
  if (!constant) {
    reason = "its codes are " + describeOrigin(source) + ", not a constant";
    return std::nullopt;
  }
  std::optional<CodedTensor> tensor = describe(type, reason);
  if (!tensor)
    return std::nullopt;
  tensor->name = constant->name;
  auto element = mlir::cast<quant::QuantizedType>(type.getElementType());
  if (isa_and_nonnull<quant::QuantizeCastOp>(cast)) {
    auto numbers = readNumbers(constant->data, /*isSigned=*/true, reason);
    if (!numbers)
      return std::nullopt;
    quantizeNumbers(*tensor, element, *numbers);
  } else {
    auto codes = readCodes(constant->data, reason);
    if (!codes)
      return std::nullopt;
    tensor->codes = std::move(*codes);
  }
  if (failed(narrowCodes(*tensor, element, reason)))
    return std::nullopt;
  return tensor;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// `value`, of loops, with those of a dimension merged, as `type`.
static Value mergeLoops(OpBuilder &builder, Location loc, Value value,
                        RankedTensorType type) {
  auto loops = cast<RankedTensorType>(value.getType()).getShape();
  if (loops == type.getShape())
    return value;
  SmallVector<ReassociationIndices> groups;
  int64_t next = 0;
  for (int64_t extent : type.getShape()) {
    ReassociationIndices group{next};
    for (int64_t size = loops[next++]; size < extent; size *= loops[next++])
      group.push_back(next);
    groups.push_back(group);
  }
  return tensor::CollapseShapeOp::create(builder, loc, type, value, groups);
}

namespace {
struct ImportQuantPass : lowbit::impl::ImportQuantPassBase<ImportQuantPass> {
  using ImportQuantPassBase::ImportQuantPassBase;

  void runOnOperation() override {
    WeightImporter importer(getOperation());
    SmallVector<quant::DequantizeCastOp> casts;
    getOperation().walk(
        [&](quant::DequantizeCastOp op) { casts.push_back(op); });
    for (quant::DequantizeCastOp op : casts)
      importOne(importer, op);
    importer.dropReplaced();
    numGlobals += importer.getNumGlobals();
  }

  void importOne(WeightImporter &importer, quant::DequantizeCastOp op) {
    std::string reason;
    OpBuilder builder(op);
    Value value = buildActivation(builder, op);
    if (value)
      return replace(op, value);
    if (std::optional<CodedTensor> tensor = readTensor(op, reason))
      value = importer.import(builder, op.getLoc(), std::move(*tensor), reason);
    if (!value) {
      op.emitRemark() << "dequantization stays as it is: " << reason;
      ++numLeft;
      return;
    }
    auto type = cast<RankedTensorType>(op.getType());
    replace(op, mergeLoops(builder, op.getLoc(), value, type));
    ++numImported;
  }

  /// The round trip of a value that is computed; null for everything else.
  Value buildActivation(OpBuilder &builder, quant::DequantizeCastOp op) {
    auto cast = op.getInput().getDefiningOp<quant::QuantizeCastOp>();
    if (!cast || findConstant(cast.getInput()))
      return {};
    auto type = mlir::cast<quant::QuantizedType>(
        getElementTypeOrSelf(op.getInput().getType()));
    Value value =
        buildQuantRoundTrip(builder, op.getLoc(), cast.getInput(), type);
    numActivations += static_cast<bool>(value);
    return value;
  }

  /// Erases `op` and the constants and casts that it alone used.
  static void replace(quant::DequantizeCastOp op, Value value) {
    op.replaceAllUsesWith(value);
    Operation *source = op.getInput().getDefiningOp();
    op.erase();
    while (source && isOpTriviallyDead(source)) {
      Operation *next = source->getNumOperands()
                            ? source->getOperand(0).getDefiningOp()
                            : nullptr;
      source->erase();
      source = next;
    }
  }
};
} // namespace
