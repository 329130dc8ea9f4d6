//===- LayerStatistics.cpp - statistics by layer --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/LayerStatistics.h"
#include "lowbit/Transforms/ConstantMatrix.h"

using namespace mlir;
using namespace lowbit;

LayerStatistics::LayerStatistics(ModuleOp module) {
  for (StatisticsOp op : module.getOps<StatisticsOp>())
    for (Attribute layer : op.getLayers())
      records[cast<StringAttr>(layer).getValue()].push_back(op);
}

StatisticsOp LayerStatistics::lookup(StringRef layer) const {
  for (StatisticsOp record : records.lookup(layer))
    if (!record.getComponent(statistic::kGradientMeanSquare) &&
        !record.getComponent(statistic::kResidualMoment))
      return record;
  return nullptr;
}

bool LayerStatistics::has(StringRef component) const {
  return llvm::any_of(records, [&](const auto &layer) {
    return llvm::any_of(layer.second, [&](StatisticsOp record) {
      return record.getComponents().contains(component);
    });
  });
}

std::vector<float> LayerStatistics::read(StringRef layer,
                                         StringRef component) const {
  ElementsAttr elements;
  for (StatisticsOp record : records.lookup(layer))
    if ((elements = record.getComponent(component)))
      break;
  if (!elements || !elements.getElementType().isF32() || isHugeSplat(elements))
    return {};
  if (auto dense = dyn_cast<DenseElementsAttr>(elements);
      dense && dense.isSplat())
    return std::vector<float>(dense.getNumElements(),
                              dense.getSplatValue<float>());
  ArrayRef<char> raw = getRawBytes(elements);
  std::vector<float> values(raw.size() / sizeof(float));
  memcpy(values.data(), raw.data(), values.size() * sizeof(float));
  return values;
}
