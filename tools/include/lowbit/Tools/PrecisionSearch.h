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
#include "llvm/Support/raw_ostream.h"
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lowbit {

struct CompileOptions;
struct PrecisionBudget;
struct Report;

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
  /// Predicted seconds of all layers on one row (see LatencyModel.h).
  double seconds = 0.0;
  /// Bytes of the compiled model on a device: tensors and activations.
  std::optional<int64_t> memory;
  bool isChosen = false;
};

/// What a search has found.
struct PrecisionFindings {
  /// What one layer costs, measured, and what its next larger candidate would
  /// save.
  struct Layer {
    std::string name;
    double loss = 0.0;
    std::optional<double> gain;
  };
  /// What a device has, and what of it is not the layers' to choose.
  struct Device {
    int64_t memory = 0;
    std::optional<double> accuracy;
    int64_t activations = 0, otherBytes = 0, cache = 0;
  };

  std::string strategy;
  /// What `predicted` is, and what losses on samples are: `KL divergence` or
  /// `relative error`.
  std::string meaning, measure;
  /// Samples that decided, and those held out.
  size_t measured = 0, heldOut = 0;
  /// By size: choices by the strategy, and one candidate for all layers.
  std::vector<PrecisionPoint> points;
  std::vector<Layer> layers;
  std::optional<Device> device;
};

/// Gives the layers of `raised` encodings as `options.budget` or
/// `options.fitDevice`, rules and strategy say: sets attributes, which
/// quantization heeds. Statistics, where the strategy or quantization needs
/// them, are in the module. With `options.findings` the whole front is there,
/// and tried on samples where those are at hand.
llvm::Error assignPrecision(mlir::ModuleOp raised,
                            const CompileOptions &options);

/// Whether what is made least, `options.objective`, is what the budget is of.
llvm::Error checkObjective(const PrecisionBudget &budget,
                           const CompileOptions &options);

/// What each layer of `raised` loses with each of `options.candidates`,
/// measured as the strategy `measured` does: by the name of the layer's weight,
/// in the order of the candidates.
llvm::Expected<std::map<std::string, std::vector<double>>>
measureLayerLosses(mlir::ModuleOp raised, const CompileOptions &options);

/// Prints what was tried, as a table.
void printFindings(const PrecisionFindings &findings, llvm::raw_ostream &os);
/// Adds the front to a report, and to its layers what they cost.
void addFindings(const PrecisionFindings &findings, Report &report);

} // namespace lowbit

#endif // LOWBIT_TOOLS_PRECISIONSEARCH_H
