//===- ExpandWeights.cpp - weights in a form that kernels read ------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Some formats save memory in the file alone, for the target has no kernel that
// decodes their scales of scales, or tables of single rows. What they stand for
// is exact in a plain encoding.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/FloatSource.h"
#include "lowbit/Transforms/PackedData.h"
#include "lowbit/Transforms/Passes.h"

using namespace mlir;
using namespace lowbit;

namespace lowbit {
#define GEN_PASS_DEF_EXPANDWEIGHTSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

namespace {

struct ExpandWeightsPass
    : lowbit::impl::ExpandWeightsPassBase<ExpandWeightsPass> {
  using ExpandWeightsPassBase::ExpandWeightsPassBase;

  void runOnOperation() override;

private:
  bool isRead(Operation *op, QuantizedTensorType type);
  LogicalResult expandOperand(OpOperand &operand);
  FailureOr<GlobalOp> getExpanded(GlobalOp global, QuantizedTensorType type);

  /// What weights became, and what they were, in order.
  llvm::DenseMap<GlobalOp, GlobalOp> expanded;
  SmallVector<GlobalOp> sources;
};

} // namespace

void ExpandWeightsPass::runOnOperation() {
  WalkResult result = getOperation().walk([&](Operation *op) {
    OpOperand *operand = nullptr;
    if (auto linear = dyn_cast<LinearOp>(op))
      operand = &linear.getWeightMutable();
    else if (auto embedding = dyn_cast<EmbeddingOp>(op))
      operand = &embedding.getWeightMutable();
    return operand && failed(expandOperand(*operand)) ? WalkResult::interrupt()
                                                      : WalkResult::advance();
  });
  if (result.wasInterrupted())
    return signalPassFailure();
  getOperation().walk([](WeightOp op) {
    if (op.use_empty())
      op.erase();
  });
  GlobalEraser eraser(getOperation(), releaseData);
  for (GlobalOp source : sources) {
    GlobalOp result = expanded[source];
    StringAttr name = source.getSymNameAttr();
    if (!eraser.eraseIfUnused(source))
      continue;
    // The expanded weight takes over the name.
    if (failed(SymbolTable::replaceAllSymbolUses(result, name, getOperation())))
      return signalPassFailure();
    result.setSymNameAttr(name);
  }
}

/// Whether the target has a kernel for a layer on the weight as it is.
bool ExpandWeightsPass::isRead(Operation *op, QuantizedTensorType type) {
  auto target = dyn_cast_or_null<TargetInterface>(
      getOperation()->getAttr(kTargetAttrName));
  std::string reason;
  return target && isa<LinearOp>(op) && target.getWeightLayout(type, reason);
}

LogicalResult ExpandWeightsPass::expandOperand(OpOperand &operand) {
  auto type = dyn_cast<QuantizedTensorType>(operand.get().getType());
  auto weight = operand.get().getDefiningOp<WeightOp>();
  if (!type || type.getLayout() || !weight)
    return success();
  EncodingAttr plain = type.getEncoding().getExpanded();
  if (plain == type.getEncoding() || isRead(operand.getOwner(), type))
    return success();
  FailureOr<GlobalOp> global = getExpanded(
      weight.getGlobalOp(),
      QuantizedTensorType::get(type.getShape(), type.getElementType(), plain));
  if (failed(global))
    return failure();
  OpBuilder builder(weight);
  operand.set(WeightOp::create(builder, weight.getLoc(), global->getType(),
                               global->getSymName()));
  return success();
}

FailureOr<GlobalOp> ExpandWeightsPass::getExpanded(GlobalOp global,
                                                   QuantizedTensorType type) {
  GlobalOp &result = expanded[global];
  if (result)
    return result;
  FailureOr<numerics::QuantizedMatrix> matrix = unpackComponents(global);
  if (failed(matrix))
    return failure();
  std::string name = (global.getSymName() + ".expanded").str();
  for (unsigned i = 0; getOperation().lookupSymbol(name); ++i)
    name = (global.getSymName() + ".expanded." + Twine(i)).str();
  OpBuilder builder(global);
  result = GlobalOp::create(
      builder, global.getLoc(), name, type,
      packComponents(type, numerics::expand(*matrix), global.getSymName(),
                     global.getComponent(component::kPermutation)));
  for (StringRef kept :
       {StringRef(kPartsAttrName), StringRef(kFloatSourceAttrName)})
    if (Attribute attribute = global->getAttr(kept))
      result->setAttr(kept, attribute);
  sources.push_back(global);
  ++numExpanded;
  return result;
}
