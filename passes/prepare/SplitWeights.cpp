//===- SplitWeights.cpp - the largest weights stay f16 --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every row gives up as many numbers, so that the sparse part is two dense
// matrices, of numbers and of their columns.
//
//===----------------------------------------------------------------------===//

#include "SideTerm.h"
#include "lowbit/Numerics/Float16.h"
#include "lowbit/Transforms/GatherColumns.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>
#include <numeric>

namespace lowbit {
#define GEN_PASS_DEF_SPLITWEIGHTSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

namespace {
/// What is split off: [rows, count].
struct SparsePart {
  int64_t count = 0;
  std::vector<float> numbers;
  std::vector<int32_t> columns;
};

struct SplitWeightsPass : lowbit::impl::SplitWeightsPassBase<SplitWeightsPass> {
  using SplitWeightsPassBase::SplitWeightsPassBase;

  void runOnOperation() override {
    if (!(share > 0 && share < 100)) {
      emitError(getOperation().getLoc())
          << "splitting weights requires a share between 0 and 100 percent, "
             "found "
          << double(share);
      return signalPassFailure();
    }
    WeightEditor editor(getOperation(), releaseData);
    llvm::DenseSet<int64_t> tableRows = getTableRows(getOperation());
    SmallVector<LinearOp> layers;
    getOperation().walk([&](LinearOp op) {
      if (!op->hasAttr(kKeepFloatAttrName) && !isHead(op, tableRows) &&
          isa<RankedTensorType>(op.getInput().getType()) &&
          !isa<QuantizedTensorType>(op.getWeight().getType()))
        layers.push_back(op);
    });
    for (LinearOp layer : layers)
      split(layer, editor);
  }

private:
  void split(LinearOp layer, WeightEditor &editor);
};
} // namespace

/// Takes the `count` largest numbers of each row out of `values`.
static SparsePart takeLargest(std::vector<float> &values, int64_t rows,
                              int64_t columns, int64_t count) {
  SparsePart part;
  part.count = count;
  std::vector<int32_t> order(columns);
  for (int64_t n = 0; n < rows; ++n) {
    float *row = values.data() + n * columns;
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + count, order.end(),
                      [&](int32_t a, int32_t b) {
                        float x = std::abs(row[a]), y = std::abs(row[b]);
                        return x != y ? x > y : a < b;
                      });
    std::sort(order.begin(), order.begin() + count);
    for (int64_t j = 0; j < count; ++j) {
      float number = std::clamp(row[order[j]], -numerics::maxFloat16,
                                numerics::maxFloat16);
      part.columns.push_back(order[j]);
      part.numbers.push_back(number);
      // What f16 can't say stays behind.
      row[order[j]] -= numerics::roundToHalf(number);
    }
  }
  return part;
}

/// The product of the sparse part with the input of `layer`.
static Value multiplySparse(OpBuilder &builder, LinearOp layer, Value numbers,
                            Value columns) {
  Location loc = layer.getLoc();
  auto type = layer.getType();
  int64_t rank = type.getRank();
  Type element = type.getElementType();
  Value x = layer.getInput();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, x);
  sizes.back() = builder.getIndexAttr(type.getShape().back());
  Value zero =
      arith::ConstantOp::create(builder, loc, builder.getFloatAttr(element, 0));
  Value empty = tensor::EmptyOp::create(builder, loc, sizes, element);
  Value init = linalg::FillOp::create(builder, loc, zero, empty).getResult(0);
  // Loops: those of the result, then the numbers of a row.
  MLIRContext *context = builder.getContext();
  AffineMap part = AffineMap::get(
      rank + 1, 0,
      {getAffineDimExpr(rank - 1, context), getAffineDimExpr(rank, context)},
      context);
  AffineMap result =
      builder.getMultiDimIdentityMap(rank + 1).getMajorSubMap(rank);
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  loops.push_back(utils::IteratorType::reduction);
  auto body = [&](OpBuilder &b, Location loc, ValueRange values) {
    Value read = readColumn(b, loc, x, values[1], /*isUnsigned=*/true);
    Value number = values[0];
    if (element.getIntOrFloatBitWidth() > 16)
      number = arith::ExtFOp::create(b, loc, element, number);
    Value product = arith::MulFOp::create(b, loc, number, read);
    linalg::YieldOp::create(
        b, loc, arith::AddFOp::create(b, loc, values[2], product).getResult());
  };
  return linalg::GenericOp::create(builder, loc, init.getType(),
                                   ValueRange{numbers, columns}, init,
                                   ArrayRef{part, part, result}, loops, body)
      .getResult(0);
}

void SplitWeightsPass::split(LinearOp layer, WeightEditor &editor) {
  std::string reason;
  auto matrix = editor.getOwnMatrix(layer.getWeightMutable(), reason);
  if (!matrix) {
    layer.emitRemark() << "is not split: " << reason;
    return;
  }
  if (layer.getActivation() || layer.getGated()) {
    layer.emitRemark() << "is not split: it has an activation or a gate; split "
                          "before lowbit-fuse";
    return;
  }
  std::vector<float> values = matrix->readRows(0, matrix->rows);
  auto count = static_cast<int64_t>(
      std::round(share / 100 * static_cast<double>(matrix->columns)));
  count = std::clamp<int64_t>(count, 1, matrix->columns);
  SparsePart part = takeLargest(values, matrix->rows, matrix->columns, count);
  std::string name = getLayerName(layer).value_or("weight");
  OpBuilder builder(layer);
  builder.setInsertionPointAfter(layer);
  auto numberType =
      RankedTensorType::get({matrix->rows, count}, builder.getF16Type());
  Value numbers =
      editor.create(layer, numberType, name + ".sparse", part.numbers);
  bool isShort = matrix->columns <= 1 << 16;
  auto columnType = RankedTensorType::get(
      {matrix->rows, count}, builder.getIntegerType(isShort ? 16 : 32));
  Value columns = editor.createIndices(layer, columnType,
                                       name + ".sparse_columns", part.columns);
  Value side = multiplySparse(builder, layer, numbers, columns);
  addSideTerm(builder, layer, side);
  editor.replace(layer.getWeightMutable(), values);
  ++numSplit;
  numNumbers += matrix->rows * count;
  numBytes += matrix->rows * count * (isShort ? 4 : 6);
}
