//===- ImportLinalg.cpp - dequantization written as linalg ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// torch-mlir lowers a group-quantized product to a pair of generics: one that
// turns codes into numbers, group by group, and a contraction over groups and
// the columns of each. Only the first needs recognising. Its value becomes a
// reshaped `lowbit.dequantize`, and raising takes the contraction as it takes
// any other.
//
//===----------------------------------------------------------------------===//

#include "CodedTensor.h"
#include "ConstantData.h"

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

namespace lowbit {
#define GEN_PASS_DEF_IMPORTLINALGPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// The scalar expression
//===----------------------------------------------------------------------===//

namespace {
/// scale * (code - zeroPoint), in the values of a generic's body.
struct DequantizeBody {
  BlockArgument codes;
  bool isSigned = false;
  /// Block arguments or values from outside; the zero point may be null.
  Value scale, zeroPoint;
  bool isZeroPointSigned = false;
};
} // namespace

/// `value` before a conversion from an integer to a float, or null. Unsigned
/// conversions are noted.
static Value beforeConversion(Value value, bool &isSigned) {
  if (auto cast = value.getDefiningOp<arith::SIToFPOp>()) {
    isSigned = true;
    return cast.getIn();
  }
  if (auto cast = value.getDefiningOp<arith::UIToFPOp>()) {
    isSigned = false;
    return cast.getIn();
  }
  return {};
}

/// `value` before a widening of integers. One that is there decides the sign.
static Value beforeWidening(Value value, bool &isSigned) {
  if (auto widened = value.getDefiningOp<arith::ExtSIOp>()) {
    isSigned = true;
    return widened.getIn();
  }
  if (auto widened = value.getDefiningOp<arith::ExtUIOp>()) {
    isSigned = false;
    return widened.getIn();
  }
  return value;
}

/// Matches the number of a code, from which an integer zero point may have been
/// subtracted before the conversion.
static bool matchNumber(Value value, DequantizeBody &body) {
  bool isConversionSigned;
  Value integer = beforeConversion(value, isConversionSigned);
  if (!integer)
    return false;
  if (auto difference = integer.getDefiningOp<arith::SubIOp>()) {
    if (body.zeroPoint || !isConversionSigned)
      return false;
    body.isZeroPointSigned = true;
    body.zeroPoint =
        beforeWidening(difference.getRhs(), body.isZeroPointSigned);
    integer = difference.getLhs();
    // Without widening the difference would wrap around.
    if (isa<BlockArgument>(integer))
      return false;
  }
  body.isSigned = isConversionSigned;
  Value codes = beforeWidening(integer, body.isSigned);
  // A negative number that is converted as unsigned is another number.
  if (body.isSigned && !isConversionSigned)
    return false;
  body.codes = dyn_cast<BlockArgument>(codes);
  return static_cast<bool>(body.codes);
}

/// Matches code - zeroPoint.
static bool matchShifted(Value value, DequantizeBody &body) {
  auto difference = value.getDefiningOp<arith::SubFOp>();
  if (!difference)
    return matchNumber(value, body);
  body.zeroPoint = difference.getRhs();
  body.isZeroPointSigned = true;
  if (Value integer = beforeConversion(body.zeroPoint, body.isZeroPointSigned))
    body.zeroPoint = integer;
  return matchNumber(difference.getLhs(), body);
}

static std::optional<DequantizeBody> matchBody(linalg::GenericOp op) {
  Value yielded = op.getBody()->getTerminator()->getOperand(0);
  auto product = yielded.getDefiningOp<arith::MulFOp>();
  if (!product)
    return std::nullopt;
  for (bool isSwapped : {false, true}) {
    DequantizeBody body;
    body.scale = isSwapped ? product.getLhs() : product.getRhs();
    Value shifted = isSwapped ? product.getRhs() : product.getLhs();
    if (!matchShifted(shifted, body))
      continue;
    auto isParameter = [&](Value value) {
      return value != body.codes && (isa<BlockArgument>(value) ||
                                     value.getParentBlock() != op.getBody());
    };
    if (isParameter(body.scale) &&
        (!body.zeroPoint || isParameter(body.zeroPoint)))
      return body;
  }
  return std::nullopt;
}

/// A generic without reductions that only dequantizes its codes.
static std::optional<DequantizeBody> matchDequantize(linalg::GenericOp op) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInits() != 1 ||
      !op.isAllParallelLoops() || op.getNumDpsInputs() == 0)
    return std::nullopt;
  std::optional<DequantizeBody> body = matchBody(op);
  if (!body || body->codes.getOwner() != op.getBody() ||
      static_cast<int64_t>(body->codes.getArgNumber()) >= op.getNumDpsInputs())
    return std::nullopt;
  return body;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// Strides by which the loops of `map` walk a row-major tensor of `shape`,
/// which is static.
static std::optional<SmallVector<int64_t>>
loopStrides(AffineMap map, ArrayRef<int64_t> shape) {
  if (ShapedType::isDynamicShape(shape))
    return std::nullopt;
  SmallVector<int64_t> result(map.getNumDims(), 0);
  SmallVector<int64_t> strides = computeSuffixProduct(shape);
  for (auto [expression, stride] : llvm::zip(map.getResults(), strides)) {
    if (auto loop = dyn_cast<AffineDimExpr>(expression))
      result[loop.getPosition()] += stride;
    else if (auto constant = dyn_cast<AffineConstantExpr>(expression);
             !constant || constant.getValue() != 0)
      return std::nullopt;
  }
  return result;
}

/// The constant that `value`, of the body of `op`, reads in each iteration.
static std::optional<LoopParameters> readParameters(linalg::GenericOp op,
                                                    Value value, bool isSigned,
                                                    std::string &reason) {
  LoopParameters result;
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || argument.getOwner() != op.getBody()) {
    Attribute constant;
    if (!matchPattern(value, m_Constant(&constant)) ||
        !isa<FloatAttr, IntegerAttr>(constant)) {
      reason = "a parameter is " + describeOrigin(value) + ", not a constant";
      return std::nullopt;
    }
    result.values = {
        isa<FloatAttr>(constant)
            ? float(cast<FloatAttr>(constant).getValueAsDouble())
            : float(cast<IntegerAttr>(constant).getValue().roundToDouble(
                  isSigned))};
    result.strides.assign(op.getNumLoops(), 0);
    return result;
  }
  OpOperand *operand = op.getMatchingOpOperand(argument);
  std::optional<NamedConstant> constant = findConstant(operand->get());
  if (!constant) {
    reason = "its parameters are " + describeOrigin(operand->get()) +
             ", not a constant";
    return std::nullopt;
  }
  auto numbers = readNumbers(constant->data, isSigned, reason);
  auto shape = cast<ShapedType>(operand->get().getType()).getShape();
  auto strides = loopStrides(op.getMatchingIndexingMap(operand), shape);
  if (!numbers)
    return std::nullopt;
  if (!strides) {
    reason = "its parameters are not selected by whole loops";
    return std::nullopt;
  }
  result.values = std::move(*numbers);
  result.strides = *strides;
  return result;
}

/// The tensor that `op` dequantizes, without its codes.
static std::optional<CodedTensor> readShape(linalg::GenericOp op,
                                            const DequantizeBody &body,
                                            std::string &reason) {
  auto type = cast<RankedTensorType>(op.getResult(0).getType());
  OpOperand *codes = op.getMatchingOpOperand(body.codes);
  auto integer = dyn_cast<IntegerType>(body.codes.getType());
  CodedTensor tensor;
  tensor.expressedType = type.getElementType();
  tensor.extents.assign(type.getShape().begin(), type.getShape().end());
  if (!integer || integer.getWidth() > 8)
    reason = "codes of at most 8 bits are required";
  else if (!type.hasStaticShape())
    reason = "a static shape is required";
  else if (!op.getMatchingIndexingMap(codes).isIdentity() ||
           !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    reason = "codes and numbers must have the same order";
  if (!reason.empty())
    return std::nullopt;
  MLIRContext *context = op.getContext();
  unsigned width = integer.getWidth();
  // One signed bit is not the {-1, 1} of int<1>, but 0 and 1 with a zero point.
  tensor.element =
      body.isSigned
          ? ElementFormatInterface(IntAttr::get(context, width, false))
          : UIntAttr::get(context, width);
  return tensor;
}

static std::optional<CodedTensor> readTensor(linalg::GenericOp op,
                                             const DequantizeBody &body,
                                             std::string &reason) {
  std::optional<CodedTensor> tensor = readShape(op, body, reason);
  if (!tensor)
    return std::nullopt;
  Value source = op.getMatchingOpOperand(body.codes)->get();
  std::optional<NamedConstant> codes = findConstant(source);
  if (!codes) {
    reason = "its codes are " + describeOrigin(source) + ", not a constant";
    return std::nullopt;
  }
  tensor->name = codes->name;
  auto scale = readParameters(op, body.scale, /*isSigned=*/true, reason);
  if (!scale)
    return std::nullopt;
  tensor->scale = std::move(*scale);
  if (body.zeroPoint) {
    auto point =
        readParameters(op, body.zeroPoint, body.isZeroPointSigned, reason);
    if (!point)
      return std::nullopt;
    tensor->zeroPoint = std::move(*point);
  }
  auto bits = readCodes(codes->data, reason);
  if (!bits)
    return std::nullopt;
  tensor->codes = std::move(*bits);
  tensor->groupLoop = findGroupLoop(*tensor);
  return tensor;
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct ImportLinalgPass : lowbit::impl::ImportLinalgPassBase<ImportLinalgPass> {
  using ImportLinalgPassBase::ImportLinalgPassBase;

  void runOnOperation() override {
    WeightImporter importer(getOperation());
    SmallVector<std::pair<linalg::GenericOp, DequantizeBody>> found;
    getOperation().walk([&](linalg::GenericOp op) {
      if (std::optional<DequantizeBody> body = matchDequantize(op))
        found.emplace_back(op, *body);
    });
    for (auto &[op, body] : found)
      importOne(importer, op, body);
    importer.dropReplaced();
    numGlobals += importer.getNumGlobals();
  }

  void importOne(WeightImporter &importer, linalg::GenericOp op,
                 const DequantizeBody &body) {
    std::string reason;
    std::optional<CodedTensor> tensor = readTensor(op, body, reason);
    OpBuilder builder(op);
    Value value = tensor ? importer.import(builder, op.getLoc(),
                                           std::move(*tensor), reason)
                         : Value();
    if (!value) {
      op.emitRemark() << "dequantization stays as it is: " << reason;
      ++numLeft;
      return;
    }
    SmallVector<Value> operands(op->getOperands());
    op.getResult(0).replaceAllUsesWith(value);
    op.erase();
    eraseUnused(operands);
    ++numImported;
  }

  /// Erases producers of `values` that nothing uses any more.
  static void eraseUnused(SmallVector<Value> values) {
    while (!values.empty()) {
      Operation *op = values.pop_back_val().getDefiningOp();
      if (!op || !isOpTriviallyDead(op))
        continue;
      llvm::append_range(values, op->getOperands());
      llvm::erase_if(values,
                     [&](Value value) { return value.getDefiningOp() == op; });
      op->erase();
    }
  }
};
} // namespace
