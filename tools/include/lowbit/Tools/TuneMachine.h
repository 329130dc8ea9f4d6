//===- TuneMachine.h - measuring what to tune by ----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What `quant-opt --tune` does: constants of this machine first, then choices.
// Values of a choice are compiled, and run in turns on the same layers, so that
// what else the machine does slows down all of them; the median of each one's
// time beside that of the value which the cost model gives is what counts. A
// choice is another than the model's only where that gains 2 % or more.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_TUNEMACHINE_H
#define LOWBIT_TOOLS_TUNEMACHINE_H

#include "lowbit/Tools/MachineTuning.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include <functional>

namespace lowbit {

struct TuneOptions {
  /// Seconds after which the rest is left to the cost model.
  double seconds = 60;
  /// The choices to measure, by name; empty for all. With some, costs of
  /// encodings are left out.
  std::vector<std::string> choices;
  /// A model with packed weights, whose layers are what is run; null for some
  /// of usual shapes and encodings.
  mlir::ModuleOp model;
  /// Sees what is done next, and how much of all that is, 0 to 1.
  std::function<void(llvm::StringRef, double)> progress;
};

struct TuneResult {
  MachineTuning tuning;
  /// Choices for which there was no time.
  std::vector<std::string> skipped;
};

/// The names of choices that are measured.
std::vector<std::string> getMeasuredChoices();

/// Measures. Errors: code that cannot be compiled or run here.
llvm::Expected<TuneResult> tuneMachine(mlir::MLIRContext &context,
                                       const TuneOptions &options);

} // namespace lowbit

#endif // LOWBIT_TOOLS_TUNEMACHINE_H
