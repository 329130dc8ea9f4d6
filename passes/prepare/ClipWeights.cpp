//===- ClipWeights.cpp - the rarest numbers of weights are clipped --------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerGroups.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

namespace lowbit {
#define GEN_PASS_DEF_CLIPWEIGHTSPASS
#include "lowbit/Transforms/Passes.h.inc"
} // namespace lowbit

using namespace mlir;
using namespace lowbit;

/// The magnitude that `percent` of the numbers of `row` don't exceed.
static float findLimit(ArrayRef<float> row, double percent) {
  std::vector<float> magnitudes(row.size());
  llvm::transform(row, magnitudes.begin(),
                  [](float value) { return std::abs(value); });
  auto kept = static_cast<size_t>(
      std::ceil(percent / 100 * static_cast<double>(row.size())));
  auto limit = magnitudes.begin() + std::max<size_t>(kept, 1) - 1;
  std::nth_element(magnitudes.begin(), limit, magnitudes.end());
  return *limit;
}

namespace {
struct ClipWeightsPass : lowbit::impl::ClipWeightsPassBase<ClipWeightsPass> {
  using ClipWeightsPassBase::ClipWeightsPassBase;

  void runOnOperation() override {
    if (!(percentile > 0 && percentile <= 100)) {
      emitError(getOperation().getLoc())
          << "clipping requires a percentile above 0 and up to 100, found "
          << double(percentile);
      return signalPassFailure();
    }
    WeightEditor editor(getOperation(), releaseData);
    llvm::DenseSet<int64_t> tableRows = getTableRows(getOperation());
    SmallVector<LinearOp> layers;
    getOperation().walk([&](LinearOp op) {
      if (!op->hasAttr(kKeepFloatAttrName) && !isHead(op, tableRows) &&
          !isa<QuantizedTensorType>(op.getWeight().getType()))
        layers.push_back(op);
    });
    for (LinearOp layer : layers)
      clip(layer, editor);
  }

private:
  void clip(LinearOp layer, WeightEditor &editor) {
    std::string reason;
    auto matrix = editor.getOwnMatrix(layer.getWeightMutable(), reason);
    if (!matrix) {
      layer.emitRemark() << "is not clipped: " << reason;
      return;
    }
    std::vector<float> values = matrix->readRows(0, matrix->rows);
    int64_t clipped = 0;
    for (int64_t n = 0; n < matrix->rows; ++n) {
      MutableArrayRef<float> row(values.data() + n * matrix->columns,
                                 matrix->columns);
      float limit = findLimit(row, percentile);
      for (float &value : row)
        if (std::abs(value) > limit) {
          value = std::copysign(limit, value);
          ++clipped;
        }
    }
    numClipped += clipped;
    if (clipped)
      editor.replace(layer.getWeightMutable(), values);
  }
};
} // namespace
