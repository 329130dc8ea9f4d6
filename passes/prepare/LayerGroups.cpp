//===- LayerGroups.cpp - layers that share an input -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerGroups.h"
#include "lowbit/Transforms/LayerNames.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace lowbit;

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

/// What `value` is a reshape of that keeps the last dimension.
static Value skipRowReshapes(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    SmallVector<ReassociationIndices> groups;
    if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
      groups = collapse.getReassociationIndices();
    else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
      groups = expand.getReassociationIndices();
    if (groups.empty() || groups.back().size() != 1)
      break;
    value = op->getOperand(0);
  }
  return value;
}

std::string LayerGroup::name() const {
  return getLayerName(layers.front()).value_or("a layer");
}

FailureOr<std::vector<float>> lowbit::readMagnitudes(ModuleOp module,
                                                     const LayerGroup &group,
                                                     StringRef purpose) {
  LayerStatistics statistics(module);
  std::string name = group.name();
  std::vector<float> low = statistics.read(name, statistic::kMinimum);
  std::vector<float> high = statistics.read(name, statistic::kMaximum);
  size_t columns = group.columns();
  if (low.size() != columns || high.size() != columns)
    return LinearOp(group.layers.front()).emitOpError()
           << "weight '" << name << "': requires the extremes of " << columns
           << " columns for " << purpose << ", found " << low.size() << " and "
           << high.size() << "; calibrate the model";
  std::vector<float> magnitudes(columns);
  for (size_t k = 0; k < columns; ++k)
    magnitudes[k] = std::max(std::abs(low[k]), std::abs(high[k]));
  return magnitudes;
}

std::vector<LayerGroup> lowbit::collectLayerGroups(ModuleOp module) {
  llvm::MapVector<Value, LayerGroup> groups;
  module.walk([&](LinearOp layer) {
    auto type = dyn_cast<RankedTensorType>(layer.getInput().getType());
    if (!type || type.isDynamicDim(type.getRank() - 1) ||
        isa<QuantizedTensorType>(layer.getWeight().getType()))
      return;
    Value input = skipRowReshapes(layer.getInput());
    LayerGroup &group = groups[input];
    group.input = input;
    group.layers.push_back(layer);
    // The first reshape on the way, or the layer.
    Operation *reader = layer;
    for (Value value = layer.getInput(); value != input;) {
      reader = value.getDefiningOp();
      value = reader->getOperand(0);
    }
    if (!llvm::is_contained(group.readers, reader))
      group.readers.push_back(reader);
  });
  std::vector<LayerGroup> result;
  for (auto &[input, group] : groups)
    result.push_back(std::move(group));
  return result;
}

WantedEncodings::WantedEncodings(ModuleOp module, EncodingAttr method,
                                 bool includeEmbeddings)
    : method(method), includeEmbeddings(includeEmbeddings),
      tableRows(getTableRows(module)) {}

EncodingAttr WantedEncodings::get(LinearOp layer) const {
  if (layer->hasAttr(kKeepFloatAttrName))
    return {};
  if (auto assigned = layer->getAttrOfType<EncodingAttr>(kEncodingAttrName))
    return assigned;
  return includeEmbeddings || !isHead(layer, tableRows) ? method
                                                        : EncodingAttr();
}

bool WantedEncodings::any(const LayerGroup &group) const {
  return llvm::any_of(group.layers,
                      [&](LinearOp layer) { return bool(get(layer)); });
}

//===----------------------------------------------------------------------===//
// Scaling
//===----------------------------------------------------------------------===//

FailureOr<std::vector<std::vector<float>>>
ColumnScaler::readWeights(LayerGroup &group, std::string &reason) {
  std::vector<std::vector<float>> weights;
  for (LinearOp layer : group.layers) {
    auto matrix = editor.getOwnMatrix(layer.getWeightMutable(), reason);
    if (!matrix)
      return failure();
    weights.push_back(matrix->readRows(0, matrix->rows));
  }
  // Its statistics are shared with layers that read something else.
  LayerStatistics statistics(module);
  StatisticsOp record = statistics.lookup(group.name());
  if (!record)
    return weights;
  for (Attribute name : record.getLayers())
    if (llvm::none_of(group.layers, [&](LinearOp layer) {
          return getLayerName(layer) == cast<StringAttr>(name).str();
        })) {
      reason = "its statistics are also those of '" +
               cast<StringAttr>(name).str() + "', which reads something else";
      return failure();
    }
  return weights;
}

FailureOr<GroupOutcome> ColumnScaler::scale(LayerGroup &group, bool mayMultiply,
                                            Choose choose) {
  LinearOp first = group.layers.front();
  auto leave = [&](StringRef reason) {
    first.emitRemark() << "'" << group.name()
                       << "' and what shares its input keep their columns: "
                       << reason;
    return GroupOutcome::Left;
  };
  std::string reason;
  auto weights = readWeights(group, reason);
  if (failed(weights))
    return leave(reason);
  bool folds = succeeded(scaling.plan(group.input, group.readers));
  if (!folds && !mayMultiply)
    return leave(scaling.getReason());
  std::string why = scaling.getReason().str();
  auto factors = choose(group, *weights,
                        folds ? scaling.getClasses() : ArrayRef<int32_t>());
  if (failed(factors))
    return failure();
  if (factors->empty() ||
      llvm::all_of(*factors, [](float factor) { return factor == 1; }))
    return GroupOutcome::Left;
  std::vector<float> inverse(*factors);
  for (float &factor : inverse)
    factor = 1 / factor;
  for (auto [layer, values] : llvm::zip_equal(group.layers, *weights)) {
    for (auto [i, value] : llvm::enumerate(values))
      value *= (*factors)[i % factors->size()];
    editor.replace(layer.getWeightMutable(), values);
  }
  scaleStatistics(module, group.name(), inverse);
  if (folds) {
    scaleGradients(inverse);
    scaling.apply(inverse);
    return GroupOutcome::Folded;
  }
  first.emitRemark() << "'" << group.name()
                     << "' and what shares its input read it times a vector, "
                        "at run time: "
                     << why;
  multiplyInput(group, inverse);
  return GroupOutcome::Multiplied;
}

/// A product with a vector before the layers alone.
void ColumnScaler::multiplyInput(LayerGroup &group, ArrayRef<float> factors) {
  OpBuilder builder(group.input.getContext());
  builder.setInsertionPointAfterValue(group.input);
  Location loc = group.input.getLoc();
  auto type = cast<RankedTensorType>(group.input.getType());
  Value init = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, group.input),
      type.getElementType());
  auto vectorType = RankedTensorType::get(
      {static_cast<int64_t>(factors.size())}, type.getElementType());
  Value vector = editor.create(init.getDefiningOp(), vectorType,
                               group.name() + ".input_scale", factors);
  AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  auto product = linalg::GenericOp::create(
      builder, loc, type, ValueRange{group.input, vector}, init,
      ArrayRef{identity, identity.getMinorSubMap(1), identity}, loops,
      [](OpBuilder &b, Location loc, ValueRange values) {
        linalg::YieldOp::create(
            b, loc,
            arith::MulFOp::create(b, loc, values[0], values[1]).getResult());
      });
  for (Operation *reader : group.readers)
    for (OpOperand &operand : reader->getOpOperands())
      if (operand.get() == group.input && operand.getOperandNumber() == 0)
        operand.set(product.getResult(0));
}

//===----------------------------------------------------------------------===//
// Statistics
//===----------------------------------------------------------------------===//

/// How numbers of a component follow factors of columns, if they do.
static std::optional<std::vector<float>>
scaleComponent(StringRef name, std::vector<float> values,
               ArrayRef<float> factors) {
  size_t columns = factors.size();
  for (auto [i, value] : llvm::enumerate(values)) {
    float factor = factors[i % columns];
    if (name == statistic::kMinimum || name == statistic::kMaximum ||
        name == statistic::kMean || name == "residual_moment")
      value *= factor;
    else if (name == statistic::kMeanSquare)
      value *= factor * factor;
    else if (name == statistic::kSecondMoment || name == "cross_moment")
      value *= factor * factors[i / columns];
    else
      return std::nullopt;
  }
  return values;
}

static void setComponent(StatisticsOp record, StringRef name,
                         std::optional<ArrayRef<float>> values) {
  NamedAttrList components(record.getComponents());
  if (values) {
    auto raw = reinterpret_cast<const uint8_t *>(values->data());
    components.set(name,
                   makeElements(cast<RankedTensorType>(
                                    record.getComponent(name).getShapedType()),
                                (record.getName() + "." + name).str(),
                                {raw, raw + values->size() * sizeof(float)}));
  } else {
    components.erase(name);
  }
  record.setComponentsAttr(components.getDictionary(record.getContext()));
}

void lowbit::scaleStatistics(ModuleOp module, StringRef name,
                             ArrayRef<float> factors) {
  LayerStatistics statistics(module);
  StatisticsOp record = statistics.lookup(name);
  if (!record)
    return;
  for (NamedAttribute component : llvm::to_vector(record.getComponents())) {
    StringRef what = component.getName();
    auto scaled = scaleComponent(what, statistics.read(name, what), factors);
    if (scaled && !scaled->empty())
      setComponent(record, what, ArrayRef<float>(*scaled));
    else
      setComponent(record, what, std::nullopt);
  }
}

/// Gradients at the outputs of layers whose rows are multiplied.
void ColumnScaler::scaleGradients(ArrayRef<float> factors) {
  static constexpr StringLiteral kGradient = "gradient_mean_square";
  for (const FeatureScaling::Rows &rows : scaling.getRows()) {
    std::optional<std::string> name = getLayerName(rows.layer);
    for (StatisticsOp record : module.getOps<StatisticsOp>()) {
      auto gradient =
          dyn_cast_or_null<DenseElementsAttr>(record.getComponent(kGradient));
      if (!gradient || !name || record.getLayers().size() != 1 ||
          cast<StringAttr>(record.getLayers()[0]).getValue() != *name)
        continue;
      auto values = llvm::to_vector(gradient.getValues<float>());
      for (auto [value, column] : llvm::zip_equal(values, rows.columns))
        if (column != FeatureScaling::kNone)
          value /= factors[column] * factors[column];
      setComponent(record, kGradient, ArrayRef<float>(values));
    }
  }
}
