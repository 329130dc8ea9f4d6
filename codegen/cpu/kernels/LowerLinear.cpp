//===- LowerLinear.cpp - layers become kernel calls -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LowerLinear.h"
#include "BFloatVectors.h"
#include "GroupParameters.h"
#include "PanelSource.h"
#include "RowTables.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;
using numerics::Component;

/// Chooses how many rows are multiplied in bf16, in multiples of those that are
/// in tiles: decoding takes longer than to bytes, and what it saves is the
/// scaling of sums. Where bytes fill tiles there is little of that, and fewer
/// rows are left to those; where they don't, registers of tiles would have two
/// shapes, and kernels have tiles of bf16 alone.
static void setBFloatRows(PanelFormat &format, const CPUTuning &tuning) {
  format.hasBFloatTiles = format.hasTiles();
  if (!format.hasTiles()) {
    format.leastBFloatRows = 4 * tuning.tileRows;
  } else if (format.stepColumns() == PanelFormat::kTileBytes) {
    format.leastBFloatRows = 16 * tuning.tileRows;
  } else {
    format.leastBFloatRows = 2 * tuning.tileRows;
    format.leastTileRows = 0;
  }
}

//===----------------------------------------------------------------------===//
// Which kernel
//===----------------------------------------------------------------------===//

/// Whether codes are integers, or floats, of 8 bits with a scale for each row.
static bool isScaledPerRow(EncodingAttr codes) {
  return (isa<SmallFloatAttr>(codes.getElement()) ||
          codes.getCodeBits() == 8) &&
         isa<PerChannelAttr>(codes.getGranularity());
}

/// The columns of a segment of activations that weights of `weight` meet.
static int64_t getSegmentColumns(EncodingAttr weight, EncodingAttr codes) {
  return weight.getActivationEncoding(codes.getElement(), /*perToken=*/false)
      .getGranularity()
      .getGroupSize();
}

/// Why no panel holds activations of `codes` for weights of `weight`.
static std::optional<std::string> explainNoPanel(EncodingAttr weight,
                                                 EncodingAttr codes) {
  if (getSegmentColumns(weight, codes) > PanelFormat::kMaxColumns)
    return "the input's groups have more than 32768 columns";
  if (codes !=
      weight.getActivationEncoding(codes.getElement(), isScaledPerRow(codes)))
    return "the input's groups differ from the weight's segments";
  return std::nullopt;
}

/// Segments whose sums stay integers in tiles for having scales in common, once
/// codes are multiplied by their groups' integers: activations must have one.
static int64_t countScaled(QuantizedTensorType weight,
                           const PanelFormat &format) {
  if (!format.hasOneScale())
    return 0;
  return countScaledSegments(weight.getEncoding().getNumerics(),
                             weight.getColumns(), format.columns);
}

PanelFormat LinearLowering::makeFormat(LinearOp op, QuantizeOp quantize) {
  auto weight = cast<QuantizedTensorType>(op.getWeight().getType());
  auto input = cast<QuantizedTensorType>(op.getInput().getType());
  EncodingAttr codes = input.getEncoding();
  auto real = dyn_cast<SmallFloatAttr>(codes.getElement());
  PanelSource source = matchPanelSource(quantize.getInput());
  PanelFormat format;
  format.kind = real                       ? PanelKind::Float
                : codes.getCodeBits() == 8 ? PanelKind::Int8
                : floatActivations         ? PanelKind::Float
                                           : PanelKind::Int16;
  bool isInteger = format.kind != PanelKind::Float;
  format.columns = getSegmentColumns(weight.getEncoding(), codes);
  format.isPermuted = source.gather.has_value();
  // Floats are not scaled, unless to be rounded.
  format.hasGivenScale = (isInteger || real) && quantize.getScaleAttr();
  format.hasFactors = source.gather && source.gather->factors;
  format.rounding = real ? real.getType() : FloatType();
  format.scalesPerRow = isScaledPerRow(codes);
  if (calls.target.hasTiles && isInteger) {
    format.joinedSegments = countJoinedSegments(
        countScaled(weight, format), weight.getColumns(), format.columns);
    format.leastTileRows =
        calls.tuning.getLeastTileRows(format.joinedSegments * format.columns);
  }
  format.roundsToBFloat = source.roundsToBFloat;
  // Both sides then are what bf16 holds.
  if ((calls.target.hasBFloat || calls.target.hasTiles) &&
      format.kind == PanelKind::Int16 && !quantize.getScaleAttr() &&
      input.getElementType().isBF16() && weight.getElementType().isBF16())
    setBFloatRows(format, calls.tuning);
  format.isWords =
      isInteger &&
      multipliesWords(calls.target, weight.getEncoding().getNumerics(),
                      format.columns);
  return format;
}

std::optional<std::string> LinearLowering::makeSpec(LinearOp op,
                                                    LinearKernelSpec &spec) {
  auto weight = cast<QuantizedTensorType>(op.getWeight().getType());
  if (!op.getWeight().getDefiningOp<WeightOp>())
    return "the weight is not a lowbit.weight";
  if (!weight.getLayout())
    return "the weight is dense; run lowbit-pack-weights first";
  auto input = dyn_cast<QuantizedTensorType>(op.getInput().getType());
  auto quantize = op.getInput().getDefiningOp<QuantizeOp>();
  if (!input || !quantize)
    return "the input is not quantized; run lowbit-pack-weights first";
  EncodingAttr encoding = weight.getEncoding();
  if (std::string reason = explainNoLinearKernel(encoding); !reason.empty())
    return reason;
  if (auto reason = explainNoPanel(encoding, input.getEncoding()))
    return reason;
  spec.panel = makeFormat(op, quantize);
  if (encoding.getPermuted() ||
      !hasLinearKernel(weight.getLayout().getLayout(encoding.getCodeBits()),
                       encoding.getNumerics(), spec.panel))
    return "no kernel reads the weight's layout";
  spec.target = &calls.target;
  spec.encoding = encoding;
  spec.layout = weight.getLayout();
  if (spec.panel.hasTiles())
    spec.scaledSegments = countScaled(weight, spec.panel);
  if (spec.panel.kind == PanelKind::Int8 && spec.panel.hasOneScale())
    spec.integerGroups = countIntegerGroups(
        calls.target, encoding.getNumerics(), weight.getColumns());
  spec.hasBias = static_cast<bool>(op.getBias());
  spec.hasResidual = static_cast<bool>(op.getResidual());
  spec.activation = op.getActivationAttr();
  spec.isGated = op.getGated();
  spec.tuning = calls.tuning;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// How many of `rows` rows meet unpacked weights, whole tiles of them.
static Value countUnpackedRows(ImplicitLocOpBuilder &b,
                               const PanelFormat &format, Value rows) {
  if (!format.hasBFloat())
    return countTiledRows(b, format, rows);
  Value bfloats = countBFloatRows(b, format, rows);
  if (!format.hasTiles())
    return bfloats;
  return arith::MaxUIOp::create(b, bfloats, countTiledRows(b, format, rows));
}

/// The panel of a quantized value, made where it is quantized.
Value LinearLowering::getPanel(QuantizeOp quantize, const PanelFormat &format) {
  Value &panel = panels[{quantize, b.getStringAttr(format.kernelName())}];
  if (panel)
    return panel;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(quantize);
  PanelSource source = matchPanelSource(quantize.getInput());
  Value x = source.tensor;
  FlatRows rows = flattenRows(b, convertFloats(b, x, b.getF32Type()));
  Value columns = calls.index(quantize.getType().getColumns());
  Value count = rows.count;
  if (format.hasTiles() || format.hasBFloatTiles)
    count = arith::MaxUIOp::create(b, count,
                                   countUnpackedRows(b, format, rows.count));
  SmallVector<Value> inputs{rows.flat};
  if (source.gather) {
    inputs.push_back(asDynamic(b, source.gather->columns));
    inputs.push_back(
        calls.index(cast<ShapedType>(x.getType()).getShape().back()));
    if (source.gather->factors)
      inputs.push_back(asDynamic(b, source.gather->factors));
  }
  if (format.hasGivenScale)
    inputs.push_back(arith::ConstantOp::create(b, quantize.getScaleAttr()));
  inputs.push_back(columns);
  if (format.takesRowCount())
    inputs.push_back(rows.count);
  Value rowBytes =
      calls.index(format.rowBytes(quantize.getType().getColumns()));
  Value size = arith::MulIOp::create(b, count, rowBytes);
  Value grain = calls.getTaskGrain(count, columns, calls.tuning.taskValues);
  func::FuncOp kernel =
      calls.getKernel(getOrCreatePanelKernel, format, calls.target);
  panel = calls.call(kernel, count, grain, inputs, size, b.getI8Type());
  return panel;
}

/// The arguments of the kernel, as `getOrCreateLinearKernel` lists them, up to
/// the residual.
SmallVector<Value> LinearLowering::getInputs(LinearOp op,
                                             const LinearKernelSpec &spec,
                                             Value panel) {
  auto weight = op.getWeight().getDefiningOp<WeightOp>();
  GlobalOp global = weight.getGlobalOp();
  SmallVector<Value> inputs{calls.getBlob(weight)};
  if (spec.encoding.getOuterScale() != OuterScaleKind::None)
    inputs.push_back(calls.getTablePart(global, component::kOuterScale));
  if (RowTables::isNeeded(spec.encoding))
    inputs.push_back(calls.getTablePart(global, component::kTable));
  int64_t columns = cast<QuantizedTensorType>(weight.getType()).getColumns();
  if (int64_t run = getRunGroups(spec.encoding.getNumerics(), columns)) {
    for (Component component : {Component::Scale, Component::Minimum})
      if (Value scales = calls.getStoredScales(global, component))
        inputs.push_back(scales);
    inputs.push_back(calls.index(llvm::Log2_64(run)));
  }
  inputs.push_back(panel);
  if (op.getBias())
    inputs.push_back(
        asDynamic(b, convertFloats(b, op.getBias(), b.getF32Type())));
  if (op.getResidual())
    inputs.push_back(
        flattenRows(b, convertFloats(b, op.getResidual(), b.getF32Type()))
            .flat);
  return inputs;
}

/// Row blocks of a task. Where rows may be in tiles or in bf16, and some are, a
/// task decodes whole panels of weights, which all of those rows meet.
Value LinearLowering::getGrain(const LinearKernelSpec &spec, Value blocks,
                               Value rows, int64_t blockRows, int64_t columns) {
  Value work = arith::MulIOp::create(b, rows, calls.index(blockRows * columns));
  Value grain = calls.getTaskGrain(blocks, work, calls.tuning.taskProducts);
  if (!spec.panel.takesRowCount())
    return grain;
  bool hasTiles = spec.panel.hasTiles() || spec.panel.hasBFloatTiles;
  int64_t decoded =
      hasTiles ? calls.tuning.unpackedRows : BFloatVectors::kPanelRows;
  Value panel = calls.index(std::max<int64_t>(1, decoded / blockRows));
  Value many = countUnpackedRows(b, spec.panel, rows);
  Value none = calls.index(0);
  Value isTiled =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, many, none);
  Value panels = arith::CeilDivUIOp::create(b, grain, panel);
  Value whole = arith::MulIOp::create(b, panels, panel);
  return arith::SelectOp::create(b, isTiled, whole, grain);
}

std::optional<std::string> LinearLowering::lower(LinearOp op) {
  LinearKernelSpec spec;
  if (auto reason = makeSpec(op, spec))
    return reason;
  auto quantize = op.getInput().getDefiningOp<QuantizeOp>();
  auto weight = cast<QuantizedTensorType>(op.getWeight().getType());
  int64_t n = weight.getRows(), k = weight.getColumns();
  int64_t blockRows =
      spec.layout.getLayout(spec.encoding.getCodeBits()).atom.rows;
  b.setLoc(op.getLoc());
  b.setInsertionPoint(op);
  Value panel = getPanel(quantize, spec.panel);
  Value rows = flattenRows(b, quantize.getInput()).count;
  SmallVector<Value> inputs = getInputs(op, spec, panel);
  inputs.append({rows, calls.index(n), calls.index(k)});
  Value size = arith::MulIOp::create(
      b, rows, calls.index(op.getType().getShape().back()));
  Value blocks = calls.index(llvm::divideCeil(n, blockRows));
  Value grain = getGrain(spec, blocks, rows, blockRows, k);
  func::FuncOp kernel = calls.getKernel(getOrCreateLinearKernel, spec);
  Value flat = calls.call(kernel, blocks, grain, inputs, size, b.getF32Type());
  Value result = unflatten(b, flat, quantize.getInput(),
                           op.getType().clone(b.getF32Type()));
  op.getResult().replaceAllUsesWith(
      convertFloats(b, result, op.getType().getElementType()));
  op.erase();
  return std::nullopt;
}
