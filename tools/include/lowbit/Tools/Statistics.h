//===- Statistics.h - what calibration found out, as a file -----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A statistics file is a .safetensors file. Record R has the tensors
// `R.minimum`, `R.maximum` (f32 [K]), `R.mean`, `R.mean_square` (f64 [K]),
// `R.moving_range` (f64 [2]), `R.histogram` (u64 [4096]) over
// [-limit, limit) with `R.histogram_limit` (f64 [1]), `R.second_moment`
// (f32 [K, K]), and of each column `R.column_histogram` (u64 [K, 512]),
// `R.column_histogram_limit` (f64 [K]) and `R.column_moving_range`
// (f64 [K, 2]), as far as they were asked for; the record of a layer's gradient
// has `R.gradient_mean_square` (f64 [N]) and N columns. The metadata say of
// which model, data and options all that is; `records` lists the records, and
// `checksum` is over all of it: numbers decide what models become.
// Tensors that a reader doesn't know are kept.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_STATISTICS_H
#define LOWBIT_TOOLS_STATISTICS_H

#include "lowbit/Numerics/Statistics.h"
#include "lowbit/Tools/HostTensor.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <map>
#include <string>
#include <vector>

namespace lowbit {

/// What is known of the input that some layers share.
struct StatisticsRecord {
  std::string name;
  /// Names of the layers' weights.
  std::vector<std::string> layers;
  /// Rows seen, and the samples that they came in.
  uint64_t rows = 0, samples = 0;
  /// Numbers of a row.
  uint64_t columns = 0;
  std::map<std::string, HostTensor> components;

  /// The component called `name`, or null.
  const HostTensor *lookup(llvm::StringRef name) const;
  /// The histogram, or nothing.
  std::optional<numerics::Histogram> getHistogram() const;
  /// The histograms of columns; empty where they were not asked for.
  std::vector<numerics::Histogram> getColumnHistograms() const;
};

/// What statistics are of.
struct StatisticsSource {
  /// Sixteen hexadecimal digits over all weights, and over the data's bytes.
  /// Merged statistics have the data's of each file, with `+` between.
  std::string model, data;
  /// What was asked for, in words that are compared: "samples=128 window=256".
  std::string options;
  /// What was recorded: "columns|histogram". More than what is asked for does
  /// no harm.
  std::string statistics;
};

/// A statistics file's contents.
struct CalibrationStatistics {
  StatisticsSource provenance;
  std::vector<StatisticsRecord> records;
};

/// Reads a statistics file. Its tensors stay in the mapping. Damage, and
/// numbers that are not finite, are errors.
llvm::Expected<CalibrationStatistics> readStatistics(llvm::StringRef path);

/// Writes a statistics file; the bytes depend on the contents alone.
llvm::Error writeStatistics(llvm::StringRef path,
                            const CalibrationStatistics &statistics);

/// Puts together what several runs on one model saw: the same as one run over
/// all the data, up to rounding. Statistics of different models, layers or
/// components are an error.
llvm::Expected<CalibrationStatistics>
mergeStatistics(llvm::ArrayRef<CalibrationStatistics> parts);

/// Prints provenance and a line for each record.
void printStatistics(const CalibrationStatistics &statistics,
                     llvm::raw_ostream &os);
/// The same as JSON, with ranges by each observer, of columns too where their
/// histograms were recorded.
void printStatisticsAsJson(const CalibrationStatistics &statistics,
                           llvm::raw_ostream &os);

} // namespace lowbit

#endif // LOWBIT_TOOLS_STATISTICS_H
