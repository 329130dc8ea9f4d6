//===- QuantizeWeights.cpp - round the weights of layers to codes ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One layer's float rows are read, quantized and packed at a time, so peak
// memory is the packed model and a few rows per thread.
//
//===----------------------------------------------------------------------===//

#include "BFloatInputs.h"
#include "FeedbackRounding.h"
#include "MatrixRounding.h"
#include "NarrowFloats.h"
#include "TrellisWeights.h"
#include "lowbit/Numerics/RowPacker.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/FloatSource.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "lowbit/Transforms/PackedData.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/QuantizationMethod.h"
#include "lowbit/Transforms/WeightSource.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace lowbit;

namespace lowbit {
#define GEN_PASS_DEF_QUANTIZEWEIGHTSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

namespace {

struct QuantizeWeightsPass
    : lowbit::impl::QuantizeWeightsPassBase<QuantizeWeightsPass> {
  using QuantizeWeightsPassBase::QuantizeWeightsPassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    QuantizeWeightsPassBase::getDependentDialects(registry);
    // What rounds inputs.
    registry.insert<arith::ArithDialect, linalg::LinalgDialect,
                    tensor::TensorDialect>();
  }
  void runOnOperation() override;

private:
  LogicalResult readOptions();
  SmallVector<WeightUse> collectUses();
  void keepFloat(Operation *layer, Value weight, StringRef reason);
  LogicalResult quantizeUse(const WeightUse &use);
  FailureOr<GlobalOp> getQuantized(Operation *user,
                                   const ConstantMatrix &matrix);
  FailureOr<Attribute> round(Operation *user, const ConstantMatrix &matrix,
                             EncodingAttr encoding);
  GlobalOp createGlobal(Operation *user, const ConstantMatrix &matrix,
                        StringRef suffix, Type type, DictionaryAttr components,
                        int64_t bytes);
  LogicalResult recordSource(Operation *user, const ConstantMatrix &matrix,
                             GlobalOp global);
  bool isSelected(Value weight);
  void quantizeInput(LinearOp op);
  LogicalResult narrowUse(const WeightUse &use);
  FailureOr<GlobalOp> getNarrowed(Operation *user,
                                  const ConstantMatrix &matrix);
  void replaceWeight(const WeightUse &use, const ConstantMatrix &matrix,
                     GlobalOp global);
  LogicalResult dropFloatGlobals();
  std::string freeName(StringRef wanted);

  QuantizationMethod parsed;
  MatrixRounding rounding;
  FeedbackRounding feedback;
  CorrectedTarget targets;
  TrellisWeights trellises;
  /// The weight at hand. One for all: memory that comes from the system anew
  /// for each weight costs more time than rounding to what is put in it.
  numerics::QuantizedMatrix quantized;
  /// Data quantized already, by attribute, orientation, rows, columns, first
  /// element, encoding and factor of scales: reshapes and slices give one
  /// constant several shapes.
  llvm::MapVector<std::tuple<Attribute, unsigned, int64_t, int64_t, int64_t,
                             Attribute, Attribute>,
                  GlobalOp>
      done;
  /// The float global that each quantized one was made from, if any.
  llvm::DenseMap<GlobalOp, GlobalOp> sources;
  /// The float globals that layers read before.
  llvm::SetVector<GlobalOp> replaced;
};

} // namespace

LogicalResult QuantizeWeightsPass::readOptions() {
  Location loc = getOperation().getLoc();
  auto result = parseQuantizationMethod(method, &getContext());
  if (!result)
    return emitError(loc) << llvm::toString(result.takeError());
  parsed = *result;
  if (failed(rounding.setScaleSearch(getOperation(), scaleSearch)))
    return failure();
  rounding.hasFixedTables = parsed.fixedSets;
  if (damping <= 0 || residualShare < 0)
    return emitError(loc) << "quantizing requires a positive damping and a "
                             "residual share of at least 0, found "
                          << double(damping) << " and "
                          << double(residualShare);
  feedback = FeedbackRounding(LayerStatistics(getOperation()), sweeps, damping);
  targets =
      CorrectedTarget(LayerStatistics(getOperation()), damping, residualShare);
  trellises =
      TrellisWeights(parsed, TrellisRounding(LayerStatistics(getOperation()),
                                             sweeps, damping));
  bool hasSweeps =
      parsed.feedback || (parsed.weights && isTrellis(parsed.weights));
  if (sweeps < 0 || (sweeps && !hasSweeps))
    return emitError(loc)
           << "sweeps require a method that begins with gptq- or "
              "trellis, and no negative number of them; found "
           << int64_t(sweeps) << " with " << method;
  return success();
}

/// Whether the layer that reads `weight` is among those asked for.
bool QuantizeWeightsPass::isSelected(Value weight) {
  if (layers.empty())
    return true;
  if (std::optional<ConstantMatrix> matrix = matchConstantMatrix(weight))
    return llvm::is_contained(layers, matrix->name());
  auto quantized = weight.getDefiningOp<WeightOp>();
  return quantized && llvm::is_contained(layers, quantized.getGlobal());
}

/// Whether `weight` is a matrix with an extent of 0.
static bool isEmpty(Value weight) {
  auto type = dyn_cast<ShapedType>(weight.getType());
  return type && llvm::is_contained(type.getShape(), 0);
}

SmallVector<WeightUse> QuantizeWeightsPass::collectUses() {
  SmallVector<WeightUse> uses;
  llvm::DenseSet<int64_t> tableRows = getTableRows(getOperation());
  auto add = [&](Operation *op, OpOperand &operand, bool isEmbedding) {
    if (!isSelected(operand.get()))
      return;
    if (isEmpty(operand.get())) {
      op->removeAttr(kEncodingAttrName);
      keepFloat(op, operand.get(),
                "a matrix without elements has nothing to quantize");
    } else if (op->hasAttr(kKeepFloatAttrName))
      keepFloat(op, operand.get(), "as its layer's attribute says");
    else if (includeEmbeddings || !isEmbedding ||
             op->hasAttr(kEncodingAttrName))
      uses.push_back({op, &operand});
    else
      keepFloat(op, operand.get(),
                "embedding tables and the head are quantized with "
                "--include-embeddings only");
  };
  getOperation().walk([&](EmbeddingOp op) {
    add(op, op.getWeightMutable(), /*isEmbedding=*/true);
  });
  getOperation().walk([&](LinearOp op) {
    add(op, op.getWeightMutable(), isHead(op, tableRows));
  });
  return uses;
}

/// Marks the global behind `weight` as float by request.
void QuantizeWeightsPass::keepFloat(Operation *layer, Value weight,
                                    StringRef reason) {
  if (isa<QuantizedTensorType>(weight.getType()))
    return;
  std::optional<ConstantMatrix> matrix = matchConstantMatrix(weight);
  InFlightDiagnostic remark = layer->emitRemark();
  if (matrix)
    remark << "weight '" << matrix->name() << "' ";
  remark << "stays float: " << reason;
  if (matrix && matrix->global)
    matrix->global->setAttr(kKeepFloatAttrName, UnitAttr::get(&getContext()));
}

void QuantizeWeightsPass::runOnOperation() {
  if (failed(readOptions()))
    return signalPassFailure();
  bool isAssigned = false;
  getOperation().walk(
      [&](Operation *op) { isAssigned |= op->hasAttr(kEncodingAttrName); });
  if (!parsed.weights && !parsed.floats && !isAssigned)
    return;
  SmallVector<WeightUse> uses = collectUses();
  if (failed(trellises.chooseRates(uses)))
    return signalPassFailure();
  SmallVector<LinearOp> linears;
  for (auto [i, use] : llvm::enumerate(uses)) {
    EncodingAttr wanted = getWantedEncoding(use.op, parsed);
    if (!wanted && parsed.floats && failed(narrowUse(use)))
      return signalPassFailure();
    if (!wanted)
      continue;
    if (failed(trellises.codeAhead(ArrayRef(uses).drop_front(i), targets)))
      return signalPassFailure();
    auto quantized =
        dyn_cast<QuantizedTensorType>(use.operand->get().getType());
    if (quantized && quantized.getEncoding() != wanted)
      use.op->emitRemark()
          << "keeps its codes: its weight is quantized already, "
             "as "
          << quantized.getEncoding();
    if (!quantized && failed(quantizeUse(use)))
      return signalPassFailure();
    if (auto linear = dyn_cast<LinearOp>(use.op)) {
      linears.push_back(linear);
      if (quantized && parsed.activations)
        quantizeInput(linear);
    }
    use.op->removeAttr(kEncodingAttrName);
    use.op->removeAttr(kScaleFactorAttrName);
    use.op->removeAttr(kRatesAttrName);
    trellises.drop(use.op);
  }
  if (failed(dropFloatGlobals()))
    return signalPassFailure();
  if (parsed.bfloatActivations)
    computeInBFloat(getOperation(), linears);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// Erases float globals that nothing reads any more; their quantized forms take
/// over the names.
LogicalResult QuantizeWeightsPass::dropFloatGlobals() {
  getOperation().walk([](WeightOp op) {
    if (op.use_empty())
      op.erase();
  });
  // Two orientations of one matrix have one source.
  llvm::SmallPtrSet<Operation *, 8> erased;
  GlobalEraser eraser(getOperation(), releaseData);
  for (auto &[key, quantized] : done) {
    GlobalOp source = sources.lookup(quantized);
    if (!source || erased.contains(source) ||
        !SymbolTable::symbolKnownUseEmpty(source, getOperation()))
      continue;
    StringAttr name = source.getSymNameAttr();
    erased.insert(source);
    eraser.erase(source);
    if (failed(
            SymbolTable::replaceAllSymbolUses(quantized, name, getOperation())))
      return failure();
    quantized.setSymNameAttr(name);
  }
  // Globals of equal data have one quantized form, named after the first.
  for (GlobalOp source : replaced)
    if (!erased.contains(source))
      eraser.eraseIfUnused(source);
  return success();
}

LogicalResult QuantizeWeightsPass::quantizeUse(const WeightUse &use) {
  std::optional<ConstantMatrix> matrix =
      matchConstantMatrix(use.operand->get());
  if (!matrix) {
    use.op->emitRemark() << "stays float: its weight is not a constant matrix, "
                            "or its data are not at hand";
    return success();
  }
  FailureOr<GlobalOp> global = getQuantized(use.op, *matrix);
  if (failed(global))
    return failure();
  replaceWeight(use, *matrix, *global);
  if (auto linear = dyn_cast<LinearOp>(use.op); linear && parsed.activations)
    quantizeInput(linear);
  return success();
}

/// Makes the layer read `global`, which replaces `matrix`.
void QuantizeWeightsPass::replaceWeight(const WeightUse &use,
                                        const ConstantMatrix &matrix,
                                        GlobalOp global) {
  if (matrix.global)
    replaced.insert(matrix.global);
  OpBuilder builder(use.op);
  replaceSource(*use.operand,
                WeightOp::create(builder, use.op->getLoc(), global.getType(),
                                 global.getSymName()));
}

/// Stores the weight of a layer as narrower floats, where it isn't already.
LogicalResult QuantizeWeightsPass::narrowUse(const WeightUse &use) {
  std::optional<ConstantMatrix> matrix =
      matchConstantMatrix(use.operand->get());
  if (!matrix) {
    use.op->emitRemark() << "keeps its weight: it is not a constant matrix, or "
                            "its data are not at hand";
    return success();
  }
  FailureOr<GlobalOp> global = getNarrowed(use.op, *matrix);
  if (failed(global))
    return failure();
  replaceWeight(use, *matrix, *global);
  return success();
}

FailureOr<GlobalOp>
QuantizeWeightsPass::getNarrowed(Operation *user,
                                 const ConstantMatrix &matrix) {
  GlobalOp &global =
      done[{matrix.data, matrix.isTransposed, matrix.rows, matrix.columns,
            matrix.offset, TypeAttr::get(parsed.floats), Attribute()}];
  if (global)
    return global;
  FailureOr<std::vector<uint8_t>> bytes =
      narrowMatrix(user, matrix, parsed.floats);
  if (failed(bytes))
    return failure();
  auto type =
      RankedTensorType::get({matrix.rows, matrix.columns}, parsed.floats);
  StringRef suffix = parsed.floats.isF16() ? ".f16" : ".bf16";
  Builder builder(&getContext());
  NamedAttribute data = builder.getNamedAttr(
      component::kData,
      makeElements(type, (Twine(matrix.name()) + suffix).str(),
                   std::move(*bytes)));
  global =
      createGlobal(user, matrix, suffix, type, builder.getDictionaryAttr(data),
                   2 * matrix.rows * matrix.columns);
  global->setAttr(kKeepFloatAttrName, builder.getUnitAttr());
  return global;
}

/// Layers that share an input share its quantization.
void QuantizeWeightsPass::quantizeInput(LinearOp op) {
  auto input = dyn_cast<RankedTensorType>(op.getInput().getType());
  if (!input)
    return;
  EncodingAttr weight =
      cast<QuantizedTensorType>(op.getWeight().getType()).getEncoding();
  auto type = QuantizedTensorType::get(
      input.getShape(), input.getElementType(),
      weight.getActivationEncoding(parsed.activations, parsed.scalesPerToken));
  for (Operation *user : op.getInput().getUsers())
    if (auto existing = dyn_cast<QuantizeOp>(user);
        existing && existing.getType() == type && !existing.getScaleAttr() &&
        existing->getBlock() == op->getBlock() &&
        existing->isBeforeInBlock(op)) {
      op.getInputMutable().assign(existing);
      return;
    }
  OpBuilder builder(op);
  op.getInputMutable().assign(
      QuantizeOp::create(builder, op.getLoc(), type, op.getInput()));
}

std::string QuantizeWeightsPass::freeName(StringRef wanted) {
  std::string name = wanted.str();
  for (unsigned i = 0; getOperation().lookupSymbol(name); ++i)
    name = (wanted + "." + Twine(i)).str();
  return name;
}

/// Puts what replaces `matrix` beside its floats, with `suffix` behind their
/// name until they are gone. A part of a weight has a name of its own.
GlobalOp QuantizeWeightsPass::createGlobal(Operation *user,
                                           const ConstantMatrix &matrix,
                                           StringRef suffix, Type type,
                                           DictionaryAttr components,
                                           int64_t bytes) {
  GlobalOp source = matrix.global;
  OpBuilder builder(&getContext());
  if (source)
    builder.setInsertionPoint(source);
  else
    builder.setInsertionPointToStart(getOperation().getBody());
  bool replacesSource = source && !matrix.isPart();
  std::string name = matrix.name();
  if (replacesSource)
    name += suffix;
  auto global = GlobalOp::create(builder, user->getLoc(), freeName(name), type,
                                 components);
  sources[global] = replacesSource ? source : GlobalOp();
  ++numWeights;
  numParameters += matrix.rows * matrix.columns;
  numBytes += bytes;
  return global;
}

/// Leaves the codes of `matrix` in `quantized`. Yields the order of its columns
/// if that is another one, or null.
FailureOr<Attribute> QuantizeWeightsPass::round(Operation *user,
                                                const ConstantMatrix &matrix,
                                                EncodingAttr encoding) {
  if (isTrellis(encoding)) {
    quantized = trellises.take(user);
    return Attribute();
  }
  const numerics::FeedbackPlan *plan = nullptr;
  // A table has no input whose second moment could be known.
  if (parsed.feedback && isa<LinearOp>(user)) {
    auto made = feedback.getPlan(user, matrix, encoding);
    if (failed(made))
      return failure();
    plan = *made;
  }
  if (failed(rounding.run(user, matrix, encoding, plan, targets, quantized)))
    return failure();
  if (!plan || plan->permutation().empty())
    return Attribute();
  return Attribute(
      Builder(&getContext()).getI32TensorAttr(plan->permutation()));
}

FailureOr<GlobalOp>
QuantizeWeightsPass::getQuantized(Operation *user,
                                  const ConstantMatrix &matrix) {
  EncodingAttr encoding = getWantedEncoding(user, parsed);
  GlobalOp &global =
      done[{matrix.data, matrix.isTransposed, matrix.rows, matrix.columns,
            matrix.offset, encoding, user->getAttr(kScaleFactorAttrName)}];
  if (global)
    return global;
  auto emitError = [&] {
    InFlightDiagnostic diagnostic = user->emitOpError();
    diagnostic << "weight '" << matrix.name() << "': ";
    return diagnostic;
  };
  auto type = QuantizedTensorType::getChecked(
      emitError, ArrayRef<int64_t>{matrix.rows, matrix.columns},
      Type(Float32Type::get(&getContext())), encoding, LayoutInterface());
  if (!type || failed(checkSplat(user, matrix)))
    return failure();
  FailureOr<Attribute> permutation = round(user, matrix, encoding);
  if (failed(permutation))
    return failure();
  global =
      createGlobal(user, matrix, ".quantized", type,
                   packComponents(type, quantized, matrix.name(), *permutation),
                   type.getStoredBytes());
  if (keepSources && failed(recordSource(user, matrix, global)))
    return failure();
  return global;
}

/// Says in `global` which floats it was rounded from. Fails, with a diagnostic,
/// where rounding them to nearest doesn't give it.
LogicalResult QuantizeWeightsPass::recordSource(Operation *user,
                                                const ConstantMatrix &matrix,
                                                GlobalOp global) {
  numerics::PackRecipe recipe;
  recipe.encoding =
      cast<QuantizedTensorType>(global.getType()).getEncoding().getNumerics();
  recipe.layout = numerics::Layout::dense(recipe.encoding.element.codeBits());
  std::string problem = numerics::explainNoRowPacking(recipe), found;
  if (!problem.empty())
    found = "an encoding by more (" + problem + ")";
  if (parsed.feedback)
    found = "rounding with feedback";
  else if (scaleSearch == "importance")
    found = "a search of scales by importance";
  else if (user->hasAttr(kScaleFactorAttrName))
    found = "a factor of its scales";
  if (!found.empty())
    return user->emitOpError()
           << "weight '" << matrix.name()
           << "': keeping its floats, to be rounded when the model is loaded, "
              "requires rounding to nearest by the weight alone, found "
           << found;
  FloatSource source;
  source.parts.push_back(matrix);
  source.encoding = cast<QuantizedTensorType>(global.getType()).getEncoding();
  if (scaleSearch == "absmax")
    source.search = numerics::ScaleSearch::AbsMax;
  global->setAttr(kFloatSourceAttrName, source.toAttribute(&getContext()));
  return success();
}
