//===- RangeCounts.h - what activations have reached ------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Programs that count their activations (`lowbit-count-ranges`) yield the
// counts of each call as one more output. Here they are added up over calls.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_RANGECOUNTS_H
#define LOWBIT_TOOLS_RANGECOUNTS_H

#include "lowbit/Tools/HostTensor.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace lowbit {

/// An input that is quantized with a scale which calibration chose.
struct RangeCount {
  /// The layers that read it.
  std::vector<std::string> layers;
  /// What its codes reach, by calibration.
  double low = 0, high = 0;
  /// What it has reached, and the sum of squares.
  double least = std::numeric_limits<double>::infinity(), most = -least;
  double squares = 0;
  /// Numbers that were beyond its codes, and all of them.
  double beyond = 0, numbers = 0;

  double getShareBeyond() const { return numbers > 0 ? beyond / numbers : 0; }
  double getRootMeanSquare() const;
};

/// The counts of a model that counts.
class RangeCounts {
public:
  /// Those of the last result of `@main`, empty; nothing if that is another.
  static std::optional<RangeCounts> read(mlir::ModuleOp module);

  /// Adds what one call yielded: [inputs, 5] in f32.
  void add(const HostTensor &result);
  llvm::ArrayRef<RangeCount> getInputs() const { return inputs; }

private:
  std::vector<RangeCount> inputs;
};

/// Prints a line for each input, and how many went beyond their codes.
void printRangeCounts(llvm::ArrayRef<RangeCount> counts, llvm::raw_ostream &os);
/// The same as the value of an attribute that has begun.
void printRangeCounts(llvm::ArrayRef<RangeCount> counts,
                      llvm::json::OStream &json);

} // namespace lowbit

#endif // LOWBIT_TOOLS_RANGECOUNTS_H
