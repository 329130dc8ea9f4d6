//===- TrellisRounding.cpp - weights coded by path search -----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Columns of a layer follow each other, so threads take a layer each. What they
// have to say is said when all are done, in the order of the layers.
//
//===----------------------------------------------------------------------===//

#include "TrellisRounding.h"
#include "FeedbackRounding.h"
#include "lowbit/Numerics/EffectiveBits.h"
#include "mlir/IR/Threading.h"
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace lowbit;

bool lowbit::isTrellis(EncodingAttr encoding) {
  auto isFormat = [](ElementFormatInterface format) {
    return format.getWindowBits() > format.getCodeBits();
  };
  if (MixedAttr mixed = encoding.getMixed())
    return llvm::all_of(mixed.getFormats(), isFormat);
  return isFormat(encoding.getElement());
}

TrellisAttr lowbit::getTrellis(EncodingAttr encoding) {
  Attribute format = encoding.getElement();
  if (MixedAttr mixed = encoding.getMixed())
    format = mixed.getFormats().front();
  return dyn_cast<TrellisAttr>(format);
}

EncodingAttr lowbit::withRates(EncodingAttr encoding, ArrayRef<int8_t> rates) {
  MLIRContext *context = encoding.getContext();
  unsigned state = getTrellis(encoding).getState();
  SmallVector<int64_t> counts;
  SmallVector<ElementFormatInterface> formats;
  for (int rate = numerics::maxTrellisRate; rate > 0; --rate)
    if (int64_t count = llvm::count(rates, rate)) {
      counts.push_back(count);
      formats.push_back(TrellisAttr::get(context, state, rate));
    }
  ElementFormatInterface element = formats.front();
  if (formats.size() > 1)
    element = MixedAttr::get(context, counts, formats);
  return EncodingAttr::get(context, element, encoding.getZeroPoint(),
                           encoding.getMinimum(), encoding.getGranularity(),
                           encoding.getScale(), encoding.getPermuted(),
                           encoding.getOuterScale(), encoding.getStoredScale(),
                           encoding.getColumnScale());
}

/// Each output counts by its gradient; one that had none still matters a
/// little.
static std::vector<float> weighRows(std::vector<float> squares) {
  constexpr double kLeast = 1e-3;
  double mean = std::accumulate(squares.begin(), squares.end(), 0.0) /
                std::max<size_t>(1, squares.size());
  if (!(mean > 0))
    return {};
  for (float &square : squares)
    square = static_cast<float>(square / mean + kLeast);
  return squares;
}

static LogicalResult readMoments(const TrellisJob &job,
                                 const LayerStatistics &statistics,
                                 TrellisRounding::LayerMoments &moments) {
  int64_t rows = job.matrix.rows, columns = job.matrix.columns;
  // A table has no input: each of its rows is read by itself.
  if (isa<EmbeddingOp>(job.layer)) {
    moments.second.assign(columns * columns, 0);
    for (int64_t k = 0; k < columns; ++k)
      moments.second[k * (columns + 1)] = 1;
    return success();
  }
  FailureOr<std::vector<float>> second =
      readSecondMoment(job.layer, job.matrix, statistics);
  if (failed(second))
    return failure();
  moments.second = std::move(*second);
  moments.rowWeights =
      statistics.read(job.matrix.name(), statistic::kGradientMeanSquare);
  int64_t found = static_cast<int64_t>(moments.rowWeights.size());
  if (found && found != rows)
    return job.layer->emitOpError()
           << "weight '" << job.matrix.name() << "': requires a "
           << statistic::kGradientMeanSquare << " of " << rows
           << " numbers, found " << found;
  if (moments.rowWeights.empty() &&
      statistics.has(statistic::kGradientMeanSquare))
    job.layer->emitRemark() << "weight '" << job.matrix.name() << "' has no "
                            << statistic::kGradientMeanSquare
                            << ": errors of all outputs count the same";
  return success();
}

static numerics::Status code(TrellisJob &job,
                             const TrellisRounding::LayerMoments &moments,
                             numerics::TrellisOptions options,
                             std::vector<float> target) {
  if (target.empty())
    target = job.matrix.readRows(0, job.matrix.rows);
  std::vector<float> rowWeights = weighRows(moments.rowWeights);
  if (!rowWeights.empty())
    options.rowWeights = rowWeights.data();
  job.result.reset(job.encoding.getNumerics(), job.matrix.rows,
                   job.matrix.columns);
  if (job.encoding.getMixed())
    job.result.columnParts =
        numerics::trellisParts({job.rates.begin(), job.rates.end()});
  return numerics::quantizeTrellis(target.data(), moments.second.data(),
                                   options, job.result);
}

void TrellisRounding::noteMissingGradients(ModuleOp module) {
  if (hasNoted || statistics.has(statistic::kGradientMeanSquare))
    return;
  hasNoted = true;
  module.emitRemark() << "trellises: no layer has "
                      << statistic::kGradientMeanSquare
                      << ", so errors of all outputs count the same; calibrate "
                         "with gradients to weigh them";
}

LogicalResult TrellisRounding::forEachJob(MutableArrayRef<TrellisJob> jobs,
                                          const Work &work) {
  std::vector<LayerMoments> moments(jobs.size());
  for (auto [job, moment] : llvm::zip_equal(jobs, moments))
    if (failed(readMoments(job, statistics, moment)))
      return failure();
  if (llvm::any_of(
          jobs, [](const TrellisJob &job) { return isa<LinearOp>(job.layer); }))
    noteMissingGradients(jobs.front().layer->getParentOfType<ModuleOp>());
  std::vector<numerics::Status> statuses(jobs.size());
  if (!jobs.empty())
    parallelFor(jobs.front().layer->getContext(), 0, jobs.size(),
                [&](size_t i) { statuses[i] = work(i, moments[i]); });
  for (auto [job, status] : llvm::zip_equal(jobs, statuses))
    if (!status.ok())
      return job.layer->emitOpError()
             << "weight '" << job.matrix.name() << "': " << status.message;
  return success();
}

LogicalResult TrellisRounding::run(MutableArrayRef<TrellisJob> jobs,
                                   CorrectedTarget &targets) {
  numerics::TrellisOptions options;
  options.damping = damping;
  options.sweeps = static_cast<int>(sweeps);
  std::vector<std::vector<float>> corrected;
  for (const TrellisJob &job : jobs) {
    if (job.encoding.getMixed() && job.rates.empty())
      return job.layer->emitOpError()
             << "weight '" << job.matrix.name()
             << "': columns of several formats require " << kRatesAttrName
             << ", found none";
    auto target = targets.get(job.layer, job.matrix);
    if (failed(target))
      return failure();
    corrected.push_back(std::move(*target));
  }
  return forEachJob(jobs, [&](size_t i, const LayerMoments &moments) {
    return code(jobs[i], moments, options, std::move(corrected[i]));
  });
}

/// What a layer gains from one bit more for each column, from rate b to b + 1,
/// if `losses` have been measured at rates 1 and more. Beyond them gains fall
/// as those of Gaussian weights do.
static LogicalResult takeMeasured(Operation *op, ArrayRef<double> losses,
                                  std::vector<double> &gains) {
  // What noise makes of a gain that is small must not end all others.
  constexpr double kLeast = 1e-3;
  if (losses.size() < 2 || losses.size() > numerics::maxTrellisRate ||
      llvm::any_of(losses, [](double loss) { return !std::isfinite(loss); }))
    return op->emitOpError() << "requires as " << kRateLossesAttrName
                             << " 2 to " << numerics::maxTrellisRate
                             << " finite numbers, found " << losses.size();
  const std::vector<double> &distortions = numerics::trellisDistortions();
  auto getFall = [&](unsigned rate) {
    return distortions[rate] - distortions[rate + 1];
  };
  for (unsigned rate = 1; rate < numerics::maxTrellisRate; ++rate) {
    if (rate < losses.size())
      gains[rate] = std::max(losses[rate - 1] - losses[rate],
                             kLeast * std::abs(losses[rate - 1]));
    else
      gains[rate] = gains[rate - 1] * getFall(rate) / getFall(rate - 1);
  }
  return success();
}

FailureOr<std::vector<numerics::RatedLayer>>
TrellisRounding::rateLayers(MutableArrayRef<TrellisJob> jobs) {
  std::vector<numerics::RatedLayer> layers(jobs.size());
  auto weigh = [&](size_t i, const LayerMoments &moments) {
    const ConstantMatrix &matrix = jobs[i].matrix;
    std::vector<float> weights = matrix.readRows(0, matrix.rows);
    numerics::RatedLayer &layer = layers[i];
    layer.rows = matrix.rows;
    numerics::Status status = numerics::columnCosts(
        weights.data(), matrix.rows, matrix.columns, moments.second.data(),
        damping,
        moments.rowWeights.empty() ? nullptr : moments.rowWeights.data(),
        layer.shares);
    double total =
        std::accumulate(layer.shares.begin(), layer.shares.end(), 0.0);
    const std::vector<double> &distortions = numerics::trellisDistortions();
    for (unsigned rate = 0; rate < numerics::maxTrellisRate; ++rate)
      layer.gains.push_back(total *
                            (distortions[rate] - distortions[rate + 1]));
    for (double &share : layer.shares)
      share = total > 0 ? share / total : 0;
    return status;
  };
  if (failed(forEachJob(jobs, weigh)))
    return failure();
  for (auto [job, layer] : llvm::zip_equal(jobs, layers))
    if (auto losses =
            job.layer->getAttrOfType<DenseF64ArrayAttr>(kRateLossesAttrName))
      if (failed(takeMeasured(job.layer, losses, layer.gains)))
        return failure();
  return layers;
}

static void setRates(MutableArrayRef<TrellisJob> jobs,
                     ArrayRef<numerics::RatedLayer> layers,
                     double averageBits) {
  std::vector<std::vector<uint8_t>> rates =
      numerics::allocateRates(layers, averageBits);
  for (auto [job, found] : llvm::zip_equal(jobs, rates))
    job.rates.assign(found.begin(), found.end());
}

LogicalResult TrellisRounding::assignRates(MutableArrayRef<TrellisJob> jobs,
                                           double averageBits) {
  auto layers = rateLayers(jobs);
  if (failed(layers))
    return failure();
  setRates(jobs, *layers, averageBits);
  return success();
}

/// What `jobs` take with the rates that they have.
static int64_t countBytes(ArrayRef<TrellisJob> jobs) {
  int64_t bytes = 0;
  for (const TrellisJob &job : jobs)
    bytes +=
        numerics::storedBytes(withRates(job.encoding, job.rates).getNumerics(),
                              job.matrix.rows, job.matrix.columns);
  return bytes;
}

LogicalResult TrellisRounding::spendBytes(MutableArrayRef<TrellisJob> jobs,
                                          int64_t bytes) {
  auto layers = rateLayers(jobs);
  if (failed(layers))
    return failure();
  double weights = 0;
  for (const TrellisJob &job : jobs)
    weights += static_cast<double>(job.matrix.rows) * job.matrix.columns;
  // What parameters take depends on the rates, a little: the average comes
  // down until all fits.
  double average = 8 * static_cast<double>(bytes) / std::max(weights, 1.0);
  while (!jobs.empty()) {
    setRates(jobs, *layers, average);
    int64_t found = countBytes(jobs);
    if (found <= bytes)
      return success();
    if (average < 1)
      return jobs.front().layer->emitOpError()
             << "rates: the budget must be at least " << found
             << " bytes, which one bit for each weight takes, found " << bytes;
    average -= 8 * static_cast<double>(found - bytes) / weights;
  }
  return success();
}
