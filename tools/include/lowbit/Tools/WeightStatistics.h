//===- WeightStatistics.h - what weights are like, without data -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_WEIGHTSTATISTICS_H
#define LOWBIT_TOOLS_WEIGHTSTATISTICS_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace lowbit {

/// The `schema` of weight statistics as JSON.
inline constexpr llvm::StringLiteral kWeightStatisticsSchema =
    "lowbit-weights/1";

/// What a method would make of a weight, rounded to nearest.
struct WeightCandidate {
  std::string method;
  uint64_t bytes = 0;
  /// 10 log10 of the weights' mean square over the squared error, in dB;
  /// infinite where nothing is lost.
  double snr = 0.0;
};

/// The numbers of a float weight.
struct WeightDistribution {
  std::string name, component;
  int64_t rows = 0, columns = 0;
  double minimum = 0.0, maximum = 0.0, mean = 0.0, deviation = 0.0;
  /// Fourth central moment over the variance's square: 3 for normal numbers,
  /// more with heavier tails.
  double kurtosis = 0.0;
  /// Differential entropy in bits, in units of the deviation: 2.05 for normal
  /// numbers, and that much less is what codes of variable length could save.
  double entropy = 0.0;
  /// Shares of numbers beyond three and six deviations of the mean: 0.0027 and
  /// 2e-9 of normal ones.
  double beyond3 = 0.0, beyond6 = 0.0;
  /// The largest root mean square of a row, and of a column, over that of all.
  double loudestRow = 0.0, loudestColumn = 0.0;
  /// Counts of 64 equal bins from `minimum` to `maximum`.
  std::vector<uint64_t> histogram;
  std::vector<WeightCandidate> candidates;
  /// The least candidate of at least 20 dB, an error of 1 %; empty if none is.
  std::string suggestion;
};

/// Describes the float weights of the layers of `raised`, in its order. The
/// candidates are `methods`, or `uint2-g64` to `uint8-g64`. Numbers that aren't
/// finite, and methods that are no encoding alone, are errors.
llvm::Expected<std::vector<WeightDistribution>>
describeWeights(mlir::ModuleOp raised, llvm::ArrayRef<std::string> methods);

/// Prints a table of distributions, and one of candidates; or JSON.
void printWeights(llvm::ArrayRef<WeightDistribution> weights,
                  llvm::raw_ostream &os, bool json);

} // namespace lowbit

#endif // LOWBIT_TOOLS_WEIGHTSTATISTICS_H
