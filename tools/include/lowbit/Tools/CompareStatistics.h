//===- CompareStatistics.h - do inputs drift from calibration? --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ranges and scales that calibration chose are right as long as a model meets
// what it was calibrated with. Statistics of what it meets later say whether.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_COMPARESTATISTICS_H
#define LOWBIT_TOOLS_COMPARESTATISTICS_H

#include "lowbit/Tools/Statistics.h"

namespace lowbit {

/// How the input of some layers has changed from one set of data to another.
struct RangeDrift {
  std::vector<std::string> layers;
  /// Extremes and root of the mean square, before and after.
  double low[2] = {}, high[2] = {}, rms[2] = {};
  /// How many numbers there are now, and of those outside of the extremes
  /// before; nothing where the statistics have no histograms.
  uint64_t numbers = 0;
  std::optional<uint64_t> beyond;

  /// Whether the extremes now are outside of those before.
  bool isWider() const { return low[1] < low[0] || high[1] > high[0]; }
};

/// Compares the inputs that `before`, what a model was calibrated with, and
/// `after`, what it has met since, both have. Statistics of different models,
/// or without an input in common, are an error.
llvm::Expected<std::vector<RangeDrift>>
compareStatistics(const CalibrationStatistics &before,
                  const CalibrationStatistics &after);

/// Prints a line for each input, and how many reach further than before; or the
/// same as JSON.
void printDrift(llvm::ArrayRef<RangeDrift> drift, bool json,
                llvm::raw_ostream &os);

} // namespace lowbit

#endif // LOWBIT_TOOLS_COMPARESTATISTICS_H
