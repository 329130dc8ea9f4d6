//===- MatrixRounding.cpp - codes for one weight --------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatrixRounding.h"
#include "RowRounding.h"
#include "lowbit/Transforms/LayerNames.h"
#include "lowbit/Transforms/PackedData.h"
#include "mlir/IR/Threading.h"
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace lowbit;

LogicalResult lowbit::checkSplat(Operation *user,
                                 const ConstantMatrix &matrix) {
  if (!isHugeSplat(matrix.data))
    return success();
  return user->emitOpError()
         << "weight '" << matrix.name() << "': requires a splat of at most "
         << kSplatBytes << " bytes when written out, found "
         << matrix.data.getShapedType();
}

LogicalResult MatrixRounding::setScaleSearch(ModuleOp module, StringRef name) {
  if (name == "mse")
    options.search = numerics::ScaleSearch::MeanSquaredError;
  else if (name == "absmax")
    options.search = numerics::ScaleSearch::AbsMax;
  else if (name == "importance")
    statistics = LayerStatistics(module);
  else
    return emitError(module.getLoc())
           << "scale search: requires mse, importance or absmax, found '"
           << name << "'";
  if (name == "importance" && statistics.empty())
    return emitError(module.getLoc())
           << "scale search by importance requires statistics, found none in "
              "the module; calibrate it first";
  return success();
}

/// How much an error in each column of `matrix` matters: the mean square of
/// what it is multiplied by. A column that calibration never used still matters
/// a little, so that its group has a scale.
FailureOr<std::vector<float>>
MatrixRounding::getImportance(Operation *user, const ConstantMatrix &matrix) {
  constexpr double kLeast = 1e-6;
  if (statistics.empty())
    return std::vector<float>();
  std::vector<float> result =
      statistics.read(matrix.name(), statistic::kMeanSquare);
  if (result.empty()) {
    user->emitRemark() << "weight '" << matrix.name()
                       << "' has no statistics: scales are those of least "
                          "squared error, without importance";
    return result;
  }
  if (static_cast<int64_t>(result.size()) != matrix.columns)
    return user->emitOpError()
           << "weight '" << matrix.name() << "': requires statistics of "
           << matrix.columns << " columns, found " << result.size();
  double mean = std::accumulate(result.begin(), result.end(), 0.0) /
                static_cast<double>(result.size());
  if (!std::isfinite(mean) ||
      llvm::any_of(result, [](float value) { return value < 0; }))
    return user->emitOpError()
           << "weight '" << matrix.name()
           << "': requires mean squares that are finite and not negative";
  for (float &value : result)
    value = static_cast<float>(value + kLeast * mean);
  return result;
}

/// What the scales of `matrix` are multiplied by, where that may be.
static FailureOr<float> getScaleFactor(Operation *user,
                                       const ConstantMatrix &matrix,
                                       EncodingAttr encoding,
                                       const numerics::FeedbackPlan *plan) {
  auto given = user->getAttrOfType<FloatAttr>(kScaleFactorAttrName);
  float factor = given ? static_cast<float>(given.getValueAsDouble()) : 1;
  if (plan && factor != 1)
    return user->emitOpError()
           << "weight '" << matrix.name()
           << "': a factor of its scales requires rounding to nearest, found "
              "rounding with feedback";
  if (encoding.getStored() && factor != 1)
    return user->emitOpError()
           << "weight '" << matrix.name()
           << "': a factor of its scales requires plain scales, found "
              "quantized ones";
  return factor;
}

/// How many rows a task rounds: enough to outweigh the hand-over, few enough
/// that the float rows of all threads are little memory.
static int64_t getGrain(const ConstantMatrix &matrix,
                        const numerics::FeedbackPlan *plan,
                        const numerics::QuantizedMatrix &quantized) {
  constexpr int64_t kTaskWeights = 1 << 18, kFeedbackRows = 64;
  int64_t grain =
      std::max<int64_t>(1, kTaskWeights / std::max<int64_t>(1, matrix.columns));
  // Each row costs as much as K rows without feedback.
  if (plan)
    grain = std::min(grain, kFeedbackRows);
  int64_t together =
      numerics::rowsTogether(quantized.encoding, matrix.rows, matrix.columns);
  return llvm::divideCeil(grain, together) * together;
}

/// Says what went wrong with some rows, and what is lost of them.
static LogicalResult report(Operation *user, const ConstantMatrix &matrix,
                            EncodingAttr encoding,
                            const numerics::QuantizedMatrix &quantized,
                            ArrayRef<std::string> problems,
                            ArrayRef<int64_t> vanished) {
  for (const std::string &problem : problems)
    if (!problem.empty())
      return user->emitOpError()
             << "weight '" << matrix.name() << "': " << problem;
  if (int64_t count =
          std::accumulate(vanished.begin(), vanished.end(), int64_t(0)))
    user->emitRemark() << "weight '" << matrix.name() << "': " << count
                       << " of " << quantized.scales.size()
                       << " groups become zeros: their numbers are too small "
                          "for a scale of type "
                       << encoding.getScale()
                       << "; scale the layer up or keep it float";
  return success();
}

LogicalResult MatrixRounding::run(Operation *user, const ConstantMatrix &matrix,
                                  EncodingAttr encoding,
                                  const numerics::FeedbackPlan *plan,
                                  CorrectedTarget &targets,
                                  numerics::QuantizedMatrix &quantized) {
  FailureOr<std::vector<float>> importance = getImportance(user, matrix);
  if (failed(importance))
    return failure();
  numerics::QuantizeOptions options = this->options;
  options.importance = importance->empty() ? nullptr : importance->data();
  if (plan)
    options.importance = plan->importance();
  if (hasFixedTables)
    options.tables = &getFixedTables();
  FailureOr<float> factor = getScaleFactor(user, matrix, encoding, plan);
  if (failed(factor))
    return failure();
  quantized.reset(encoding.getNumerics(), matrix.rows, matrix.columns);
  int64_t grain = getGrain(matrix, plan, quantized);
  std::vector<float> target;
  if (plan) {
    FailureOr<std::vector<float>> corrected = targets.get(user, matrix);
    if (failed(corrected))
      return failure();
    target = std::move(*corrected);
  }
  std::vector<std::string> problems(llvm::divideCeil(matrix.rows, grain));
  std::vector<int64_t> vanished(problems.size());
  parallelFor(user->getContext(), 0, problems.size(), [&](size_t i) {
    int64_t first = i * grain,
            end = std::min<int64_t>(matrix.rows, first + grain);
    std::vector<float> own;
    if (target.empty())
      own = matrix.readRows(first, end);
    const float *rows =
        target.empty() ? own.data() : target.data() + first * matrix.columns;
    problems[i] =
        roundRows(rows, first, end, *factor, options, plan, quantized).message;
    vanished[i] = countVanished(rows, first, end, quantized);
  });
  return report(user, matrix, encoding, quantized, problems, vanished);
}
