//===- LayerCosts.cpp - what a method does to a layer ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerCosts.h"
#include "lowbit/Numerics/EffectiveBits.h"
#include "lowbit/Numerics/FactoredHessian.h"
#include "lowbit/Numerics/Quantizer.h"
#include "lowbit/Numerics/Statistics.h"
#include "mlir/IR/Threading.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;

namespace {
/// What rounding is to mind, and what its errors count. No rows: 1 each.
struct ErrorWeights {
  ArrayRef<float> importance, columns, rows;
};

/// Sums over some rows of a layer.
struct OutputSums {
  double error = 0, output = 0;
  std::string problem;
};
} // namespace

/// Rounds rows [first, end) and adds up what that does.
static OutputSums sumRows(const ConstantMatrix &matrix, int64_t first,
                          int64_t end, const ErrorWeights &weights,
                          numerics::QuantizedMatrix &result) {
  OutputSums sums;
  std::vector<float> rows = matrix.readRows(first, end);
  numerics::QuantizeOptions options;
  options.importance = weights.importance.data();
  numerics::Status status =
      numerics::quantizeRows(rows.data(), first, end, options, result);
  if (!status.ok()) {
    sums.problem = status.message;
    return sums;
  }
  std::vector<float> rounded(rows.size());
  numerics::dequantizeRows(result, first, end, rounded.data());
  for (size_t i = 0; i < rows.size(); ++i) {
    double error = double(rounded[i]) - rows[i];
    double weight = weights.columns[i % matrix.columns];
    if (!weights.rows.empty())
      weight *= weights.rows[first + i / matrix.columns];
    sums.error += weight * error * error;
    sums.output += weight * rows[i] * rows[i];
  }
  return sums;
}

/// The same over all rows, by several threads.
static FailureOr<OutputSums> sumLayer(const PrecisionLayer &layer,
                                      const ConstantMatrix &matrix,
                                      EncodingAttr encoding,
                                      const ErrorWeights &weights) {
  numerics::QuantizedMatrix result;
  result.reset(encoding.getNumerics(), matrix.rows, matrix.columns);
  int64_t grain = std::max<int64_t>(1, (1 << 18) / matrix.columns);
  int64_t together =
      numerics::rowsTogether(result.encoding, matrix.rows, matrix.columns);
  grain = llvm::divideCeil(grain, together) * together;
  std::vector<OutputSums> parts(llvm::divideCeil(matrix.rows, grain));
  parallelFor(layer.op->getContext(), 0, parts.size(), [&](size_t i) {
    int64_t first = i * grain;
    parts[i] = sumRows(matrix, first, std::min(matrix.rows, first + grain),
                       weights, result);
  });
  OutputSums total;
  for (const OutputSums &part : parts) {
    if (!part.problem.empty())
      return layer.op->emitOpError()
             << "weight '" << layer.name << "': " << part.problem;
    total.error += part.error;
    total.output += part.output;
  }
  return total;
}

FailureOr<double> lowbit::getOutputError(const PrecisionLayer &layer,
                                         const ConstantMatrix &matrix,
                                         EncodingAttr encoding,
                                         const LayerStatistics &statistics) {
  std::vector<float> squares =
      statistics.read(layer.name, statistic::kMeanSquare);
  if (static_cast<int64_t>(squares.size()) != matrix.columns)
    return layer.op->emitOpError()
           << "weight '" << layer.name
           << "': the strategy hessian requires the mean squares of its "
           << matrix.columns << " columns, found " << squares.size()
           << "; calibrate, or use the strategy entropy";
  FailureOr<OutputSums> total =
      sumLayer(layer, matrix, encoding, {squares, squares, {}});
  if (failed(total))
    return failure();
  return total->output > 0 ? total->error / std::sqrt(total->output) : 0;
}

/// The pivots of a second moment by column.
static FailureOr<std::vector<float>> getPivots(const PrecisionLayer &layer,
                                               const std::vector<float> &moment,
                                               int64_t columns) {
  constexpr double kDamping = 0.01;
  std::vector<int32_t> order =
      numerics::orderByDiagonal(moment.data(), columns);
  numerics::FactoredHessian factors;
  numerics::Status status = numerics::FactoredHessian::factor(
      moment.data(), order, kDamping, factors);
  if (!status.ok())
    return layer.op->emitOpError()
           << "weight '" << layer.name << "': " << status.message;
  std::vector<float> pivots(columns);
  for (auto [place, column] : llvm::enumerate(order))
    pivots[column] = factors.pivots()[place];
  return pivots;
}

FailureOr<GradientCost>
GradientCost::create(const PrecisionLayer &layer, const ConstantMatrix &matrix,
                     const LayerStatistics &statistics) {
  GradientCost cost(layer, matrix);
  auto read = [&](StringRef component, StringRef what, int64_t count,
                  std::vector<float> &values) -> LogicalResult {
    values = statistics.read(layer.name, component);
    if (static_cast<int64_t>(values.size()) == count)
      return success();
    return layer.op->emitOpError()
           << "weight '" << layer.name
           << "': the strategy gradient requires the mean squares of " << count
           << " " << what << ", found " << values.size()
           << "; calibrate with gradients";
  };
  if (failed(read(statistic::kMeanSquare, "columns", matrix.columns,
                  cost.squares)) ||
      failed(read(statistic::kGradientMeanSquare, "gradients", matrix.rows,
                  cost.gradients)))
    return failure();
  cost.columns = cost.squares;
  std::vector<float> moment =
      statistics.read(layer.name, statistic::kSecondMoment);
  if (static_cast<int64_t>(moment.size()) == matrix.columns * matrix.columns) {
    FailureOr<std::vector<float>> pivots =
        getPivots(layer, moment, matrix.columns);
    if (failed(pivots))
      return failure();
    cost.columns = std::move(*pivots);
  }
  return cost;
}

FailureOr<double> GradientCost::get(EncodingAttr encoding) const {
  FailureOr<OutputSums> total =
      sumLayer(*layer, *matrix, encoding, {squares, columns, gradients});
  if (failed(total))
    return failure();
  return total->error / 2;
}

EntropyCost::EntropyCost(const ConstantMatrix &matrix)
    : rows(matrix.rows), columns(matrix.columns) {
  numerics::Histogram histogram;
  double sum = 0, squares = 0;
  int64_t grain = std::max<int64_t>(1, (1 << 18) / columns);
  for (int64_t first = 0; first < rows; first += grain) {
    std::vector<float> part =
        matrix.readRows(first, std::min(rows, first + grain));
    histogram.add(part.data(), part.size());
    for (float weight : part) {
      sum += weight;
      squares += double(weight) * weight;
    }
  }
  double count = static_cast<double>(std::max<uint64_t>(1, histogram.total()));
  double variance = squares / count - (sum / count) * (sum / count);
  double width = histogram.width();
  double entropy = std::log2(width);
  for (uint64_t bin : histogram.counts())
    if (bin)
      entropy -= bin / count * std::log2(bin / count);
  constexpr double kTwoPiE = 17.079468445347132;
  if (variance > 0)
    power = std::exp2(2 * entropy) / (kTwoPiE * variance);
}

double EntropyCost::get(EncodingAttr encoding) const {
  double bits = numerics::effectiveBits(encoding.getNumerics(), rows, columns);
  return double(rows) * double(columns) * power * std::exp2(-2 * bits);
}
