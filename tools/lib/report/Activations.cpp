//===- Activations.cpp - ranges of what layers read -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Tools/CollectReport.h"
#include "lowbit/Transforms/LayerStatistics.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace lowbit;

/// Numbers of a component; none where it was not recorded.
static std::vector<double> read(const StatisticsRecord &record,
                                llvm::StringRef name) {
  std::vector<double> numbers;
  if (const HostTensor *tensor = record.lookup(name))
    for (uint64_t i = 0, e = tensor->getNumElements(); i < e; ++i)
      numbers.push_back(tensor->getElement(i));
  return numbers;
}

std::vector<ReportActivation>
lowbit::describeActivations(const CalibrationStatistics &statistics) {
  std::vector<ReportActivation> result;
  for (const StatisticsRecord &record : statistics.records) {
    std::vector<double> low = read(record, statistic::kMinimum),
                        high = read(record, statistic::kMaximum),
                        squares = read(record, statistic::kMeanSquare),
                        moving = read(record, statistic::kMovingRange);
    if (low.empty() || high.empty() || squares.empty())
      continue;
    ReportActivation entry;
    entry.layers = record.layers;
    entry.columns = record.columns;
    entry.minimum = *llvm::min_element(low);
    entry.maximum = *llvm::max_element(high);
    double sum = 0.0;
    for (double square : squares)
      sum += square;
    entry.rms = std::sqrt(sum / double(squares.size()));
    if (moving.size() == 2)
      entry.moving = {moving[0], moving[1]};
    // Columns that are far louder than the rest make a range that the rest
    // hardly uses.
    entry.loudest = entry.rms > 0.0
                        ? std::sqrt(*llvm::max_element(squares)) / entry.rms
                        : 0.0;
    result.push_back(std::move(entry));
  }
  return result;
}
