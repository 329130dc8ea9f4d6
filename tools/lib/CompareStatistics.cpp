//===- CompareStatistics.cpp - do inputs drift from calibration? ----------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/CompareStatistics.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Tools/Errors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include <cmath>

using namespace lowbit;

/// Fills in side `side` of `drift`; false where the record is not of an input.
static bool readRange(const StatisticsRecord &record, unsigned side,
                      RangeDrift &drift) {
  const HostTensor *minimum = record.lookup(statistic::kMinimum);
  const HostTensor *maximum = record.lookup(statistic::kMaximum);
  const HostTensor *squares = record.lookup(statistic::kMeanSquare);
  if (!minimum || !maximum || !squares || !record.columns)
    return false;
  drift.low[side] = *llvm::min_element(minimum->getAs<float>());
  drift.high[side] = *llvm::max_element(maximum->getAs<float>());
  double sum = 0;
  for (double square : squares->getAs<double>())
    sum += square;
  drift.rms[side] = std::sqrt(sum / double(record.columns));
  return true;
}

/// Counts the numbers of bins whose middle is outside of what was seen before.
/// A bin that the range ends in counts as inside, so that equal data never
/// drift.
static uint64_t countBeyond(const numerics::Histogram &histogram, double low,
                            double high) {
  double half = histogram.width() / 2;
  uint64_t beyond = 0;
  for (int64_t i = 0; i < histogram.size(); ++i) {
    double center = histogram.center(i);
    if (center + half < low || center - half > high)
      beyond += histogram.counts()[i];
  }
  return beyond;
}

llvm::Expected<std::vector<RangeDrift>>
lowbit::compareStatistics(const CalibrationStatistics &before,
                          const CalibrationStatistics &after) {
  if (before.provenance.model != after.provenance.model)
    return makeError("comparing statistics requires those of one model, found "
                     "the models " +
                     before.provenance.model + " and " +
                     after.provenance.model);
  std::vector<RangeDrift> result;
  for (const StatisticsRecord &record : after.records) {
    auto same =
        llvm::find_if(before.records, [&](const StatisticsRecord &other) {
          return other.name == record.name && other.columns == record.columns;
        });
    RangeDrift drift;
    if (same == before.records.end() || !readRange(*same, 0, drift) ||
        !readRange(record, 1, drift))
      continue;
    drift.layers = record.layers;
    drift.numbers = record.rows * record.columns;
    if (auto histogram = record.getHistogram())
      drift.beyond = countBeyond(*histogram, drift.low[0], drift.high[0]);
    result.push_back(std::move(drift));
  }
  if (result.empty())
    return makeError("comparing statistics requires an input that both have, "
                     "found none");
  return result;
}

static void printAsJson(llvm::ArrayRef<RangeDrift> drift,
                        llvm::raw_ostream &os) {
  llvm::json::OStream json(os, /*IndentSize=*/2);
  auto printPair = [&](llvm::StringRef name, const double (&values)[2]) {
    json.attributeArray(name, [&] {
      json.value(values[0]);
      json.value(values[1]);
    });
  };
  auto printInput = [&](const RangeDrift &input) {
    json.attribute("layers", llvm::json::Array(input.layers));
    printPair("minimum", input.low);
    printPair("maximum", input.high);
    printPair("rms", input.rms);
    json.attribute("numbers", int64_t(input.numbers));
    if (input.beyond)
      json.attribute("beyond", int64_t(*input.beyond));
  };
  json.object([&] {
    json.attribute("schema", "lowbit-drift/1");
    json.attributeArray("inputs", [&] {
      for (const RangeDrift &input : drift)
        json.object([&] { printInput(input); });
    });
  });
  os << "\n";
}

void lowbit::printDrift(llvm::ArrayRef<RangeDrift> drift, bool json,
                        llvm::raw_ostream &os) {
  if (json)
    return printAsJson(drift, os);
  os << "       low      before       high      before        rms     before  "
        "  beyond %  layers\n";
  for (const RangeDrift &input : drift) {
    os << llvm::format("%10.4g %11.4g %10.4g %11.4g %10.4g %10.4g ",
                       input.low[1], input.low[0], input.high[1], input.high[0],
                       input.rms[1], input.rms[0]);
    if (input.beyond && input.numbers)
      os << llvm::format("%11.4f  ",
                         100.0 * double(*input.beyond) / double(input.numbers));
    else
      os << "          -  ";
    llvm::interleaveComma(input.layers, os);
    os << "\n";
  }
  os << llvm::count_if(drift,
                       [](const RangeDrift &input) { return input.isWider(); })
     << " of " << drift.size() << " inputs reach further than in calibration\n";
}
