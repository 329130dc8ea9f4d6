//===- WeightStatistics.cpp - what weights are like, without data ---------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two passes over each weight, a block of rows at a time: moments first, then
// what is relative to them. Sums are taken in the order of rows.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/WeightStatistics.h"
#include "lowbit/Numerics/EffectiveBits.h"
#include "lowbit/Numerics/Quantizer.h"
#include "lowbit/Numerics/Statistics.h"
#include "lowbit/Tools/DiagnosticText.h"
#include "lowbit/Tools/Errors.h"
#include "lowbit/Tools/TextTable.h"
#include "lowbit/Transforms/ConstantMatrix.h"
#include "lowbit/Transforms/PrecisionAssignment.h"
#include "mlir/IR/Threading.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/JSON.h"
#include <cmath>

using namespace lowbit;

static constexpr size_t kBins = 64;
static constexpr int64_t kBlockWeights = 1 << 18;
/// What a suggestion requires, in dB.
static constexpr double kEnough = 20.0;

static llvm::StringRef getName(LayerComponent component) {
  static constexpr llvm::StringLiteral kNames[] = {"attention", "feed_forward",
                                                   "head", "embedding"};
  return kNames[static_cast<int>(component)];
}

/// Rows of a block.
static int64_t getGrain(const ConstantMatrix &matrix) {
  return std::max<int64_t>(1, kBlockWeights /
                                  std::max<int64_t>(1, matrix.columns));
}

static void
forEachBlock(const ConstantMatrix &matrix,
             llvm::function_ref<void(int64_t, llvm::ArrayRef<float>)> visit) {
  int64_t grain = getGrain(matrix);
  for (int64_t row = 0; row < matrix.rows; row += grain)
    visit(row, matrix.readRows(row, std::min(matrix.rows, row + grain)));
}

/// Extremes, moments, and the loudest row and column.
static void addMoments(const ConstantMatrix &matrix,
                       WeightDistribution &result) {
  double sum = 0.0, squares = 0.0, loudest = 0.0;
  std::vector<double> columns(matrix.columns);
  double low = std::numeric_limits<double>::infinity(), high = -low;
  forEachBlock(matrix, [&](int64_t, llvm::ArrayRef<float> block) {
    for (size_t i = 0; i < block.size(); i += matrix.columns) {
      double row = 0.0;
      for (int64_t k = 0; k < matrix.columns; ++k) {
        double number = block[i + k];
        low = std::min(low, number);
        high = std::max(high, number);
        sum += number;
        row += number * number;
        columns[k] += number * number;
      }
      loudest = std::max(loudest, row);
      squares += row;
    }
  });
  double count = double(matrix.rows) * double(matrix.columns);
  result.minimum = low;
  result.maximum = high;
  result.mean = sum / count;
  result.deviation =
      std::sqrt(std::max(0.0, squares / count - result.mean * result.mean));
  if (squares <= 0.0)
    return;
  result.loudestRow = std::sqrt(loudest * double(matrix.rows) / squares);
  result.loudestColumn =
      std::sqrt(*llvm::max_element(columns) * double(matrix.columns) / squares);
}

/// Differential entropy in bits, in units of the deviation. Bins are as wide as
/// Scott's rule has them: in narrower ones few numbers look more orderly than
/// they are.
static double getEntropy(const numerics::Histogram &histogram,
                         double deviation) {
  double count = double(histogram.total());
  double step = histogram.width();
  double wanted = 3.49 * deviation / std::cbrt(count);
  size_t merged = size_t(std::clamp(wanted / step, 1.0, 1024.0));
  double entropy = std::log2(double(merged) * step / deviation);
  for (size_t first = 0; first < histogram.counts().size(); first += merged) {
    uint64_t sum = 0;
    for (size_t i = first;
         i < std::min(first + merged, histogram.counts().size()); ++i)
      sum += histogram.counts()[i];
    if (sum)
      entropy -= double(sum) / count * std::log2(double(sum) / count);
  }
  return entropy;
}

/// What is relative to mean and deviation.
static void addShape(const ConstantMatrix &matrix, WeightDistribution &result) {
  double count = double(matrix.rows) * double(matrix.columns);
  double width = (result.maximum - result.minimum) / double(kBins);
  double fourth = 0.0;
  uint64_t beyond3 = 0, beyond6 = 0;
  numerics::Histogram histogram;
  result.histogram.resize(kBins);
  forEachBlock(matrix, [&](int64_t, llvm::ArrayRef<float> block) {
    histogram.add(block.data(), int64_t(block.size()));
    for (float number : block) {
      double distance = std::fabs(number - result.mean) / result.deviation;
      fourth += std::pow(distance, 4);
      beyond3 += distance > 3;
      beyond6 += distance > 6;
      double bin = width > 0 ? (number - result.minimum) / width : 0.0;
      ++result.histogram[std::min(kBins - 1, size_t(bin))];
    }
  });
  // Numbers that are all the same have no shape.
  if (!(result.deviation > 0.0))
    return;
  result.kurtosis = fourth / count;
  result.beyond3 = double(beyond3) / count;
  result.beyond6 = double(beyond6) / count;
  result.entropy = getEntropy(histogram, result.deviation);
}

/// Rounds the weight to nearest.
static llvm::Expected<WeightCandidate>
tryCandidate(const ConstantMatrix &matrix, llvm::StringRef method,
             EncodingAttr encoding, mlir::MLIRContext &context) {
  numerics::QuantizedMatrix rounded;
  rounded.reset(encoding.getNumerics(), matrix.rows, matrix.columns);
  int64_t grain = getGrain(matrix);
  int64_t together =
      numerics::rowsTogether(rounded.encoding, matrix.rows, matrix.columns);
  grain = llvm::divideCeil(grain, together) * together;
  size_t blocks = llvm::divideCeil(matrix.rows, grain);
  std::vector<double> errors(blocks), squares(blocks);
  std::vector<std::string> problems(blocks);
  mlir::parallelFor(&context, 0, blocks, [&](size_t i) {
    int64_t first = int64_t(i) * grain,
            end = std::min(matrix.rows, first + grain);
    std::vector<float> rows = matrix.readRows(first, end);
    numerics::Status status =
        numerics::quantizeRows(rows.data(), first, end, {}, rounded);
    if (!status.ok()) {
      problems[i] = status.message;
      return;
    }
    std::vector<float> numbers(rows.size());
    numerics::dequantizeRows(rounded, first, end, numbers.data());
    for (auto [a, b] : llvm::zip_equal(rows, numbers)) {
      errors[i] += (double(a) - b) * (double(a) - b);
      squares[i] += double(a) * a;
    }
  });
  double error = 0.0, square = 0.0;
  for (size_t i = 0; i < blocks; ++i) {
    if (!problems[i].empty())
      return makeError("weight '" + matrix.name() + "': " + problems[i]);
    error += errors[i];
    square += squares[i];
  }
  return WeightCandidate{
      method.str(),
      uint64_t(numerics::storedBytes(encoding.getNumerics(), matrix.rows,
                                     matrix.columns)),
      error > 0.0 ? 10 * std::log10(square / error)
                  : std::numeric_limits<double>::infinity()};
}

static llvm::Expected<WeightDistribution>
describeWeight(const PrecisionLayer &layer, const PrecisionProblem &problem) {
  ConstantMatrix matrix = *matchConstantMatrix(layer.weight);
  WeightDistribution result;
  result.name = layer.name;
  result.component = getName(layer.component).str();
  result.rows = matrix.rows;
  result.columns = matrix.columns;
  if (matrix.rows == 0 || matrix.columns == 0)
    return result;
  addMoments(matrix, result);
  if (!std::isfinite(result.deviation) || !std::isfinite(result.minimum) ||
      !std::isfinite(result.maximum))
    return makeError("weight '" + layer.name +
                     "' has numbers that are not finite");
  addShape(matrix, result);
  for (auto [method, encoding] :
       llvm::zip_equal(problem.getNames(), problem.getCandidates())) {
    auto candidate =
        tryCandidate(matrix, method, encoding, *layer.op->getContext());
    if (!candidate)
      return candidate.takeError();
    result.candidates.push_back(std::move(*candidate));
  }
  const WeightCandidate *least = nullptr;
  for (const WeightCandidate &candidate : result.candidates)
    if (candidate.snr >= kEnough && (!least || candidate.bytes < least->bytes))
      least = &candidate;
  if (least)
    result.suggestion = least->method;
  return result;
}

llvm::Expected<std::vector<WeightDistribution>>
lowbit::describeWeights(mlir::ModuleOp raised,
                        llvm::ArrayRef<std::string> methods) {
  DiagnosticText errors(*raised.getContext());
  auto problem = PrecisionProblem::create(raised, /*rules=*/"", /*config=*/"",
                                          methods, /*hasBudget=*/false);
  if (llvm::failed(problem))
    return errors.takeError("the candidates cannot be read");
  std::vector<WeightDistribution> result;
  llvm::StringSet<> seen;
  for (const PrecisionLayer &layer : collectLayers(raised)) {
    if (!seen.insert(layer.name).second)
      continue;
    auto weight = describeWeight(layer, *problem);
    if (!weight)
      return weight.takeError();
    result.push_back(std::move(*weight));
  }
  return std::move(result);
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

static void printJson(llvm::ArrayRef<WeightDistribution> weights,
                      llvm::raw_ostream &os) {
  namespace json = llvm::json;
  json::OStream stream(os, 2);
  auto printCandidate = [&](const WeightCandidate &candidate) {
    stream.attribute("method", json::fixUTF8(candidate.method));
    stream.attribute("bytes", int64_t(candidate.bytes));
    stream.attribute("snr_db", std::isfinite(candidate.snr)
                                   ? json::Value(candidate.snr)
                                   : json::Value(nullptr));
  };
  auto printWeight = [&](const WeightDistribution &weight) {
    stream.attribute("name", json::fixUTF8(weight.name));
    stream.attribute("component", weight.component);
    stream.attribute("shape", json::Array{weight.rows, weight.columns});
    stream.attribute("minimum", weight.minimum);
    stream.attribute("maximum", weight.maximum);
    stream.attribute("mean", weight.mean);
    stream.attribute("deviation", weight.deviation);
    stream.attribute("kurtosis", weight.kurtosis);
    stream.attribute("entropy_bits", weight.entropy);
    stream.attribute("beyond_3_deviations", weight.beyond3);
    stream.attribute("beyond_6_deviations", weight.beyond6);
    stream.attribute("loudest_row", weight.loudestRow);
    stream.attribute("loudest_column", weight.loudestColumn);
    stream.attribute("histogram", json::Array(weight.histogram));
    stream.attributeArray("candidates", [&] {
      for (const WeightCandidate &candidate : weight.candidates)
        stream.object([&] { printCandidate(candidate); });
    });
    stream.attribute("suggestion", weight.suggestion.empty()
                                       ? json::Value(nullptr)
                                       : json::Value(weight.suggestion));
  };
  stream.object([&] {
    stream.attribute("schema", kWeightStatisticsSchema);
    stream.attributeArray("weights", [&] {
      for (const WeightDistribution &weight : weights)
        stream.object([&] { printWeight(weight); });
    });
  });
  os << "\n";
}

/// The counts as eight steps of a bar.
static std::string drawHistogram(llvm::ArrayRef<uint64_t> counts) {
  static constexpr const char *kBars[] = {" ", "▁", "▂", "▃", "▄",
                                          "▅", "▆", "▇", "█"};
  std::string text;
  std::vector<uint64_t> bins(16);
  for (size_t i = 0; i < counts.size(); ++i)
    bins[i * bins.size() / counts.size()] += counts[i];
  uint64_t most = std::max<uint64_t>(1, *llvm::max_element(bins));
  for (uint64_t bin : bins)
    text += kBars[bin ? std::max<uint64_t>(1, bin * 8 / most) : 0];
  return text;
}

void lowbit::printWeights(llvm::ArrayRef<WeightDistribution> weights,
                          llvm::raw_ostream &os, bool json) {
  if (json)
    return printJson(weights, os);
  TextTable table({"weight", "shape", "minimum", "maximum", "deviation",
                   "kurtosis", "entropy", "beyond 3", "beyond 6", "row",
                   "column", "distribution"},
                  /*lastTexts=*/1);
  for (const WeightDistribution &weight : weights)
    table.add(
        {weight.name,
         std::to_string(weight.rows) + " x " + std::to_string(weight.columns),
         formatNumber("%.4g", weight.minimum),
         formatNumber("%.4g", weight.maximum),
         formatNumber("%.4g", weight.deviation),
         formatNumber("%.2f", weight.kurtosis),
         formatNumber("%.3f", weight.entropy),
         formatNumber("%.5f", weight.beyond3),
         formatNumber("%.2g", weight.beyond6),
         formatNumber("%.2f", weight.loudestRow),
         formatNumber("%.2f", weight.loudestColumn),
         drawHistogram(weight.histogram)});
  table.print(os);
  if (weights.empty())
    return;
  os << "\nsignal to noise in dB, rounded to nearest, and the least of 20 dB\n";
  std::vector<std::string> heads = {"weight"};
  for (const WeightCandidate &candidate : weights.front().candidates)
    heads.push_back(candidate.method);
  heads.push_back("suggestion");
  TextTable second(std::move(heads), /*lastTexts=*/1);
  std::vector<uint64_t> bytes(weights.front().candidates.size());
  for (const WeightDistribution &weight : weights) {
    if (weight.candidates.empty())
      continue;
    std::vector<std::string> row = {weight.name};
    for (auto [i, candidate] : llvm::enumerate(weight.candidates)) {
      row.push_back(formatNumber("%.1f", candidate.snr));
      bytes[i] += candidate.bytes;
    }
    row.push_back(weight.suggestion.empty() ? "float" : weight.suggestion);
    second.add(std::move(row));
  }
  std::vector<std::string> total = {"all, bytes"};
  for (uint64_t count : bytes)
    total.push_back(formatBytes(count));
  total.push_back("");
  second.add(std::move(total));
  second.print(os);
}
