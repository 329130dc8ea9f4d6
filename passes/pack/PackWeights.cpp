//===- PackWeights.cpp - weights in the layout of the target --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/FloatSource.h"
#include "lowbit/Transforms/PackedData.h"
#include "lowbit/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;

namespace lowbit {
#define GEN_PASS_DEF_PACKWEIGHTSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

namespace {

struct PackWeightsPass : lowbit::impl::PackWeightsPassBase<PackWeightsPass> {
  using PackWeightsPassBase::PackWeightsPassBase;

  void runOnOperation() override;

private:
  LogicalResult packLayer(LinearOp op, TargetInterface target,
                          GlobalEraser &eraser);
  LogicalResult packTable(EmbeddingOp op, GlobalEraser &eraser);
  LogicalResult usePacked(OpOperand &operand, GlobalOp packed,
                          GlobalEraser &eraser);
  FailureOr<GlobalOp> getPacked(GlobalOp global, LayoutInterface layout);
  bool quantizeInput(LinearOp op, TargetInterface target, std::string &reason);

  /// What weights became, by name and layout. Names, for globals come and go.
  llvm::DenseMap<std::pair<StringAttr, Attribute>, GlobalOp> made;
  /// Of these, those whose rows lie one behind the other, by name.
  llvm::DenseMap<StringAttr, GlobalOp> rows;
};

} // namespace

/// Layers by weight: when the last one of a weight is packed, its dense form
/// goes, also where the layers of several functions share all weights.
static llvm::MapVector<Attribute, SmallVector<LinearOp>>
findLayers(ModuleOp module) {
  llvm::MapVector<Attribute, SmallVector<LinearOp>> layers;
  module.walk([&](LinearOp op) {
    auto weight = op.getWeight().getDefiningOp<WeightOp>();
    layers[weight ? weight.getGlobalAttr() : Attribute()].push_back(op);
  });
  return layers;
}

void PackWeightsPass::runOnOperation() {
  Attribute attribute = getOperation()->getAttr(kTargetAttrName);
  auto target = dyn_cast_or_null<TargetInterface>(attribute);
  if (!target) {
    InFlightDiagnostic diagnostic =
        emitError(getOperation().getLoc())
        << "packing requires the module attribute " << kTargetAttrName
        << ", such as #lowbit.cpu<portable>, found ";
    if (attribute)
      diagnostic << attribute << ", which answers no questions about layouts";
    else
      diagnostic << "none";
    return signalPassFailure();
  }
  GlobalEraser eraser(getOperation(), releaseData);
  for (auto &[weight, layers] : findLayers(getOperation()))
    for (LinearOp op : layers)
      if (failed(packLayer(op, target, eraser)))
        return signalPassFailure();
  SmallVector<EmbeddingOp> tables;
  getOperation().walk([&](EmbeddingOp op) { tables.push_back(op); });
  for (EmbeddingOp op : tables)
    if (failed(packTable(op, eraser)))
      return signalPassFailure();
}

/// Whether no code of `global` stands for an infinity or NaN, which kernels
/// needn't tell from numbers. Most formats have none.
static FailureOr<bool> isFinite(GlobalOp global) {
  auto type = cast<QuantizedTensorType>(global.getType());
  numerics::ElementFormat element = type.getEncoding().getNumerics().element;
  const numerics::CodeTable *table = element.table();
  auto isNumber = [](float value) { return std::isfinite(value); };
  if (!table || llvm::all_of(table->values, isNumber))
    return true;
  FailureOr<numerics::QuantizedMatrix> matrix = unpackComponents(global);
  if (failed(matrix))
    return failure();
  ArrayRef values(table->values);
  unsigned count = table->valuesPerCode;
  for (int64_t n = 0; n < matrix->rows; ++n)
    for (int64_t k = 0; k < matrix->columns / count; ++k)
      if (!llvm::all_of(values.slice(matrix->window(n, k) * count, count),
                        isNumber))
        return false;
  return true;
}

LogicalResult PackWeightsPass::packLayer(LinearOp op, TargetInterface target,
                                         GlobalEraser &eraser) {
  auto type = dyn_cast<QuantizedTensorType>(op.getWeight().getType());
  if (!type || (type.getLayout() && !repack))
    return success();
  auto weight = op.getWeight().getDefiningOp<WeightOp>();
  GlobalOp global = weight ? weight.getGlobalOp() : GlobalOp();
  std::string reason = "its weight is computed at run time";
  auto layout = global ? dyn_cast_or_null<LayoutInterface>(
                             target.getWeightLayout(type, reason))
                       : LayoutInterface();
  if (layout) {
    FailureOr<bool> packable = isFinite(global);
    if (failed(packable))
      return failure();
    if (!*packable) {
      reason = "its weight holds an infinity or NaN";
      layout = {};
    }
  }
  if (!layout || !quantizeInput(op, target, reason)) {
    op.emitRemark() << (type.getLayout() ? "keeps its layout: "
                                         : "stays dense: ")
                    << reason;
    return success();
  }
  // One that is as it should be keeps its name.
  if (layout == type.getLayout())
    return success();
  FailureOr<GlobalOp> packed = getPacked(global, layout);
  if (failed(packed))
    return failure();
  return usePacked(op.getWeightMutable(), *packed, eraser);
}

/// Whether a layer reads `global` as it is.
static bool isOfLayer(GlobalOp global) {
  return global->getParentOp()
      ->walk([&](LinearOp op) {
        auto weight = op.getWeight().getDefiningOp<WeightOp>();
        return weight && weight.getGlobalOp() == global
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// A table that is a layer's weight, too, is stored once if the layer's layout
/// leaves rows together: then they can be read from there as well. One in a
/// layout that its layer has left is dense again.
LogicalResult PackWeightsPass::packTable(EmbeddingOp op, GlobalEraser &eraser) {
  auto weight = op.getWeight().getDefiningOp<WeightOp>();
  auto type = dyn_cast<QuantizedTensorType>(op.getWeight().getType());
  if (!weight || !type)
    return success();
  GlobalOp global = weight.getGlobalOp();
  GlobalOp packed = rows.lookup(global.getSymNameAttr());
  if (!packed && repack && type.getLayout() && !isOfLayer(global)) {
    FailureOr<GlobalOp> dense = getPacked(global, LayoutInterface());
    if (failed(dense))
      return failure();
    packed = *dense;
  }
  if (!packed || packed == global)
    return success();
  return usePacked(op.getWeightMutable(), packed, eraser);
}

/// Puts `packed` in place of the weight that `operand` is.
LogicalResult PackWeightsPass::usePacked(OpOperand &operand, GlobalOp packed,
                                         GlobalEraser &eraser) {
  auto weight = operand.get().getDefiningOp<WeightOp>();
  GlobalOp global = weight.getGlobalOp();
  OpBuilder builder(weight);
  operand.assign(WeightOp::create(builder, weight.getLoc(), packed.getType(),
                                  packed.getSymName()));
  if (weight.use_empty())
    weight.erase();
  StringAttr name = global.getSymNameAttr();
  if (eraser.eraseIfUnused(global)) {
    // The packed weight takes over the name.
    if (failed(SymbolTable::replaceAllSymbolUses(packed, name, getOperation())))
      return failure();
    packed.setSymNameAttr(name);
  }
  return success();
}

/// The packed form of `global`, made once however many layers share it.
FailureOr<GlobalOp> PackWeightsPass::getPacked(GlobalOp global,
                                               LayoutInterface layout) {
  GlobalOp &packed = made[{global.getSymNameAttr(), layout}];
  if (packed)
    return packed;
  auto type = cast<QuantizedTensorType>(global.getType()).withLayout(layout);
  FailureOr<numerics::QuantizedMatrix> matrix = unpackComponents(global);
  if (failed(matrix))
    return failure();
  std::string name = (global.getSymName() + ".packed").str();
  for (unsigned i = 0; getOperation().lookupSymbol(name); ++i)
    name = (global.getSymName() + ".packed." + Twine(i)).str();
  OpBuilder builder(global);
  ++numPacked;
  packed = GlobalOp::create(
      builder, global.getLoc(), name, type,
      packComponents(type, *matrix, global.getSymName(),
                     global.getComponent(component::kPermutation)));
  for (StringRef kept :
       {StringRef(kPartsAttrName), StringRef(kFloatSourceAttrName)})
    if (Attribute attribute = global->getAttr(kept))
      packed->setAttr(kept, attribute);
  if (!layout)
    return packed;
  numerics::Layout bound = layout.getLayout(type.getEncoding().getCodeBits());
  if (bound.atom.rows == 1 && bound.order == numerics::BlockOrder::RowMajor)
    rows[global.getSymNameAttr()] = packed;
  return packed;
}

bool PackWeightsPass::quantizeInput(LinearOp op, TargetInterface target,
                                    std::string &reason) {
  Type input = op.getInput().getType();
  Type answer =
      target.getActivationType(input, op.getWeight().getType(), reason);
  if (answer == input)
    return true;
  auto wanted = dyn_cast_or_null<QuantizedTensorType>(answer);
  if (!wanted)
    return false;
  for (Operation *user : op.getInput().getUsers())
    if (auto existing = dyn_cast<QuantizeOp>(user);
        existing && existing.getType() == wanted && !existing.getScaleAttr() &&
        existing->getBlock() == op->getBlock() &&
        existing->isBeforeInBlock(op)) {
      op.getInputMutable().assign(existing);
      return true;
    }
  OpBuilder builder(op);
  op.getInputMutable().assign(
      QuantizeOp::create(builder, op.getLoc(), wanted, op.getInput()));
  ++numInputs;
  return true;
}
