//===- InsertObservers.cpp - observe the inputs of layers -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Layers that share an input share its record, and so do the inputs of layers
// that share a weight: what a weight meets is one record.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

namespace lowbit {
#define GEN_PASS_DEF_INSERTOBSERVERSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
struct InsertObserversPass
    : lowbit::impl::InsertObserversPassBase<InsertObserversPass> {
  using InsertObserversPassBase::InsertObserversPassBase;

  void runOnOperation() override {
    std::optional<Statistics> wanted = readStatistics();
    if (!wanted)
      return signalPassFailure();
    collectLayers();
    SmallVector<std::string> names;
    for (auto &[input, layers] : inputs)
      llvm::append_range(names, layers);
    FailureOr<LayerGlobs> globs = LayerGlobs::create(
        getOperation().getLoc(), "observers", selected, names);
    if (failed(globs))
      return signalPassFailure();
    for (auto &[input, layers] : inputs) {
      bool isSelected = selected.empty() ||
                        llvm::any_of(layers, [&](const std::string &name) {
                          return globs->match(name);
                        });
      if (isSelected)
        observe(input, layers, *wanted);
    }
  }

private:
  std::optional<Statistics> readStatistics() {
    Statistics result{};
    for (const std::string &name : recorded) {
      std::optional<Statistics> one = symbolizeStatistics(name);
      if (!one) {
        emitError(getOperation().getLoc())
            << "observers: requires statistics among columns, histogram, "
               "second_moment and column_ranges, found '"
            << name << "'";
        return std::nullopt;
      }
      result = result | *one;
    }
    return result;
  }

  void collectLayers() {
    inputs.clear();
    firstLayers.clear();
    records.clear();
    getOperation().walk([&](LinearOp layer) {
      Value input = layer.getInput();
      auto type = dyn_cast<RankedTensorType>(input.getType());
      std::optional<std::string> name = getLayerName(layer);
      if (!name || !type || type.isDynamicDim(type.getRank() - 1)) {
        ++numSkipped;
        return;
      }
      firstLayers.try_emplace(input, layer);
      std::vector<std::string> &layers = inputs[input];
      if (!llvm::is_contained(layers, *name))
        layers.push_back(std::move(*name));
    });
  }

  /// The record that one of `layers` has already, or a new one.
  StringRef getRecord(const std::vector<std::string> &layers) {
    const std::string *record = &layers.front();
    for (const std::string &layer : layers)
      if (auto known = records.find(layer); known != records.end())
        record = &known->second;
    std::string name = *record;
    for (const std::string &layer : layers)
      records.try_emplace(layer, name);
    return records.find(layers.front())->second;
  }

  void observe(Value input, const std::vector<std::string> &layers,
               Statistics wanted) {
    OpBuilder builder(&getContext());
    // Before the first layer, so that records are in the order of layers; an
    // input of a layer in a region is observed outside of it, once.
    Operation *layer = firstLayers.lookup(input);
    if (layer->getBlock() == input.getParentBlock())
      builder.setInsertionPoint(layer);
    else
      builder.setInsertionPointAfterValue(input);
    SmallVector<StringRef> names(layers.begin(), layers.end());
    ObserveOp::create(builder, input.getLoc(), input, getRecord(layers),
                      builder.getStrArrayAttr(names), wanted);
    ++numObservers;
  }

  /// The layers of each input, in the order of the module.
  llvm::MapVector<Value, std::vector<std::string>> inputs;
  llvm::DenseMap<Value, Operation *> firstLayers;
  llvm::StringMap<std::string> records;
};
} // namespace
