//===- SplitColumns.cpp - columns of outliers stay f16 --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SideTerm.h"
#include "lowbit/Transforms/GatherColumns.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include <cmath>
#include <numeric>

namespace lowbit {
#define GEN_PASS_DEF_SPLITCOLUMNSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
struct SplitColumnsPass : lowbit::impl::SplitColumnsPassBase<SplitColumnsPass> {
  using SplitColumnsPassBase::SplitColumnsPassBase;

  void runOnOperation() override {
    if (count < 1 || !(ratio >= 1)) {
      emitError(getOperation().getLoc())
          << "splitting columns requires a positive count and a ratio of at "
             "least 1, found "
          << int64_t(count) << " and " << double(ratio);
      return signalPassFailure();
    }
    WeightEditor editor(getOperation(), releaseData);
    llvm::DenseSet<int64_t> tableRows = getTableRows(getOperation());
    for (LayerGroup &group : collectLayerGroups(getOperation())) {
      bool staysFloat = llvm::all_of(group.layers, [&](LinearOp layer) {
        return isHead(layer, tableRows) || layer->hasAttr(kKeepFloatAttrName);
      });
      if (staysFloat)
        continue;
      FailureOr<std::vector<int32_t>> columns = findOutliers(group);
      if (failed(columns))
        return signalPassFailure();
      if (!columns->empty())
        split(group, *columns, editor);
    }
  }

private:
  FailureOr<std::vector<int32_t>> findOutliers(LayerGroup &group);
  void split(LayerGroup &group, ArrayRef<int32_t> columns,
             WeightEditor &editor);
};
} // namespace

/// The columns to split off, ascending.
FailureOr<std::vector<int32_t>>
SplitColumnsPass::findOutliers(LayerGroup &group) {
  auto read = readMagnitudes(getOperation(), group, "splitting them");
  if (failed(read))
    return failure();
  const std::vector<float> &extremes = *read;
  size_t columns = extremes.size();
  std::vector<float> sorted = extremes;
  std::nth_element(sorted.begin(), sorted.begin() + columns / 2, sorted.end());
  double limit = ratio * double(sorted[columns / 2]);
  std::vector<int32_t> order(columns);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return extremes[a] > extremes[b];
  });
  std::vector<int32_t> result;
  for (int32_t column : order)
    if (static_cast<int64_t>(result.size()) < count && extremes[column] > limit)
      result.push_back(column);
  llvm::sort(result);
  return result;
}

/// `value`, which reshapes make from `source`, made once more.
static Value cloneReshapes(OpBuilder &builder, Value value, Value source) {
  if (value == source)
    return source;
  Operation *reshape = value.getDefiningOp();
  Value operand = cloneReshapes(builder, reshape->getOperand(0), source);
  Operation *clone = builder.clone(*reshape);
  clone->setOperand(0, operand);
  return clone->getResult(0);
}

/// These columns of each layer's input; layers may read rows in another shape.
static SmallVector<Value> gatherInputs(LayerGroup &group, Location loc,
                                       Value columns) {
  llvm::DenseMap<Value, Value> gathered;
  SmallVector<Value> inputs;
  for (LinearOp layer : group.layers) {
    Value &input = gathered[layer.getInput()];
    if (!input) {
      OpBuilder before(layer);
      Value whole = cloneReshapes(before, layer.getInput(), group.input);
      input = gatherColumns(before, loc, whole, columns);
    }
    inputs.push_back(input);
  }
  return inputs;
}

/// Adds the product of columns of the weight with `input`, and makes them zeros
/// in the weight itself.
static void addSide(LinearOp layer, Location loc, Value input,
                    ArrayRef<int32_t> columns, WeightEditor &editor) {
  std::string reason;
  auto matrix = editor.getOwnMatrix(layer.getWeightMutable(), reason);
  std::vector<float> values = matrix->readRows(0, matrix->rows), kept;
  for (int64_t n = 0; n < matrix->rows; ++n)
    for (int32_t column : columns) {
      kept.push_back(values[n * matrix->columns + column]);
      values[n * matrix->columns + column] = 0;
    }
  std::string name = getLayerName(layer).value_or("weight");
  OpBuilder behind(layer->getContext());
  behind.setInsertionPointAfter(layer);
  auto type = RankedTensorType::get(
      {matrix->rows, static_cast<int64_t>(columns.size())},
      behind.getF16Type());
  Value weight = editor.create(layer, type, name + ".outliers", kept);
  auto side = LinearOp::create(behind, loc, layer.getType(), input, weight,
                               /*bias=*/Value(), /*residual=*/Value(),
                               ActivationAttr(), UnitAttr());
  side->setAttr(kKeepFloatAttrName, behind.getUnitAttr());
  addSideTerm(behind, layer, side);
  editor.replace(layer.getWeightMutable(), values);
}

void SplitColumnsPass::split(LayerGroup &group, ArrayRef<int32_t> columns,
                             WeightEditor &editor) {
  LinearOp first = group.layers.front();
  std::string reason;
  for (LinearOp layer : group.layers)
    if (!editor.getOwnMatrix(layer.getWeightMutable(), reason)) {
      first.emitRemark() << "columns of its input are not split off: "
                         << reason;
      return;
    }
  Location loc = first.getLoc();
  auto outliers = static_cast<int64_t>(columns.size());
  std::vector<float> mask(group.columns(), 1);
  for (int32_t column : columns)
    mask[column] = 0;
  auto type = cast<RankedTensorType>(group.input.getType());
  OpBuilder builder(&getContext());
  builder.setInsertionPointAfterValue(group.input);
  std::string name = group.name();
  // Constants come before what reads them.
  Operation *after = &*builder.getInsertionPoint();
  Value maskVector = editor.create(
      after, RankedTensorType::get({group.columns()}, type.getElementType()),
      name + ".mask", mask);
  Value places = editor.createIndices(
      after, RankedTensorType::get({outliers}, builder.getI32Type()),
      name + ".outlier_columns", columns);
  Value rest = combine<arith::MulFOp>(builder, loc, group.input, maskVector);
  SmallVector<Value> inputs = gatherInputs(group, loc, places);
  for (Operation *reader : group.readers)
    reader->setOperand(0, rest);
  for (auto [layer, input] : llvm::zip_equal(group.layers, inputs))
    addSide(layer, loc, input, columns, editor);
  scaleStatistics(getOperation(), name, mask);
  ++numSplit;
  numColumns += outliers;
}
