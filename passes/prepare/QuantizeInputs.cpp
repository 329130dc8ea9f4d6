//===- QuantizeInputs.cpp - static scales of activations ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RangeObserver.h"
#include "WeightEditor.h"
#include "lowbit/Reference/Float8.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace lowbit {
#define GEN_PASS_DEF_QUANTIZEINPUTSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;
using numerics::ActivationRange;

/// Bits of a code.
static constexpr unsigned kBits = 8;

/// From this share of an input's square on, what rounding costs is worth
/// saying; with a scale for each row it is about a twentieth of that.
static constexpr double kCostlyError = 1.0 / 500;

namespace {
/// How a range becomes codes: x is shifted by `offset`, scale times the zero
/// point as the input's type has it, then rounded.
struct InputCodes {
  float scale = 1;
  double offset = 0;
};

struct QuantizeInputsPass
    : lowbit::impl::QuantizeInputsPassBase<QuantizeInputsPass> {
  using QuantizeInputsPassBase::QuantizeInputsPassBase;

  void runOnOperation() override {
    if (failed(checkOptions()))
      return signalPassFailure();
    statistics = LayerStatistics(getOperation());
    shifted.clear();
    SmallVector<LinearOp> layers;
    getOperation().walk([&](LinearOp op) {
      if (isa<QuantizedTensorType>(op.getWeight().getType()) &&
          isa<RankedTensorType>(op.getInput().getType()))
        layers.push_back(op);
    });
    WeightEditor editor(getOperation(), /*releaseData=*/false);
    for (LinearOp op : layers)
      if (failed(quantizeInput(op, editor)))
        return signalPassFailure();
  }

private:
  LogicalResult checkOptions();
  ElementFormatInterface getFormat();
  InputCodes chooseCodes(ActivationRange range, Type element);
  Value shift(LinearOp op, InputCodes codes);
  LogicalResult correctBias(LinearOp op, InputCodes codes,
                            WeightEditor &editor);
  void remarkOnCost(LinearOp op, StringRef name, InputCodes codes);
  LogicalResult quantizeInput(LinearOp op, WeightEditor &editor);

  LayerStatistics statistics;
  /// Inputs by their shift.
  llvm::DenseMap<std::pair<Value, Attribute>, Value> shifted;
};
} // namespace

LogicalResult QuantizeInputsPass::checkOptions() {
  Location loc = getOperation().getLoc();
  if (failed(RangeObserver(observer, percentile).check(loc, "static inputs")))
    return failure();
  if (!llvm::is_contained({"int8", "fp8-e4m3", "fp8-e5m2"}, format.getValue()))
    return emitError(loc)
           << "static inputs: requires the format int8, fp8-e4m3 "
              "or fp8-e5m2, found '"
           << format << "'";
  if (format != "int8" &&
      (asymmetric || observer == "mse" || observer == "entropy"))
    return emitError(loc) << "static inputs: requires int8 for "
                          << (asymmetric
                                  ? "asymmetric ranges"
                                  : "the observer " + observer.getValue())
                          << ", found " << format;
  return success();
}

ElementFormatInterface QuantizeInputsPass::getFormat() {
  MLIRContext *context = &getContext();
  if (format == "fp8-e4m3")
    return SmallFloatAttr::get(context, Float8E4M3FNType::get(context));
  if (format == "fp8-e5m2")
    return SmallFloatAttr::get(context, Float8E5M2Type::get(context));
  return IntAttr::get(context, kBits, /*restricted=*/false);
}

InputCodes QuantizeInputsPass::chooseCodes(ActivationRange range,
                                           Type element) {
  numerics::IntegerFormat integers{kBits};
  double least = integers.decode(0), most = integers.largestRuntimeValue();
  if (auto real = dyn_cast<SmallFloatAttr>(getFormat()))
    most = getLargestNumber(real.getType());
  double low = std::min(range.low, 0.0), high = std::max(range.high, 0.0);
  InputCodes codes;
  double scale =
      asymmetric ? (high - low) / (most - least) : std::max(-low, high) / most;
  codes.scale = static_cast<float>(scale);
  if (!(codes.scale > 0) || !std::isfinite(codes.scale))
    return InputCodes();
  if (asymmetric) {
    double zeroPoint =
        std::clamp(std::nearbyint(least - low / codes.scale), least, most);
    codes.offset = FloatAttr::get(element, double(codes.scale) * zeroPoint)
                       .getValueAsDouble();
  }
  return codes;
}

/// The input of `op` plus a number, made once for all layers that read it.
Value QuantizeInputsPass::shift(LinearOp op, InputCodes codes) {
  Value input = op.getInput();
  if (codes.offset == 0)
    return input;
  OpBuilder builder(op.getContext());
  builder.setInsertionPointAfterValue(input);
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(input.getType());
  auto offset = builder.getFloatAttr(type.getElementType(), codes.offset);
  Value &result = shifted[{input, offset}];
  if (result)
    return result;
  Value number = arith::ConstantOp::create(builder, loc, offset);
  Value init = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, input),
      type.getElementType());
  SmallVector<AffineMap> maps(2,
                              builder.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  result =
      linalg::GenericOp::create(
          builder, loc, type, input, init, maps, loops,
          [&](OpBuilder &b, Location loc, ValueRange values) {
            linalg::YieldOp::create(
                b, loc,
                arith::AddFOp::create(b, loc, values[0], number).getResult());
          })
          .getResult(0);
  return result;
}

/// Takes back what the shift adds to each output.
LogicalResult QuantizeInputsPass::correctBias(LinearOp op, InputCodes codes,
                                              WeightEditor &editor) {
  if (codes.offset == 0)
    return success();
  auto weight = op.getWeight().getDefiningOp<WeightOp>();
  std::string name = getLayerName(op).value_or("a layer");
  if (!weight)
    return op.emitOpError() << "weight '" << name
                            << "': requires a constant weight for asymmetric "
                               "inputs, found one that is computed";
  FailureOr<numerics::QuantizedMatrix> matrix =
      unpackComponents(weight.getGlobalOp());
  if (failed(matrix))
    return failure();
  std::vector<float> bias(matrix->rows, 0),
      values(matrix->rows * matrix->columns);
  if (op.getBias()) {
    auto constant = editor.readConstant(op.getBiasMutable()[0]);
    if (!constant)
      return op.emitOpError()
             << "weight '" << name
             << "': requires a constant bias for asymmetric inputs, found one "
                "that is computed";
    bias = std::move(*constant);
  }
  numerics::dequantize(*matrix, values.data());
  for (int64_t n = 0; n < matrix->rows; ++n) {
    double sum = 0;
    for (int64_t k = 0; k < matrix->columns; ++k)
      sum += values[n * matrix->columns + k];
    bias[n] = static_cast<float>(bias[n] - codes.offset * sum);
  }
  auto type =
      RankedTensorType::get({matrix->rows}, op.getType().getElementType());
  op.getBiasMutable().assign(editor.create(op, type, name + ".bias", bias));
  return success();
}

/// Says where a step that fits the largest numbers is too long for the others:
/// few rows of a product of two activations are far louder than all others.
void QuantizeInputsPass::remarkOnCost(LinearOp op, StringRef name,
                                      InputCodes codes) {
  std::vector<float> squares = statistics.read(name, statistic::kMeanSquare);
  double square = 0;
  for (float columnSquare : squares)
    square += columnSquare / static_cast<double>(squares.size());
  // The mean square of what rounding adds.
  double error = double(codes.scale) * codes.scale / 12;
  if (format != "int8" || !(square > 0) || error < kCostlyError * square)
    return;
  op.emitRemark() << "weight '" << name << "': with one scale, rounding its "
                  << "input costs "
                  << llvm::formatv("{0:f1}", 100 * error / square).str()
                  << " % of its square; scales of rows, or a rotated input, "
                     "cost less";
}

LogicalResult QuantizeInputsPass::quantizeInput(LinearOp op,
                                                WeightEditor &editor) {
  std::string name = getLayerName(op).value_or("a layer");
  FailureOr<ActivationRange> range =
      RangeObserver(observer, percentile).find(op, statistics, name);
  if (failed(range))
    return failure();
  InputCodes codes = chooseCodes(
      *range, cast<RankedTensorType>(op.getInput().getType()).getElementType());
  if (failed(correctBias(op, codes, editor)))
    return failure();
  Value input = shift(op, codes);
  auto type = cast<RankedTensorType>(input.getType());
  EncodingAttr weight =
      cast<QuantizedTensorType>(op.getWeight().getType()).getEncoding();
  auto quantized = QuantizedTensorType::get(
      type.getShape(), type.getElementType(),
      weight.getActivationEncoding(getFormat(), /*perToken=*/false));
  OpBuilder builder(op.getContext());
  FloatAttr scale = builder.getF32FloatAttr(codes.scale);
  ++numLayers;
  for (Operation *user : input.getUsers())
    if (auto existing = dyn_cast<QuantizeOp>(user);
        existing && existing.getType() == quantized &&
        existing.getScaleAttr() == scale) {
      op.getInputMutable().assign(existing);
      return success();
    }
  remarkOnCost(op, name, codes);
  builder.setInsertionPointAfterValue(input);
  op.getInputMutable().assign(
      QuantizeOp::create(builder, op.getLoc(), quantized, input, scale));
  ++numInputs;
  return success();
}
