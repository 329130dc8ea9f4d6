//===- PrecisionSearch.h - budgets, with the model at hand ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a pass can't do: measure on samples what encodings cost, hold decisions
// against samples that had no part in them, and find the least size that is
// still good enough.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_PRECISIONSEARCH_H
#define LOWBIT_TOOLS_PRECISIONSEARCH_H

#include "lowbit/Tools/SampleScores.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>
#include <vector>

namespace lowbit {

struct CompileOptions;

/// A choice of encodings for all layers of a budget.
struct PrecisionPoint {
  /// A candidate for all layers, or empty.
  std::string uniform;
  int64_t bytes = 0;
  double bitsPerWeight = 0.0;
  /// What the strategy says; only to be compared with others of its kind.
  double predicted = 0.0;
  /// On samples that had no part in the choice, if it was tried there.
  std::optional<SampleScores> heldOut;
  bool isChosen = false;
};

/// What a search has found.
struct PrecisionFindings {
  std::string strategy;
  /// What `predicted` is, and what losses on samples are: `KL divergence` or
  /// `relative error`.
  std::string meaning, measure;
  /// Samples that decided, and those held out.
  size_t measured = 0, heldOut = 0;
  /// By size: choices by the strategy, and one candidate for all layers.
  std::vector<PrecisionPoint> points;
};

/// Gives the layers of `raised` encodings as `options.budget`, its rules and
/// strategy say: sets attributes, which quantization heeds. Statistics, where
/// the strategy or quantization needs them, are in the module. With
/// `options.findings` the whole front is there, and tried on samples where
/// those are at hand.
llvm::Error assignPrecision(mlir::ModuleOp raised,
                            const CompileOptions &options);

} // namespace lowbit

#endif // LOWBIT_TOOLS_PRECISIONSEARCH_H
