//===- ForwardCuts.cpp - a model cut between groups of layers -------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ForwardCuts.h"
#include "lowbit/Tools/ElementTypes.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/Signature.h"
#include "lowbit/Transforms/ResidualStream.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/MapVector.h"

using namespace lowbit;
using mlir::Operation;
using mlir::Value;

/// What `op` and the regions in it read from outside.
static llvm::SetVector<Value> getUsed(Operation *op) {
  llvm::SetVector<Value> used(op->operand_begin(), op->operand_end());
  mlir::getUsedValuesDefinedAbove(op->getRegions(), used);
  return used;
}

llvm::Expected<ForwardCuts>
ForwardCuts::create(mlir::ModuleOp raised,
                    llvm::function_ref<bool(LinearOp)> isTuned) {
  ForwardCuts cuts;
  cuts.module = raised;
  cuts.main = raised.lookupSymbol<mlir::func::FuncOp>(kMainFunction);
  if (!cuts.main || !cuts.main.getBody().hasOneBlock())
    return makeError("sequential calibration requires '@" + kMainFunction +
                     "' to be one block, found none or several");
  cuts.collectGroups(isTuned);
  cuts.findDependent();
  cuts.findResiduals();
  cuts.findLive();
  return cuts;
}

void ForwardCuts::collectGroups(llvm::function_ref<bool(LinearOp)> isTuned) {
  llvm::MapVector<Value, TunedGroup> byInput;
  for (LinearOp op : main.getBody().front().getOps<LinearOp>()) {
    std::optional<ConstantMatrix> matrix = matchConstantMatrix(op.getWeight());
    auto type = mlir::cast<mlir::ShapedType>(op.getWeight().getType());
    if (!matrix || !type.getElementType().isF32() || !isTuned(op))
      continue;
    TunedGroup &group = byInput[op.getInput()];
    group.input = op.getInput();
    group.layers.push_back({op, std::move(*matrix), {}});
  }
  for (auto &[input, group] : byInput)
    groups.push_back(std::move(group));
}

void ForwardCuts::findDependent() {
  for (Operation &op : main.getBody().front())
    if (mlir::isa<LinearOp>(op) || llvm::any_of(getUsed(&op), [&](Value used) {
          return dependent.contains(used.getDefiningOp());
        }))
      dependent.insert(&op);
}

/// Whether `value` can be kept between two programs. What no layer has touched
/// is computed again instead, and so are sizes.
bool ForwardCuts::mayCross(Value value) const {
  auto type = mlir::dyn_cast<mlir::RankedTensorType>(value.getType());
  return type && dependent.contains(value.getDefiningOp()) &&
         getElementType(type.getElementType());
}

void ForwardCuts::findResiduals() {
  for (TunedGroup &group : groups)
    for (TunedLayer &layer : group.layers) {
      Value residual = findResidual(layer.op);
      auto type =
          residual ? mlir::dyn_cast<mlir::RankedTensorType>(residual.getType())
                   : mlir::RankedTensorType();
      Operation *from = residual ? residual.getDefiningOp() : nullptr;
      // A stream that nothing has disturbed yet has no drift.
      if (type && type.getElementType().isF32() && mayCross(residual) &&
          from->isBeforeInBlock(group.layers.front().op))
        layer.residual = residual;
    }
}

/// Adds what must be known at `cut` to compute `value` after it.
void ForwardCuts::addLive(Value value, Operation *cut,
                          llvm::SetVector<Value> &live) const {
  llvm::SmallVector<Value> open = {value};
  llvm::DenseSet<Value> seen;
  while (!open.empty()) {
    Value next = open.pop_back_val();
    Operation *from = next.getDefiningOp();
    if (!from || !seen.insert(next).second)
      continue;
    if (from->isBeforeInBlock(cut) && mayCross(next)) {
      live.insert(next);
      continue;
    }
    llvm::append_range(open, getUsed(from));
  }
}

void ForwardCuts::findLive() {
  for (size_t i = groups.size(); i-- > 0;) {
    TunedGroup &group = groups[i];
    group.live.insert(group.input);
    for (TunedLayer &layer : group.layers)
      if (layer.residual)
        group.live.insert(layer.residual);
    if (i + 1 < groups.size())
      for (Value value : groups[i + 1].live)
        addLive(value, group.layers.front().op, group.live);
  }
}

//===----------------------------------------------------------------------===//
// Segments
//===----------------------------------------------------------------------===//

ForwardSegment::~ForwardSegment() {
  // A resource belongs to the context, which lives on.
  for (WeightSlot &slot : slots)
    slot.resource.getRawHandle().getResource()->setBlob(
        mlir::AsmResourceBlob());
}

/// Gives `layer`, the copy of `tuned`, a weight in memory of its own.
static WeightSlot makeSlot(LinearOp layer, const TunedLayer &tuned) {
  const ConstantMatrix &matrix = tuned.matrix;
  mlir::OpBuilder builder(layer);
  auto type = mlir::RankedTensorType::get({matrix.rows, matrix.columns},
                                          builder.getF32Type());
  size_t count = matrix.rows * matrix.columns;
  std::string name = matrix.name() + ".tuned";
  mlir::AsmResourceBlob blob = mlir::HeapAsmResourceBlob::allocate(
      count * sizeof(float), alignof(std::max_align_t));
  WeightSlot slot;
  slot.layer = tuned.op;
  slot.numbers = {reinterpret_cast<float *>(blob.getMutableData().data()),
                  count};
  slot.resource =
      mlir::DenseResourceElementsAttr::get(type, name, std::move(blob));
  llvm::copy(matrix.readRows(0, matrix.rows), slot.numbers.begin());
  auto module = layer->getParentOfType<mlir::ModuleOp>();
  for (unsigned i = 0; module.lookupSymbol(name); ++i)
    name = matrix.name() + ".tuned." + std::to_string(i);
  auto components = builder.getDictionaryAttr(
      builder.getNamedAttr(component::kData, slot.resource));
  mlir::OpBuilder atStart = mlir::OpBuilder::atBlockBegin(module.getBody());
  GlobalOp::create(atStart, layer.getLoc(), name, type, components);
  layer.getWeightMutable().assign(
      WeightOp::create(builder, layer.getLoc(), type, name));
  return slot;
}

/// Makes `main` yield `results` instead.
static llvm::Error returnValues(mlir::func::FuncOp main,
                                llvm::ArrayRef<Value> results) {
  mlir::Block &block = main.getBody().front();
  Operation *terminator = block.getTerminator();
  llvm::BitVector all(main.getNumResults(), true);
  if (mlir::failed(main.eraseResults(all)))
    return makeError("a part of the model cannot be made");
  terminator->setOperands(results);
  for (Value result : results)
    if (mlir::failed(
            main.insertResult(main.getNumResults(), result.getType(), {})))
      return makeError("a part of the model cannot be made");
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (&op != terminator && mlir::isOpTriviallyDead(&op))
      op.erase();
  return llvm::Error::success();
}

llvm::Expected<ForwardSegment>
ForwardCuts::makeSegment(std::optional<size_t> from, size_t to) const {
  ForwardSegment segment;
  if (from)
    segment.arguments = llvm::to_vector(groups[*from].live);
  for (Value value : groups[to].live)
    if (!llvm::is_contained(segment.arguments, value))
      segment.results.push_back(value);
  mlir::IRMapping mapping;
  segment.module =
      mlir::cast<mlir::ModuleOp>(mlir::ModuleOp(module)->clone(mapping));
  // The requirements are of inputs that have other numbers now.
  (*segment.module)->removeAttr(kRequiresAttrName);
  auto copy = segment.module->lookupSymbol<mlir::func::FuncOp>(kMainFunction);
  llvm::SmallVector<Value> results;
  for (Value value : segment.results)
    results.push_back(mapping.lookup(value));
  for (size_t i = 0; i < to; ++i)
    for (const TunedLayer &layer : groups[i].layers) {
      LinearOp op = layer.op, end = groups[to].layers.front().op;
      bool isBefore =
          from && op->isBeforeInBlock(groups[*from].layers.front().op);
      if (!isBefore && op->isBeforeInBlock(end))
        segment.slots.push_back(makeSlot(
            mlir::cast<LinearOp>(mapping.lookup(op.getOperation())), layer));
    }
  for (Value value : segment.arguments) {
    unsigned number = copy.getNumArguments();
    if (mlir::failed(
            copy.insertArgument(number, value.getType(), {}, value.getLoc())))
      return makeError("a part of the model cannot be made");
    mapping.lookup(value).replaceAllUsesWith(copy.getArgument(number));
  }
  if (llvm::Error error = returnValues(copy, results))
    return std::move(error);
  return segment;
}
