//===- ExportQuant.cpp - weights as upstream's quantized types ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// quant.uniform has integers, integer zero points, and positive scales that are
// part of the type. A negative scale is the same as a positive one with codes
// and zero point mirrored in the middle of the storage range; a scale of zero
// is any scale with all codes at the zero point.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/PackedData.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include <cmath>

namespace lowbit {
#define GEN_PASS_DEF_EXPORTQUANTPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {

/// A weight in upstream's terms.
struct UniformWeight {
  /// Two's complement or unsigned, one per element.
  std::vector<int64_t> codes;
  /// [rows, groups], or one.
  std::vector<double> scales;
  std::vector<int64_t> zeroPoints;
  bool isSigned = false;
  unsigned width = 8;

  int64_t low() const { return isSigned ? -(int64_t(1) << (width - 1)) : 0; }
  int64_t high() const { return low() + (int64_t(1) << width) - 1; }
};

struct ExportQuantPass : lowbit::impl::ExportQuantPassBase<ExportQuantPass> {
  using ExportQuantPassBase::ExportQuantPassBase;

  void runOnOperation() override;

private:
  LogicalResult exportGlobal(GlobalOp global);
};

} // namespace

//===----------------------------------------------------------------------===//
// What the type can say
//===----------------------------------------------------------------------===//

/// What in `type` quant.uniform has no word for; empty if nothing.
static std::string findObstacle(QuantizedTensorType type) {
  EncodingAttr encoding = type.getEncoding();
  std::optional<numerics::IntegerFormat> format =
      encoding.getElement().getIntegerFormat();
  std::string text;
  llvm::raw_string_ostream os(text);
  if (!format)
    os << "integer codes, found " << encoding.getElement();
  else if (format->step() != 1)
    os << "codes of consecutive integers, found " << encoding.getElement()
       << ", which stands for -1 and 1";
  else if (encoding.getMinimum())
    os << "a zero point, found a minimum";
  else if (encoding.getOuterScale() != OuterScaleKind::None)
    os << "one scale for each number, found an outer one, too";
  else if (encoding.getColumnScale())
    os << "one scale for each number, found scales of columns, too";
  else if (encoding.getPermuted())
    os << "columns in their order, found a permutation";
  else if (encoding.getNumerics().groupCount(type.getColumns()) > 1 &&
           type.getColumns() % encoding.getGranularity().getGroupSize() != 0)
    os << "groups that divide " << type.getColumns() << " columns, found "
       << encoding.getGranularity().getGroupSize();
  return text;
}

/// The zero points of `matrix`, if all are integers.
static LogicalResult readZeroPoints(const numerics::QuantizedMatrix &matrix,
                                    UniformWeight &weight,
                                    std::string &obstacle) {
  weight.zeroPoints.assign(matrix.scales.size(), 0);
  for (auto [i, point] : llvm::enumerate(matrix.zeroPoints)) {
    weight.zeroPoints[i] = std::isfinite(point) ? int64_t(point) : 0;
    if (float(weight.zeroPoints[i]) != point) {
      llvm::raw_string_ostream(obstacle)
          << "integer zero points, found " << point;
      return failure();
    }
  }
  return success();
}

/// Codes, scales and zero points; nothing, with what is required, where the
/// numbers don't allow it.
static std::optional<UniformWeight>
convertMatrix(const numerics::QuantizedMatrix &matrix, std::string &obstacle) {
  UniformWeight weight;
  const numerics::IntegerFormat &format = *matrix.encoding.element.integer();
  weight.width = format.width;
  if (failed(readZeroPoints(matrix, weight, obstacle)))
    return std::nullopt;
  // Unsigned codes with a zero point go to signed storage, as others write them
  // and as upstream prints zero points.
  bool isUnsigned = format.kind == numerics::IntegerKind::Unsigned;
  weight.isSigned = !isUnsigned || !matrix.zeroPoints.empty();
  int64_t offset = isUnsigned && weight.isSigned ? weight.low() : 0;
  for (int64_t &point : weight.zeroPoints)
    point += offset;
  int64_t mirror = weight.low() + weight.high();
  weight.scales.assign(matrix.scales.begin(), matrix.scales.end());
  weight.codes.resize(matrix.rows * matrix.columns);
  int64_t size = matrix.encoding.columnsPerGroup(matrix.columns);
  int64_t groups = matrix.encoding.groupCount(matrix.columns);
  for (int64_t row = 0, i = 0; row < matrix.rows; ++row)
    for (int64_t column = 0; column < matrix.columns; ++column, ++i) {
      int64_t place =
          matrix.encoding.parameterIndex(row, column / size, groups);
      int64_t code = format.decode(matrix.code(row, column)) + offset;
      if (matrix.scales[place] < 0)
        code = mirror - code;
      else if (matrix.scales[place] == 0)
        code = weight.low();
      weight.codes[i] = code;
    }
  for (auto [scale, point] : llvm::zip(weight.scales, weight.zeroPoints)) {
    if (scale < 0)
      point = mirror - point;
    else if (scale == 0)
      point = weight.low();
    scale = scale == 0 ? 1 : std::fabs(scale);
  }
  return weight;
}

//===----------------------------------------------------------------------===//
// Types and constants
//===----------------------------------------------------------------------===//

/// Zero points of blocks are numbers of the storage type; null, with an error,
/// where one isn't.
static Type makeSubChannel(llvm::function_ref<InFlightDiagnostic()> emitError,
                           QuantizedTensorType type,
                           const UniformWeight &weight, Type storage) {
  int64_t groups =
      type.getEncoding().getNumerics().groupCount(type.getColumns());
  SmallVector<int64_t> shape(type.getShape()), sizes(shape.size(), 1);
  SmallVector<int32_t> axes;
  shape.back() = groups;
  sizes.back() = type.getColumns() / groups;
  for (size_t i = 0; i < shape.size(); ++i)
    axes.push_back(i);
  Type expressed = type.getElementType();
  SmallVector<Attribute> scales, points;
  for (auto [scale, point] : llvm::zip(weight.scales, weight.zeroPoints)) {
    if (point < weight.low() || point > weight.high()) {
      emitError() << "zero points of blocks must be " << weight.low() << " to "
                  << weight.high() << ", found " << point;
      return {};
    }
    scales.push_back(FloatAttr::get(expressed, scale));
    points.push_back(
        IntegerAttr::get(storage, APInt(weight.width, point, weight.isSigned)));
  }
  return quant::UniformQuantizedSubChannelType::getChecked(
      emitError, weight.isSigned ? quant::QuantizationFlags::Signed : 0,
      storage, expressed,
      DenseElementsAttr::get(RankedTensorType::get(shape, expressed), scales),
      DenseElementsAttr::get(RankedTensorType::get(shape, storage), points),
      axes, sizes, weight.low(), weight.high());
}

/// The quantized element type that says what `weight` says.
static Type makeType(llvm::function_ref<InFlightDiagnostic()> emitError,
                     QuantizedTensorType type, const UniformWeight &weight) {
  Type storage = IntegerType::get(type.getContext(), weight.width);
  unsigned flags = weight.isSigned ? quant::QuantizationFlags::Signed : 0;
  numerics::Encoding encoding = type.getEncoding().getNumerics();
  if (weight.scales.size() == 1)
    return quant::UniformQuantizedType::getChecked(
        emitError, flags, storage, type.getElementType(), weight.scales[0],
        weight.zeroPoints[0], weight.low(), weight.high());
  if (type.getShape().size() == 2 &&
      encoding.groupCount(type.getColumns()) == 1)
    return quant::UniformQuantizedPerAxisType::getChecked(
        emitError, flags, storage, type.getElementType(), weight.scales,
        weight.zeroPoints, /*quantizedDimension=*/0, weight.low(),
        weight.high());
  return makeSubChannel(emitError, type, weight, storage);
}

/// The codes as a constant of the storage type. MLIR has no layout for
/// resources of less than a byte, so they are dense.
static DenseElementsAttr makeStorage(QuantizedTensorType type,
                                     const UniformWeight &weight) {
  auto tensor = RankedTensorType::get(
      type.getShape(), IntegerType::get(type.getContext(), weight.width));
  std::vector<APInt> codes;
  codes.reserve(weight.codes.size());
  for (int64_t code : weight.codes)
    codes.emplace_back(weight.width, code, weight.isSigned);
  return DenseElementsAttr::get(tensor, codes);
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// Replaces `weight` by `numbers` where a layer or a conversion reads it.
static LogicalResult replaceUses(WeightOp weight, Value numbers) {
  for (OpOperand &use : llvm::make_early_inc_range(weight->getUses())) {
    Operation *user = use.getOwner();
    if (auto dequantize = dyn_cast<DequantizeOp>(user)) {
      dequantize.replaceAllUsesWith(numbers);
      dequantize.erase();
    } else if (isa<LinearOp, EmbeddingOp>(user)) {
      use.set(numbers);
    } else {
      return user->emitOpError()
             << "reads the quantized weight '@" << weight.getGlobal()
             << "', which only layers and lowbit.dequantize can do as a "
                "quant.uniform";
    }
  }
  return success();
}

LogicalResult ExportQuantPass::exportGlobal(GlobalOp global) {
  auto type = cast<QuantizedTensorType>(global.getType());
  auto refuse = [&](StringRef obstacle) {
    return emitError(global.getLoc())
           << "weight '@" << global.getSymName()
           << "' cannot be a quant.uniform, which requires " << obstacle;
  };
  std::string obstacle = findObstacle(type);
  if (!obstacle.empty())
    return refuse(obstacle);
  FailureOr<numerics::QuantizedMatrix> matrix = unpackComponents(global);
  if (failed(matrix))
    return failure();
  std::optional<UniformWeight> weight = convertMatrix(*matrix, obstacle);
  if (!weight)
    return refuse(obstacle);
  Type element = makeType(
      [&] {
        return emitError(global.getLoc()) << "weight '@" << global.getSymName()
                                          << "' cannot be a quant.uniform: ";
      },
      type, *weight);
  if (!element)
    return failure();
  SmallVector<WeightOp> uses;
  getOperation().walk([&](WeightOp op) {
    if (op.getGlobal() == global.getSymName())
      uses.push_back(op);
  });
  DenseElementsAttr storage = makeStorage(type, *weight);
  for (WeightOp op : uses) {
    OpBuilder builder(op);
    Location loc = NameLoc::get(global.getSymNameAttr(), op.getLoc());
    Value codes = arith::ConstantOp::create(builder, loc, storage);
    Value quantized = quant::StorageCastOp::create(
        builder, loc, RankedTensorType::get(type.getShape(), element), codes);
    Value numbers = quant::DequantizeCastOp::create(
        builder, loc, type.getExpressedType(), quantized);
    if (failed(replaceUses(op, numbers)))
      return failure();
    op.erase();
  }
  global.erase();
  ++numExported;
  return success();
}

void ExportQuantPass::runOnOperation() {
  SmallVector<GlobalOp> globals;
  getOperation().walk([&](GlobalOp op) {
    if (isa<QuantizedTensorType>(op.getType()))
      globals.push_back(op);
  });
  for (GlobalOp global : globals)
    if (failed(exportGlobal(global)))
      return signalPassFailure();
}
