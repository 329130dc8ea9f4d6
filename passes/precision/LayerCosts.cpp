//===- LayerCosts.cpp - what a method does to a layer ---------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerCosts.h"
#include "lowbit/Numerics/EffectiveBits.h"
#include "lowbit/Numerics/Quantizer.h"
#include "lowbit/Numerics/Statistics.h"
#include "mlir/IR/Threading.h"
#include <cmath>

using namespace mlir;
using namespace lowbit;

namespace {
/// Sums over some rows of a layer.
struct OutputSums {
  double error = 0, output = 0;
  std::string problem;
};
} // namespace

/// Rounds rows [first, end) and adds up what that does.
static OutputSums sumRows(const ConstantMatrix &matrix, int64_t first,
                          int64_t end, const std::vector<float> &squares,
                          numerics::QuantizedMatrix &result) {
  OutputSums sums;
  std::vector<float> rows = matrix.readRows(first, end);
  numerics::QuantizeOptions options;
  options.importance = squares.data();
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
    double square = squares[i % matrix.columns];
    sums.error += square * error * error;
    sums.output += square * rows[i] * rows[i];
  }
  return sums;
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
  numerics::QuantizedMatrix result;
  result.reset(encoding.getNumerics(), matrix.rows, matrix.columns);
  int64_t grain = std::max<int64_t>(1, (1 << 18) / matrix.columns);
  if (result.encoding.granularity == numerics::Granularity::Tensor)
    grain = matrix.rows;
  std::vector<OutputSums> parts(llvm::divideCeil(matrix.rows, grain));
  parallelFor(layer.op->getContext(), 0, parts.size(), [&](size_t i) {
    int64_t first = i * grain;
    parts[i] = sumRows(matrix, first, std::min(matrix.rows, first + grain),
                       squares, result);
  });
  OutputSums total;
  for (const OutputSums &part : parts) {
    if (!part.problem.empty())
      return layer.op->emitOpError()
             << "weight '" << layer.name << "': " << part.problem;
    total.error += part.error;
    total.output += part.output;
  }
  return total.output > 0 ? total.error / total.output : 0;
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
  double width = 2 * histogram.limit() / numerics::Histogram::kBins;
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
