//===- PrintStatistics.cpp - statistics for people ------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Numerics/ActivationRange.h"
#include "lowbit/Tools/Statistics.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include <cmath>

using namespace lowbit;

namespace {
/// A record in a few numbers.
struct Summary {
  /// Extremes over all columns.
  double low = 0, high = 0;
  /// Root of the mean square over all columns, and of the largest column's.
  double rms = 0, largestColumn = 0;
};
} // namespace

/// Whether the record is of the gradient of what its layer yields.
static bool isOfGradient(const StatisticsRecord &record) {
  return record.lookup(statistic::kGradientMeanSquare) != nullptr;
}

static Summary summarize(const StatisticsRecord &record) {
  Summary summary;
  if (const HostTensor *minimum = record.lookup(statistic::kMinimum))
    summary.low = *llvm::min_element(minimum->getAs<float>());
  if (const HostTensor *maximum = record.lookup(statistic::kMaximum))
    summary.high = *llvm::max_element(maximum->getAs<float>());
  const HostTensor *squares = record.lookup(statistic::kMeanSquare);
  if (!squares)
    squares = record.lookup(statistic::kGradientMeanSquare);
  if (squares) {
    double sum = 0, largest = 0;
    for (double square : squares->getAs<double>()) {
      sum += square;
      largest = std::max(largest, square);
    }
    summary.rms = std::sqrt(sum / double(record.columns));
    summary.largestColumn = std::sqrt(largest);
  }
  return summary;
}

void lowbit::printStatistics(const CalibrationStatistics &statistics,
                             llvm::raw_ostream &os) {
  const StatisticsSource &provenance = statistics.provenance;
  os << "model    " << provenance.model << "\n";
  os << "data     " << provenance.data << "\n";
  os << "options  " << provenance.options << "\n";
  os << "kinds    " << provenance.statistics << "\n\n";
  os << "   columns       rows        low       high        rms  largest "
        "column  layers\n";
  for (const StatisticsRecord &record : statistics.records) {
    Summary summary = summarize(record);
    os << llvm::format("%10llu %10llu ", (unsigned long long)record.columns,
                       (unsigned long long)record.rows);
    if (isOfGradient(record))
      os << "         -          - ";
    else
      os << llvm::format("%10.4g %10.4g ", summary.low, summary.high);
    os << llvm::format("%10.4g %15.4g  ", summary.rms, summary.largestColumn);
    llvm::interleaveComma(record.layers, os);
    os << (isOfGradient(record) ? " (gradient)\n" : "\n");
  }
}

/// The observers of ranges that need a histogram, for codes of 8 bits.
static std::array<std::pair<llvm::StringRef, numerics::ActivationRange>, 3>
findRanges(const numerics::Histogram &histogram) {
  constexpr unsigned kBits = 8;
  constexpr double kPercent = 99.99;
  return {{{"percentile", numerics::findPercentile(histogram, kPercent)},
           {"mse", numerics::findLeastSquares(histogram, kBits)},
           {"entropy", numerics::findLeastDivergence(histogram, kBits)}}};
}

/// The range of each column that each observer sees, if columns were recorded.
static void printColumnRanges(const StatisticsRecord &record,
                              llvm::json::OStream &json) {
  std::vector<numerics::Histogram> histograms = record.getColumnHistograms();
  if (histograms.empty())
    return;
  llvm::json::Object lists;
  auto add = [&](llvm::StringRef name, double low, double high) {
    llvm::json::Value &list =
        lists.try_emplace(name, llvm::json::Array()).first->second;
    list.getAsArray()->push_back(llvm::json::Array{low, high});
  };
  if (const HostTensor *moving = record.lookup(statistic::kColumnMovingRange))
    for (uint64_t k = 0; k < record.columns; ++k)
      add("moving_average", moving->getAs<double>()[2 * k],
          moving->getAs<double>()[2 * k + 1]);
  for (const numerics::Histogram &histogram : histograms)
    for (auto [name, range] : findRanges(histogram))
      add(name, range.low, range.high);
  json.attribute("column_ranges", std::move(lists));
}

/// The range that each observer sees.
static void printRanges(const StatisticsRecord &record, const Summary &summary,
                        llvm::json::OStream &json) {
  auto print = [&](llvm::StringRef name, double low, double high) {
    json.attributeArray(name, [&] {
      json.value(low);
      json.value(high);
    });
  };
  json.attributeObject("ranges", [&] {
    print("min_max", summary.low, summary.high);
    if (const HostTensor *moving = record.lookup(statistic::kMovingRange))
      print("moving_average", moving->getAs<double>()[0],
            moving->getAs<double>()[1]);
    if (std::optional<numerics::Histogram> histogram = record.getHistogram())
      for (auto [name, range] : findRanges(*histogram))
        print(name, range.low, range.high);
  });
}

void lowbit::printStatisticsAsJson(const CalibrationStatistics &statistics,
                                   llvm::raw_ostream &os) {
  llvm::json::OStream json(os, /*IndentSize=*/2);
  json.object([&] {
    json.attribute("model", statistics.provenance.model);
    json.attribute("data", statistics.provenance.data);
    json.attribute("options", statistics.provenance.options);
    json.attribute("statistics", statistics.provenance.statistics);
    json.attributeArray("records", [&] {
      for (const StatisticsRecord &record : statistics.records)
        json.object([&] {
          Summary summary = summarize(record);
          json.attribute("name", record.name);
          json.attribute("layers", llvm::json::Array(record.layers));
          json.attribute("columns", int64_t(record.columns));
          json.attribute("rows", int64_t(record.rows));
          json.attribute("samples", int64_t(record.samples));
          json.attribute("of", isOfGradient(record) ? "gradient" : "input");
          json.attribute("rms", summary.rms);
          json.attribute("largest_column", summary.largestColumn);
          if (!isOfGradient(record)) {
            json.attribute("minimum", summary.low);
            json.attribute("maximum", summary.high);
            printRanges(record, summary, json);
            printColumnRanges(record, json);
          }
          json.attributeArray("components", [&] {
            for (const auto &[name, tensor] : record.components)
              json.value(name);
          });
        });
    });
  });
  os << "\n";
}
