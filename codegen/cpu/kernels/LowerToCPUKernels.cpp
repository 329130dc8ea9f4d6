//===- LowerToCPUKernels.cpp - packed layers become kernel calls ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Works on tensors: kernels take flat buffers, so leading dimensions collapse
// into rows before a call and unfold after it. All of it is reshapes that cost
// nothing once bufferized.
//
//===----------------------------------------------------------------------===//

#include "BFloatProducts.h"
#include "GroupParameters.h"
#include "KernelSpec.h"
#include "RowTables.h"
#include "lowbit/CodeGen/CPU/Kernels.h"
#include "mlir/Dialect/AMX/AMXDialect.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace lowbit;
using namespace lowbit::cpu;
using numerics::Component;

namespace lowbit {
#define GEN_PASS_DEF_LOWERTOCPUKERNELSPASS
#include "lowbit/CodeGen/CPU/KernelPasses.h.inc"
} // namespace lowbit

namespace {

/// result[..., k] = source[..., columns[k]] * factors[k]; without factors if
/// null.
struct ColumnGather {
  Value source, columns, factors;
};
} // namespace

/// Whether `source` has the rows that `result` has, of as many columns or more.
static bool haveSameRows(Value source, Value result) {
  auto from = cast<ShapedType>(source.getType());
  auto to = cast<ShapedType>(result.getType());
  return from.getElementType() == to.getElementType() &&
         from.getRank() == to.getRank() &&
         from.getShape().drop_back() == to.getShape().drop_back() &&
         !from.isDynamicDim(from.getRank() - 1);
}

/// Matches what `lowbit-reorder-columns` and `lowbit-split-mixed` put in front
/// of a layer, so that the panel kernel reads the columns in their order.
static std::optional<ColumnGather> matchColumnGather(Value value) {
  auto op = value.getDefiningOp<linalg::GenericOp>();
  if (!op || op.getNumDpsInputs() == 0 || op.getNumDpsInputs() > 2 ||
      op.getNumLoops() == 0 || op.getNumParallelLoops() != op.getNumLoops())
    return std::nullopt;
  unsigned last = op.getNumLoops() - 1;
  Value columns = op.getDpsInputs()[0], factors;
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  Value number = op.getBlock()->getTerminator()->getOperand(0);
  if (op.getNumDpsInputs() == 2) {
    auto product = number.getDefiningOp<arith::MulFOp>();
    if (!product || product.getRhs() != op.getBlock()->getArgument(1) ||
        !product.getType().isF32())
      return std::nullopt;
    factors = op.getDpsInputs()[1];
    number = product.getLhs();
  }
  auto extract = number.getDefiningOp<tensor::ExtractOp>();
  if (!extract || !haveSameRows(extract.getTensor(), value) ||
      extract.getTensor().getParentBlock() == op.getBlock() ||
      !getElementTypeOrSelf(columns.getType()).isInteger(32) ||
      !result.isIdentity())
    return std::nullopt;
  for (OpOperand *input : op.getDpsInputOperands())
    if (op.getMatchingIndexingMap(input) != result.getMinorSubMap(1))
      return std::nullopt;
  for (unsigned i = 0; i < last; ++i) {
    auto index = extract.getIndices()[i].getDefiningOp<linalg::IndexOp>();
    if (!index || index.getDim() != i)
      return std::nullopt;
  }
  auto column = extract.getIndices()[last].getDefiningOp<arith::IndexCastOp>();
  if (!column || column.getIn() != op.getBlock()->getArgument(0))
    return std::nullopt;
  return ColumnGather{extract.getTensor(), columns, factors};
}

/// Decoding to bf16 takes longer than to bytes, and gains less: it pays for so
/// many times the rows of activations that tiles do.
static constexpr int64_t kBFloatRowsPerTileRow = 4;

/// The f32 tensor whose numbers, rounded, `value` has; null where it is
/// something else.
static Value matchBFloatRounding(Value value) {
  auto op = value.getDefiningOp<linalg::LinalgOp>();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!op || !type || !type.getElementType().isBF16() ||
      op.getNumDpsInputs() != 1 || op->getNumResults() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      !llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return {};
  Value number = op.getBlock()->getTerminator()->getOperand(0);
  auto rounding = number.getDefiningOp<arith::TruncFOp>();
  if (!rounding || rounding.getIn() != op.getBlock()->getArgument(0) ||
      !rounding.getIn().getType().isF32())
    return {};
  return op.getDpsInputs()[0];
}

namespace {

/// The rows of a tensor [..., K]: a flat view and how many there are.
struct FlatRows {
  Value flat, count;
};

class Lowering {
public:
  Lowering(ModuleOp module, bool floatActivations, const CPUTuning &tuning)
      : module(module), target(getCPUDescription(module)),
        floatActivations(floatActivations), tuning(tuning),
        b(module.getLoc(), module.getContext()) {}

  /// Replaces `op` by a kernel call, or returns why there is no kernel.
  std::optional<std::string> lower(LinearOp op);
  std::optional<std::string> lower(EmbeddingOp op);
  void eraseUnused();
  int64_t numKernels = 0;

private:
  std::optional<std::string> makeSpec(LinearOp op, LinearKernelSpec &spec);
  Value convert(Value tensor, Type element);
  FlatRows flatten(Value tensor);
  FlatRows flattenAll(Value tensor);
  Value unflatten(Value flat, Value like, RankedTensorType type);
  Value asDynamic(Value tensor);
  Value getPanel(QuantizeOp quantize, const PanelFormat &format);
  Value getBlob(WeightOp weight);
  Value getTablePart(GlobalOp global, StringRef name);
  Value getStoredScales(GlobalOp global, numerics::Component component);
  GlobalOp createPlain(GlobalOp like, StringRef suffix, ElementsAttr data);
  Value taskGrain(Value workPerTile, int64_t taskWork);
  Value getTiledGrain(const LinearKernelSpec &spec, Value rows, Value grain,
                      int64_t blockRows);
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value emptyTensor(Value size, Type element) {
    auto type = RankedTensorType::get({ShapedType::kDynamic}, element);
    return tensor::EmptyOp::create(b, type, ValueRange{size});
  }
  template <typename Create, typename... Args>
  func::FuncOp getKernel(Create create, const Args &...args) {
    size_t before = module.getBody()->getOperations().size();
    func::FuncOp kernel = create(module, args...);
    numKernels += module.getBody()->getOperations().size() != before;
    kernel->setAttr(kKernelAttrName, b.getUnitAttr());
    return kernel;
  }

  ModuleOp module;
  const CPUDescription &target;
  bool floatActivations;
  CPUTuning tuning;
  ImplicitLocOpBuilder b;
  /// Panels of a quantized value, by format; in program order.
  llvm::DenseMap<std::pair<Operation *, StringAttr>, Value> panels;
  /// Plain globals of the blobs of packed ones.
  llvm::DenseMap<GlobalOp, GlobalOp> blobs;
  /// Plain globals of the components of tables.
  llvm::DenseMap<std::pair<Operation *, StringAttr>, GlobalOp> parts;
};

struct LowerToCPUKernelsPass
    : lowbit::impl::LowerToCPUKernelsPassBase<LowerToCPUKernelsPass> {
  using LowerToCPUKernelsPassBase::LowerToCPUKernelsPassBase;

  /// What the options say of kernels.
  CPUTuning getTuning() const {
    CPUTuning tuning;
    tuning.kernelRows = rowTile;
    tuning.kernelColumns = columnChunk;
    tuning.prefetchBytes = prefetchBytes;
    tuning.prefetchLevel = prefetchLevel;
    tuning.chainedSums = chainedSums;
    tuning.tileRows = tileRows;
    tuning.unpackedRows = unpackedRows;
    tuning.taskProducts = taskProducts;
    tuning.taskValues = taskValues;
    return tuning;
  }

  void runOnOperation() override {
    CPUTuning tuning = getTuning();
    if (std::string wrong = explainInvalid(tuning); !wrong.empty()) {
      getOperation()->emitError() << wrong;
      return signalPassFailure();
    }
    Lowering lowering(getOperation(), floatActivations, tuning);
    SmallVector<LinearOp> layers;
    getOperation().walk([&](LinearOp op) { layers.push_back(op); });
    for (LinearOp op : layers)
      numCalls += lower(lowering, op);
    SmallVector<EmbeddingOp> embeddings;
    getOperation().walk([&](EmbeddingOp op) { embeddings.push_back(op); });
    for (EmbeddingOp op : embeddings)
      numEmbeddings += lower(lowering, op);
    lowering.eraseUnused();
    numKernels += lowering.numKernels;
  }

  /// Whether `op` became a call.
  template <typename Op> static bool lower(Lowering &lowering, Op op) {
    if (!isa<QuantizedTensorType>(op.getWeight().getType()))
      return false;
    std::optional<std::string> reason = lowering.lower(op);
    if (reason)
      op.emitRemark() << "has no CPU kernel and is left to the reference "
                         "lowering: "
                      << *reason;
    return !reason;
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

/// tensor<Nxf32> as tensor<?xf32>.
Value Lowering::asDynamic(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  auto dynamic =
      RankedTensorType::get({ShapedType::kDynamic}, type.getElementType());
  if (type == dynamic)
    return tensor;
  return tensor::CastOp::create(b, dynamic, tensor);
}

/// `tensor` with floats of another type. Kernels take and give f32; what they
/// compute from f16 and bf16 is rounded once, at the end.
Value Lowering::convert(Value tensor, Type element) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getElementType() == element)
    return tensor;
  Value init = tensor::EmptyOp::create(
      b, tensor::getMixedSizes(b, b.getLoc(), tensor), element);
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  bool widens = element.isF32();
  auto body = [&](OpBuilder &builder, Location loc, ValueRange values) {
    Value result =
        widens ? arith::ExtFOp::create(builder, loc, element, values[0])
                     .getResult()
               : arith::TruncFOp::create(builder, loc, element, values[0])
                     .getResult();
    linalg::YieldOp::create(builder, loc, result);
  };
  return linalg::GenericOp::create(b, init.getType(), tensor, init, maps, loops,
                                   body)
      .getResult(0);
}

FlatRows Lowering::flatten(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  Value count = index(1);
  for (int64_t i = 0; i + 1 < type.getRank(); ++i)
    count =
        arith::MulIOp::create(b, count, tensor::DimOp::create(b, tensor, i));
  if (type.getRank() > 1) {
    SmallVector<ReassociationIndices> all(
        1, llvm::to_vector(llvm::seq(type.getRank())));
    tensor = tensor::CollapseShapeOp::create(b, tensor, all);
  }
  return {asDynamic(tensor), count};
}

/// A flat view of all elements, and how many there are.
FlatRows Lowering::flattenAll(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (type.getRank() == 0)
    return {asDynamic(tensor::ExpandShapeOp::create(
                b, RankedTensorType::get({1}, type.getElementType()), tensor,
                ArrayRef<ReassociationIndices>{})),
            index(1)};
  FlatRows rows = flatten(tensor);
  Value last = tensor::DimOp::create(b, tensor, type.getRank() - 1);
  return {rows.flat, arith::MulIOp::create(b, rows.count, last)};
}

/// A flat result as `type`; `like` has the same leading dimensions.
Value Lowering::unflatten(Value flat, Value like, RankedTensorType type) {
  if (type.getRank() == 1)
    return tensor::CastOp::create(b, type, flat);
  SmallVector<OpFoldResult> sizes;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      sizes.push_back(tensor::DimOp::create(b, like, i).getResult());
    else
      sizes.push_back(b.getIndexAttr(type.getDimSize(i)));
  if (type.hasStaticShape())
    flat = tensor::CastOp::create(
        b,
        RankedTensorType::get({type.getNumElements()}, type.getElementType()),
        flat);
  SmallVector<ReassociationIndices> all(
      1, llvm::to_vector(llvm::seq(type.getRank())));
  return tensor::ExpandShapeOp::create(b, type, flat, all, sizes);
}

/// Tiles whose work is worth a task: max(1, taskWork / workPerTile).
Value Lowering::taskGrain(Value workPerTile, int64_t taskWork) {
  Value work = arith::MaxSIOp::create(b, workPerTile, index(1));
  Value grain = arith::DivUIOp::create(b, index(taskWork), work);
  return arith::MaxSIOp::create(b, grain, index(1));
}

/// The same where rows may be in tiles or in bf16: with some, a task decodes
/// whole panels of weights, which all of those rows meet.
Value Lowering::getTiledGrain(const LinearKernelSpec &spec, Value rows,
                              Value grain, int64_t blockRows) {
  bool hasTiles = spec.panel.hasTiles();
  int64_t decoded = hasTiles ? tuning.unpackedRows : BFloatProducts::kPanelRows;
  Value panel = index(std::max<int64_t>(1, decoded / blockRows));
  Value many = hasTiles ? countTiledRows(b, spec.panel, rows)
                        : countBFloatRows(b, spec.panel, rows);
  Value isTiled =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, many, index(0));
  Value panels = arith::CeilDivUIOp::create(b, grain, panel);
  return arith::SelectOp::create(
      b, isTiled, arith::MulIOp::create(b, panels, panel), grain);
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// A global of one tensor that takes over a part of `like`.
GlobalOp Lowering::createPlain(GlobalOp like, StringRef suffix,
                               ElementsAttr data) {
  std::string name = (like.getSymName() + suffix).str();
  for (unsigned i = 0; module.lookupSymbol(name); ++i)
    name = (like.getSymName() + suffix + "." + Twine(i)).str();
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(like);
  return GlobalOp::create(
      b, like.getLoc(), name, data.getType(),
      b.getDictionaryAttr(b.getNamedAttr(component::kData, data)));
}

/// The blob of a packed weight as a plain value: its global gives up the
/// quantized type.
Value Lowering::getBlob(WeightOp weight) {
  GlobalOp global = weight.getGlobalOp();
  GlobalOp &blob = blobs[global];
  if (!blob)
    blob = createPlain(global, ".blob", global.getComponent(component::kBlob));
  return asDynamic(WeightOp::create(b, blob.getType(), blob.getSymName()));
}

/// The panel of a quantized value, made where it is quantized.
Value Lowering::getPanel(QuantizeOp quantize, const PanelFormat &format) {
  Value &panel = panels[{quantize, b.getStringAttr(format.kernelName())}];
  if (panel)
    return panel;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(quantize);
  Value x = quantize.getInput();
  std::optional<ColumnGather> gather = matchColumnGather(x);
  if (gather)
    x = gather->source;
  if (Value source = matchBFloatRounding(x); source && format.roundsToBFloat)
    x = source;
  FlatRows rows = flatten(convert(x, b.getF32Type()));
  int64_t columns = quantize.getType().getColumns();
  Value count = rows.count;
  if (format.hasTiles())
    count = arith::MaxUIOp::create(b, count, countTiledRows(b, format, count));
  Value bytes =
      arith::MulIOp::create(b, count, index(format.rowBytes(columns)));
  SmallVector<Value> inputs{rows.flat};
  if (gather) {
    inputs.push_back(asDynamic(gather->columns));
    inputs.push_back(index(cast<ShapedType>(x.getType()).getShape().back()));
    if (gather->factors)
      inputs.push_back(asDynamic(gather->factors));
  }
  if (format.hasGivenScale)
    inputs.push_back(arith::ConstantOp::create(b, quantize.getScaleAttr()));
  inputs.push_back(index(columns));
  if (format.takesRowCount())
    inputs.push_back(rows.count);
  func::FuncOp kernel = getKernel(getOrCreatePanelKernel, format, target);
  auto call = CallKernelOp::create(
      b,
      TypeRange{RankedTensorType::get({ShapedType::kDynamic}, b.getI8Type())},
      kernel.getSymName(), count, taskGrain(index(columns), tuning.taskValues),
      inputs, ValueRange{emptyTensor(bytes, b.getI8Type())});
  panel = call.getResult(0);
  return panel;
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

std::optional<std::string> Lowering::makeSpec(LinearOp op,
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
  if (std::string reason = explainNoLinearKernel(weight.getEncoding());
      !reason.empty())
    return reason;
  numerics::Encoding encoding = weight.getEncoding().getNumerics();
  numerics::Layout layout =
      weight.getLayout().getLayout(encoding.element.codeBits());
  EncodingAttr codes = input.getEncoding();
  auto real = dyn_cast<SmallFloatAttr>(codes.getElement());
  bool perToken = (real || codes.getCodeBits() == 8) &&
                  isa<PerChannelAttr>(codes.getGranularity());
  EncodingAttr grouped = weight.getEncoding().getActivationEncoding(
      codes.getElement(), /*perToken=*/false);
  int64_t columns = grouped.getGranularity().getGroupSize();
  if (columns > PanelFormat::kMaxColumns)
    return "the input's groups have more than 32768 columns";
  if (codes !=
      weight.getEncoding().getActivationEncoding(codes.getElement(), perToken))
    return "the input's groups differ from the weight's segments";
  PanelKind kind = real                       ? PanelKind::Float
                   : codes.getCodeBits() == 8 ? PanelKind::Int8
                   : floatActivations         ? PanelKind::Float
                                              : PanelKind::Int16;
  spec.target = &target;
  spec.encoding = weight.getEncoding();
  spec.layout = weight.getLayout();
  std::optional<ColumnGather> gather = matchColumnGather(quantize.getInput());
  spec.panel = {kind, columns, gather.has_value(),
                // Floats are not scaled, unless to be rounded.
                (kind != PanelKind::Float || real) && quantize.getScaleAttr(),
                gather && gather->factors, real ? real.getType() : FloatType(),
                perToken,
                target.hasTiles && kind != PanelKind::Float
                    ? tuning.getLeastTileRows(columns)
                    : 0};
  Value source = gather ? gather->source : quantize.getInput();
  spec.panel.roundsToBFloat = static_cast<bool>(matchBFloatRounding(source));
  // Both sides then are what bf16 holds.
  if (target.hasBFloat && kind == PanelKind::Int16 &&
      !quantize.getScaleAttr() && input.getElementType().isBF16() &&
      weight.getElementType().isBF16())
    spec.panel.leastBFloatRows = kBFloatRowsPerTileRow * tuning.tileRows;
  spec.panel.isWords =
      kind != PanelKind::Float && multipliesWords(target, encoding, columns);
  if (weight.getEncoding().getPermuted() ||
      !hasLinearKernel(layout, encoding, spec.panel))
    return "no kernel reads the weight's layout";
  spec.hasBias = static_cast<bool>(op.getBias());
  spec.hasResidual = static_cast<bool>(op.getResidual());
  spec.activation = op.getActivationAttr();
  spec.isGated = op.getGated();
  spec.tuning = tuning;
  return std::nullopt;
}

std::optional<std::string> Lowering::lower(LinearOp op) {
  LinearKernelSpec spec;
  if (auto reason = makeSpec(op, spec))
    return reason;
  auto quantize = op.getInput().getDefiningOp<QuantizeOp>();
  auto weight = cast<QuantizedTensorType>(op.getWeight().getType());
  int64_t n = weight.getRows(), k = weight.getColumns();
  b.setLoc(op.getLoc());
  b.setInsertionPoint(op);
  Value panel = getPanel(quantize, spec.panel);
  FlatRows rows = flatten(quantize.getInput());
  auto source = op.getWeight().getDefiningOp<WeightOp>();
  SmallVector<Value> inputs{getBlob(source)};
  if (weight.getEncoding().getOuterScale() != OuterScaleKind::None)
    inputs.push_back(
        getTablePart(source.getGlobalOp(), component::kOuterScale));
  if (RowTables::isNeeded(weight.getEncoding()))
    inputs.push_back(getTablePart(source.getGlobalOp(), component::kTable));
  if (int64_t run = getRunGroups(weight.getEncoding().getNumerics(), k)) {
    for (Component component : {Component::Scale, Component::Minimum})
      if (Value scales = getStoredScales(source.getGlobalOp(), component))
        inputs.push_back(scales);
    inputs.push_back(index(llvm::Log2_64(run)));
  }
  inputs.push_back(panel);
  if (op.getBias())
    inputs.push_back(asDynamic(convert(op.getBias(), b.getF32Type())));
  if (op.getResidual())
    inputs.push_back(flatten(convert(op.getResidual(), b.getF32Type())).flat);
  inputs.append({rows.count, index(n), index(k)});
  func::FuncOp kernel = getKernel(getOrCreateLinearKernel, spec);
  int64_t blockRows =
      spec.layout.getLayout(weight.getEncoding().getCodeBits()).atom.rows;
  Value size = arith::MulIOp::create(b, rows.count,
                                     index(op.getType().getShape().back()));
  Value work = arith::MulIOp::create(b, rows.count, index(blockRows * k));
  Value grain = taskGrain(work, tuning.taskProducts);
  if (spec.panel.takesRowCount())
    grain = getTiledGrain(spec, rows.count, grain, blockRows);
  auto call = CallKernelOp::create(
      b,
      TypeRange{RankedTensorType::get({ShapedType::kDynamic}, b.getF32Type())},
      kernel.getSymName(), index(llvm::divideCeil(n, blockRows)), grain, inputs,
      ValueRange{emptyTensor(size, b.getF32Type())});
  Value result = unflatten(call.getResult(0), quantize.getInput(),
                           op.getType().clone(b.getF32Type()));
  op.getResult().replaceAllUsesWith(
      convert(result, op.getType().getElementType()));
  op.erase();
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Embeddings
//===----------------------------------------------------------------------===//

std::optional<std::string> Lowering::lower(EmbeddingOp op) {
  auto table = cast<QuantizedTensorType>(op.getWeight().getType());
  auto weight = op.getWeight().getDefiningOp<WeightOp>();
  EncodingAttr encoding = table.getEncoding();
  if (!weight)
    return "the table is not a lowbit.weight";
  if (table.getLayout())
    return "the table is packed, embeddings read dense ones";
  if (encoding.getExpanded() != encoding)
    return "the table's scales are quantized or its numbers are learned; run "
           "lowbit-expand-weights first";
  ElementFormatInterface element = encoding.getElement();
  if (element.getWindowBits() > element.getCodeBits() || encoding.getPermuted())
    return "the table's codes overlap or its columns are in another order";
  if (encoding.getColumnScale())
    return "the table has column scales";
  if (auto integer = element.getIntegerFormat(); integer && integer->width > 8)
    return "the table's codes are integers of more than 8 bits";
  GlobalOp global = weight.getGlobalOp();
  ElementsAttr codes = global.getComponent(component::kCodes);
  if (codes.getNumElements() < EmbeddingKernelSpec::kLoadBytes)
    return "the table has less than 8 bytes of codes";
  b.setLoc(op.getLoc());
  b.setInsertionPoint(op);
  SmallVector<Value> inputs;
  for (auto &[name, type] : table.getComponents())
    inputs.push_back(getTablePart(global, name));
  FlatRows indices = flattenAll(op.getIndices());
  Type indexType = getElementTypeOrSelf(indices.flat.getType());
  int64_t n = table.getRows(), k = table.getColumns();
  inputs.append({indices.flat, index(n), index(k)});
  func::FuncOp kernel =
      getKernel(getOrCreateEmbeddingKernel,
                EmbeddingKernelSpec{&target, encoding, indexType});
  Value size = arith::MulIOp::create(b, indices.count, index(k));
  auto call = CallKernelOp::create(
      b,
      TypeRange{RankedTensorType::get({ShapedType::kDynamic}, b.getF32Type())},
      kernel.getSymName(), indices.count,
      taskGrain(index(k), tuning.taskValues), inputs,
      ValueRange{emptyTensor(size, b.getF32Type())});
  Value result = unflatten(call.getResult(0), op.getIndices(),
                           op.getType().clone(b.getF32Type()));
  op.getResult().replaceAllUsesWith(
      convert(result, op.getType().getElementType()));
  op.erase();
  return std::nullopt;
}

/// A component of a dense table, or one that no layout moves, as a flat plain
/// value.
Value Lowering::getTablePart(GlobalOp global, StringRef name) {
  GlobalOp &part = parts[{global, b.getStringAttr(name)}];
  if (!part)
    part = createPlain(global, (".table." + name).str(),
                       global.getComponent(name));
  return flattenAll(WeightOp::create(b, part.getType(), part.getSymName()))
      .flat;
}

/// The scales of a packed weight's scales, or minima, in the order in which
/// kernels read them; null where there are none.
Value Lowering::getStoredScales(GlobalOp global, Component component) {
  auto type = cast<QuantizedTensorType>(global.getType());
  if (component == Component::Minimum && !type.getEncoding().getMinimum())
    return {};
  StringRef kind =
      component == Component::Scale ? component::kScale : component::kMinimum;
  std::string name = (kind + component::kSeparator + component::kScale).str();
  GlobalOp &part = parts[{global, b.getStringAttr(name)}];
  if (!part) {
    std::string suffix = ".blob." + name;
    part =
        createPlain(global, suffix,
                    arrangeStoredScales(type, global.getComponent(name),
                                        (global.getSymName() + suffix).str()));
  }
  return asDynamic(WeightOp::create(b, part.getType(), part.getSymName()));
}

void Lowering::eraseUnused() {
  module.walk([](QuantizeOp op) {
    if (op.use_empty())
      op.erase();
  });
  module.walk([](WeightOp op) {
    if (op.use_empty())
      op.erase();
  });
  // One walk for all globals: kernels are long.
  auto uses = SymbolTable::getSymbolUses(&module.getBodyRegion());
  if (!uses)
    return;
  llvm::DenseSet<StringAttr> used;
  for (SymbolTable::SymbolUse use : *uses)
    used.insert(use.getSymbolRef().getRootReference());
  for (GlobalOp global : llvm::make_early_inc_range(module.getOps<GlobalOp>()))
    if (!used.contains(global.getSymNameAttr()))
      global.erase();
}
